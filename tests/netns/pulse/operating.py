"""What the operator asks and is told: lvsctl, reloads, switchover, hold, events."""
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import time

from directors import MORE, PATIENCE_S, ROOT, config, eventually, expect, run, web_server
from life import comes_back_as_active


def expect_status(director, role, peer, armed):
    text, _ = director.lvsctl("status")
    place = "10.0.0.10 192.0.2.10, lease" if armed else "none"
    for pattern in (rf"^pulse +{role} for .*, {director.name}, term \d+", rf"^peer +{peer}, heard \d+ ms ago$",
                    "^paths +public alive, private alive$", rf"^addresses +{place}",
                    rf"^lvsd +ready, {'armed' if armed else 'not armed'}, {role}, serial 1$", r"^core +embedded, \d+ of \d+ connections, \d+ of \d+ templates$",
                    r"^web \(TCP 192\.0\.2\.10:80 wlc\) +one 10\.0\.0\.100:80 +up +1 +Masq "):
        expect(re.search(pattern, text, re.MULTILINE), f"{pattern} in {text}")
    text, code = director.lvsctl("status", "--json")
    said = json.loads(text)
    expect(code == 0 and said["condition"] == "healthy", f"exit status {code}: {text}")
    expect(said["pulse"]["state"] == role and said["pulse"]["peer"]["role"] == peer, text)
    expect(said["lvsd"]["role"] == role and said["lvsd"]["armed"] == armed, text)
    services = said["lvsd"]["services"]
    expect([service["name"] for service in services] == ["web"], text)
    expect([(server["name"], server["health"], server["in_table"]) for server in services[0]["servers"]]
           == [("one", "up", True)], text)
    text, code = director.lvsctl("metrics")
    # Debian's Python: it has Debian's parser.
    run("/usr/bin/python3", f"{ROOT}/tests/check/metrics", f"{ROOT}/etc/prometheus/caribe.rules.yml", input=text)
    for line in (f'lvs_director_state{{state="{role}"}} 1', f"lvs_director_holding {int(armed)}", "lvs_peer_heard 1",
                 'lvs_daemon_up{daemon="lvsd"} 1', "lvs_peer_same_configuration 1", "lvs_core_copies_lost 0",
                 'lvs_service_servers_up{service="web",key="TCP 192.0.2.10:80"} 1'):
        expect(f"\n{line}\n" in text, f"{line} in {text}")


def lvsctl_tells_each_directors_state(pair):
    for director in pair.both:
        expect(director.lvsctl("status")[1] == 3, "nothing runs")
    with web_server(pair.switch):
        pair.start(checks="     check = tcp\n     interval = 100ms\n     timeout = 20s\n     rise = 1")
        for director in pair.both:
            eventually(f"{director.name} is healthy", lambda: director.lvsctl("status")[1] == 0)
        expect_status(pair.primary, "active", "passive", True)
        expect_status(pair.backup, "standby", "active", False)
    for director in pair.both:
        text = eventually(f"{director.name} is degraded", lambda: director.lvsctl("status")[1] == 1
                          and director.lvsctl("status")[0])
        expect(re.search(r"one 10\.0\.0\.100:80 +down ", text), f"the server is down: {text}")
        expect("! 1 of 1 servers of web is down\n" in text, f"and said to be: {text}")
    pair.backup.service("stop")
    eventually("the peer is missed", lambda: "! the peer has stopped" in pair.primary.lvsctl("status")[0])
    text, code = pair.backup.lvsctl("status", "--json")
    expect(code == 3 and json.loads(text)["condition"] == "not running", f"exit status {code}: {text}")


def the_group_lvs_may_look_and_not_touch(pair):
    pair.primary.run("sh", "-c", "echo lvs:x:4711: >>/etc/group")
    pair.primary.service("start")
    pair.primary.reaches("active")

    def as_member(*words, group="4711"):
        done = pair.primary.run("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", "/usr/sbin/lvsctl", *words, check=False)
        return done.stdout + done.stderr

    expect('"state":"active"' in as_member("status", "--json"), "a member sees the status")
    expect("only root" in as_member("switchover"), "and changes nothing")
    expect("only root and the group lvs" in as_member("plan", group="65534"), "others see nothing")
    pair.primary.lvsctl("switchover")
    eventually("the log says who asked", lambda: any(
        "event=asked what=switchover" in line and "uid=0" in line for line in pair.primary.logged))


def a_file_that_is_edited_counts_when_the_operator_says_so(pair):
    """Not when a process happens to die, nor is a broken file the end of lvsd."""
    pair.start(more="backup = 192.0.2.2\nlvsd_grace = 40s")
    for text, word in ((config(2, more=MORE), "is not what runs"), ("keepalive = soon\n", "keepalive")):
        pair.primary.write("/etc/sysconfig/ha/lvs.cf", text)
        for name in ("pulse", "lvsd"):
            killed = pair.primary.children()[name]
            os.kill(killed, signal.SIGKILL)
            eventually("the keeper starts another", lambda: pair.primary.children().get(name, killed) != killed)
        eventually("lvsd is back", lambda: pair.primary.ask("status")["able"])
        eventually("it is said", lambda: word in pair.primary.lvsctl("status")[0])
        expect("192.0.2.11" not in pair.primary.lvsctl("status")[0], "nothing new is served")
        expect(pair.primary.holds() and pair.primary.state() == "active", "all as it was")
    pair.primary.configure(3, more=MORE)
    pair.primary.service("reload")
    eventually("now it counts", lambda: pair.primary.holds("192.0.2.11"))
    expect("edited" not in pair.primary.lvsctl("status")[0], "and nothing is left to say")


def what_is_settled_at_the_start_is_refused_until_the_next(pair):
    """Else an arbiter that dies would come back with heartbeats of its own, and be deaf."""
    pair.start()
    pair.primary.configure(2, more="heartbeat_port = 540")
    expect(pair.primary.service("reload", check=False).returncode == 1, "the operator is told")
    words = "heartbeat_port: another value needs a restart"
    page = json.loads(pair.primary.lvsctl("status", "--json")[0])
    expect(words in page["pulse"]["reload_errors"][0] and words in page["lvsd"]["reload_error"], f"both say so: {page}")
    expect(pair.primary.lvsctl("status")[0].count(words) == 1, "the operator reads it once")
    text, code = pair.primary.lvsctl("plan")
    expect("a reload would be refused" in text and code == 1, text)
    pair.backup.configure(2, more="heartbeat_key = /etc/no-such-key")
    text, code = pair.backup.lvsctl("plan")
    expect("a reload would be refused" in text and "/etc/no-such-key" in text and code == 1, text)
    done = pair.backup.service("reload", check=False)
    expect(done.returncode == 1 and "neither daemon was told" in done.stdout + done.stderr, f"{done.stdout}{done.stderr}")
    status = json.loads(pair.backup.lvsctl("status", "--json")[0])
    expect(status["lvsd"]["serial"] == status["pulse"]["config_serial"] == 1, "both run the file that ran")
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    eventually("all paths are alive", lambda: all(
        path["alive"] for director in pair.both for path in director.ask("status")["paths"]))


def switchover_and_back(pair):
    pair.start()
    expect(pair.primary.lvsctl("switchover") == ("the backup director serves\n", 0), "it is done when it says so")
    eventually("one holder", lambda: pair.holders() == [pair.backup])
    expect(pair.primary.lvsctl("switchover") == ("this director serves\n", 0), "and when the standby asks")
    eventually("one holder", lambda: pair.holders() == [pair.primary])


def a_switchover_that_comes_to_nothing_is_told(pair):
    pair.start()
    os.kill(pair.backup.arbiter(), signal.SIGSTOP)
    began = time.monotonic()
    expect(pair.primary.lvsctl("switchover") == ("", 1), "nobody took over")
    expect(time.monotonic() - began < 9, "told before the deadline")
    expect(pair.primary.holds(), "the service stays")


def a_switchover_waits_for_what_fails_on_the_standby_alone(pair):
    """Else it would be refused, again and again, where there are many services and checks fail by chance."""
    reject = ["OUTPUT", "-p", "tcp", "--dport", "80", "-j", "REJECT", "--reject-with", "tcp-reset"]
    with web_server(pair.switch):
        pair.start(checks="     check = tcp\n     interval = 100ms\n     rise = 1")
        for director in pair.both:
            eventually(f"{director.name} is healthy", lambda: director.lvsctl("status")[1] == 0)
        pair.backup.run("iptables", "-I", *reject)
        eventually("the standby fails it", lambda: pair.primary.ask("status")["peer"]["unserved"] == 1)
        asked = subprocess.Popen(pair.primary.inside("/usr/sbin/lvsctl", "switchover"), stdout=subprocess.PIPE, text=True)
        eventually("it is under way", lambda: pair.primary.ask("status")["switching"])
        expect(pair.primary.holds() and asked.poll() is None, "and waits")
        pair.backup.run("iptables", "-D", *reject)
        said = asked.communicate(timeout=PATIENCE_S)[0]
        expect((said, asked.returncode) == ("the backup director serves\n", 0), f"{said} {asked.returncode}")
        pair.primary.run("iptables", "-I", *reject)
        eventually("now the other one fails it", lambda: pair.backup.ask("status")["peer"]["unserved"] == 1)
        done = pair.primary.run("/usr/sbin/lvsctl", "switchover", check=False)
        expect(done.returncode == 1 and "did not hand over" in done.stderr, f"it does not wait for ever: {done.stderr}")
        expect(pair.holders() == [pair.backup], "the service stays")


def a_held_standby_leaves_the_service_alone_until_it_is_released(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    text, code = pair.backup.lvsctl("hold")
    expect((text, code) == ("held: this director stays standby, and does not take over, until lvsctl release\n", 0), f"{text} {code}")
    eventually("the log says who asked", lambda: any("event=asked what=hold" in line and "uid=0" in line for line in pair.backup.logged))
    killed = pair.backup.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.backup.arbiter() not in (0, killed))
    pair.backup.reaches("standby")
    text, code = pair.backup.lvsctl("status")
    expect(re.search(r"^! held by \S+ since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d: it takes over", text, re.MULTILINE) and code == 1, text)
    held = json.loads(pair.backup.lvsctl("status", "--json")[0])["pulse"]["held"]
    expect(held["by"] and abs(held["since"] - time.time()) < PATIENCE_S, f"{held}")
    eventually("the peer knows", lambda: "! the peer is held: it would not take over" in pair.primary.lvsctl("status")[0])
    expect(pair.primary.lvsctl("switchover")[1] == 1, "and hands nothing over to it")
    pair.primary.service("stop")
    eventually("what it does not do is told", lambda: pair.backup.said("held-back"))
    expect(not pair.holders(), "nobody serves")
    expect(pair.backup.lvsctl("release") == ("released\n", 0), "released")
    pair.backup.reaches("active", patience=5)


def a_hold_that_cannot_be_written_is_no_plain_yes(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    backup = pair.backup
    backup.run("sh", "-c", "mkdir -p /var/lib/lvs && mount -t tmpfs -o size=64k tmpfs /var/lib/lvs && "
               "mkdir /var/lib/lvs/pulse /var/lib/lvs/events")
    fill = lambda: backup.run("sh", "-c", "cat /dev/zero >/var/lib/lvs/full", check=False)
    is_kept = lambda: backup.ask("status")["kept"] == {"written": True, "error": ""}

    def is_told(word, text, meaning):
        done = backup.run("/usr/sbin/lvsctl", word, check=False)
        expect(done.returncode == 5 and text in done.stdout, f"in force: {done.returncode} {done.stdout}{done.stderr}")
        expect(re.search(rf"^lvsctl: {word}: in force, but not kept: {meaning}: /var/lib/lvs/pulse/\S+\.peer: "
                         "No space left on device; make room", done.stderr), done.stderr)
        shown, code = backup.lvsctl("status")
        expect(re.search(r"^! .* is not kept: /var/lib/lvs/pulse/\S+\.peer: No space left", shown, re.M) and code == 1, shown)

    def boot():
        backup.service("stop")
        backup.run("sh", "-c", "rm -r /run/lvs/*")
        backup.service("start")
        backup.reaches("standby")

    fill()
    is_told("hold", "held: this director stays standby", "a boot would lose the hold")
    killed = backup.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: backup.arbiter() not in (0, killed))
    backup.reaches("standby")
    eventually("which goes on trying", lambda: backup.ask("status")["kept"]["error"])
    backup.run("rm", "/var/lib/lvs/full")
    eventually("it is written as soon as there is room", is_kept, patience=10)
    boot()
    expect(backup.ask("status")["held"], "the hold outlived a boot")
    fill()
    is_told("release", "released", "a boot would hold this director again")
    backup.run("rm", "/var/lib/lvs/full")
    eventually("that too", is_kept, patience=10)
    boot()
    expect(not backup.ask("status")["held"], "the release outlived a boot")


def events_tell_what_happened_and_outlive_the_daemons(pair):
    pair.start(keepalive="200ms", deadtime="3s")

    def events():
        return [json.loads(line) for line in pair.primary.lvsctl("events", "--json")[0].splitlines()]

    def told(daemon, event, **fields):
        return [one for one in events() if (one["daemon"], one["event"]) == (daemon, event)
                and fields.items() <= one["fields"].items()]

    expect(told("pulse", "takeover", to="active") and told("lvsd", "armed"), f"how it began: {events()}")
    follower = subprocess.Popen(pair.primary.inside("/usr/sbin/lvsctl", "events", "--follow"), stdout=subprocess.PIPE, text=True)
    known = next(line for line in follower.stdout if " pulse takeover " in line)
    expect("to=active" in known, f"it begins with what is known: {known}")
    pair.primary.lvsctl("switchover")
    line = next(line for line in follower.stdout if "handed-over" in line)
    follower.kill()
    follower.wait()
    expect(re.search(r"^\S+ \S+\.\d\d\d pulse standdown from=handing-over to=standby reason=handed-over$", line), line)
    expect(told("pulse", "asked", what="switchover", uid="0"), f"who asked: {events()}")
    expect(told("lvsd", "disarmed"), f"lvsd too: {events()}")

    before = events()
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("standby")
    after = events()
    expect(all(one in after for one in before), f"nothing is lost: {before} {after}")
    expect(len(told("pulse", "restarted", predecessor="signal 9")) == 1, f"why: {after}")
    expect(not told("lvsd", "restarted"), f"lvsd went on: {after}")
    os.kill(pair.primary.children()["lvsd"], signal.SIGSTOP)
    eventually("a frozen lvsd is replaced", lambda: told("lvsd", "restarted", predecessor="did not answer, killed"))
    threads = run("ps", "--ppid", str(pair.primary.arbiter()), "-o", "stat=", check=False).stdout.split()
    expect(not any(state.startswith("Z") for state in threads), f"no writer is left: {threads}")

    pair.primary.service("stop")
    expect(told("pulse", "stopped") and told("lvsd", "stop"), f"after the end from the files: {events()}")
    pair.primary.write("/var/lib/lvs/events/pulse", "rubbish\n")
    pair.primary.service("start")
    pair.primary.reaches("standby")
    expect([one["event"] for one in events() if one["daemon"] == "pulse"][0] == "events-unreadable", f"begun anew: {events()}")


def commands_keep_their_order_and_nothing_waits_for_them(pair):
    """active_cmd takes long; meanwhile the service moves away, and back, and away."""
    pair.primary.write("/run/note", "#!/bin/sh\necho $1 >>/run/told\n"
                       "test $1 = inactive || while ! test -e /run/go; do sleep 0.05; done\necho $1-ended >>/run/told\n", 0o755)
    commands = 'active_cmd = "/run/note active"\ninactive_cmd = "/run/note inactive"'
    text = config(1, witness=commands).replace("""active_cmd = "/usr/bin/touch '/run/became active'"\n""", "")
    pair.primary.write("/etc/sysconfig/ha/lvs.cf", text)
    pair.backup.configure(1)
    for director in pair.both:
        director.service("start")
    pair.primary_serves()
    told = lambda: pair.primary.run("cat", "/run/told", check=False).stdout.split()
    eventually("active_cmd runs", lambda: "active" in told())
    before = told()
    for state in ("standby", "active", "standby"):
        eventually("it may move", lambda: pair.primary.state() == state or pair.primary.lvsctl("switchover")[1] == 0)
        pair.primary.reaches(state)
    expect(told() == before, f"what comes later waits: {told()}")
    expect(pair.primary.said("command-waits") >= 3, "that is told")
    pair.primary.write("/run/go", "")
    eventually("the last state is told last", lambda: told()[-2:] == ["inactive", "inactive-ended"]
               and len(told()) >= len(before) + 7)
    words = told()
    expect(all(words[i + 1] == words[i] + "-ended" for i in range(0, len(words), 2)), f"one after the other: {words}")
    roles = words[::2]
    expect(all(one != other for one, other in zip(roles, roles[1:])), f"each change in its turn: {roles}")

    pair.primary.write("/run/note", "#!/bin/sh\necho the router does not answer\nexec sleep 1000\n", 0o755)
    pair.primary.write("/etc/sysconfig/ha/lvs.cf", text.replace("serial_no = 1", "serial_no = 2\nhook_timeout = 1"))
    pair.primary.service("reload")
    eventually("it is taken", lambda: pair.primary.ask("status")["config_serial"] == 2)
    eventually("it may move", lambda: pair.primary.state() == "active" or pair.primary.lvsctl("switchover")[1] == 0)
    eventually("one that hangs is killed and told", lambda: any(
        "event=command-failed command=/run/note" in line and "longer than it may" in line
        and "the router does not answer" in line for line in pair.primary.logged))


def a_pipe_is_told_of_roles_as_keepalived_would(pair):
    path = f"/proc/{pair.primary.holder.pid}/root/run/pulse.pipe"
    for director in pair.both:
        director.configure(1, more="notify_fifo = /run/pulse.pipe")
        director.service("start")
    pair.primary_serves()
    expect(stat.filemode(os.lstat(path).st_mode) == "prw-------", "made for root alone")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines = []

    def read():
        with contextlib.suppress(BlockingIOError):
            lines.extend(os.read(reader, 65536).decode().splitlines())
        return lines[-1] if lines else ""

    eventually("a late reader is told", lambda: read() == 'INSTANCE "pulse" MASTER 100')
    run("ip", "-n", pair.primary.namespace, "link", "set", "eth0", "down")
    eventually("not able", lambda: read() == 'INSTANCE "pulse" FAULT 100')
    run("ip", "-n", pair.primary.namespace, "link", "set", "eth0", "up")
    eventually("able again", lambda: read() == 'INSTANCE "pulse" BACKUP 100')

    filler = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(filler, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(filler, b"x")
    eventually("it may move", lambda: pair.primary.state() == "active" or pair.primary.lvsctl("switchover")[1] == 0)
    pair.primary.reaches("active")
    eventually("what is lost is told", lambda: pair.primary.said("notify-fifo-failed") == 1)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.read(reader, 65536)
    pair.primary.service("stop")
    eventually("the end", lambda: read() == 'INSTANCE "pulse" STOP 100')

    pair.primary.write("/run/precious", "x")
    pair.primary.configure(2, more="notify_fifo = /run/precious")
    text, code = pair.primary.lvsctl("check")
    expect(code == 1 and re.search(r"lvs.cf:\d+: .*notify_fifo: expected a named pipe", text), text)
