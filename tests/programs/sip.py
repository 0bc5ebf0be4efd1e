"""sipp, as telephones and as the exchange: calls by UDP, each from a port of its own or all from one, with and without
persistence. A call is right when all its messages came in their order; sipp ends with 0 when all calls were.
"""
from director import WHO, bracketed, own, vip
from stage import FAMILIES, eventually, expect

METHODS = ("nat", "direct", "tunnel", "local")
PORT = {method: 5060 + number for number, method in enumerate(METHODS)}
CALLS = 60


def start_server(stage, name, method, family):
    address = own(name, family) if method == "nat" else vip(method, family)
    process = stage.start(name, "sipp", "-sn", "uas", "-i", bracketed(address), "-p", str(PORT[method]), "-nostdin")
    stage.listens(name, PORT[method], process, "u")
    return process


def setup(stage):
    stage.sip = {}
    for method in METHODS:
        for family in FAMILIES:
            for name in WHO[method]:
                stage.sip[name, method, family] = start_server(stage, name, method, family)
            stage.director.serve("udp", PORT[method], method, family)


def call(stage, method, family, transport, source="10"):
    address = f"192.0.2.{source}" if family == 4 else f"[2001:db8::{source}]"
    return stage.run("client", "sipp", "-sn", "uac", f"{bracketed(vip(method, family))}:{PORT[method]}", "-i", address, "-t", transport,
                     "-m", str(CALLS), "-r", "100", "-d", "50", "-timeout", "60", "-timeout_error", "-nostdin", "-max_socket", "1000")


def ways(methods=METHODS):
    return [(method, family) for family in FAMILIES for method in methods]


def used(stage, method, family, before):
    after = stage.counted(method, family, "udp", PORT[method])
    return {name for name in after if after[name] > before[name]}


def calls_are_made(stage):
    for method, family in ways():
        for transport, servers in (("un", len(WHO[method])), ("u1", 1)):
            with stage.way(method, family, transport):
                before = stage.counted(method, family, "udp", PORT[method])
                call(stage, method, family, transport)
                expect(len(used(stage, method, family, before)) == servers, f"{servers} servers used")


def telephones_stay_with_their_exchange(stage):
    for method, family in ways(("nat", "direct", "tunnel")):
        with stage.way(method, family):
            stage.director.lvsadm("-E", *stage.director.service("udp", PORT[method], method, family), "-s", "rr", "-p", "300")
            all_used = set()
            for source in range(11, 14):
                before = stage.counted(method, family, "udp", PORT[method])
                call(stage, method, family, "un", source)
                one = used(stage, method, family, before)
                expect(len(one) == 1, f"one server for one telephone: {one}")
                all_used |= one
            expect(all_used == set(WHO[method]), f"all servers used: {all_used}")


def start_calls(stage, method, family, calls):
    address = "192.0.2.10" if family == 4 else "[2001:db8::10]"
    return stage.start("client", "sipp", "-sn", "uac", f"{bracketed(vip(method, family))}:{PORT[method]}", "-i", address, "-t", "un", "-m", str(calls),
                       "-r", "60", "-d", "300", "-timeout", "60", "-timeout_error", "-nostdin", "-max_socket", "1000")


def killed_lvsd_costs_nothing(stage):
    if stage.core == "kernel":
        return
    running = [start_calls(stage, method, family, 240) for method, family in ways()]
    stage.kill_lvsd_while(lambda: all(one.poll() is None for one in running))
    for process in running:
        with stage.way(*process.args[:5]):
            stage.finished(process)


def drained_server_ends_its_calls(stage):
    for method, family in stage.some(ways(("nat", "direct", "tunnel")), [("nat", 4), ("direct", 6)]):
        with stage.way(method, family):
            service = stage.director.service("udp", PORT[method], method, family)
            name, *others = WHO[method]
            before = stage.counted(method, family, "udp", PORT[method])
            process = start_calls(stage, method, family, 180)
            eventually("all servers have calls", lambda: used(stage, method, family, before) == set(WHO[method]))
            stage.director.change(service, name, method, family, PORT[method], 0)
            drained = stage.counted(method, family, "udp", PORT[method])
            stage.finished(process)
            expect(used(stage, method, family, drained) == set(others), "no new calls for it")
            stage.director.change(service, name, method, family, PORT[method], 1)


STORIES = [calls_are_made, killed_lvsd_costs_nothing, drained_server_ends_its_calls, telephones_stay_with_their_exchange]
