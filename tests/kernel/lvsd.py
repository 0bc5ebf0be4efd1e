#!/usr/bin/env python3
"""lvsd with `core = kernel` on a live ip_vs: the table appears, what others put there stays, a killed lvsd finds its
table and its connections again. Runs inside the user-mode kernel: lvsd.py BIN-FOLDER
"""
import socket
import sys

from director import Director, WEB_TABLE
from inside import IPVSADM, execute

FOREIGN = "-A -f 99 -s sed\n-a -f 99 -r 10.0.0.9:0 -g -w 7\n"
BOTH = WEB_TABLE + FOREIGN


def connections():
    return execute([IPVSADM], ["-L", "-n", "-c"])[1].count("ESTABLISHED")


def main():
    director = Director(sys.argv[1])
    director.table(given=FOREIGN)
    director.start()
    director.eventually("the table is there, the foreign service too", lambda: director.table() == BOTH)
    client = socket.create_connection(("192.0.2.1", 80))
    director.expect("a connection is balanced", connections() == 1)

    director.kill()
    director.expect("the table outlives lvsd", director.table() == BOTH)
    starts = director.log().count("\n")
    director.start()
    director.eventually("the new lvsd says something", lambda: director.log().count("\n") > starts)
    director.throughout(5, "the table never changes while it is adopted", lambda: director.table() == BOTH)
    director.expect("the connection is still there", connections() == 1)
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    director.expect("and carries an answer", client.recv(100).startswith(b"HTTP/1.0 200"))

    execute([IPVSADM], ["-D", "-t", "192.0.2.1:80"])
    director.eventually("a service that somebody deleted comes back", lambda: director.table() == BOTH)
    director.stop()
    print("the table appears, is adopted with its connections and repaired; the foreign service stays")


main()
