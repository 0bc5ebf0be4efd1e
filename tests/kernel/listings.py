#!/usr/bin/env python3
"""Random IPVS tables, made with ipvsadm: lvsadm shows each as ipvsadm does, byte for byte, and each of the two
programs restores what the other saved. Runs inside the user-mode kernel: listings.py LVSADM TABLES SEED [every]

A program takes a tenth of a second and more to start there. So there are few tables, of up to SERVICES_MAX services, each
is listed in the two main ways and in one other, in turn, and every fourth is restored; with `every` all of it happens to
each table.

Two things are not compared. ipvsadm does not save thresholds and lvsadm does: they are taken out of what lvsadm saved
before it is compared, and what ipvsadm saved is restored without them. And ipvsadm shows marks from 2^31 on as negative
numbers, lvsadm as they are: no table has one.
"""
import random
import re
import socket
import sys
import time

from inside import IPVSADM, execute, fresh_namespace

SCHEDULERS = "rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf".split()
FLAGS = {"sh": ("sh-fallback", "sh-port", "sh-fallback,sh-port"), "mh": ("mh-fallback", "mh-port", "mh-fallback,mh-port")}
TUNNELS = ("", " --tun-type ipip", " --tun-type gue --tun-port 6080", " --tun-type gue --tun-port 1 --tun-csum",
           " --tun-type gue --tun-port 65535 --tun-remcsum", " --tun-type gre", " --tun-type gre --tun-csum")
ALWAYS = ("-S -n", "-L -n")
IN_TURN = ("-L -n --thresholds", "-L -n --stats --exact", "-L -n --tun-info", "-L -n --persistent-conn", "-L -n --rate",
           "-L -n --nosort", "-L -n --stats", "-L -n --rate --exact", "-L -n -c", "-L --timeout", "-L --daemon")
RESTORED_EVERY = 4
SERVICES_MAX = 28


class Mismatch(Exception):
    pass


def random_service(rng):
    """Option of a service, whether it is IPv6, its protocol's letter."""
    v6, kind = rng.random() < 0.4, rng.choice("tttuusf")
    if kind == "f":
        return f"-f {rng.choice((1, 2, 80, 65536, 2**31 - 1))}" + " -6" * v6, v6, kind
    option = {"t": "-t", "u": "-u", "s": "--sctp-service"}[kind]
    address = rng.choice(("[2001:db8::1]", "[2001:db8:1234:5678:9abc:def0:1234:5678]", "[fc00::a]")) if v6 \
        else rng.choice(("192.0.2.1", "192.0.2.255", "198.51.100.100"))
    return f"{option} {address}:{rng.choice((1, 53, 80, 443, 5060, 65535))}", v6, kind


def service_line(rng, service, v6, kind):
    scheduler = rng.choice(SCHEDULERS)
    line = f"-A {service} -s {scheduler}"
    if rng.random() < 0.4:
        line += f" -p {rng.choice((1, 30, 360, 86400, 2678400))}"
        if rng.random() < 0.5:
            line += f" -M {rng.choice((1, 48, 64, 127)) if v6 else rng.choice(('255.255.255.0', '255.0.0.0', '128.0.0.0'))}"
        if kind == "u" and rng.random() < 0.5:
            line += " --pe sip"
    if kind == "u" and rng.random() < 0.2:
        line += " -o"
    if rng.random() < 0.3:
        line += " -b " + rng.choice(FLAGS.get(scheduler, ("flag-1", "flag-2,flag-3")))
    return line


def server_lines(rng, service, v6):
    for n in rng.sample(range(1, 250), rng.randrange(6)):
        address = f"[{rng.choice(('2001:db8:2', 'fd00', 'a000'))}::{n:x}]" if v6 \
            else f"{rng.choice((10, 100, 172, 192))}.{n}.{rng.randrange(256)}.{n}"
        how = rng.choice(("-g", "-i", "-m"))
        line = f"-a {service} -r {address}"
        if v6 or rng.random() < 0.7:
            line += f":{rng.choice((1, 80, 8080, 65535))}"
        line += f" {how} -w {rng.choice((0, 1, 5, 100, 65535, 2**31 - 1))}"
        if rng.random() < 0.3:
            upper = rng.choice((1, 1000, 2**31 - 1))
            line += f" -x {upper} -y {rng.randrange(upper)}"
        yield line + (rng.choice(TUNNELS) if how == "-i" else "")


def random_commands(rng):
    lines, seen = [], set()
    for _ in range(rng.randrange(1, SERVICES_MAX + 1)):
        service, v6, kind = random_service(rng)
        if service not in seen:
            seen.add(service)
            lines += [service_line(rng, service, v6, kind), *server_lines(rng, service, v6)]
    return "\n".join(lines) + "\n"


def without_thresholds(saved):
    return re.sub(r" -[xy] \d+", "", saved)


class Table:
    """One table in a namespace of its own, seen through both programs."""

    def __init__(self, lvsadm, commands):
        self.lvsadm = [lvsadm, "--core", "kernel"]
        self.commands = commands
        self.fill([IPVSADM], commands)

    def fill(self, program, commands):
        fresh_namespace()
        done = execute(program, ["-R"], commands)
        if done != (0, "", ""):
            raise Mismatch(f"{program[0]} -R: {done}\n{commands}")

    def by_ipvsadm(self, listing):
        return execute([IPVSADM], listing.split())

    def by_lvsadm(self, listing):
        return execute(self.lvsadm, listing.split())

    def same(self, what, wanted, got):
        if wanted != got:
            raise Mismatch(f"{what}\n--- table\n{self.commands}--- ipvsadm\n{wanted}\n--- lvsadm\n{got}")

    def compare(self, listing):
        theirs, ours = self.by_ipvsadm(listing), self.by_lvsadm(listing)
        if listing == "-S -n":
            ours = (ours[0], without_thresholds(ours[1]), ours[2])
        self.same(listing, theirs, ours)

    def compare_restored(self):
        """Line by line: an order of ipvsadm's that has circles depends on the order in which servers were added."""
        saved, complete = self.by_ipvsadm("-S -n")[1], self.by_lvsadm("-S -n")[1]
        self.fill([IPVSADM], complete)
        self.same_lines("lvsadm -S | ipvsadm -R", complete, self.by_lvsadm("-S -n")[1])
        self.same_lines("lvsadm -S | ipvsadm -R, saved by ipvsadm", saved, self.by_ipvsadm("-S -n")[1])
        self.fill(self.lvsadm, saved)
        self.same_lines("ipvsadm -S | lvsadm -R", saved, self.by_ipvsadm("-S -n")[1])

    def same_lines(self, what, wanted, got):
        self.same(what, sorted(wanted.splitlines()), sorted(got.splitlines()))


def with_traffic(lvsadm):
    """Counters, connections, rates: a listing may change between two readings, so ours must equal the one before it
    or the one after it; a reading in which those two differ from ours is tried again."""
    table = Table(lvsadm, "")
    for command in ("ip address add 192.0.2.1/32 dev lo", "ip address add 10.0.0.2/32 dev lo",
                    "ip -6 address add 2001:db8::1/128 dev lo nodad", "ip -6 address add 2001:db8::2/128 dev lo nodad"):
        execute(command.split(), [])
    servers = [socket.create_server(("10.0.0.2", 8080)), socket.create_server(("2001:db8::2", 80), family=socket.AF_INET6)]
    execute([IPVSADM], ["-R"], "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m\n"
            "-A -t [2001:db8::1]:80 -s rr -p 60\n-a -t [2001:db8::1]:80 -r [2001:db8::2]:80 -m\n"
            "-A -u 192.0.2.1:53 -s rr\n-a -u 192.0.2.1:53 -r 10.0.0.2:53 -m\n")
    clients = [socket.create_connection((place, 80), timeout=60) for place in ("192.0.2.1", "2001:db8::1") for _ in range(5)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        asks.sendto(b"anybody?", ("192.0.2.1", 53))
    clients.pop().close()
    if table.by_ipvsadm("-L -n -c")[1].count("ESTABLISHED") < 9:
        raise Mismatch("the connections were not balanced:\n" + table.by_ipvsadm("-L -n -c")[1])
    time.sleep(2.5)  # The kernel's estimator adds up every two seconds.
    for listing in (*ALWAYS, *IN_TURN, "-L -n -c --persistent-conn"):
        for _ in range(50):
            before, ours, after = table.by_ipvsadm(listing), table.by_lvsadm(listing), table.by_ipvsadm(listing)
            if ours in (before, after):
                break
        else:
            table.same(f"with traffic: {listing}", after, ours)
    for open_socket in clients + servers:
        open_socket.close()


def with_daemons(lvsadm):
    table = Table(lvsadm, "-A -t 192.0.2.1:80\n")
    for start in ("--start-daemon master --mcast-interface lo --syncid 7",
                  "--start-daemon backup --mcast-interface lo --syncid 8 --sync-maxlen 1400 --mcast-group 224.0.0.99 "
                  "--mcast-port 9000 --mcast-ttl 3"):
        status, _, error = table.by_lvsadm(start)
        if status != 0:
            raise Mismatch(f"{start}: {error}")
        table.compare("-L --daemon")
    if table.by_ipvsadm("-L --daemon")[1].count("sync daemon") != 2:
        raise Mismatch("two daemons were started")
    for stop in ("--stop-daemon master", "--stop-daemon backup", "--set 10 20 30", "--set 0 7 0"):
        table.same(stop, (0, "", ""), table.by_lvsadm(stop))
        table.compare("-L --daemon")
        table.compare("-L --timeout")


def main():
    lvsadm, tables, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    every = sys.argv[4:] == ["every"]
    started = time.monotonic()
    try:
        with_daemons(lvsadm)
        with_traffic(lvsadm)
        for n in range(tables):
            table = Table(lvsadm, random_commands(random.Random(f"{seed} {n}")))
            for listing in (*ALWAYS, *(IN_TURN if every else [IN_TURN[n % len(IN_TURN)]])):
                table.compare(listing)
            if every or n % RESTORED_EVERY == 0:
                table.compare_restored()
    except Mismatch as mismatch:
        sys.exit(f"seed {seed}: {mismatch}")
    print(f"{tables} tables of seed {seed}: listed and restored alike, in {time.monotonic() - started:.0f} s")


main()
