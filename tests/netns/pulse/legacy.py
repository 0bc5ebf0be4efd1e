"""An upgrade from Piranha in which one director after the other is replaced: heartbeat_format = legacy beside what does
as Piranha's pulse does."""
import contextlib
import os
import signal
import threading
import time

from directors import PORT, VIP, eventually, expect, inside_network
from hearing import drop_heartbeats, stays_with_one_holder
from piranha import Piranha

KEEPALIVE_S, DEADTIME_S = 0.2, 2
LEGACY = {"keepalive": "200ms", "deadtime": "2s", "more": "heartbeat_format = legacy"}
# Piranha's own bound is a heartbeat; addresses are moved by a program here, on a busy machine.
TWO_HOLDERS_MAX_S = 2 * KEEPALIVE_S + 0.6


def begin_piranha(pair, director):
    return Piranha(director, director is pair.primary, VIP, PORT, KEEPALIVE_S, DEADTIME_S, inside_network)


def start_legacy(director, serial=1):
    director.configure(serial, **LEGACY)
    director.service("start")
    eventually("it is able", lambda: director.ask("status")["able"])


@contextlib.contextmanager
def watched(pair, two_max=TWO_HOLDERS_MAX_S, none_max=None):
    """Measures how long both, and how long nobody, held the address."""
    is_over, longest = threading.Event(), {0: 0.0, 2: 0.0}

    def watch():
        since, count = time.monotonic(), None
        while not is_over.is_set():
            now_held = len(pair.holders())
            if now_held != count:
                since, count = time.monotonic(), now_held
            if count in longest:
                longest[count] = max(longest[count], time.monotonic() - since)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield longest
    finally:
        is_over.set()
        thread.join()
    expect(longest[2] <= two_max, f"two holders for {longest[2]:.2f} s")
    expect(none_max is None or longest[0] <= none_max, f"no holder for {longest[0]:.2f} s")


def the_backup_is_replaced_first_then_the_primary(pair):
    piranha = begin_piranha(pair, pair.primary)
    eventually("Piranha's primary serves", pair.primary.holds)
    start_legacy(pair.backup)
    pair.backup.reaches("standby")
    expect(any("<27>" in line and "event=heartbeats-not-authenticated" in line for line in pair.backup.logged),
           "an alarm is raised")
    text, _ = pair.backup.lvsctl("status")
    expect("! heartbeats are not authenticated (heartbeat_format = legacy)" in text, text)
    text, _ = pair.backup.lvsctl("check")
    expect("heartbeat_format: warning: not authenticated" in text, text)
    stays_with_one_holder(pair, 2 * DEADTIME_S)

    with watched(pair, none_max=1):
        piranha.lvsd_dies()
        pair.backup.reaches("active")
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    with watched(pair, none_max=1.5):
        pair.backup.service("stop")
        eventually("Piranha serves", pair.primary.holds)
    expect(piranha.log[-1] == "backup inactive: activating lvs", f"at once: {piranha.log}")
    start_legacy(pair.backup, 2)
    pair.backup.reaches("standby")

    with watched(pair):
        piranha.stop()
        pair.backup.reaches("active")
    silent = [line for line in pair.backup.logged if "partner dead: activating lvs" in line]
    expect(silent, "Piranha says nothing when it ends")
    returned = begin_piranha(pair, pair.primary)
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    expect(pair.backup.state() == "active" and not returned.is_active, "who returns stays passive")
    expect(piranha.log.count("bad heartbeat packet") == 0, f"what it can read: {piranha.log}")
    returned.stop()

    start_legacy(pair.primary)
    pair.primary.reaches("standby")
    with watched(pair, two_max=0, none_max=0):
        for director in (pair.primary, pair.backup):
            director.configure(3, keepalive="200ms", deadtime="2s")
            director.service("reload")
        eventually("both believe each other again", lambda: all(
            d.ask("status")["peer"]["alive"] and d.ask("status")["heartbeat_format"] == "2" for d in pair.both))
        stays_with_one_holder(pair, DEADTIME_S)
    expect(pair.backup.state() == "active", "nobody moved")


def the_primary_is_replaced_first(pair):
    piranha = begin_piranha(pair, pair.backup)
    eventually("Piranha's backup serves", pair.backup.holds)
    start_legacy(pair.primary)
    pair.primary.reaches("standby")
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    expect(pair.primary.state() == "standby", "no failback")
    text, code = pair.primary.lvsctl("switchover")
    expect(code != 0, f"no switchover: {text}")

    # Heartbeats are lost, and Piranha serves: the segment says so.
    drop_heartbeats(pair.primary)
    eventually("the guard holds", lambda: any(
        "event=split-guard reason=peer-holds-address" in line for line in pair.primary.logged))
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    pair.primary.run("nft", "delete table ip firewall")
    eventually("it is heard again", lambda: pair.primary.ask("status")["peer"]["alive"])

    # Heartbeats are lost, and we serve: Piranha does not ask.
    with watched(pair, none_max=1):
        piranha.lvsd_dies()
        pair.primary.reaches("active")
    drop_heartbeats(pair.backup)
    drop_heartbeats(pair.primary)
    eventually("both serve", lambda: len(pair.holders()) == 2)
    pair.backup.run("nft", "delete table ip firewall")
    pair.primary.run("nft", "delete table ip firewall")
    with watched(pair, none_max=0):
        eventually("the backup yields", lambda: pair.holders() == [pair.primary])
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    expect(not piranha.is_active and pair.primary.state() == "active", "the primary stays")

    # Its keeper is killed: silence.
    with watched(pair):
        os.kill(pair.primary.keeper(), signal.SIGKILL)
        eventually("Piranha serves", lambda: pair.holders() == [pair.backup], 30)
    piranha.stop()


def a_piranha_that_is_killed_keeps_the_address_and_is_told(pair):
    piranha = begin_piranha(pair, pair.primary)
    eventually("Piranha's primary serves", pair.primary.holds)
    start_legacy(pair.backup)
    pair.backup.reaches("standby")
    piranha.kill()
    eventually("the guard tells", lambda: any(
        "event=split-guard reason=peer-holds-address" in line for line in pair.backup.logged))
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    piranha.address("del")
    pair.backup.reaches("active")


def two_of_this_suite_make_one_holder(pair):
    for director in pair.both:
        director.configure(1, **LEGACY)
        director.service("start")
    eventually("one serves", lambda: len(pair.holders()) == 1)
    eventually("both are able", lambda: all(d.ask("status")["able"] for d in pair.both))
    stays_with_one_holder(pair, DEADTIME_S)
    holder = pair.holders()[0]
    other = pair.backup if holder is pair.primary else pair.primary
    with watched(pair, two_max=0.1, none_max=1.5):
        holder.service("stop")
        other.reaches("active")
    holder.service("start")
    holder.reaches("standby")
    stays_with_one_holder(pair, 2 * DEADTIME_S)
    killed = other.signal_arbiter(9)
    eventually("the keeper starts another", lambda: other.arbiter() not in (0, killed))
    other.reaches("active")
    stays_with_one_holder(pair, DEADTIME_S)
    expect(holder.state() == "standby", "an adopted address is no takeover")
