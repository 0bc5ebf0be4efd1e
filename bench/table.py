#!/usr/bin/env python3
"""The cost of an IPVS table: lvsd with `core = kernel` beside keepalived, both in this run, turn by turn.

Runs inside the user-mode kernel: table.py BIN-FOLDER RUNS. What is measured, and how: docs/bench.md.
"""
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "kernel"))

from contestants import PORT, Keepalived, Lvsd, Shape  # noqa: E402
from inside import fresh_namespace  # noqa: E402
from ipvs import Table, Tap  # noqa: E402

SIZES = [100, 1000, 10000]
PATIENCE_S = 120
LOOK_EVERY_S = 0.002
QUIET_S = 0.3  # Nothing of the processor used for so long: the program has nothing left to do.
QUIET_CPU_S = 0.02  # lvsd looks after its table now and then.


def wait(what, holds, contestant):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            with open(contestant.log, encoding="utf-8") as log:
                sys.exit(f"{contestant.name}: not within {PATIENCE_S} s: {what}\n{log.read()[-2000:]}")
        time.sleep(LOOK_EVERY_S)


def settle(contestant):
    """Waits until the program rests."""
    used, since = contestant.cpu_s(), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        time.sleep(0.05)
        if contestant.cpu_s() - used > QUIET_CPU_S:
            used, since = contestant.cpu_s(), time.monotonic()


def whole_table():
    """The table without its counters, in an order of its own."""
    saved = subprocess.run(["ipvsadm", "-S", "-n"], capture_output=True, text=True, check=True, close_fds=False)
    return sorted(saved.stdout.splitlines())


def clear(table, shape):
    subprocess.run(["ipvsadm", "-C"], check=True, close_fds=False)
    if table.servers_of(shape.last_service(), PORT) != 0:
        sys.exit("the table is not empty")


def load(table, contestant, shape):
    """Seconds from the start of the process to the complete table."""
    contestant.write(shape)
    begun = contestant.start()
    wait("the table", lambda: table.servers_of(shape.last_service(), PORT) == shape.each, contestant)
    seconds = time.monotonic() - begun
    servers = sum(line.startswith("-a ") for line in whole_table())
    if servers != shape.servers:
        sys.exit(f"{contestant.name}: the last server came before all others: {servers}")
    return seconds


def reload_unchanged(contestant):
    """Seconds of processor time: both read their file again and compare, and have nothing to wait for."""
    settle(contestant)
    used = contestant.cpu_s()
    contestant.reload()
    time.sleep(LOOK_EVERY_S)
    settle(contestant)
    return contestant.cpu_s() - used


def change_one(table, contestant, shape, weight):
    """Seconds from the signal until the kernel has the new weight of one server, by way of the file."""
    contestant.write(shape, weight)
    settle(contestant)
    begun = time.monotonic()
    contestant.reload()
    wait("the new weight", lambda: weight in table.weights_of(shape.last_service(), PORT), contestant)
    return time.monotonic() - begun


def one_run(table, contestant, shape):
    seen = {"load": load(table, contestant, shape)}
    settle(contestant)
    seen["table"] = whole_table()
    seen["memory"] = contestant.memory_kib()
    seen["reload"] = reload_unchanged(contestant)
    seen["change"] = change_one(table, contestant, shape, 5)
    contestant.kill()
    clear(table, shape)
    return seen


def count_writes(table, contestant, shape):
    """What each phase asks of ip_vs, seen from outside: in a run of its own, since looking costs."""
    tap = Tap(table.family)
    writes = {}
    load(table, contestant, shape)
    settle(contestant)
    writes["load"] = tap.writes()
    reload_unchanged(contestant)
    writes["reload"] = tap.writes()
    change_one(table, contestant, shape, 5)
    settle(contestant)
    writes["change"] = tap.writes()
    tap.close()
    contestant.kill()
    clear(table, shape)
    return writes


def round_trip_s(table, shape):
    """Of one question over netlink, as the driver asks it."""
    begun = time.monotonic()
    for _ in range(100):
        table.servers_of("192.0.2.255", PORT + shape.each)
    return (time.monotonic() - begun) / 100


def median_of(runs, key):
    return statistics.median(run[key] for run in runs)


def memory_of(runs, *names):
    """KiB; the sum over processes whose names begin so."""
    return statistics.median(
        sum(kib for name, kib in run["memory"].items() if name.split()[0] in names) for run in runs)


def measure(binaries, servers, runs):
    table, shape = Table(), Shape(servers)
    contestants = [Lvsd(binaries), Keepalived()]
    seen = {contestant.name: [] for contestant in contestants}
    for _ in range(runs):
        for contestant in contestants:
            seen[contestant.name].append(one_run(table, contestant, shape))
    if seen["lvsd"][0]["table"] != seen["keepalived"][0]["table"]:
        sys.exit("the two made different tables")
    writes = {contestant.name: count_writes(table, contestant, shape) for contestant in contestants}
    show(servers, seen, writes, round_trip_s(table, shape))
    return seen


def show(servers, seen, writes, round_trip):
    print(f"\n{servers} servers, {Shape(servers).services} services; a netlink round trip takes {round_trip * 1e3:.2f} ms")
    print(f"{'':12}{'load':>10}{'reload':>10}{'change':>10}{'memory':>12}")
    for name, runs in seen.items():
        memory = memory_of(runs, name)
        print(f"{name:12}{median_of(runs, 'load'):>8.3f} s{median_of(runs, 'reload') * 1e3:>7.0f} ms"
              f"{median_of(runs, 'change') * 1e3:>7.0f} ms{memory:>8.0f} KiB", end="")
        print(f"  with nanny {memory_of(runs, name, 'nanny'):.0f} KiB" if name == "lvsd" else "")
    for name, phases in writes.items():
        told = "; ".join(f"{phase}: " + (", ".join(f"{n} {w}" for w, n in seen_writes.items()) or "none")
                         for phase, seen_writes in phases.items())
        print(f"{name} wrote: {told}")
    sys.stdout.flush()


def ratio(results, servers, key):
    ours, theirs = (median_of(results[servers][name], key) for name in ("lvsd", "keepalived"))
    return ours / theirs


def main():
    binaries, runs = sys.argv[1], int(sys.argv[2])
    fresh_namespace()
    for contestant in (Lvsd(binaries), Keepalived()):  # Their files come from the host the first time.
        one_run(Table(), contestant, Shape(SIZES[0]))
    results = {servers: measure(binaries, servers, runs) for servers in SIZES}
    print()
    for servers in SIZES[1:]:
        print(f"ratio load-{servers} = {ratio(results, servers, 'load'):.2f}")
    largest = SIZES[-1]
    for key in ("reload", "change"):
        print(f"ratio {key}-{largest} = {ratio(results, largest, key):.2f}")
    ours, theirs = (memory_of(results[largest][name], name) for name in ("lvsd", "keepalived"))
    print(f"ratio memory-{largest} = {ours / theirs:.2f}")


main()
