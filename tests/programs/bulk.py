"""iperf3: bytes there and back, by one connection and by several at once, and datagrams as large as they can be. A test is one
connection that controls and others that carry, over TCP and UDP: all of them must reach the same server.
"""
import json

from director import WHO, own, vip
from stage import FAMILIES, expect

METHODS = ("nat", "direct", "tunnel", "local")
PORT = {method: 5201 + number for number, method in enumerate(METHODS)}
MARK = 52
BYTES = "48M"
DATAGRAMS = 150
HEADERS = {4: 28, 6: 48}
LARGEST = {4: 65507, 6: 65487}


def start_server(stage, name, method, family):
    """One that answers from the address at which it was asked, as a server by direct routing must."""
    address = own(name, family) if method == "nat" else vip(method, family)
    process = stage.start(name, "iperf3", "--server", "--bind", address, "--port", str(PORT[method]))
    stage.listens(name, PORT[method], process)


def setup(stage):
    for method in METHODS:
        for family in FAMILIES:
            for name in WHO[method]:
                start_server(stage, name, method, family)
            for protocol in ("tcp", "udp"):
                stage.director.serve(protocol, PORT[method], method, family, "-s", "sh")


def iperf(stage, method, family, *options, source="10"):
    address = f"192.0.2.{source}" if family == 4 else f"2001:db8::{source}"
    done = stage.run("client", "iperf3", "--client", vip(method, family), "--port", str(PORT[method]), "--bind", address, "--json",
                     "--connect-timeout", "30000", *options, status=None)
    result = json.loads(done.stdout)
    expect(done.returncode == 0 and "error" not in result, f"iperf3 {options}: {result.get('error')} {done.stderr}")
    return result


def ways(methods=METHODS):
    return [(method, family) for family in FAMILIES for method in methods]


def bytes_arrive(stage):
    for method, family in ways():
        for options in ((), ("--reverse",), ("--parallel", "4"), ("--bidir",)):
            with stage.way(method, family, *options):
                result = iperf(stage, method, family, "--bytes", BYTES, *options)
                expect(result["end"]["sum_received"]["bytes"] > 0, "bytes")


def every_client_is_served(stage):
    """Several clients, so that every server has its turn."""
    for method, family in ways(("nat", "direct", "tunnel")):
        with stage.way(method, family):
            before = stage.counted(method, family, "tcp", PORT[method])
            for source in range(10, 22):
                iperf(stage, method, family, "--bytes", "100K", source=source)
            after = stage.counted(method, family, "tcp", PORT[method])
            expect(all(after[name] > before[name] for name in WHO[method]), f"all servers used: {before} {after}")


def without_room(stage, names):
    """Datagrams that came, and found the buffer of their socket full: a busy machine's fault."""
    found = 0
    for name in names:
        for line in stage.run(name, "nstat", "-asz", "UdpRcvbufErrors", "Udp6RcvbufErrors").splitlines():
            found += int(line.split()[1]) if line.startswith("Udp") else 0
    return found


def datagrams(stage, method, family, size, *options):
    """All of them arrive."""
    receivers = ("client", *WHO[method])
    before = without_room(stage, receivers)
    result = iperf(stage, method, family, "--udp", "--length", str(size), "--bandwidth", "40M" if size < 9000 else "80M",
                   "--blockcount", str(DATAGRAMS), "--window", "400K", *options)
    total = result["end"]["sum"]
    came_late = without_room(stage, receivers) - before
    expect(total["packets"] >= DATAGRAMS and total["lost_packets"] <= came_late, f"none is lost but {came_late}: {total}")


def full_size(method, family):
    return 1500 - HEADERS[family] - ((20 if family == 4 else 40) if method == "tunnel" else 0)


def datagrams_arrive(stage):
    for method, family in ways():
        for size in (full_size(method, family), 8192, LARGEST[family]):
            for options in ((), ("--reverse",)):
                if family == 6 and size > full_size(method, family) and method == "tunnel" and not options:
                    continue  # Fragments of IPv6 that do not fit into a tunnel nobody may cut (docs/packet.md).
                with stage.way(method, family, size, *options):
                    datagrams(stage, method, family, size, *options)


def a_mark_holds_tcp_and_udp_together(stage):
    for method, family in ways(("nat", "direct")):
        with stage.way(method, family):
            port = PORT[method]
            for protocol in ("tcp", "udp"):
                stage.director.lvsadm("-D", *stage.director.service(protocol, port, method, family))
            mark = MARK + METHODS.index(method) * 10 + family
            stage.director.serve_mark(mark, (("tcp", port), ("udp", port)), method, family, "-s", "rr", "-p", "300")
            for source in range(10, 13):
                iperf(stage, method, family, "--bytes", "1M", source=source)
                iperf(stage, method, family, "--udp", "--blockcount", "50", "--bandwidth", "40M", source=source)


def killed_lvsd_costs_nothing(stage):
    """Connections in both directions, then datagrams that are counted, while it dies and starts."""
    if stage.core == "kernel":
        return
    for kind in (("--bidir",), ("--udp", "--bandwidth", "2M", "--length", "1200", "--window", "400K")):
        receivers = ("client", "rs1", "rs2", "rs3", "far1", "far2", "director")
        before, running = without_room(stage, receivers), []
        for method, family in ways():
            running.append(stage.start("client", "iperf3", "--client", vip(method, family), "--port", str(PORT[method]), "--json", "--time", "4", *kind))
        stage.kill_lvsd_while(lambda: all(one.poll() is None for one in running))
        for process in running:
            with stage.way(*process.args[2:5], *kind):
                result = json.loads(stage.finished(process))
                expect("error" not in result, f"{result.get('error')}")
                lost = result["end"]["sum"]["lost_packets"] if "--udp" in kind else 0
                expect(lost <= without_room(stage, receivers) - before, f"none is lost: {result['end']}")


STORIES = [bytes_arrive, every_client_is_served, datagrams_arrive, killed_lvsd_costs_nothing, a_mark_holds_tcp_and_udp_together]
