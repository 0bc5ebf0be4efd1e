"""How directors begin and end: started, stopped, killed and frozen, whole and in parts."""
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time

from directors import MORE, PATIENCE_S, ROUTER, VIP, eventually, expect, inside_network, knocking, run
from tracing import FrozenBefore, is_announcement_of, is_second_part_of_the_addresses


def the_primary_serves_and_the_backup_stands_by(pair):
    pair.start()
    shown = run("ip", "-n", pair.primary.namespace, "-o", "address", "show").stdout
    expect(re.search(rf"{VIP}/32 .*dynamic noprefixroute eth0:1", shown), f"label and lease in {shown}")
    expect(re.search(rf"{ROUTER}/32 .*dynamic noprefixroute eth1:1", shown), f"label and lease in {shown}")
    expect(not pair.backup.holds(), "the backup holds nothing")
    expect(pair.primary.run("cat", "/run/became active", check=False).returncode == 0, "active_cmd ran")
    status = pair.primary.ask("status")
    expect(status["lvsd"]["ready"] and status["lvsd"]["armed"], f"lvsd serves: {status['lvsd']}")
    standby = pair.backup.ask("status")["lvsd"]
    expect(standby["ready"] and not standby["armed"], f"the standby's lvsd is ready, its core not armed: {standby}")


def a_killed_arbiter_adopts_and_the_peer_stays_standby(pair):
    pair.start()
    term = pair.primary.ask("status")["term"]
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")
    end = time.monotonic() + 5.5  # Longer than a lease, and than the peer's patience.
    while time.monotonic() < end:
        expect(pair.primary.holds(), "the address stays")
        expect(pair.backup.state() == "standby", "the peer stays standby")
    status = pair.primary.ask("status")
    expect(status["term"] == term and status["counters"]["takeovers"] == 0, "that was no takeover")


def an_address_that_somebody_removes_is_back_within_100_ms(pair):
    pair.start(keepalive="1s", deadtime="30s")
    took = []
    # A busy machine may delay some, but not most of a row. What waited for the next beat or renewal would have a whole
    # period to wait, because each time the address is removed as soon as it is back.
    while sum(one < 0.1 for one in took) < 5 and len(took) < 20:
        run("ip", "-n", pair.primary.namespace, "address", "del", f"{VIP}/32", "dev", "eth0")
        gone_at = time.monotonic()
        eventually("it is back", pair.primary.holds)
        took.append(time.monotonic() - gone_at)
    expect(sum(one < 0.1 for one in took) == 5, f"back after {took} s")
    eventually("it is counted", lambda: pair.primary.ask("status")["counters"]["addresses_restored"] == len(took))
    expect(pair.backup.state() == "standby", "the peer stays standby")
    run("ip", "-n", pair.primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    eventually("without its own address the director still reaches the network", lambda: "src 192.0.2.10" in run(
        "ip", "-n", pair.primary.namespace, "route", "get", "192.0.2.77", check=False).stdout, patience=5)


def a_frozen_director_loses_its_addresses_and_never_takes_them_back(pair):
    """As a machine that is paused: the keeper stands still too, or it would replace its arbiter."""
    pair.start(keepalive="200ms", deadtime="3s")
    keeper = pair.primary.keeper()
    os.kill(keeper, signal.SIGSTOP)
    frozen = pair.primary.signal_arbiter(signal.SIGSTOP)
    end = time.monotonic() + PATIENCE_S
    while pair.backup.state() != "active":
        expect(len(pair.holders()) <= 1, "never two holders")
        expect(time.monotonic() < end, "the backup takes over")
    eventually("it holds the address alone", lambda: pair.holders() == [pair.backup])
    os.kill(frozen, signal.SIGCONT)
    os.kill(keeper, signal.SIGCONT)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        expect(not pair.primary.holds(), "the thawed arbiter does not add it again")
    pair.primary.reaches("standby")
    expect(pair.primary.arbiter() == frozen, "it is the same process")
    expect(pair.primary.ask("status")["counters"]["leases_lost"] == 1, "it says so")


def whoever_takes_over_refuses_nobody(pair):
    """Its core is armed before it holds the address: else its own stack would answer clients, and refuse them."""
    pair.start(keepalive="200ms", deadtime="3s", checks="     check = none")
    with knocking(pair.switch) as refused:
        os.kill(pair.primary.keeper(), signal.SIGKILL)
        pair.backup.reaches("active")
        eventually("it holds the address alone", lambda: pair.holders() == [pair.backup])
        time.sleep(0.3)  # As long as it takes to hear of a refusal, and more.
    expect(not refused, f"{len(refused)} clients were refused")


def frozen_children_are_replaced_and_the_service_stays(pair):
    pair.start(keepalive="200ms", deadtime="8s", more="lvsd_grace = 40s")
    before = pair.primary.children()
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)

    def replaced(name):
        expect(pair.primary.holds() and not pair.backup.holds(), "the address stays")
        return pair.primary.children().get(name, before[name]) != before[name]

    eventually("another arbiter before the lease ends", lambda: replaced("pulse"), patience=7)
    eventually("another lvsd", lambda: replaced("lvsd"))
    eventually("it serves", lambda: pair.primary.ask("status")["lvsd"]["armed"])
    expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "nobody moved")
    eventually("the log says so", lambda: pair.primary.said("child-frozen") == 2)


def add_as_pulse_does(director, address, device, seconds):
    """With its mark (IFA_PROTO), which this ip(8) does not know."""
    def attribute(kind, data):
        return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)

    packed = socket.inet_aton(address)
    with inside_network(director.namespace):
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        index = socket.if_nametoindex(device)
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, index) + attribute(1, packed) + attribute(2, packed)
    body += attribute(3, f"{device}:1".encode() + b"\0") + attribute(6, struct.pack("=4I", seconds, seconds, 0, 0))
    body += attribute(8, struct.pack("=I", 0x200)) + attribute(11, b"\xca")  # Without a prefix route.
    with kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(body), 20, 0x405, 1, 0) + body)
        expect(struct.unpack_from("=i", kernel.recv(4096), 16)[0] == 0, f"{director.name} holds {address}")


def is_reached_soon_though_it_freezes(pair, moment, more, last, untold):
    """The other machine is dead by now, and the client's neighbour cache points to it. Left alone it would do so for long."""
    pair.start(keepalive="200ms", deadtime="10s", more=more)
    run("ip", "netns", "exec", pair.switch, "sysctl", "--quiet", "--write", "net.ipv4.neigh.br0.delay_first_probe_time=100")
    reaches = lambda address: run("ip", "netns", "exec", pair.switch, "ping", "-n", "-c1", "-W0.2", address,
                                  check=False).returncode == 0
    for address in (VIP, last):
        eventually(f"the client reaches {address}", lambda address=address: reaches(address))
    trap = FrozenBefore(pair.backup.arbiter(), moment)
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    for bridge in ("br0", "br1"):
        run("ip", "-n", pair.switch, "link", "set", f"primary-{bridge}", "down")
    expect(trap.frozen.wait(PATIENCE_S), "the backup takes over, and freezes")
    begun = time.monotonic()
    expect(not reaches(untold), "the client is not told yet")
    # A frozen arbiter is replaced after some two seconds; without asking, its successor would wait for deadtime.
    for address in (VIP, last):
        eventually(f"the client reaches {address} again", lambda address=address: reaches(address), patience=30)
    took = time.monotonic() - begun
    expect(took < 6, f"the client waited for {took:.1f} s")
    expect(pair.backup.said("child-frozen") == 1 and pair.backup.said("adopted") == 1, "its successor adopted")


def an_arbiter_that_freezes_between_adding_and_announcing_is_made_up_for(pair):
    is_reached_soon_though_it_freezes(pair, is_announcement_of(VIP), MORE, "192.0.2.11", untold=VIP)


def an_arbiter_that_freezes_with_half_of_its_addresses_added_is_made_up_for(pair):
    """They are told to the kernel 64 at a time; the first of them are announced by then."""
    many = [f"192.0.2.{150 + number}" for number in range(80)]
    more = "".join(MORE.replace("mail", f"mail{address}").replace("192.0.2.11", address) for address in many)
    is_reached_soon_though_it_freezes(pair, is_second_part_of_the_addresses(), more, many[-1],
                                      untold=many[-1])


def who_adopts_does_not_announce_what_an_unheard_peer_holds(pair):
    """The primary's arbiter stands still for good, with its keeper: its kernel goes on holding what the backup finds at home."""
    pair.start(keepalive="200ms", deadtime="20s")
    os.kill(pair.primary.keeper(), signal.SIGSTOP)
    pair.primary.signal_arbiter(signal.SIGSTOP)
    killed = pair.backup.arbiter()
    add_as_pulse_does(pair.backup, VIP, "eth0", seconds=15)
    os.kill(killed, signal.SIGKILL)
    eventually("its successor adopts", lambda: pair.backup.arbiter() != killed and pair.backup.state() == "adopting")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        expect(pair.backup.state() == "adopting", "it knows that the peer's kernel holds the address")
    for port in ("primary-br0", "primary-br1"):
        run("ip", "-n", pair.switch, "link", "set", port, "down")
    eventually("once nobody answers, it serves", lambda: pair.backup.state() == "active", patience=5)


def a_keeper_without_descriptors_tries_again_and_its_watchdog_hears_it(pair):
    pair.primary.configure(1, deadtime="2s")
    init = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    init.settimeout(PATIENCE_S)
    init.bind(f"/proc/{pair.primary.holder.pid}/root/run/notify")
    pair.primary.run("env", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=400000", "/etc/init.d/pulse", "start")
    heard = [init.recv(100) for _ in range(4)]
    expect(heard == [b"READY=1"] + 3 * [b"WATCHDOG=1"], f"the init system heard {heard}")
    pair.primary.reaches("active")
    keeper = pair.primary.keeper()
    allowed = resource.prlimit(keeper, resource.RLIMIT_NOFILE)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (1, allowed[1]))
    pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("it fails, and fails again", lambda: pair.primary.said("spawn-failed") >= 2)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, allowed)
    pair.primary.reaches("active")


def everything_killed_for_good_leaves_the_addresses_to_the_peer(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    eventually("its children go with the keeper",
               lambda: not run("pgrep", "--ns", str(pair.primary.holder.pid), "--nslist", "net,mnt", "--full", "arbiter",
                               check=False).stdout.strip())
    end = time.monotonic() + PATIENCE_S
    while pair.backup.state() != "active":
        expect(len(pair.holders()) <= 1, "never two holders")
        expect(time.monotonic() < end, "the backup takes over")
    eventually("the addresses expired by themselves", lambda: pair.holders() == [pair.backup])
    pair.primary.service("start")
    pair.primary.reaches("standby")
    time.sleep(0.5)
    expect(pair.backup.state() == "active", "no failback")


def stop_hands_over_at_once_and_leaves_nothing(pair):
    pair.start(keepalive="1s", deadtime="120s")
    stopping = subprocess.Popen(pair.primary.inside("/etc/init.d/pulse", "stop"), stdout=subprocess.DEVNULL)
    eventually("the backup holds the address, long before deadtime", pair.backup.holds)
    expect(stopping.wait(PATIENCE_S) == 0, "stop succeeds")
    expect(pair.primary.service("status", check=False).returncode == 3, "status says stopped")
    expect(not pair.primary.holds() and not pair.primary.holds(ROUTER), "nothing is left")
    left = run("ip", "netns", "pids", pair.primary.namespace).stdout.split()
    expect(left == [str(pair.primary.holder.pid)], f"no process is left: {left}")
    shown = run("ip", "-n", pair.primary.namespace, "link").stdout
    expect("ipvs0" not in shown, f"the core's devices are gone: {shown}")


def comes_back_as_active(pair, killed):
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")
    end = time.monotonic() + 5.5  # Longer than a lease, and than the peer's patience.
    while time.monotonic() < end:
        expect(pair.primary.holds() and pair.backup.state() == "standby", "the address stays")


def an_arbiter_that_dies_over_a_broken_file_goes_on_with_the_last_good_one(pair):
    pair.start()
    pair.primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nkeepalive = soon\n")
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    text, code = pair.primary.lvsctl("status")
    expect(re.search(r"! pulse runs with an older configuration: .*lvs\.cf:2: keepalive: ", text) and code == 1, text)
    eventually("it says so in the log", lambda: pair.primary.said("last-good-configuration"))
    pair.primary.configure(2)
    pair.primary.service("reload")
    eventually("the mended one is read", lambda: pair.primary.ask("status")["config_serial"] == 2)
    expect(not pair.primary.ask("status")["reload_errors"], "and all is well")


def an_arbiter_that_dies_while_its_own_address_is_missing_comes_back(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    run("ip", "-n", pair.primary.namespace, "address", "add", "192.0.2.1/24", "dev", "eth0")
    eventually("the public path comes back", lambda: all(p["alive"] for p in pair.backup.ask("status")["paths"]))


def commands_are_run_at_start_and_have_time_at_stop(pair):
    """inactive_cmd waits for a file that comes after the stop began: who is killed with the daemon never sees it."""
    pair.primary.write("/run/note", "#!/bin/sh\necho told >>/run/told\nwhile ! test -e /run/go; do sleep 0.05; done\necho ended >>/run/told\n", 0o755)
    pair.primary.configure(1, deadtime="1s", checks="", witness="inactive_cmd = /run/note")
    pair.primary.service("start")
    pair.primary.reaches("active")
    told = lambda: pair.primary.run("cat", "/run/told", check=False).stdout.split()
    eventually("it is told at start", lambda: told() == ["told"])
    os.kill(pair.primary.keeper(), signal.SIGTERM)
    eventually("and when it stops", lambda: told() == ["told", "told"])
    expect(pair.primary.arbiter() != 0, "the arbiter gives it time")
    pair.primary.write("/run/go", "")
    eventually("it ends; the one before, which hung, was killed for it", lambda: told() == ["told", "told", "ended"])
    expect(pair.primary.said("command-failed") == 1, "that is told")
    pair.primary.configure(2, deadtime="1s", witness="inactive_cmd = /usr/bin/no-such-program")
    eventually("pulse has ended", lambda: not os.path.exists(f"/proc/{pair.primary.holder.pid}/root/run/pulse.pid"))
    pair.primary.service("start")
    eventually("a mistyped one is told", lambda: any(
        "event=command-failed command=/usr/bin/no-such-program" in line for line in pair.primary.logged))


def what_cannot_start_says_why_and_touches_nothing(pair):
    primary = pair.primary

    def refuses(pattern, status=1):
        done = primary.service("start", check=False)
        expect(done.returncode == status, f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        expect(re.search(pattern, done.stdout + done.stderr), f"{pattern} in {done.stdout}{done.stderr}")
        expect(not primary.holds(), "no address")
        expect(primary.service("status", check=False).returncode == 3, "not running")
        expect(run("ip", "netns", "pids", primary.namespace).stdout.split() == [str(primary.holder.pid)], "no process")

    key = "/etc/sysconfig/ha/heartbeat.key"
    primary.write(key, pair.key, 0o644)
    refuses(r"must belong to root alone: .*chmod 600")
    primary.run("rm", key)
    refuses(r"heartbeat\.key: No such file.*lvsctl key.*heartbeat_key = none")
    done = primary.run("/usr/sbin/pulse", "--check", check=False)
    expect(done.returncode == 1 and "heartbeat.key: No such file" in done.stderr, f"--check too: {done.stderr}")
    primary.write(key, pair.key, 0o600)
    primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nkeepalive = soon\nservice = lvs\n")
    refuses(r"lvs\.cf:2: keepalive: ")
    primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nservice = lvs\n")
    refuses(r"no active lvs services defined")
    primary.run("rm", "/etc/sysconfig/ha/lvs.cf")
    refuses(r"lvs\.cf is missing", 6)
    done = primary.run("/usr/sbin/pulse", "--check", check=False)
    expect(done.returncode == 1 and "No such file" in done.stderr, f"--check: {done.stderr}")


def an_own_address_that_comes_late_is_waited_for(pair):
    primary = pair.primary
    run("ip", "-n", primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    done = primary.service("start")
    expect(re.search(r"waiting: .*neither director: .*192\.0\.2\.1.*192\.0\.2\.2", done.stdout + done.stderr),
           f"it says what for: {done.stdout}{done.stderr}")
    status = primary.ask("status")
    expect(status["state"] == "waiting" and "192.0.2.1" in status["reason"], f"{status}")
    text, code = primary.lvsctl("status")
    expect(re.search("^pulse +waiting, because this machine is neither", text) and code == 1, text)
    expect("! this director is not able to serve: own-address-missing" in text, text)
    expect(not primary.ask("switchover")["ok"], "there is nothing to switch")
    primary.service("stop")
    expect(run("ip", "netns", "pids", primary.namespace).stdout.split() == [str(primary.holder.pid)], "it can be stopped")
    primary.service("start")
    run("ip", "-n", primary.namespace, "address", "add", "192.0.2.1/24", "dev", "eth0")
    primary.reaches("active")
    eventually("and serves", primary.holds)


def a_director_that_is_frozen_is_stopped_all_the_same(pair):
    primary = pair.primary
    primary.run("sed", "-i", "s/^STOP_PATIENCE=300/STOP_PATIENCE=10/", "/etc/init.d/pulse")
    pair.start()
    for pid in (primary.keeper(), *primary.children().values()):
        os.kill(pid, signal.SIGSTOP)
    stopped = primary.service("stop", check=False)
    expect("FAILED (killed)" in stopped.stdout, f"what had to be killed is told: {stopped.stdout}{stopped.stderr}")
    expect("lvsd runs" not in stopped.stderr, f"no lvsd is left over: {stopped.stderr}")
    expect("ipvs0" not in primary.run("ip", "-o", "link").stdout, "and no core")
    primary.service("start")
    eventually("it starts again", lambda: primary.state() in ("standby", "active"))


def the_init_script_has_its_verbs(pair):
    primary = pair.primary
    expect(primary.service("status", check=False).returncode == 3, "stopped")
    expect(primary.service("reload", check=False).returncode == 7, "nothing to reload")
    expect(primary.service("condrestart").returncode == 0, "condrestart of nothing")
    expect(primary.service("status", check=False).returncode == 3, "still stopped")
    expect(primary.service("dance", check=False).returncode == 2, "usage")
    expect(primary.service("stop").returncode == 0, "stopping nothing is no error")
    primary.service("start")
    before = primary.keeper()
    expect(primary.service("status").returncode == 0, "running")
    expect("already" in primary.service("start").stdout and primary.keeper() == before, "a second start is none")
    for verb in ("status", "start", "stop", "restart", "reload", "condrestart"):
        done = primary.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/etc/init.d/pulse", verb, check=False)
        expect(done.returncode == 4 and primary.keeper() == before, f"{verb} by another user: {done.returncode} {done.stdout}")
    done = primary.run("/usr/sbin/pulse", check=False)
    expect(done.returncode == 1 and "held by a running process" in done.stderr, f"a second pulse: {done.stderr}")
    primary.reaches("active")
    primary.service("restart")
    expect(primary.keeper() != before, "restarted")
    os.kill(primary.keeper(), signal.SIGKILL)
    eventually("dead with a pid file", lambda: primary.service("status", check=False).returncode == 1)
