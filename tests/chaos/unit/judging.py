#!/usr/bin/python3 -B
"""What chaos is made of, tried without a pair: the same seed gives the same rounds, and faults in a log are found."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "lab")]

import bounds
import clients_view
import misfortunes
import schedule

MS = 1_000_000
RHYTHM_MS = 50


def answers(begin_ms, end_ms):
    return [at * MS for at in range(begin_ms, end_ms + 1, RHYTHM_MS)]


def blow(name, role):
    return schedule.Blow(misfortunes.ALL[name], role, 0, 1, "")


class WhoAnswers(unittest.TestCase):
    def test_a_handover_is_no_overlap(self):
        self.assertLessEqual(clients_view.overlap_ns(answers(0, 1000), answers(1050, 3000)), 0)

    def test_two_holders_are_measured(self):
        self.assertEqual(clients_view.overlap_ns(answers(0, 2000), answers(1000, 3000)), 1000 * MS)

    def test_back_and_forth_is_no_overlap(self):
        self.assertLessEqual(clients_view.overlap_ns(answers(0, 1000) + answers(3000, 4000), answers(1500, 2500)), 0)

    def test_nobody(self):
        self.assertEqual(clients_view.overlap_ns([], answers(0, 100)), 0)


class Rounds(unittest.TestCase):
    def test_a_round_depends_on_seed_and_number_alone(self):
        later = [schedule.round_of(7, n) for n in range(1, 50)][40]
        self.assertEqual(schedule.round_of(7, 41), later)
        self.assertNotEqual(schedule.round_of(8, 41), later)

    def test_its_own_numbers_are_the_same_each_time(self):
        one = schedule.round_of(7, 1)[0]
        self.assertEqual(one.numbers().random(), one.numbers().random())

    def test_service_is_promised_in_all_of_them(self):
        two = [r for r in (schedule.round_of(3, n) for n in range(1, 400)) if len(r) == 2]
        self.assertGreater(len(two), 100)
        for first, second in two:
            self.assertTrue(schedule.promised(first, second), f"{first} + {second}")

    def test_not_both_directors_are_disabled(self):
        self.assertFalse(schedule.promised(blow("power", "active"), blow("freeze-all", "standby")))
        self.assertTrue(schedule.promised(blow("freeze-lvsd", "active"), blow("freeze-all", "active")))

    def test_who_cannot_be_heard_need_not_hand_over(self):
        self.assertFalse(schedule.promised(blow("filter-heartbeats", "standby"), blow("cut-inside", "active")))
        self.assertTrue(schedule.promised(blow("filter-heartbeats", "standby"), blow("kill-all", "active")))


class Promises(unittest.TestCase):
    def test_a_standby_that_becomes_active_is_judged_as_one(self):
        self.assertEqual(schedule.promises([blow("switchover", "active"), blow("kill-arbiter-again", "standby")]),
                         ["handover", "takeover"])
        self.assertEqual(schedule.promises([blow("kill-nanny", "active"), blow("kill-arbiter-again", "standby")]),
                         ["nothing", "nothing"])

    def test_every_misfortune_has_one(self):
        for each in misfortunes.ALL.values():
            self.assertIn(each.promise, bounds.PROMISES)
            self.assertIn(each.on_standby, bounds.PROMISES)

    def test_silences_add(self):
        alone, other = (bounds.together([name], 3) for name in ("takeover", "drift"))
        both = bounds.together(["takeover", "drift", "nothing"], 3)
        self.assertEqual(both.silence_s, alone.silence_s + other.silence_s)
        self.assertEqual(both.moves, 1)

    def test_nothing_is_nothing(self):
        self.assertFalse(bounds.together(["nothing", "nothing"], 3).fails)


unittest.main()
