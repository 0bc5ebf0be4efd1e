#!/usr/bin/python3 -B
"""The judge's own trial: recorded logs with known faults in them must lead to known findings."""
import contextlib
import io
import os
import pathlib
import shlex
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import config
import drill
import emulate
import fingerprint
import judge
import observe
import scenes
import sites

MS = observe.NS_PER_MS


def line(due_ms, result="ok", detail="rs1", took_ms=1, behind_ms=0):
    due, started = due_ms * MS, (due_ms + behind_ms) * MS
    return f"{due} {started} {started + took_ms * MS} {result} {detail} 198.51.100.10:40000\n"


def attempts(*lines):
    return [observe.parse_line(each) for each in lines]


def every_5_ms(begin, end):
    return [line(at) for at in range(begin, end, 5)]


class SilenceIsTheLongestGapBetweenSuccesses(unittest.TestCase):
    def test_without_failure_it_is_the_rhythm(self):
        seen = observe.window(attempts(*every_5_ms(0, 1000)), 0, 1000 * MS)
        self.assertLess(seen.silence_ms, 7)
        self.assertEqual(len(seen.ok), 200)

    def test_an_outage_is_measured_from_answer_to_answer(self):
        outage = [line(at, "fail", "late", 50) for at in range(200, 550, 5)]
        seen = observe.window(attempts(*every_5_ms(0, 200), *outage, *every_5_ms(550, 1000)), 0, 1000 * MS)
        self.assertAlmostEqual(seen.silence_ms, 355)
        self.assertEqual(seen.reasons, {"late": 70})

    def test_failures_among_successes_are_no_silence(self):
        mixed = [line(at) if at % 20 else line(at, "fail", "late", 50) for at in range(0, 1000, 5)]
        seen = observe.window(attempts(*mixed), 0, 1000 * MS)
        self.assertLess(seen.silence_ms, 15)
        self.assertEqual(len(seen.failed), 50)

    def test_a_window_without_success_is_silent_throughout(self):
        self.assertEqual(observe.window([], 0, 700 * MS).silence_ms, 700)
        dead = observe.window(attempts(line(5, "fail", "late", 50)), 0, 700 * MS)
        self.assertEqual(dead.silence_ms, 700)

    def test_a_window_that_ends_in_an_outage_counts_it(self):
        seen = observe.window(attempts(*every_5_ms(0, 300)), 0, 900 * MS)
        self.assertAlmostEqual(seen.silence_ms, 604)

    def test_a_prober_that_was_held_up_accuses_nobody(self):
        seen = observe.window(attempts(line(0, "fail", "late", 10, 40), line(5, "fail", "not-started", 0, 120),
                                       line(10, "fail", "late", 50, 3)), 0, 100 * MS)
        self.assertEqual(len(seen.failed), 1)
        self.assertEqual(len(seen.unmeasured), 2)


class ALogMayBeReadWhileItIsWritten(unittest.TestCase):
    def test_the_unfinished_line_is_left_out_and_order_restored(self):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write(line(10) + line(5) + line(15)[:-4])
            log.flush()
            self.assertEqual([a.due for a in observe.load(log.name)], [5 * MS, 10 * MS])

    def test_lines_of_another_shape_are_left_out(self):
        for broken in ("\n", "1 2 3 ok\n", line(5)[:-1], "1 2 3 perhaps rs1 a:1\n"):
            self.assertIsNone(observe.parse_line(broken))


class AVerdictNeedsEveryExpectation(unittest.TestCase):
    def test_no_expectation_is_no_success(self):
        self.assertFalse(judge.Judge(strict=False).held)

    def test_one_broken_expectation_breaks_the_drill(self):
        bench = judge.Judge(strict=False)
        bench.true("a", "fine", True)
        self.assertTrue(bench.held)
        bench.true("b", "not fine", False)
        self.assertFalse(bench.held)
        self.assertEqual([e.name for e in bench.broken], ["b"])

    def test_strict_holds_the_promised_figure(self):
        for strict, figure, held in ((True, 400, True), (True, 400.5, False), (False, 1900, True), (False, 2001, False)):
            bench = judge.Judge(strict)
            bench.at_most("link.silence", "silence", figure)
            self.assertEqual(bench.held, held, (strict, figure))

    def test_no_attempts_prove_nothing(self):
        bench = judge.Judge(strict=False)
        bench.share("steady.failed", "failed", 0, 0)
        self.assertFalse(bench.held)

    def test_one_failure_in_two_hundred_breaks_a_strict_drill_only(self):
        for strict in (True, False):
            bench = judge.Judge(strict)
            bench.share("steady.failed", "failed", 1, 200)
            self.assertEqual(bench.held, not strict)

    def test_no_bound_is_looser_when_strict(self):
        for name, bound in judge.BOUNDS.items():
            self.assertLessEqual(bound.strict, bound.generous, name)
            self.assertLessEqual(bound.generous, bound.limit(False, "emulated"), name)

    def test_an_emulated_machine_is_given_more_time_and_no_more_failures(self):
        for name, bound in judge.BOUNDS.items():
            if bound.unit in (judge.PERCENT, judge.COUNT):
                self.assertEqual(bound.generous, bound.limit(False, "emulated"), name)


class TheStatusTellsWhoNoticed(unittest.TestCase):
    def status(self, sabotage, *broken):
        bench = judge.Judge(strict=False)
        bench.true("start.ready", "up", True)
        for name in broken:
            bench.true(name, "broken", False)
        options = drill.parse(["--json", "/dev/null"] + (["--sabotage", sabotage] if sabotage else []))
        with open(os.devnull, "w") as nowhere:
            stdout, sys.stdout = sys.stdout, nowhere
            try:
                return drill.conclude(options, bench, drill.Timeline(quiet=True), 1)
            finally:
                sys.stdout = stdout

    def test_statuses(self):
        self.assertEqual(self.status(None), drill.HELD)
        self.assertEqual(self.status(None, "link.silence"), drill.BROKEN)
        self.assertEqual(self.status("no-adopt", "lvsd.failed", "lvsd.silence"), drill.BROKEN)
        self.assertEqual(self.status("no-adopt", "start.ready"), drill.UNNOTICED)
        self.assertEqual(self.status("no-adopt"), drill.HELD)

    def test_every_sabotage_names_a_scene_that_is_played(self):
        for scene, expectation in drill.SABOTAGES.values():
            self.assertIn(scene, sites.SCENES)
            self.assertEqual(expectation.split(".")[0], scene)


class ASitePlaysTheWholeDrill(unittest.TestCase):
    def test_every_scene_has_a_title_and_is_played_everywhere(self):
        for site in (sites.Nat, sites.Direct, sites.SharedPair):
            self.assertLessEqual(set(sites.SCENES), set(site.scenes))
            for scene in site.scenes:
                self.assertIn(scene, drill.TITLES)
                self.assertTrue(callable(getattr(scenes.Story, scene)))
            self.assertLessEqual(set(site.judged), set(site.scenes))

    def test_options_choose_it(self):
        for argv, site in (([], sites.Nat), (["--forward", "direct"], sites.Direct),
                           (["--directors-are-servers"], sites.SharedPair)):
            options = drill.parse(argv)
            self.assertIs(options.site, site)
            self.assertEqual(options.scenes, list(site.scenes))

    def test_what_it_cannot_play_is_a_usage_error(self):
        for argv in (["--sabotage", "no-vip"], ["--only", "shares"], ["--core", "kernel", "--directors-are-servers"]):
            with self.assertRaises(SystemExit) as ended, contextlib.redirect_stderr(io.StringIO()):
                drill.parse(argv)
            self.assertEqual(ended.exception.code, drill.USAGE)


class ADrillInAUserModeKernelIsTheSameDrill(unittest.TestCase):
    def inner(self, *argv):
        outer = drill.parse(["--boot", "--core", "kernel", *argv])
        words = shlex.split(emulate.command(outer, pathlib.Path("/installed")))
        self.assertEqual(words[0], str(emulate.labs.HERE / "drill"))
        return outer, drill.parse(words[1:])

    def test_it_plays_what_was_asked_for_but_more_slowly(self):
        for argv in ((), ("--only", "steady,power"), ("--sabotage", "no-mark"), ("--preset", "dev", "--lab", "x"),
                     ("--forward", "direct")):
            outer, inner = self.inner(*argv)
            for name in ("core", "site", "scenes", "sabotage", "preset", "lab", "logs"):
                self.assertEqual(getattr(outer, name), getattr(inner, name), name)
            self.assertEqual((inner.tempo.name, inner.no_build, inner.boot), ("emulated", True, False))

    def test_it_has_no_strict_figures_and_cannot_be_held(self):
        for option in ("--strict", "--hold"):
            with self.assertRaises(emulate.labs.LabError):
                emulate.play(drill.parse(["--core", "kernel", option]), None)


class AnAddressEventIsReadFromTheKernelsWords(unittest.TestCase):
    def test_added_and_deleted(self):
        added = "[2026-01-02T03:04:05.123456] 2: eth0    inet 198.51.100.81/32 scope global eth0:2\\  valid_lft 2sec"
        gone = "[2026-01-02T03:04:06.000001] Deleted 2: eth0    inet 198.51.100.81/32 scope global eth0:2"
        self.assertEqual(scenes.MONITOR_LINE.match(added).groups(),
                         ("2026-01-02T03:04:05.123456", None, config.VIP_PLAIN))
        self.assertEqual(scenes.MONITOR_LINE.match(gone)[2], "Deleted ")


class AFingerprintSeesAChange(unittest.TestCase):
    def test_content_mode_and_new_files(self):
        with tempfile.TemporaryDirectory() as root:
            file = pathlib.Path(root) / "a"
            file.write_text("one")
            prints = [fingerprint.tree(root)]
            file.write_text("two")
            prints.append(fingerprint.tree(root))
            file.chmod(0o600)
            prints.append(fingerprint.tree(root))
            (pathlib.Path(root) / "b").touch()
            prints.append(fingerprint.tree(root))
            self.assertEqual(len(set(prints)), 4)
            self.assertEqual(fingerprint.tree(root), prints[-1])

    def test_changes_are_named(self):
        self.assertEqual(fingerprint.changes({"routes": "1", "rules": "2"}, {"routes": "1", "rules": "3"}), ["rules"])


if __name__ == "__main__":
    unittest.main()
