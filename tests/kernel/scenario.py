#!/usr/bin/env python3
"""Plays transcripts (transcript.py tells what they are) and compares what comes out with what they say.

usage: scenario.py --as WAY [--as WAY ...] [--binaries FOLDER] [--rewrite FOLDER] TRANSCRIPT...

A WAY is `ipvsadm`, `lvsadm` (both on the kernel's ip_vs, so inside a kernel that has it), `embedded` (lvsadm and
`lvsd --core`, on any kernel) or `express` (the same, where new connections do not take the stack). With --rewrite, transcripts are written anew to FOLDER with what comes out.

The steps, apart from ipvsadm:
  connect ADDRESS:PORT [times N] [from ADDRESS[:PORT]] [at NODE] [silent S]  a TCP connection, or N; they stay open
  ask ADDRESS:PORT [times N] [from ADDRESS[:PORT]] [at NODE] [silent S] [bytes N | says TEXT]   datagrams, each from a port of its own
                                         `silent`: how long to listen where the answer is a timeout; rs1-unheard: its
                                         answer does not come to the client as one
  send BYTES on WHICH                    to the server and back
  finish WHICH [by server]               FIN from the client, or from the server;  WHICH: the connections of a real
                                         server, of a client port, or `all`
  reset WHICH [by server]                RST
  sctp NAME[+NAME] to ADDRESS:PORT [times N] [from ADDRESS[:PORT]] [bytes N]   a packet of SCTP with these chunks, from a
                                         port of its own; with `associate` for a name all four of an association
  sctp NAME[+NAME] on WHICH [bytes N] [by server]   one more between the same two
  sctp none at NODE                      it has no SCTP any more, and its kernel says so
  serve-sctp [ADDRESS:]PORT at NODE      by a socket, where the kernel has SCTP
  talk-sctp ADDRESS:PORT bytes N         an association between sockets; all of it to the server and back
  ah | esp to ADDRESS [from ADDRESS] [bytes N]   a packet, and one back; `director`: its local stack got it
  sysctl NAME=VALUE | sysctl NAME        on the director; without a value: what it is
  wait SECONDS                           time that the story needs, as timeouts do
  serve-ftp PORT at NODE                 vsftpd, on port 21 in place of what listens there
  fetch HOW FILE from ADDRESS times N    by FTP, over one connection; HOW: pasv, epsv, port or eprt; FILE: name or slow
  without-df                             both ends send what may be cut into fragments
  tunnel NODE NODE                       point to point, by devices without link layer (tun0) on both
  decapsulate KIND at NODE               it unpacks what comes by ipip, gre or gue:PORT
  outer NODE                             what a packet that it unpacked since it was asked last was packed in
  NODE: ip ... | iptables ...            on client, director, rs1 .. rs4, or `servers`: all of them
"""
import argparse
import difflib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from ftp import FtpServer, fetch
from inside import IPVSADM, execute
from ipsec import Ipsec
from network import SERVERS, Network
from sctp import Sctp
from sctp_talk import SctpTalks
from traffic import FIRST_PORT, PATIENCE_S, SILENCE_S, Traffic
from transcript import Transcript, rounded, same, timeless

WAYS = ("ipvsadm", "lvsadm", "embedded", "express")
ON_EMBEDDED_CORE = ("embedded", "express")
# Counters lag up to two seconds behind (the kernel's estimator), closing connections less.
SETTLES_S, LAGS_S, SETTLED_S = 60.0, 4.5, 0.5
START_S = 600.0  # Emulated, beside other work, verifying the programs takes minutes.
PAUSE_S = 0.05
VS_PREFIX = "net.ipv4.vs."
HEADER = "IP Virtual Server version"
CONNECTIONS = "IPVS connection entries"


class Wrong(Exception):
    """A transcript that cannot be played."""


class EmbeddedCore:
    """`lvsd --core` on the director."""

    def __init__(self, binaries, director):
        self.log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        with director:
            self.process = subprocess.Popen([f"{binaries}/lvsd", "--core", "--connections", "16384", "-n"],
                                            stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_S
        while "core-ready" not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise Wrong(f"lvsd --core does not start:\n{self.said()}")
            time.sleep(PAUSE_S)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=START_S)


def admin_output(status, output, error):
    lines = [line.rstrip() for line in (output + error).splitlines() if not line.startswith(HEADER)]
    if lines and lines[0] == CONNECTIONS:
        lines[2:] = sorted(lines[2:], key=timeless)
    return lines + ([f"status {status}"] if status else [])


class Stage:
    """One transcript, one way: a network of its own, a core."""

    def __init__(self, way, binaries):
        self.network, self.began = Network(), time.monotonic()
        self.traffic, self.sctp, self.ftp_servers = Traffic(self.network), None, []
        self.sctp_talks, self.ipsec = SctpTalks(self.network, FIRST_PORT), Ipsec(self.network)
        self.core = EmbeddedCore(binaries, self.network["director"]) if way in ON_EMBEDDED_CORE else None
        self.program = {"ipvsadm": [IPVSADM],
                        "lvsadm": [f"{binaries}/lvsadm", "--core", "kernel"]}.get(way, [f"{binaries}/lvsadm", "--core", "embedded"])
        if way == "express":
            self.choose(f"{VS_PREFIX}express", "1")

    def close(self):
        self.traffic.close()
        if self.sctp:
            self.sctp.close()
        self.sctp_talks.close()
        self.ipsec.close()
        for one in self.ftp_servers:
            one.stop()
        if self.core:
            self.core.stop()
        self.network.close()

    def play(self, step, expected, is_new, passed):
        """What comes out. What can be looked at again is, until it is as expected."""
        words = shlex.split(step.command)
        is_look = words[0] == "ipvsadm" and words[1] in ("-L", "-S") or words[0] == "sysctl" and "=" not in words[1]
        if is_look and is_new:
            time.sleep(LAGS_S if "--stats" in words else SETTLED_S)
        end = time.monotonic() + (0 if is_new else SETTLES_S)
        while True:
            got = self.act(words, "\n".join([*step.given, ""]), expected)
            if not is_look or same(expected, got, passed) or time.monotonic() > end:
                return got
            time.sleep(PAUSE_S)

    def act(self, words, given, expected):
        verb, *rest = words
        if verb == "ipvsadm":
            return admin_output(*self.network["director"].run(self.program, rest, given))
        if verb.endswith(":"):
            return self.on_node(verb[:-1], rest)
        if verb == "sysctl":
            return self.choose(*rest[0].split("=", 1)) if "=" in rest[0] else self.chosen(rest[0])
        if verb == "wait":
            time.sleep(float(rest[0]))
            return []
        if verb in ("connect", "ask"):
            return self.send_new(verb, rest, expected)
        if verb == "send":
            return [self.traffic.send(rest[2], int(rest[0]), SILENCE_S if expected in (["timeout"], ["reset"]) else PATIENCE_S)]
        if verb == "sctp":
            self.sctp = self.sctp or Sctp(self.network, FIRST_PORT)
            return self.sctp.step(rest[0], rest[1:], expected)
        if verb in ("ah", "esp"):
            options = dict(zip(rest[::2], rest[1::2]))
            patience_s = SILENCE_S if "timeout" in expected or "unheard" in " ".join(expected) else PATIENCE_S
            return [self.ipsec.talk(verb, options["to"], options.get("from", ""), int(options.get("bytes", 32)), patience_s)]
        if verb == "serve-sctp":
            self.sctp_talks.serve(rest[0], self.names(rest[2]))
            return []
        if verb == "talk-sctp":
            return [self.sctp_talks.talk(rest[0], int(rest[2]))]
        if verb == "without-df":
            self.traffic.let_be_cut()
            return []
        if verb == "tunnel":
            self.network.tunnel(*rest)
            return []
        if verb == "serve-ftp":
            for name in self.names(rest[2]):
                self.traffic.stop_listening(name, int(rest[0]))
                self.ftp_servers.append(FtpServer(self.network[name], int(rest[0])))
            return []
        if verb == "fetch":
            return fetch(self.network["client"], rest[0], rest[3], rest[1], int(rest[5]))
        if verb == "decapsulate":
            self.network.decapsulate(rest[0], self.names(rest[2]))
            return []
        if verb == "outer":
            return [self.network.decapsulations[rest[0]].outer()]
        if verb in ("finish", "reset"):
            getattr(self.traffic, verb)(rest[0], rest[1:] == ["by", "server"])
            return []
        raise Wrong(f"no step {verb}")

    def choose(self, name, value):
        """What is ip_vs's own the embedded core has, too, under the same name."""
        if self.core and name.startswith(VS_PREFIX):
            setting = f"{name.removeprefix(VS_PREFIX)}={value}"
            return admin_output(*self.network["director"].run(self.program, ["--setting", setting]))
        self.network["director"].sysctl(name, value)
        return []

    def chosen(self, name):
        if self.core and name.startswith(VS_PREFIX):
            said = admin_output(*self.network["director"].run(self.program, ["--setting", name.removeprefix(VS_PREFIX)]))
            return [line.split()[-1] for line in said]
        return [self.network["director"].read_sysctl(name)]

    @staticmethod
    def names(node):
        return SERVERS if node == "servers" else (node,)

    def on_node(self, name, words):
        return [line for one in self.names(name) for line in admin_output(*self.network[one].run(words[:1], words[1:]))]

    def send_new(self, verb, words, expected):
        options = dict(zip(words[1::2], words[2::2]))
        source, node = options.pop("from", ""), options.pop("at", "client")
        times, silence_s = int(options.pop("times", 1)), options.pop("silent", SILENCE_S)
        text = options.pop("says", "?" * int(options.pop("bytes", 10))).encode().decode("unicode_escape").encode("latin-1")
        if options:
            raise Wrong(f"{verb}: what is {' '.join(options)}?")
        wanted = " ".join(expected).split()
        words_out = []
        for n in range(times):
            word = wanted[n] if n < len(wanted) else ""
            patience_s = float(silence_s) if word == "timeout" else PATIENCE_S
            unheard_s = float(silence_s) if word.endswith("-unheard") else PATIENCE_S
            words_out.append(self.traffic.connect(node, words[0], source, patience_s) if verb == "connect"
                             else self.traffic.ask(node, words[0], source, text, patience_s, unheard_s))
        return [" ".join(words_out)]


def play(transcript, way, binaries, rewrite):
    """The complaint, or nothing. With `rewrite` the transcript takes what comes out."""
    stage = Stage(way, binaries)
    try:
        for step in transcript.steps:
            expected = step.expected_of(way)
            passed = time.monotonic() - stage.began
            try:
                got = stage.play(step, expected, rewrite and not expected, passed)
            except Exception as error:  # Named with its line, whatever it is.
                return f"{transcript.path}:{step.line}: as {way}: {step.command}\n{traceback.format_exc()}{error}"
            if same(expected, got, passed):
                continue
            if not rewrite:
                difference = "\n".join(difflib.unified_diff(expected, got, "as written", "came out", lineterm=""))
                return f"{transcript.path}:{step.line}: as {way}: {step.command}\n{difference}"
            if way == "ipvsadm":
                step.expected[:] = rounded(got)
            else:
                step.others[way] = ("UNEXPLAINED", rounded(got))
        return None
    finally:
        stage.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--as", dest="ways", action="append", choices=WAYS, required=True)
    parser.add_argument("--binaries", default="build/dev/bin")
    parser.add_argument("--rewrite")
    parser.add_argument("transcripts", nargs="+")
    options = parser.parse_args()
    started, complaints, played = time.monotonic(), [], dict.fromkeys(options.ways, 0)
    for path in options.transcripts:
        transcript = Transcript(path)
        for way in options.ways:
            if way in ON_EMBEDDED_CORE and transcript.only_ip_vs:
                continue
            complaint = play(transcript, way, options.binaries, options.rewrite)
            if complaint:
                complaints.append(complaint)
                print(complaint, flush=True)
            played[way] += 1
        if options.rewrite:
            with open(os.path.join(options.rewrite, os.path.basename(path)), "w", encoding="utf-8") as file:
                file.write(transcript.text())
    counts = ", ".join(f"{count} as {way}" for way, count in played.items())
    print(f"scenarios: {counts}, {len(complaints)} not as written, {time.monotonic() - started:.0f} s")
    sys.exit(1 if complaints else 0)


main()
