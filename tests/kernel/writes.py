#!/usr/bin/env python3
"""lvsd asks ip_vs for what a change needs and no more: seen from outside by a tap on netlink, and told by itself in its
status. Runs inside the user-mode kernel: writes.py BIN-FOLDER
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))

from director import GLOBALS, WEB, WEB_TABLE, Director  # noqa: E402
from inside import execute  # noqa: E402
from ipvs import Table, Tap  # noqa: E402


class Counted:
    """A director whose writes are counted twice."""

    def __init__(self, director):
        self.director = director
        self.tap = Tap(Table().family)
        self.told = 0

    def expect(self, what, *writes, by_others=0):
        """What the tap saw since the last time, of which BY_OTHERS were not lvsd's."""
        seen = self.tap.writes()
        told = self.director.status()["writes"]
        if seen != dict(writes) or told - self.told != sum(seen.values()) - by_others:
            sys.exit(f"{what}: seen {seen}, told {told - self.told}; expected {dict(writes)}\n{self.director.log()}")
        self.told = told

    def reload(self, serial, text):
        self.director.configure(GLOBALS.replace("serial_no = 1", f"serial_no = {serial}") + text)
        self.director.lvsd.send_signal(1)
        self.director.eventually("the file is read again", lambda: self.director.status()["serial"] == serial)


def main():
    director = Director(sys.argv[1])
    counted = Counted(director)
    director.start()
    director.eventually("the table is there", lambda: director.table() == WEB_TABLE)
    counted.expect("start", ("NEW_SERVICE", 1), ("NEW_DEST", 2))

    counted.reload(2, WEB)
    counted.expect("a reload that changes nothing")

    counted.reload(3, WEB.replace("weight = 3", "weight = 5"))
    director.eventually("the weight changes", lambda: "-w 5" in director.table())
    counted.expect("another weight", ("SET_DEST", 1))

    counted.reload(4, WEB.replace("weight = 3", "weight = 5").replace("active = 1\n         weight = 1", "active = 0"))
    director.eventually("a server goes", lambda: "10.0.0.1" not in director.table())
    counted.expect("a server less", ("DEL_DEST", 1))

    execute(["ipvsadm"], ["-e", "-t", "192.0.2.1:80", "-r", "10.0.0.2:80", "-m", "-w", "9"])
    director.eventually("the weight comes back", lambda: "-w 5" in director.table())
    counted.expect("what somebody else changed, and its repair", ("SET_DEST", 2), by_others=1)
    director.stop()
    print("each change is what it needs: nothing, or one message")


main()
