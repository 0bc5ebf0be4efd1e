"""Runs a script of this folder on Debian's kernel, emulated, with a clock that counts instructions."""
import json
import os
import subprocess
import sys
import tempfile
import time

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TIMED_OUT = 124


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def run(which, script, arguments, end, memory="1G"):
    """Until the moment `end` at most. What the script wrote to its first argument, as JSON; what it prints is told as it comes."""
    begun = time.monotonic()
    limit_s = max(1, int(end - begun))
    say(f"{which}: booting")
    with tempfile.TemporaryDirectory() as scratch:
        result = f"{scratch}/result"
        boot = subprocess.Popen(
            [f"{TREE}/tests/kernel/boot", "--qemu", "build/linux-6.1", "--count", "--memory", memory, "--timeout",
             str(limit_s), "--scratch", scratch, " ".join((f"bench/{script}", result, *arguments))],
            stdout=subprocess.PIPE, text=True, cwd=TREE)
        for line in boot.stdout:
            say(f"{which}: {line.rstrip()}")
        if boot.wait() == TIMED_OUT:
            sys.exit(f"bench: {which} did not end within {limit_s} s: end what else runs on this machine, and try again")
        if boot.returncode != 0:
            sys.exit(f"bench: {which} failed (status {boot.returncode}); above is why")
        say(f"{which}: done in {time.monotonic() - begun:.0f} s")
        with open(result, encoding="utf-8") as file:
            return json.load(file)
