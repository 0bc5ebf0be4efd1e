#!/usr/bin/env python3
"""What is left of the throughput of established flows while SYNs from forged sources come in: through the embedded core,
through the same with first_packet = express, and through a plain router, which only passes them on.

usage: flood.py BIN-FOLDER [--runs N] [--json]

Runs in network namespaces of its own on this machine. docs/bench.md tells what is measured, and what it means.
"""
import argparse
import json
import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "kernel"))

from directors import WEB, Embedded, Express, Router  # noqa: E402
from flows import Flows  # noqa: E402
from forged import Forged  # noqa: E402
from frames import ACK, SYN, addresses_of, frame  # noqa: E402
from road import BURST, CLIENT, Burst, Road  # noqa: E402

FRAMES_PER_SYN = 4  # A fifth of all that comes is forged.
LOOK_S, PAIRS = 0.2, 9  # Pairs of looks that a run takes.
WARM_SYNS = 200000  # Until the table is as full as it gets.
HONEST = 100
HONEST_FIRST_PORT = 50000
TRIES = 20
CONTESTANTS = (Router, Embedded, Express)
NAMES = {"router": "router", "embedded": "stack", "express": "express"}


class Stream:
    """Frames of established flows, a thousand at a time, and now and then a thousand forged ones in between. Counted is
    the processor's time within the system calls that send them, in which the kernel takes each all the way."""

    def __init__(self, road, flows, forged):
        self.road, self.forged = road, forged
        self.burst = flows.requests()
        self.sent = 0

    def push(self, burst):
        begun = time.thread_time_ns()
        burst.send(self.road.ends["client"].sender.fileno())
        return (time.thread_time_ns() - begun) / 1e9

    def run(self, seconds, is_flooded):
        """Frames of flows each second."""
        took, sent, forged = 0.0, 0, 0
        while took < seconds:
            took += self.push(self.burst)
            sent += BURST
            if is_flooded and forged * FRAMES_PER_SYN < sent:
                took += self.push(self.forged.next())
                forged += BURST
        self.sent += sent
        return sent / took


def discard(node, device):
    """Where frames arrive; SYNs are counted apart from those of the flows. Not every kernel has TC's matchall."""
    _, _, error = node.run(["nft"], ["-f", "-"], f"""table netdev {device} {{
  chain arrive {{
    type filter hook ingress device {device} priority 0; policy accept;
    tcp flags & (syn|ack) == syn drop
    counter drop
  }}
}}
""")
    if error:
        raise RuntimeError(f"nft: {error}")


def arrived(road):
    """Frames at the servers that are no SYNs."""
    _, shown, _ = road.servers.run(["nft"], ["list", "table", "netdev", "eth0"])
    return int(re.search(r"counter packets (\d+)", shown)[1])


def honest_clients(road, address, stream):
    """Of clients that come during the flood: how many got a server at once, and how many at last."""
    waiting = {(CLIENT[0], HONEST_FIRST_PORT + n) for n in range(HONEST)}
    got_at = []
    with road.ends["servers"].listen() as tap:
        tap.setblocking(False)
        for number in range(TRIES):
            stream.run(0.02, True)
            stream.push(Burst([frame(road.macs["client"], client, (address, WEB), flags=SYN) for client in sorted(waiting)]))
            seen = set()
            while True:
                try:
                    seen.add(addresses_of(tap.recv(2048))[0])
                except BlockingIOError:
                    break
            got_at.append(len(waiting & seen))
            waiting -= seen
            if not waiting:
                break
    return got_at[0] / HONEST, 1 - len(waiting) / HONEST


def compare(kind, binaries, pairs):
    """Of each pair what is left under the flood; honest clients at once and at last; flows that still go to their server."""
    road = Road(discard)
    director = kind(road, binaries)
    try:
        address = director.address(4)
        flows = Flows(road, (address, WEB))
        flows.open()
        before = arrived(road)
        stream = Stream(road, flows, Forged(road, (address, WEB)))
        while stream.forged.number < WARM_SYNS:
            stream.run(LOOK_S, True)
        ratios = []
        for number in range(pairs):
            order = (False, True) if number % 2 else (True, False)
            seen = {is_flooded: stream.run(LOOK_S, is_flooded) for is_flooded in order}
            ratios.append(seen[True] / seen[False])
        at_once, at_last = honest_clients(road, address, stream)
        kept = (arrived(road) - before) / stream.sent
        if kind is not Router:
            flows.answer(ACK)  # Each still comes from the virtual address.
        return {"ratios": ratios, "at-once": at_once, "at-last": at_last, "kept": kept}
    finally:
        director.close()
        road.close()


def told(name, one):
    ratios = sorted(one["ratios"])
    return (f"{name:8} under flood {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), frames of flows that "
            f"arrived {one['kept']:.4f}, new clients served at once {one['at-once']:.2f}, at last {one['at-last']:.2f}")


def show(found):
    print(*(told(name, one) for name, one in found.items()), "", sep="\n")
    for name, one in found.items():
        suffix = "" if name == "stack" else f"-{name}"
        print(f"ratio under-flood{suffix} = {statistics.median(one['ratios']):.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    for kind in CONTESTANTS:
        found[NAMES[kind.name]] = compare(kind, options.binaries, PAIRS * options.runs)
        print(f"bench: {told(NAMES[kind.name], found[NAMES[kind.name]])}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"runs": options.runs, "frames-per-syn": FRAMES_PER_SYN, "cases": found}, indent=1))
    else:
        show(found)


main()
