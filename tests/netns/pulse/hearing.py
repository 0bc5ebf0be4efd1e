"""What is heard of the peer, by heartbeats, by names, on the segment and from the witness, and what is believed."""
import contextlib
import errno
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from directors import PORT, VIP, WITNESS, config, eventually, expect, inside_network, run


def stays_with_one_holder(pair, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        expect(len(pair.holders()) == 1, f"one holder, not {[d.name for d in pair.holders()]}")
        time.sleep(0.05)


def a_witness_that_a_reload_adds_has_time_to_answer(pair):
    pair.start(witness="")
    asked = pair.primary.ask("status")["in_state_ms"]
    eventually("longer than a witness may be silent", lambda: pair.primary.ask("status")["in_state_ms"] > asked + 3500)
    pair.primary.configure(2)
    pair.primary.service("reload")
    eventually("it is read", lambda: pair.primary.ask("status")["config_serial"] == 2)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        expect(pair.primary.state() == "active" and pair.primary.ask("status")["able"], "it stays active and able")


def without_any_witness_one_still_serves(pair):
    run("ip", "-n", pair.switch, "address", "del", f"{WITNESS}/24", "dev", "br0")
    for director in pair.both:
        director.configure(1, keepalive="200ms", deadtime="3s")
        director.service("start")
    pair.primary_serves()
    expect(pair.primary.ask("status")["reasons"] == "no-witness", "for want of a better one")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    pair.backup.reaches("active")
    expect(pair.holders() == [pair.backup], "one holder")


def a_director_that_no_witness_answers_hands_over(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "route", "add", "blackhole", f"{WITNESS}/32")
    pair.backup.reaches("active")
    status = pair.primary.ask("status")
    expect(status["state"] == "standby" and status["reasons"] == "no-witness", f"{status['state']}, {status['reasons']}")
    run("ip", "-n", pair.primary.namespace, "route", "del", "blackhole", f"{WITNESS}/32")
    eventually("it is able again", lambda: pair.primary.ask("status")["able"])
    run("ip", "-n", pair.switch, "address", "del", f"{WITNESS}/24", "dev", "br0")
    eventually("nobody has a witness", lambda: not any(d.ask("status")["able"] for d in pair.both))
    expect(len(pair.holders()) == 1, "serving on is better than nobody")


def one_dead_path_is_an_alarm_and_no_takeover(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "address", "del", "10.0.0.1/24", "dev", "eth1")
    eventually("the private path is dead", lambda: [p["alive"] for p in pair.backup.ask("status")["paths"]] == [True, False])
    expect(pair.backup.state() == "standby" and pair.primary.state() == "active", "nobody moved")
    run("ip", "-n", pair.primary.namespace, "address", "add", "10.0.0.1/24", "dev", "eth1")
    eventually("it comes back with its address", lambda: pair.backup.ask("status")["paths"][1]["alive"])


def a_key_is_changed_without_a_gap(pair):
    pair.start(keepalive="100ms", deadtime="2s")
    old, new = (f"/etc/sysconfig/ha/heartbeat.key{suffix}" for suffix in ("", ".2"))
    term = pair.primary.ask("status")["term"]

    def step(serial, now, following):
        lines = f"heartbeat_key = {now}\nheartbeat_key_next = {following}"
        for director in (pair.backup, pair.primary):
            director.configure(serial, more=lines, keepalive="100ms", deadtime="2s")
            if serial == 2:
                director.write(new, key, 0o600)
            director.service("reload")
            eventually("it is taken", lambda: director.ask("status")["config_serial"] == serial)
            heard = [path["heard"] for path in director.ask("status")["paths"]]
            eventually("the peer is believed", lambda: all(
                path["heard"] > before + 3 for path, before in zip(director.ask("status")["paths"], heard)))

    key = os.urandom(32)
    step(2, old, new)
    text, code = pair.primary.lvsctl("status")
    expect(f"signed with {new} are believed too (heartbeat_key_next); the peer does not sign with it" in text, text)
    step(3, new, old)
    step(4, new, "none")
    for director in pair.both:
        status = director.ask("status")
        expect(status["counters"]["refused"]["bad-hmac"] == 0, f"no heartbeat was refused: {status['counters']}")
    status = pair.primary.ask("status")
    expect(status["term"] == term and status["state"] == "active", "nobody moved")
    pair.backup.write(new, os.urandom(32), 0o600)
    pair.backup.service("reload")
    eventually("the key is in use", lambda: pair.primary.ask("status")["counters"]["refused"]["bad-hmac"] > 0)


def another_key_on_one_side_is_an_alarm_and_makes_one_holder(pair):
    pair.backup.write("/etc/sysconfig/ha/heartbeat.key", os.urandom(32), 0o600)
    for director in pair.both:
        director.configure(1, keepalive="200ms", deadtime="3s")
        director.service("start")
    for director in pair.both:
        eventually(f"{director.name} says why",
                   lambda: director.ask("status")["peer"]["not_believed"] == "bad-hmac")
        text, code = director.lvsctl("status")
        expect("! the peer is heard but not believed (bad-hmac): its key is another one: copy" in text, text)
        expect(code == 1, f"exit status {code}")
        eventually("it is in the log", lambda: any("<27>" in line and "event=peer-not-believed cause=bad-hmac" in line
                                                   for line in director.logged))
    eventually("one serves", lambda: len(pair.holders()) == 1 and pair.holders()[0].state() == "active")
    stays_with_one_holder(pair, 8)
    holder = pair.holders()[0]
    other = pair.backup if holder is pair.primary else pair.primary
    os.kill(holder.keeper(), signal.SIGKILL)
    other.reaches("active")


def drop_heartbeats(director):
    director.run("nft", "add table ip firewall; add chain ip firewall input { type filter hook input priority 0; }; "
                 f"add rule ip firewall input udp dport {PORT} drop")


def a_firewall_that_was_never_opened_makes_one_holder(pair):
    for director in pair.both:
        drop_heartbeats(director)
        director.configure(1, keepalive="200ms", deadtime="3s")
    pair.primary.service("start")
    pair.primary.reaches("active")
    pair.backup.service("start")
    eventually("the backup sees who holds the address",
               lambda: any("event=split-guard reason=peer-holds-address" in line for line in pair.backup.logged))
    stays_with_one_holder(pair, 5)
    expect(pair.backup.state() == "listening", "the backup waits")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    pair.backup.reaches("active")


@contextlib.contextmanager
def switch_that_answers_for(pair, director):
    """As switches with ARP suppression do: for each broadcast question for the VIP or the director's own address, whether
    it lives or not."""
    link = json.loads(run("ip", "-n", director.namespace, "-j", "link", "show", "eth0").stdout)[0]
    mac = bytes.fromhex(link["address"].replace(":", ""))
    answered = []
    with inside_network(pair.switch):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        tap.bind(("br0", 0x0806))

    def answer():
        with contextlib.suppress(OSError):
            while True:
                frame = tap.recv(2048)
                asked = socket.inet_ntoa(frame[38:42])
                if frame[:6] == b"\xff" * 6 and frame[21] == 1 and asked in (VIP, f"192.0.2.{director.number}"):
                    tap.send(frame[6:12] + mac + frame[12:20] + b"\0\2" + mac + frame[38:42] + frame[22:32])
                    answered.append(asked)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield answered
    finally:
        tap.close()


def a_switch_that_answers_for_the_dead_does_not_keep_the_backup_passive(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    with switch_that_answers_for(pair, pair.primary) as answered:
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "down")
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
        pair.backup.reaches("active")
        expect(VIP in answered, "the switch was asked, and answered")


def the_peers_hardware_addresses_are_known_after_a_change_and_after_a_boot(pair):
    pair.start()

    def known():
        return pair.backup.ask("status")["peer"]["macs"]

    run("ip", "-n", pair.primary.namespace, "link", "set", "eth0", "address", "02:00:00:00:07:07")
    eventually("the new one is told", lambda: "02:00:00:00:07:07" in known())
    eventually("and kept", lambda: "02:00:00:00:07:07" in pair.backup.run(
        "sh", "-c", "cat /var/lib/lvs/pulse/*-backup.peer", check=False).stdout)
    own = json.loads(run("ip", "-n", pair.primary.namespace, "-j", "link", "show").stdout)
    told = {link["address"] for link in own if link["ifname"] in ("eth0", "eth1")}
    expect(told <= set(known()), f"{known()}, not {told}")  # And what answered for a peer that was not heard yet.
    pair.backup.service("stop")
    pair.backup.run("rm", "-r", "/run/lvs")
    drop_heartbeats(pair.backup)
    pair.backup.service("start")
    pair.backup.reaches("listening")
    expect(set(known()) == told, f"{known()} after a boot, not {told}")


def bad_heartbeats_are_counted_and_change_nothing(pair):
    pair.start()
    with inside_network(pair.primary.namespace):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        tap.bind(("eth0", 0x0800))
    with inside_network(pair.backup.namespace):
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        sender.bind(("192.0.2.2", 0))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        run("ip", "-n", pair.backup.namespace, "address", "add", "192.0.2.77/24", "dev", "eth0")
        stranger.bind(("192.0.2.77", PORT))
    recorded = []
    while len(recorded) < 5:
        packet, where = tap.recvfrom(2048)
        # IPv4 without options from the backup, UDP: the datagram begins at 28.
        if where[2] != socket.PACKET_OUTGOING and packet[9] == 17 and packet[12:16] == socket.inet_aton("192.0.2.2"):
            recorded.append(packet[28:])
    before = pair.primary.ask("status")

    def send(data):
        sender.sendto(struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data, ("192.0.2.1", 0))

    for junk in (b"", b"x", recorded[0][:40], b"\0" * 100, os.urandom(300), os.urandom(1400)):
        send(junk)
    for bit in range(0, len(recorded[0]) * 8, 97):
        forged = bytearray(recorded[-1])
        forged[bit // 8] ^= 1 << bit % 8
        send(bytes(forged))
    for old in recorded * 3:
        send(old)
    stranger.sendto(recorded[-1], ("192.0.2.1", PORT))

    def refused(kind):
        return pair.primary.ask("status")["counters"]["refused"][kind] - before["counters"]["refused"][kind]

    eventually("replays are counted", lambda: refused("replay") >= 15)
    eventually("forgeries are counted", lambda: refused("bad-hmac") >= 5)
    eventually("junk is counted", lambda: refused("malformed") >= 6)
    eventually("strangers are counted", lambda: sum(s["foreign"] for s in pair.primary.ask("status")["sockets"]) == 1)
    after = pair.primary.ask("status")
    for field in ("state", "term", "holding"):
        expect(after[field] == before[field], f"{field}: {after[field]}")
    expect(pair.backup.state() == "standby" and pair.holders() == [pair.primary], "nobody moved")


def nobody_else_can_bind_the_heartbeat_port(pair):
    pair.start(more="heartbeat_port = 5539\n")
    with inside_network(pair.primary.namespace):
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        thief.bind(("192.0.2.1", 5539))
    except OSError as error:
        expect(error.errno == errno.EADDRINUSE, f"{error}")
    else:
        raise AssertionError("the port can be taken")
    # And a successor gets it.
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")

NAMES = {"192.0.2.1": "director-a.example.test", "192.0.2.2": "director-b.example.test",
         "10.0.0.2": "inner-b.example.test", WITNESS: "gateway.example.test"}


@contextlib.contextmanager
def name_server(pair, **addresses):
    """At the witness's address. Without addresses it takes questions and is silent."""
    with inside_network(pair.switch):
        silent = socket.socket(type=socket.SOCK_DGRAM)
    if not addresses:
        silent.bind((WITNESS, 53))
        with silent:
            yield
        return
    silent.close()
    server = subprocess.Popen(
        ["ip", "netns", "exec", pair.switch, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
         "--no-hosts", "--user=root", "--pid-file=", "--bind-interfaces", f"--listen-address={WITNESS}",
         *(f"--address=/{name}.example.test/{address}" for name, address in addresses.items())], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def name_everything(director, serial=1):
    text = config(serial, keepalive="200ms", deadtime="3s")
    for address, name in NAMES.items():
        text = re.sub(rf"(?m)^((?:primary|backup|witness).*= ){re.escape(address)}\b", rf"\g<1>{name}", text)
    director.write("/etc/sysconfig/ha/lvs.cf", text)
    director.write("/etc/resolv.conf", f"nameserver {WITNESS}\n")


def names_stand_for_directors_and_never_move_the_service(pair):
    right = {"director-a": "192.0.2.1", "director-b": "192.0.2.2", "inner-b": "10.0.0.2", "gateway": WITNESS}
    for director in pair.both:
        name_everything(director)
    with name_server(pair):
        pair.primary.service("start")
        status = pair.primary.ask("status")
        expect(status["state"] == "waiting" and "director-a.example.test (no address yet)" in status["reason"], f"{status}")
        expect(not pair.primary.holds(), "who does not know which director it is holds nothing")
    with name_server(pair, **right):
        pair.backup.service("start")
        pair.primary_serves()
        pair.backup.reaches("standby")
        eventually("all paths are alive", lambda: all(
            path["alive"] for director in pair.both for path in director.ask("status")["paths"]))
        eventually("both are able", lambda: all(director.ask("status")["able"] for director in pair.both))
        expect(not any(director.ask("status")["names_unresolved"] for director in pair.both), "nothing is told")
        for director in pair.both:
            kept = pathlib.Path(f"/proc/{director.holder.pid}/root/var/lib/lvs/pulse/names")
            eventually("its names are kept", lambda kept=kept: all(name in kept.read_text(encoding="utf-8") for name in right))

    def nobody_moved(what):
        expect(pair.primary.holds() and not pair.backup.holds() and pair.backup.state() == "standby", f"{what}: nobody moved")

    with name_server(pair):
        for director in pair.both:
            killed = director.signal_arbiter(signal.SIGKILL)
            eventually("the keeper starts another", lambda: director.arbiter() not in (0, killed))
        pair.primary.reaches("active")
        pair.backup.reaches("standby")
        nobody_moved("after a restart with the last addresses")
        told = eventually("the silence is told", lambda: pair.backup.ask("status")["names_unresolved"])
        expect(any(re.search(r"director-a\.example\.test does not resolve .*: 192\.0\.2\.1 is kept", one) for one in told), f"{told}")
        expect("director-a.example.test does not resolve" in pair.backup.lvsctl("status")[0], "to the operator too")
    with name_server(pair, **{**right, "director-a": "192.0.2.77", "gateway": "192.0.2.78"}):
        for director in pair.both:
            eventually("the mistake is read", lambda: any("event=name-address" in line and "192.0.2.77" in line
                                                          for line in director.logged))
        end = time.monotonic() + 4  # Longer than deadtime, and than a witness may be silent.
        while time.monotonic() < end:
            nobody_moved("who is heard is heard")
        for director in pair.both:
            status = director.ask("status")
            expect(status["able"] and all(path["alive"] for path in status["paths"]), f"{director.name}: {status}")


def a_backup_that_cannot_name_its_peer_is_no_second_holder(pair):
    """The primary has all names in its hosts file; the backup only its own, and a name server that is silent."""
    hosts = "".join(f"{address} {name}\n" for address, name in NAMES.items())
    for director, known in ((pair.primary, hosts), (pair.backup, f"192.0.2.2 {NAMES['192.0.2.2']}\n10.0.0.2 {NAMES['10.0.0.2']}\n")):
        name_everything(director)
        director.write("/etc/hosts", known)
        text = pathlib.Path(f"/proc/{director.holder.pid}/root/etc/sysconfig/ha/lvs.cf")
        named = text.read_text(encoding="utf-8").replace("= 10.0.0.1\n", "= inner-a.example.test\n")
        text.write_text(re.sub("(?m)^witness.*$", "", named), encoding="utf-8")
    pair.primary.write("/etc/hosts", hosts + "10.0.0.1 inner-a.example.test\n")
    with name_server(pair):
        pair.primary.service("start")
        pair.primary.reaches("active")
        pair.backup.service("start")
        eventually("it asks who holds the address", lambda: any(
            "event=split-guard reason=peer-holds-address" in line for line in pair.backup.logged))
        stays_with_one_holder(pair, 1)
        expect(pair.backup.state() == "listening", "and waits")
        expect("! director-a.example.test does not resolve" in pair.backup.lvsctl("status")[0], "it says why")
        pair.backup.write("/etc/hosts", hosts + "10.0.0.1 inner-a.example.test\n")
        eventually("it hears its peer when the names resolve", lambda: pair.backup.state() == "standby" and all(
            path["alive"] for path in pair.backup.ask("status")["paths"]))
        expect(pair.holders() == [pair.primary], "nobody moved")
