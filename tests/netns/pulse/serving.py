"""What a director needs to serve, and who serves when it is missing: links, ways, servers, addresses."""
import json
import re
import time

from directors import MORE, NAT, ROUTER, VIP, eventually, expect, run, web_server


def add_device(director, up):
    run("ip", "-n", director.namespace, "link", "add", "eth7", "type", "veth", "peer", "name", "eth7-peer")
    run("ip", "-n", director.namespace, "link", "set", "eth7-peer", "up")
    run("ip", "-n", director.namespace, "link", "set", "eth7", "up" if up else "down")


def each_address(director):
    return {one["address"]: one["state"] for one in director.ask("status")["each_address"]}


def a_missing_device_is_told_and_the_whole_director_serves(pair):
    pair.primary.configure(1, router_device="eth7")
    pair.primary.service("start")
    pair.primary.reaches("active")
    eventually("one address is held", lambda: each_address(pair.primary) == {VIP: "held", ROUTER: "missing"})
    eventually("it is not able", lambda: pair.primary.ask("status")["reasons"] == "service-link-down")
    text, code = pair.primary.lvsctl("status")
    expect(f"! the address {ROUTER} is not held (missing): this machine has no device eth7" in text, text)
    expect("! this director is not able to serve: service-link-down" in text and code == 1, text)
    pair.backup.service("start")
    pair.backup.reaches("active")
    eventually("both are held", lambda: each_address(pair.backup) == {VIP: "held", ROUTER: "held"})
    # The device comes: as whole as the other, and no failback.
    add_device(pair.primary, up=True)
    eventually("it is able", lambda: pair.primary.ask("status")["able"])
    expect(each_address(pair.primary) == {VIP: "not-held", ROUTER: "not-held"}, f"{each_address(pair.primary)}")


def one_of_two_service_links_lost_moves_the_service(pair):
    pair.start()
    run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
    pair.backup.reaches("active")
    pair.primary.reaches("standby")
    expect(pair.holders() == [pair.backup], "one holder")


def without_a_way_to_the_servers_the_service_moves(pair):
    """By direct routing no address is on the link to the servers: pulse learns of it by their checks."""
    with web_server(pair.switch):
        pair.start(forwarding="network = direct", checks="     check = tcp")
        eventually("the server is up", lambda: all(director.sees_a_server_up() for director in pair.both))
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
        pair.backup.reaches("active")
        pair.primary.reaches("standby")
        eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "no-way-to-servers")
        text, code = pair.primary.lvsctl("status")
        expect("! this director has no way to 1 of 1 servers of web" in text and code == 1, text)
        # Where the other has none either, nobody moves.
        run("ip", "-n", pair.switch, "link", "set", "backup-br1", "down")
        eventually("the backup says why", lambda: pair.backup.ask("status")["reasons"] == "no-way-to-servers")
        expect(pair.backup.state() == "active" and pair.primary.state() == "standby", "both as they were")
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "up")
        pair.primary.reaches("active")
        expect(pair.primary.ask("status")["able"], "it is able again")


def a_standby_that_does_not_check_sees_when_it_has_a_way_again(pair):
    """Its route is taken away, so no link comes up that could tell."""
    route = ("192.168.7.0/24", "via", "10.0.0.100", "dev", "eth1")
    run("ip", "-n", pair.switch, "address", "add", "192.168.7.100/32", "dev", "lo")
    with web_server(pair.switch, "192.168.7.100"):
        for director in pair.both:
            run("ip", "-n", director.namespace, "route", "add", *route)
        pair.start(checks="     check = tcp\n     interval = 200ms", server="192.168.7.100",
                   forwarding=f"{NAT}\nstandby_monitoring = 0")
        eventually("the server is up", pair.primary.sees_a_server_up)
        run("ip", "-n", pair.primary.namespace, "route", "del", *route)
        pair.backup.reaches("active")
        eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "no-way-to-servers")
        run("ip", "-n", pair.primary.namespace, "route", "add", *route)
        eventually("it is able again", lambda: pair.primary.ask("status")["able"])
        expect(pair.backup.state() == "active", "nobody moves back")


def servers_that_fail_for_the_active_director_alone_move_the_service(pair):
    """A wrong route, or a switch that is dead behind a port with carrier: there is a way, and it leads nowhere."""
    run("ip", "-n", pair.switch, "address", "add", "192.168.7.100/32", "dev", "lo")

    def routed(director, gateway):
        run("ip", "-n", director.namespace, "route", "replace", "192.168.7.0/24", "via", gateway, "dev", "eth1")

    right, wrong = "10.0.0.100", "10.0.0.123"
    with web_server(pair.switch, "192.168.7.100"):
        for director in pair.both:
            routed(director, right)
        pair.start(checks="     check = tcp\n     interval = 200ms\n     timeout = 300ms\n     rise = 1",
                   server="192.168.7.100")
        eventually("the server is up", lambda: all(director.sees_a_server_up() for director in pair.both))
        routed(pair.primary, wrong)
        pair.backup.reaches("active")
        pair.primary.reaches("standby")
        text, code = pair.primary.lvsctl("status")
        expect("cannot serve 1 of its services, the peer 0" in text and code == 1, text)
        # Where both see it, it is the server: the service stays.
        routed(pair.backup, wrong)
        eventually("the backup sees it too", lambda: pair.backup.lvsctl("status")[0].count("1 of 1 servers of web is down") == 1)
        expect(pair.backup.state() == "active" and pair.primary.state() == "standby", "both as they were")


PROGRAMS = f"""
virtual programs {{
     active = 1
     address = {VIP} eth0:1
     vip_nmask = 255.255.255.0
     port = 8080
     interval = 200ms
     timeout = 1s
     rise = 1
     script_user = daemon
     send_program = "/etc/check"
     expect = "OK"
     server one {{
         address = 10.0.0.100
         active = 1
     }}
}}
"""


def what_the_standby_cannot_check_neither_keeps_nor_hides_a_service(pair):
    """A program that only the primary has: the backup knows nothing of that service, and all of the other one."""
    run("ip", "-n", pair.switch, "address", "add", "192.168.7.100/32", "dev", "lo")

    def routed(director, gateway):
        run("ip", "-n", director.namespace, "route", "replace", "192.168.7.0/24", "via", gateway, "dev", "eth1")

    with web_server(pair.switch, "192.168.7.100"):
        for director in pair.both:
            routed(director, "10.0.0.100")
        pair.primary.write("/etc/check", "#!/bin/sh\necho OK\n", 0o755)
        pair.start(checks="     check = tcp\n     interval = 200ms\n     timeout = 300ms\n     rise = 1",
                   server="192.168.7.100", more=PROGRAMS)
        eventually("the servers are up", lambda: pair.primary.lvsctl("status")[0].count(" up ") >= 2)
        said = "in doubt   1 service: programs (cannot be checked)\n"
        eventually("the backup says what it cannot check", lambda: said in pair.backup.lvsctl("status")[0])
        doubt = json.loads(pair.backup.lvsctl("status", "--json")[0])["lvsd"]["in_doubt"]
        expect(doubt["count"] == 1 and doubt["services"][0]["name"] == "programs", doubt)
        expect(pair.backup.ask("status")["able"], "it is able all the same")
        expect(pair.primary.lvsctl("switchover") == ("the backup director serves\n", 0), "an operator may switch to it")
        expect(pair.backup.lvsctl("switchover") == ("the primary director serves\n", 0), "and back")
        routed(pair.primary, "10.0.0.123")
        pair.backup.reaches("active")
        expect("servers-fail-here-alone" in pair.primary.lvsctl("events")[0], "for the one that it cannot reach")


def a_link_that_flaps_for_a_moment_moves_nothing(pair):
    pair.start()
    term = pair.primary.ask("status")["term"]
    for _ in range(3):
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "down")
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "up")
        eventually("it is able", lambda: pair.primary.ask("status")["able"])
    expect(pair.primary.state() == "active" and pair.primary.ask("status")["term"] == term, "as before")


def a_link_that_returns_carries_heartbeats_at_once(pair):
    """The kernel would ask again for a neighbour that did not answer, here, in ten minutes; nor does the other ask."""
    pair.start()

    def neighbour(address, device, director=pair.primary):
        return run("ip", "-n", director.namespace, "neighbour", "show", address, "dev", device).stdout

    def write_down(director, address, device):
        mac = re.search(r"lladdr (\S+)", neighbour(address, device, director)).group(1)
        run("ip", "-n", director.namespace, "neighbour", "replace", address, "lladdr", mac, "nud", "permanent",
            "dev", device)

    write_down(pair.primary, "10.0.0.2", "eth1")
    write_down(pair.backup, "192.0.2.1", "eth0")
    for device in ("eth0", "eth1"):
        run("ip", "netns", "exec", pair.primary.namespace, "sysctl", "--quiet", "--write",
            f"net.ipv4.neigh.{device}.retrans_time_ms=600000")
    for bridge in ("br0", "br1"):
        run("ip", "-n", pair.switch, "link", "set", f"primary-{bridge}", "down")
    eventually("the peer is asked for in vain", lambda: "INCOMPLETE" in neighbour("192.0.2.2", "eth0"))
    for bridge in ("br0", "br1"):
        run("ip", "-n", pair.switch, "link", "set", f"primary-{bridge}", "up")
    eventually("it is found", lambda: "lladdr" in neighbour("192.0.2.2", "eth0"))
    eventually("all paths are alive", lambda: all(
        path["alive"] for director in pair.both for path in director.ask("status")["paths"]))
    expect("PERMANENT" in neighbour("10.0.0.2", "eth1"), "what an administrator wrote stays")


def a_reload_onto_a_dead_device_moves_the_service(pair):
    pair.start()
    for director in pair.both:
        add_device(director, up=director is pair.backup)
    for director in pair.both:
        director.configure(2, router_device="eth7")
        director.service("reload")
    pair.backup.reaches("active")
    eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "service-link-down")


def reload_changes_the_addresses_by_difference(pair):
    pair.start()
    pair.primary.configure(2, more=MORE)
    pair.primary.service("reload")
    eventually("the new address comes", lambda: pair.primary.holds("192.0.2.11"))
    expect(pair.primary.holds(), "the old one stays")
    pair.primary.configure(3)
    expect("reloaded: serial 3 runs" in pair.primary.service("reload").stdout, "and what runs")
    eventually("and goes", lambda: not pair.primary.holds("192.0.2.11"))
    pair.primary.configure(4, more="nonsense = 1\n")
    refused = pair.primary.service("reload", check=False)
    expect(refused.returncode == 1 and re.search(r"lvs\.cf:\d+: nonsense", refused.stderr), f"it is told: {refused}")
    errors = pair.primary.ask("status")["reload_errors"]
    expect(re.search(r"lvs\.cf:\d+: nonsense", errors[0]), f"with file and line: {errors}")
    status = pair.primary.ask("status")
    expect(status["config_serial"] == 3 and pair.primary.holds() and status["state"] == "active", "the old one runs on")
    pair.primary.service("reload", check=False)
    eventually("it is refused again", lambda: pair.primary.said("reload-refused") == 2)
    eventually("by both daemons", lambda: pair.primary.said("reload-failed-again") == 1)
    expect(pair.primary.said("configuration") == 1 and pair.primary.said("reload-failed") == 1,
           "what is wrong with it is told once, by each daemon")


def an_address_of_somebody_else_is_told_and_left_alone(pair):
    run("ip", "-n", pair.primary.namespace, "address", "add", f"{VIP}/32", "dev", "eth0")
    pair.start(keepalive="200ms", deadtime="3s")
    eventually("it is told", lambda: each_address(pair.primary) == {VIP: "foreign", ROUTER: "held"})
    text, code = pair.primary.lvsctl("status")
    expect(f"! the address {VIP} is not held (foreign): add {VIP} on eth0" in text and code == 1, text)
    end = time.monotonic() + 4  # Longer than a lease.
    while time.monotonic() < end:
        expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "it does answer here: nobody moves")
    shown = run("ip", "-n", pair.primary.namespace, "-o", "address", "show", "to", VIP).stdout
    expect("valid_lft forever" in shown, f"it got no lease: {shown}")
    run("ip", "-n", pair.primary.namespace, "address", "del", f"{VIP}/32", "dev", "eth0")
    eventually("ours comes", lambda: each_address(pair.primary) == {VIP: "held", ROUTER: "held"})


def a_static_floating_address_on_the_standby_is_told(pair):
    pair.start()
    run("ip", "-n", pair.backup.namespace, "address", "add", f"{VIP}/24", "dev", "eth0")
    eventually("it is told", lambda: each_address(pair.backup) == {VIP: "foreign", ROUTER: "not-held"})
    text, code = pair.backup.lvsctl("status")
    expect(f"! the address {VIP} is not held (foreign): this machine holds it, and not from us" in text, text)
    expect(code == 1, f"exit status {code}")
    eventually("it is in the log", lambda: pair.backup.said("foreign-address"))
    expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "nobody moved")
    run("ip", "-n", pair.backup.namespace, "address", "del", f"{VIP}/24", "dev", "eth0")
    eventually("and its end", lambda: each_address(pair.backup) == {VIP: "not-held", ROUTER: "not-held"})
    expect(each_address(pair.primary) == {VIP: "held", ROUTER: "held"}, "that of the active is held")
