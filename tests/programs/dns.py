"""BIND on the servers and dig as the client: over UDP and TCP, answers that need fragments, answers that need TCP, a zone
transfer, and one-packet scheduling.
"""
import re

from director import WHO, vip
from stage import FAMILIES, eventually, expect
from topology import SERVERS

METHODS = ("nat", "direct", "tunnel", "local", "mixed")
NAMED = """options {{
  directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}"; lock-file none;
  listen-on port 53 {{ any; }}; listen-on-v6 port 53 {{ any; }}; recursion no; dnssec-validation no; allow-transfer {{ any; }};
  max-udp-size 4096; edns-udp-size 4096; minimal-responses yes; notify no;
}};
controls {{ }};
zone "example.test" {{ type primary; file "zone"; }};
"""
ZONE = """$TTL 60
@ IN SOA ns.example.test. root.example.test. 1 60 60 60 60
@ IN NS ns.example.test.
ns IN A 192.0.2.101
name IN TXT "{name}"
"""
LARGE, HUGE, MANY = 3000, 9000, 4000


def texts(name, size):
    """Records of one name, as many as make up about so many bytes."""
    return "".join(f'{name} IN TXT "{number:04}{"." * 196}"\n' for number in range(size // 200))


def start_server(stage, name):
    many = "".join(f"host{number} IN A 10.9.{number // 250}.{number % 250}\n" for number in range(MANY))
    stage.write(f"named-{name}/zone", ZONE.format(name=name) + texts("large", LARGE) + texts("huge", HUGE) + many)
    config = stage.write(f"named-{name}/conf", NAMED.format(folder=stage.path(f"named-{name}")))
    process = stage.start(name, "named", "-g", "-n", "1", "-u", "root", "-c", config)
    for kind in "tu":
        stage.listens(name, 53, process, kind)
    eventually("the zone is there", lambda: "all zones loaded" in stage.said(process))
    return process


def setup(stage):
    stage.dns = {name: start_server(stage, name) for name in (*SERVERS, "director")}
    for method in METHODS:
        for family in FAMILIES:
            for protocol in ("tcp", "udp"):
                stage.director.serve(protocol, 53, method, family)


def ways(methods=METHODS):
    return [(method, family) for family in FAMILIES for method in methods]


def dig(stage, method, family, name, *options, kind="TXT"):
    return stage.run("client", "dig", "+tries=1", "+time=30", "+nocookie", *options, f"@{vip(method, family)}", f"{name}.example.test", kind)


def names(out):
    return re.findall(r'TXT\s+"(\w+)"', out)


def many(stage, method, family, how, number):
    """A file with that many questions, each of which dig asks from a port of its own."""
    return stage.write(f"questions-{method}-{family}", f"@{vip(method, family)} {how} +tries=1 +time=30 name.example.test TXT\n" * number)


def questions_are_answered(stage):
    for method, family in ways():
        for how in ("+notcp", "+tcp"):
            with stage.way(method, family, how):
                got = names(stage.run("client", "dig", "+nocookie", "-f", many(stage, method, family, how, 60)))
                expect(len(got) == 60 and set(got) == set(WHO[method]), f"all servers answer: {got}")


def large_answers_come_in_fragments(stage):
    for method, family in ways():
        with stage.way(method, family):
            for _ in WHO[method]:
                out = dig(stage, method, family, "large", "+notcp", "+ignore", "+bufsize=4096")
                expect(out.count("60\tIN\tTXT") == LARGE // 200 and "(UDP)" in out, f"whole, by UDP: {out[-1500:]}")


def larger_ones_by_tcp(stage):
    for method, family in ways():
        with stage.way(method, family):
            for _ in WHO[method]:
                out = dig(stage, method, family, "huge", "+bufsize=1232")
                expect(out.count("60\tIN\tTXT") == HUGE // 200 and "retrying in TCP" in out and "(TCP)" in out, f"whole, by TCP: {out[-1500:]}")


def zones_are_transferred(stage):
    for method, family in ways():
        with stage.way(method, family):
            for _ in WHO[method]:
                out = stage.run("client", "dig", f"@{vip(method, family)}", "example.test", "AXFR")
                expect(len(re.findall(r"^host\d+\.", out, re.MULTILINE)) == MANY and "XFR size" in out, out[-500:])


def one_source_port(stage, method, family, port):
    """Whom eight questions of one port reach."""
    source = f"{'192.0.2.10' if family == 4 else '2001:db8::10'}#{port}"
    return [name for _ in range(8) for name in names(dig(stage, method, family, "name", "+notcp", "-b", source))]


def a_port_has_one_server_unless_each_packet_is_scheduled(stage):
    for method, family in ways(("direct", "tunnel")):
        with stage.way(method, family):
            got = one_source_port(stage, method, family, 40001)
            expect(len(got) == 8 and len(set(got)) == 1, f"one server: {got}")
            service = stage.director.service("udp", 53, method, family)
            stage.director.lvsadm("-E", *service, "-s", "rr", "-o")
            got = one_source_port(stage, method, family, 40002)
            stage.director.lvsadm("-E", *service, "-s", "rr")
            expect(len(got) == 8 and set(got) == set(WHO[method]), f"a server for each question: {got}")


def killed_lvsd_costs_nothing(stage):
    """Questions of ever new ports, in every way at once, while it dies and starts."""
    if stage.core == "kernel":
        return
    running = []
    for method, family in ways():
        questions = many(stage, method, family, "+notcp", 150)
        running.append(stage.start("client", "dig", "+nocookie", "-f", questions))
    stage.kill_lvsd_while(lambda: all(one.poll() is None for one in running))
    for process in running:
        with stage.way(*process.args[-1:]):
            expect(len(names(stage.finished(process))) == 150, "every question is answered")


def killed_server_is_missed_until_it_is_removed(stage):
    """Its share of questions is refused, and none when it is gone."""
    for method, family in stage.some(ways(("nat", "direct", "tunnel")), [("nat", 4), ("direct", 6), ("tunnel", 4)]):
        with stage.way(method, family):
            name, *others = WHO[method]
            service = stage.director.service("udp", 53, method, family)
            stage.end(stage.dns[name])
            done = [stage.run("client", "dig", "+tries=1", "+time=2", f"@{vip(method, family)}", "name.example.test", "TXT", "+notcp", status=None)
                    for _ in range(2 * len(WHO[method]))]
            expect(sorted(one.returncode for one in done) == [0] * 2 * len(others) + [9] * 2, f"only its share: {done}")
            stage.director.remove(service, name, family, 53)
            got = [one for _ in range(6) for one in names(dig(stage, method, family, "name", "+notcp"))]
            expect(len(got) == 6 and set(got) == set(others), f"the others answer: {got}")
            stage.dns[name] = start_server(stage, name)
            stage.director.enter(service, name, method, family, 53)


STORIES = [questions_are_answered, large_answers_come_in_fragments, larger_ones_by_tcp, zones_are_transferred,
           a_port_has_one_server_unless_each_packet_is_scheduled, killed_lvsd_costs_nothing, killed_server_is_missed_until_it_is_removed]
