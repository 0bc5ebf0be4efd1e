#!/usr/bin/env python3
"""Wrong command lines: lvsadm gives ipvsadm's exit status and message. Runs inside the user-mode kernel:
errors.py LVSADM [show]

What differs on purpose stands in DIFFERENT, with the reason; a line there that no longer differs is an error too.
With `show`, both programs' answers to every command line are printed.
"""
import re
import sys

from inside import IPVSADM, execute, fresh_namespace

TABLE = """-A -t 192.0.2.1:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m
-A -f 7 -s wlc
-A -u [2001:db8::1]:53 -s rr
"""

REFUSED_BY_THE_CORE = """
-A -t 192.0.2.1:80
-A -t 192.0.2.1:80 -s wlc
-A -t 192.0.2.9:80 -s nosuch
-A -u 192.0.2.9:80 -p 60 --pe nosuch
-A -f 7
-E -t 192.0.2.9:80 -s rr
-E -t 192.0.2.1:80 -s nosuch
-E -f 8
-D -t 192.0.2.9:80
-D -u 192.0.2.1:80
-D -f 7 -6
-a -t 192.0.2.9:80 -r 10.0.0.2:80 -m
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m
-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g
-a -t 192.0.2.1:80 -r 224.0.0.1:80 -m
-a -t 192.0.2.1:80 -r 0.0.0.0:80 -m
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -x 5 -y 6
-a -u [2001:db8::1]:53 -r [ff02::1]:53 -m
-e -t 192.0.2.9:80 -r 10.0.0.2:80 -m
-e -t 192.0.2.1:80 -r 10.0.0.3:80 -m
-e -t 192.0.2.1:80 -r 10.0.0.2:81 -m
-e -t 192.0.2.1:80 -r 10.0.0.2:80 -m -x 5 -y 6
-d -t 192.0.2.9:80 -r 10.0.0.2:80
-d -t 192.0.2.1:80 -r 10.0.0.3:80
-d -t 192.0.2.1:80 -r 10.0.0.2:81
-Z -t 192.0.2.9:80
-Z -f 9
-L -n -t 192.0.2.9:80
-L -n -f 9
-L -n -f 7 -6
--stop-daemon master
--stop-daemon backup --syncid 5
--start-daemon master --mcast-interface nosuch
--start-daemon backup --mcast-interface nosuch --syncid 5
"""

WRONG_USAGE = """
-X
--nosuch
-A
-A -s rr
-A -t
-A -t 192.0.2.1
-A -t 192.0.2.1:0
-A -t 192.0.2.1:80 -t 192.0.2.2:80
-A -t 192.0.2.1:80 -u 192.0.2.2:80
-A -t 192.0.2.1:65536
-A -t 192.0.2.1:-1
-A -t 192.0.2.256:80
-A -t :80
-A -t [2001:db8::1:80
-A -t 2001:db8::1:80
-A -f 0
-A -f x
-A -f -1
-A -f 4294967296
-A -f 1 -6 -6
-A -6 -f 1
-A -6 -t 192.0.2.9:80
-A -t 192.0.2.9:80 -6
-A -t 192.0.2.9:80 -s
-A -t 192.0.2.9:80 -s rr -s wlc
-A -t 192.0.2.9:80 -p 0
-A -t 192.0.2.9:80 -p x
-A -t 192.0.2.9:80 -p 2678401
-A -t 192.0.2.9:80 -p -1
-A -t 192.0.2.9:80 -p 60 -M 0.0.0.0
-A -t 192.0.2.9:80 -p 60 -M x
-A -t 192.0.2.9:80 -p 60 -M 33
-A -u [2001:db8::9]:53 -p 60 -M 0
-A -u [2001:db8::9]:53 -p 60 -M 129
-A -u [2001:db8::9]:53 -p 60 -M 255.255.255.0
-A -t 192.0.2.9:80 -o
-A -t 192.0.2.9:80 -s sh -b nosuch
-A -t 192.0.2.9:80 -s sh -b mh-port
-A -t 192.0.2.9:80 -s rr -b sh-port
-A -t 192.0.2.9:80 -w 1
-A -t 192.0.2.9:80 -r 10.0.0.2
-A -t 192.0.2.9:80 -n
-A -t 192.0.2.9:80 -c
-A -t 192.0.2.9:80 nonsense
-A -E -t 192.0.2.9:80
-E
-D
-D -t 192.0.2.1:80 -s rr
-D -t 192.0.2.1:80 -r 10.0.0.2
-C -t 192.0.2.1:80
-C -n
-C nonsense
-R -n
-R -t 192.0.2.1:80
-S -t 192.0.2.1:80
-S -c
-a
-a -t 192.0.2.1:80
-a -r 10.0.0.3:80
-a -t 192.0.2.1:80 -r
-a -t 192.0.2.1:80 -r 10.0.0.3:x
-a -t 192.0.2.1:80 -r 10.0.0.3:65536
-a -t 192.0.2.1:80 -r 10.0.0.256:80
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -w
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -w x
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -w -1
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -w 2147483648
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -w 1 -w 2
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -x x
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -x -1
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -y x
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -y 2147483648
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -g
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -i
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -g
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -s rr
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -p 60
-a -t 192.0.2.1:80 -r [2001:db8::2]:80 -m
-a -u [2001:db8::1]:53 -r 10.0.0.3:53 -g
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type nosuch
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type gue
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type gue --tun-port 0
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type gue --tun-port 65536
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type gre --tun-port 80
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type ipip --tun-port 80
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type gre --tun-remcsum
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i --tun-type ipip --tun-csum
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m --tun-type gre
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g --tun-port 80
-e
-e -t 192.0.2.1:80
-d
-d -t 192.0.2.1:80
-d -t 192.0.2.1:80 -r 10.0.0.2:80 -m
-d -t 192.0.2.1:80 -r 10.0.0.2:80 -w 1
-L -s rr
-L -w 1
-L -r 10.0.0.2:80
-L -c -t 192.0.2.1:80
-L --timeout -c
-L --timeout -t 192.0.2.1:80
-L --daemon -c
-L --daemon --timeout
-L --daemon -t 192.0.2.1:80
-L -c --stats
-L -c --rate
-L --timeout --stats
-L --daemon --thresholds
-L -n -n
-L --stats --stats
-L -n nonsense
-L -f 0
-Z -n
-Z -r 10.0.0.2
-t 192.0.2.1:80
-n
--set
--set 1
--set 1 2
--set 1 2 x
--set 1 2 3 4
--set -1 2 3
--set 2678401 1 1
--set 1 2 3 -n
--start-daemon
--start-daemon nosuch
--start-daemon master --syncid x
--start-daemon master --syncid 256
--start-daemon master --syncid -1
--start-daemon master --mcast-ttl 0
--start-daemon master --mcast-ttl 256
--start-daemon master --mcast-port 0
--start-daemon master --mcast-port 65536
--start-daemon master --mcast-group 10.0.0.1
--start-daemon master --mcast-group 2001:db8::1
--start-daemon master --mcast-group x
--start-daemon master --sync-maxlen 0
--start-daemon master --sync-maxlen 65536
--start-daemon master -n
--stop-daemon
--stop-daemon nosuch
--stop-daemon master --mcast-interface lo
-h -A
-A -h
"""

# Command line: why lvsadm answers otherwise.
DIFFERENT = {
    "-A -f 1 -6 -6": "an option given twice is an error, this one too",
    "-A -6 -f 1": "the order of -6 and -f does not matter",
    "-A -t 192.0.2.9:80 -p 60 -M 33": "33 is no prefix length; ipvsadm takes it for the address 0.0.0.33",
    "--stop-daemon nosuch": "ipvsadm names the wrong option",
    "-h -A": "a second command is an error, after -h too",
}


def fresh_table():
    fresh_namespace()
    execute([IPVSADM], ["-R"], TABLE)


def answer(program, line):
    """Status and message. A program's own name and blank lines at the end do not count."""
    status, out, error = execute(program, line.split())
    if status == 0:
        fresh_table()  # Nothing else may have changed it.
    return status, re.sub(r"\S*\b(lvsadm|ipvsadm)", "PROGRAM", out + error).rstrip()


def main():
    lvsadm, show = [sys.argv[1], "--core", "kernel"], sys.argv[2:] == ["show"]
    lines = [line for line in (REFUSED_BY_THE_CORE + WRONG_USAGE).splitlines() if line]
    failures = [f"{line}: in DIFFERENT, but not tried" for line in DIFFERENT if line not in lines]
    fresh_table()
    for line in lines:
        theirs, ours = answer([IPVSADM], line), answer(lvsadm, line)
        if show:
            print(f"{line}\n    {theirs}\n    {ours}")
        if (theirs != ours) != (line in DIFFERENT):
            failures.append(f"{line}\n    ipvsadm {theirs}\n    lvsadm  {ours}")
    if failures:
        sys.exit("\n".join(failures) + f"\n{len(failures)} of {len(lines)} command lines are not as expected")
    print(f"{len(lines)} wrong command lines: {len(lines) - len(DIFFERENT)} answered as ipvsadm answers, "
          f"{len(DIFFERENT)} otherwise on purpose")


main()
