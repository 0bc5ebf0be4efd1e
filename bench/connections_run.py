#!/usr/bin/env python3
"""One run of the connection benchmark, inside a kernel whose clock counts instructions:
connections_run.py RESULT BIN-FOLDER DIRECTOR SIZE...

Fills the table of one director (`ip_vs` or `embedded`) with flows of UDP, and looks at each SIZE what a new one costs,
what a packet of any of them costs, and how much memory is gone. Writes {size: {what: number}} to RESULT, as JSON.
"""
import json
import os
import random
import statistics
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "kernel"))

from directors import DIRECTORS, DNS  # noqa: E402
from frames import UDP, frame  # noqa: E402
from road import BURST, Burst, Road  # noqa: E402

FIRST_PORT, PORTS = 1024, 64000  # Of each client address.
PORT_AT, CHECK_AT = 34, 40  # In a frame of IPv4 and UDP.
LOOKS = 5  # Bursts whose median is told.


class Clients:
    """Flow number N comes from a client and a port of its own. One burst is written over for each thousand: frames
    differ in addresses and ports alone, and IPv4 allows UDP without a checksum."""

    def __init__(self, road, service):
        self.road, self.service = road, service
        self.heads = {}
        self.burst = Burst([self.frame_of(0)] * BURST)

    def frame_of(self, client):
        if client not in self.heads:
            made = bytearray(frame(self.road.macs["client"], (f"198.51.100.{2 + client}", 0), self.service, UDP, 0))
            made[CHECK_AT:CHECK_AT + 2] = b"\0\0"
            self.heads[client] = bytes(made)
        return self.heads[client]

    def write(self, numbers):
        for place, number in zip(self.burst.frames, numbers):
            place[:] = self.frame_of(number // PORTS)
            struct.pack_into("!H", place, PORT_AT, FIRST_PORT + number % PORTS)
        return self.burst


def memory_kib():
    """What is taken, apart from what the kernel remembers of files."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
        drop.write("3")
    with open("/proc/meminfo", encoding="ascii") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in file}
    return sizes["MemTotal"] - sizes["MemFree"]


def known_packet(road, clients, size):
    """Instructions of a packet of a flow, any of them."""
    any_of_them = random.Random(size)
    took = []
    for _ in range(LOOKS):
        burst = clients.write(any_of_them.sample(range(size), BURST))
        road.send(burst, "client")  # What has been still for long is looked after first.
        took.append(road.send(burst, "client"))
    return statistics.median(took) / BURST


def fill(road, clients, begin, end):
    """Instructions of the last new flows on the way to this size."""
    took = []
    for number in range(begin, end, BURST):
        took.append(road.send(clients.write(range(number, number + BURST)), "client"))
        if number % 100000 == 0:
            print(f"{number} flows", flush=True)
    return statistics.median(took[-LOOKS:]) / BURST


def main():
    result, binaries, name, *sizes = sys.argv[1:]
    sizes = [int(size) for size in sizes]
    road = Road()
    before = memory_kib()
    director = next(kind for kind in DIRECTORS if kind.name == name)(road, binaries, sizes[-1] + BURST)
    clients = Clients(road, (director.address(4), DNS))
    wire = statistics.median(road.send_by_wire(clients.burst) for _ in range(LOOKS)) / BURST
    begin, found = 0, {}
    for size in sizes:
        new = fill(road, clients, begin, size) - wire
        found[size] = {"new": new, "known": known_packet(road, clients, size) - wire, "kib": memory_kib() - before}
        print(f"{size} flows: " + ", ".join(f"{what} {number:.0f}" for what, number in found[size].items()), flush=True)
        begin = size
    with open(result, "w", encoding="utf-8") as file:
        json.dump(found, file)
    director.close()


main()
