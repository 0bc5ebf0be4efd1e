"""BIND on the servers and dig as the client: over UDP and TCP, answers that need fragments, answers that need TCP, a zone
transfer, and one-packet scheduling.
"""
import os
import re

from director import WHO, vip
from stage import FAMILIES, eventually, expect
from topology import FAR, INSIDE, SERVERS

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


def questions_are_answered(stage):
    for method, family in ways():
        for how in ("+notcp", "+tcp"):
            with stage.way(method, family, how):
                got = [name for _ in range(8) for name in names(dig(stage, method, family, "name", how))]
                expect(len(got) == 8 and set(got) == set(WHO[method]), f"all servers answer: {got}")


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


STORIES = [questions_are_answered, large_answers_come_in_fragments, larger_ones_by_tcp, zones_are_transferred,
           a_port_has_one_server_unless_each_packet_is_scheduled]
