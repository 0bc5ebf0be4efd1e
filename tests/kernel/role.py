#!/usr/bin/env python3
"""lvsd with `core = kernel` is told its role as pulse tells it: sync daemons, services of which the standby is a server
itself, time-outs, sysctls, forwarding methods; killed and stopped, what is ours goes and what is not stays. Runs inside
the user-mode kernel: role.py BIN-FOLDER
"""
import signal
import sys

from director import GLOBALS, WEB, WEB_TABLE, Director, say_role
from inside import IPVSADM, execute

SYNC = "syncdaemon = 1\nsyncd_iface = lo\nsyncd_id = 7\ntcp_timeout = 1200\nudp_timeout = 60\n"
DEFENCE = "drop_entry = 1\nsecure_tcp = 3\nam_droprate = 20\n"
DEFENDED = {"vs/drop_entry": 1, "vs/secure_tcp": 3, "vs/am_droprate": 20}
# Three servers, each reached in its own way. All addresses are this machine's: it is a server of each service.
MIXED = """
virtual mixed {
     active = 1
     address = 192.0.2.1 lo:1
     port = 81
     scheduler = wlc
     forward = direct
     check = tcp
     interval = 1
     server one {
         address = 10.0.0.254
         active = 1
     }
     server two {
         address = 10.0.0.2
         active = 1
         forward = tunnel
     }
     server three {
         address = 10.0.0.1
         port = 8081
         active = 1
         forward = nat
     }
}
"""
MIXED_TABLE = ("-A -t 192.0.2.1:81 -s wlc\n-a -t 192.0.2.1:81 -r 10.0.0.1:8081 -m -w 1\n"
               "-a -t 192.0.2.1:81 -r 10.0.0.2:81 -i -w 1 --tun-type ipip\n"
               "-a -t 192.0.2.1:81 -r 10.0.0.254:81 -g -w 1\n")
FOREIGN = "-A -f 99 -s sed\n-a -f 99 -r 10.0.0.9:0 -g -w 7\n"
COMPLETE = WEB_TABLE + MIXED_TABLE + FOREIGN
DIRECT_TABLE = WEB_TABLE.replace(" -m ", " -g ") + FOREIGN
BEFORE = {"ip_forward": 0, "vs/expire_nodest_conn": 0, "vs/conn_reuse_mode": 2, "vs/expire_quiescent_template": 0,
          "vs/backup_only": 0, "vs/drop_entry": 0, "vs/secure_tcp": 0, "vs/am_droprate": 10}
NEEDED = BEFORE | {"ip_forward": 1, "vs/expire_nodest_conn": 1, "vs/conn_reuse_mode": 1}
DIRECT_NEEDED = NEEDED | {"ip_forward": 0}
FOREIGN_DAEMON = ["--start-daemon", "backup", "--mcast-interface", "lo", "--syncid", "99"]


def daemons():
    return execute([IPVSADM], ["-L", "--daemon"])[1].split("\n")[:-1]


def daemons_are(role, number):
    """One, of this role and number."""
    running = daemons()
    return len(running) == 1 and role in running[0] and f"syncid={number}" in running[0]


def timeouts():
    return execute([IPVSADM], ["-L", "--timeout"])[1]


def sysctls():
    def read(name):
        with open(f"/proc/sys/net/ipv4/{name}", encoding="utf-8") as value:
            return int(value.read())
    return {name: read(name) for name in BEFORE}


def follows_its_role(director):
    director.start("--standby")
    director.eventually("lvsd answers", director.status)
    director.eventually("nothing is scheduled before the role is said",
                        lambda: director.table() == FOREIGN and len(director.status()["held_back"]) == 2)
    director.expect("no daemon before the role is said", daemons() == [])
    director.eventually("every server was checked", lambda: "unknown" not in
                        [server["health"] for service in director.status()["services"] for server in service["servers"]])

    answer = say_role(False)
    director.expect("a standby is ready and not armed", answer["ready"] and not answer["armed"])
    director.expect("its table is the foreign one", director.table() == FOREIGN)
    director.expect(f"sysctls are as needed: {sysctls()}", sysctls() == NEEDED)
    director.expect("status tells why", "waits for this director to be active" in director.status_text())
    answer = say_role(True)
    director.expect("the word to be active finds the table complete", answer["armed"] and director.table() == COMPLETE)
    say_role(False)
    director.expect("standby again: the diff took ours away", director.table() == FOREIGN)


def synchronises(director):
    director.configure(GLOBALS + SYNC + DEFENCE + WEB + MIXED)
    director.lvsd.send_signal(signal.SIGHUP)
    director.eventually("its daemon takes connections in", lambda: daemons_are("backup", 7))
    director.eventually("then nothing is scheduled, and the table can be complete", lambda: director.table() == COMPLETE)
    director.expect(f"sysctls are as needed: {sysctls()}", sysctls() == NEEDED | DEFENDED | {"vs/backup_only": 1})
    director.expect("status shows the daemon", "sync daemon backup on lo, id 7" in director.status_text())

    answer = say_role(True)
    director.expect("active", answer["armed"] and director.table() == COMPLETE)
    director.expect("its daemon sends connections", daemons_are("master", 7))
    director.expect(f"the active forwards: {sysctls()}", sysctls() == NEEDED | DEFENDED)
    director.expect("the time-outs are those of lvs.cf, the one that it does not name as it was",
                    timeouts().endswith(": 1200 120 60\n"))


def finds_its_own_after_a_kill(director):
    director.kill()
    before = director.table()
    director.configure(GLOBALS.replace("nat", "direct") + SYNC.replace("syncd_id = 7", "syncd_id = 8") + WEB)
    director.start("--standby")
    director.eventually("the service that left the file while lvsd was dead is gone, the foreign one is not",
                        lambda: director.table() == DIRECT_TABLE)
    director.expect("the others were there all the time", WEB_TABLE in before)
    director.expect("the daemon waits for the role", daemons_are("master", 7))
    say_role(True)
    director.expect(f"what the new file does not need is as it was: {sysctls()}", sysctls() == DIRECT_NEEDED)
    director.expect("the old daemon was known as ours", daemons_are("master", 8))


def leaves_the_daemons_of_others(director):
    execute([IPVSADM], FOREIGN_DAEMON)
    say_role(False)
    director.eventually("status says which daemon is in the way", lambda: "--stop-daemon backup" in director.status_text())
    director.expect("and it still runs", daemons_are("backup", 99))
    execute([IPVSADM], ["--stop-daemon", "backup"])
    director.eventually("stopped: ours runs", lambda: daemons_are("backup", 8))
    say_role(True)


def is_stopped(director):
    director.stop()
    director.expect("lvsd's end leaves table, daemon and sysctls", director.table() == DIRECT_TABLE and
                    daemons_are("master", 8) and sysctls() == DIRECT_NEEDED)
    status, out, error = execute([f"{director.binaries}/lvsd"], ["--core", "--remove"])
    director.expect(f"removal works: {out}{error}", status == 0)
    director.expect("the director's stop takes both away", director.table() == FOREIGN and daemons() == [])
    director.expect(f"sysctls are what they were before the first lvsd: {sysctls()}", sysctls() == BEFORE)


def main():
    director = Director(sys.argv[1])
    director.configure(GLOBALS + WEB + MIXED)
    for address, port in (("10.0.0.254", 81), ("10.0.0.2", 81), ("10.0.0.1", 8081)):
        director.serve(address, port)
    director.table(given=FOREIGN)
    execute(["sysctl", "-q", "-w", "net.ipv4.vs.conn_reuse_mode=2"], [])
    director.expect(f"sysctls: {sysctls()}", sysctls() == BEFORE)
    follows_its_role(director)
    synchronises(director)
    finds_its_own_after_a_kill(director)
    leaves_the_daemons_of_others(director)
    is_stopped(director)
    print("table, sync daemons, time-outs and sysctls follow role and file; what others made stays")


main()
