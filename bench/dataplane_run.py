#!/usr/bin/env python3
"""One run of the data plane benchmark, inside a kernel whose clock counts instructions: dataplane_run.py RESULT BIN-FOLDER.

Writes to RESULT, as JSON, the instructions that each director spent on each case: {case: {director: instructions}}; as a
director of its own (`program`) the embedded core's program, without the kernel around it. docs/bench.md tells the cases.
"""
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "kernel"))

from directors import DIRECT, DIRECTORS, DNS, WEB, Express  # noqa: E402
from flows import Flows  # noqa: E402
from frames import ACK, FIN, SYN, UDP  # noqa: E402
from road import BURST, SERVER, Road  # noqa: E402

BURSTS = 5
BURSTS_OF_NEW = 3  # Frames that are sent only once take longer to make than to send.
OTHER_PORT = 9  # Of no service.
TOUCH_S = 0.3  # The embedded core asks for the way of a flow anew after 250 ms.


def per_frame(took):
    return statistics.median(took) / BURST


def in_flow(road, director, flows, sender, pause_s=0):
    """Of a frame of a flow in motion; after a pause, of one that has been still for so long."""
    burst = flows.requests() if sender == "client" else flows.replies()
    road.send(burst, sender)
    took = []
    for _ in range(BURSTS):
        time.sleep(pause_s)
        took.append(road.send(burst, sender))
    wire = [road.send_by_wire(burst) for _ in range(BURSTS)]
    time.sleep(pause_s)
    alone = director.program_alone(lambda: road.send(burst, sender))
    return {director.name: per_frame(took) - per_frame(wire), **({"program": alone} if alone else {})}


def first_datagrams(road, director, service):
    """Of the first datagram of a flow."""
    took, wire = [], []
    for number in range(BURSTS_OF_NEW):
        burst = Flows(road, service, UDP, 20000 + number * BURST).requests()
        took.append(road.send(burst, "client"))
        wire.append(road.send_by_wire(burst))
    return {director.name: per_frame(took) - per_frame(wire)}


CONNECTION = (("client", SYN), ("servers", SYN | ACK), ("client", ACK), ("client", FIN | ACK), ("servers", FIN | ACK),
              ("client", ACK))


def connections(road, director, service):
    """Of all six packets of a connection that is opened and closed at once."""
    before = Flows(road, service, first=20000)
    before.open()
    took, wire = [], []
    for number in range(1, BURSTS_OF_NEW + 1):
        flows = Flows(road, service, first=20000 + number * BURST)
        flows.servers = before.servers  # The round of rr begins where it began before.
        bursts = [(sender, flows.requests(flags) if sender == "client" else flows.replies(flags))
                  for sender, flags in CONNECTION]
        took.append(sum(road.send(burst, sender) for sender, burst in bursts))
        wire.append(sum(road.send_by_wire(burst) for _, burst in bursts))
        flows.answer(ACK)
    return {director.name: per_frame(took) - per_frame(wire)}


def cases(road, director):
    """Each case's name and instructions."""
    if director.name != Express.name:
        yield from in_flows(road, director)
    for family, server in zip((4, 6), SERVER):
        vip = director.address(family)
        yield f"passing-ipv{family}", in_flow(road, director, Flows(road, (server, OTHER_PORT)), "client")
        yield f"first-udp-ipv{family}", first_datagrams(road, director, (vip, DNS))
        yield f"connection-ipv{family}", connections(road, director, (vip, WEB))


def in_flows(road, director):
    for family in (4, 6):
        vip = director.address(family)
        tcp, udp, direct = Flows(road, (vip, WEB)), Flows(road, (vip, DNS), UDP), Flows(road, (vip, DIRECT))
        for flows in (tcp, udp, direct):
            flows.open()
        yield f"nat-tcp-ipv{family}", in_flow(road, director, tcp, "client")
        yield f"nat-tcp-reply-ipv{family}", in_flow(road, director, tcp, "servers")
        yield f"nat-tcp-still-ipv{family}", in_flow(road, director, tcp, "client", TOUCH_S)
        yield f"nat-tcp-still-reply-ipv{family}", in_flow(road, director, tcp, "servers", TOUCH_S)
        yield f"nat-udp-ipv{family}", in_flow(road, director, udp, "client")
        yield f"direct-tcp-ipv{family}", in_flow(road, director, direct, "client")


def main():
    result, binaries = sys.argv[1:]
    found = {}
    for kind in (*DIRECTORS, Express):
        road = Road()
        director = kind(road, binaries)
        for name, instructions in cases(road, director):
            found.setdefault(name, {}).update(instructions)
            print(name, *(f"{who} {count:.0f}" for who, count in instructions.items()), flush=True)
        director.close()
        road.close()
    with open(result, "w", encoding="utf-8") as file:
        json.dump(found, file)


main()
