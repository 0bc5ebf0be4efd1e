#!/usr/bin/env python3
"""What lvsd with `core = kernel` does without an ip_vs, without a scheduler, without rights: it says what to do, goes
on running, and is whole again when the cause is gone. Runs inside the user-mode kernel: failures.py BIN-FOLDER

modprobe finds the modules here only by its option --dirname, so the kernel's own attempts to load one fail.
"""
import os
import sys
import time

from director import GLOBALS, WEB, WEB_TABLE, Director
from inside import IPVSADM, execute

MAGLEV = """
virtual maglev {
     active = 1
     address = 192.0.2.1 lo:1
     port = 81
     scheduler = mh
     check = tcp
     interval = 1
     timeout = 20
     server one {
         address = 10.0.0.1
         port = 80
         active = 1
     }
}
"""
MAGLEV_TABLE = "-A -t 192.0.2.1:81 -s mh\n-a -t 192.0.2.1:81 -r 10.0.0.1:80 -m -w 1\n"


def load(module):
    status, _, error = execute(["modprobe", "--dirname", "/run/modules"], [module])
    if status != 0:
        sys.exit(f"load {module}: {error}")


def loaded(prefix):
    with open("/proc/modules", encoding="utf-8") as modules:
        return [line.split()[0] for line in modules if line.startswith(prefix)]


def unload_ip_vs():
    """Whoever wants it gone flushes its table and unloads it before lvsd has looked again."""
    for _ in range(200):
        execute([IPVSADM], ["-C"])
        users = [module for module in loaded("ip_vs") if module != "ip_vs"]
        if execute(["rmmod"], [*users, "ip_vs"])[0] == 0:
            return
    sys.exit(f"cannot be unloaded: {loaded('ip_vs')}")


def shows(director, field, words):
    return all(word in director.status().get(field, "") for word in words)


def missing_at_start_and_while_running(binaries):
    director = Director(binaries)
    unload_ip_vs()
    director.start()
    director.eventually("status names the module", lambda: shows(director, "core_error", ["modprobe ip_vs"]))
    director.expect("and lvsctl's page too", "modprobe ip_vs" in director.status_text())
    director.expect("lvsd is not ready", director.status()["ready"] is False)
    director.throughout(1, "lvsd goes on running", lambda: director.lvsd.poll() is None)
    director.expect("and says it once", director.log().count("event=core-unreadable") == 1)

    load("ip_vs_rr")
    director.eventually("loaded: the table is there", lambda: director.table() == WEB_TABLE)
    director.eventually("and nothing is wrong any more", lambda: director.status()["core_error"] == "")

    unload_ip_vs()
    director.eventually("unloaded: status says so", lambda: shows(director, "core_error", ["modprobe ip_vs"]))
    load("ip_vs_rr")
    director.eventually("loaded again: the table is complete", lambda: director.table() == WEB_TABLE)
    director.expect("it is still the same lvsd", director.lvsd.poll() is None)
    director.stop()


def scheduler_missing(binaries):
    director = Director(binaries)
    director.configure(GLOBALS + WEB + MAGLEV)
    director.start()
    director.eventually("the other service is complete", lambda: director.table() == WEB_TABLE)
    failing = director.status()["failing"]
    director.expect("status names service and module", len(failing) == 1 and failing[0]["what"] == "TCP 192.0.2.1:81" and
                    "modprobe ip_vs_mh" in failing[0]["error"])
    director.expect("and lvsctl's page too", "modprobe ip_vs_mh" in director.status_text())
    attempts = failing[0]["attempts"]
    director.eventually("it is tried again", lambda: director.status()["failing"][0]["attempts"] > attempts)
    director.expect("it is logged once", director.log().count("event=change-failed") == 1)
    load("ip_vs_mh")
    director.eventually("loaded: it is there too", lambda: director.table() == WEB_TABLE + MAGLEV_TABLE)
    director.eventually("nothing fails any more", lambda: director.status()["failing"] == [])
    director.stop()


def without_the_right(binaries):
    director = Director(binaries)
    director.start(under=["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])
    director.eventually("status names the right", lambda: shows(director, "core_error", ["CAP_NET_ADMIN"]))
    before, begin = cpu_ticks(director.lvsd.pid), time.monotonic()
    director.throughout(4, "lvsd goes on running", lambda: director.lvsd.poll() is None)
    possible = (time.monotonic() - begin) * os.sysconf("SC_CLK_TCK")
    director.expect("and does not spin", cpu_ticks(director.lvsd.pid) - before < possible / 2)
    director.expect("it says it once", director.log().count("event=core-unreadable") == 1)
    director.stop()
    director.start()
    director.eventually("started with it: the table is there", lambda: director.table() == WEB_TABLE)
    director.stop()


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return sum(int(word) for word in stat.read().rsplit(")", 1)[1].split()[11:13])


def main():
    binaries = sys.argv[1]
    missing_at_start_and_while_running(binaries)
    scheduler_missing(binaries)
    without_the_right(binaries)
    print("without module, scheduler or right lvsd says what to do; with them its table is complete again")


main()
