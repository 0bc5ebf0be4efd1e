"""Transcripts: what an administrator and a client do, and what ip_vs answers.

    # What this shows.
    # cores: ip_vs                 (only where the embedded core cannot; with the reason)

    > ipvsadm -A -t 192.0.2.100:80 -s rr
    > ipvsadm -R
    < -a -t 192.0.2.100:80 -r 10.0.0.11:80 -m
    > connect 192.0.2.100:80
    rs1
    --- embedded: why it differs there, on purpose
    port-unreachable

A line "> " is a step, "< " its standard input; the lines after it are what must come out, as ipvsadm on the kernel's own
ip_vs has it. "--- WAY: reason" begins what comes out another WAY (lvsadm on ip_vs, or lvsadm on the embedded core)
where that differs on purpose. A time that is left ("14:58") may be less than written by a tenth, EARLY_S or what
the story took so far, or LATE_S more.
"""
import re

EARLY_S, LATE_S = 9, 1
TIME = re.compile(r"(?<![\d.:])(\d\d):(\d\d)(?=\s|$)")
OTHER = re.compile(r"--- (lvsadm|embedded|express): (.+)")


class Step:
    def __init__(self, command, line):
        self.command, self.line = command, line
        self.given, self.expected, self.others, self.before = [], [], {}, []

    def expected_of(self, way):
        """`embedded` is lvsadm, too, and `express` is embedded."""
        for name in {"express": ("express", "embedded", "lvsadm"), "embedded": ("embedded", "lvsadm"),
                     "lvsadm": ("lvsadm",)}.get(way, ()):
            if name in self.others:
                return self.others[name][1]
        return self.expected

    def write(self):
        lines = [*self.before, f"> {self.command}", *(f"< {line}".rstrip() for line in self.given), *self.expected]
        for way, (reason, output) in self.others.items():
            lines += [f"--- {way}: {reason}", *output]
        return lines


class Transcript:
    def __init__(self, path):
        self.path, self.steps, self.end = path, [], []
        waiting, into = [], None
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for number, line in enumerate(lines, 1):
            if line.startswith("> "):
                step = Step(line[2:], number)
                step.before, waiting, into = waiting, [], step.expected
                self.steps.append(step)
            elif line.startswith("< "):
                self.steps[-1].given.append(line[2:])
            elif not line or line.startswith("#"):
                waiting.append(line)
            elif other := OTHER.fullmatch(line):
                into = []
                self.steps[-1].others[other[1]] = (other[2], into)
            elif into is None or waiting:
                raise ValueError(f"{path}:{number}: output without a step before it")
            else:
                into.append(line)
        self.end = waiting
        self.only_ip_vs = any(line.startswith("# cores: ip_vs") for line in lines)

    def text(self):
        lines = [line for step in self.steps for line in step.write()]
        return "\n".join([*lines, *self.end]) + "\n"


def timeless(line):
    return TIME.sub("", line)


def seconds(found):
    return int(found[1]) * 60 + int(found[2])


def same(expected, got, passed=0):
    """Alike but for times that are left, which have gone on meanwhile: for as long as the story took, at most."""
    if len(expected) != len(got):
        return False
    for wanted, is_there in zip(expected, got):
        if timeless(wanted) != timeless(is_there):
            return False
        for left, is_left in zip(TIME.finditer(wanted), TIME.finditer(is_there)):
            earliest = seconds(left) - max(EARLY_S, seconds(left) // 10, passed)
            if not earliest <= seconds(is_left) <= seconds(left) + LATE_S:
                return False
    return True


def rounded(lines):
    """As a transcript has it: each time up to the next ten seconds, where the timers of ip_vs begin."""
    def up(found):
        return "{:02}:{:02}".format(*divmod(-(-seconds(found) // 10) * 10, 60))
    return [TIME.sub(up, line) for line in lines]
