#!/usr/bin/env python3
"""Programs that people use, through the director: their own results judge it.

usage: run.py BIN-FOLDER [--core embedded|express|kernel] [--long] [--list] [PROGRAM | STORY ...]

A program is a file here (web, ftp ...), a story a function in it. The programs of one file live on from one story to the next.
With --long each is played in every way that there is. 0: all is well; 1: a story failed; 77: skipped, with the reason.
"""
import argparse
import importlib
import os
import subprocess
import sys
import time

PROGRAMS = ("web", "ftp", "dns", "bulk", "vpn", "sip")
INSIDE = "--inside"  # What the run says to itself in its own namespaces.


def play(program, options):
    from stage import Stage  # Not before this process has its own namespaces.
    module = importlib.import_module(program)
    stories = module.STORIES
    chosen = [story for story in stories if not options.names or {program, story.__name__} & set(options.names)]
    if not chosen:
        return 0
    stage = Stage(os.path.abspath(options.binaries), options.core, options.long)
    try:
        stage.title = f"{program}.setup"
        module.setup(stage)
        for story in chosen:
            begin, stage.title, stage.ways = time.monotonic(), f"{program}.{story.__name__}", 0
            story(stage)
            print(f"ok {stage.title}: {stage.ways} ways, {time.monotonic() - begin:.1f} s", flush=True)
    except AssertionError as error:
        print(f"FAILED {error}\n--- drops\n{stage.drops()}--- lvsd\n{stage.director.said()[-3000:]}", flush=True)
        return 1
    finally:
        stage.close()
    return 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("binaries")
    parser.add_argument("--core", choices=("embedded", "express", "kernel"), default="embedded")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    if options.list:
        for program in PROGRAMS:
            module = importlib.import_module(program)
            print(*(f"{program}.{story.__name__}" for story in module.STORIES), sep="\n")
        return 0
    if os.geteuid() != 0:
        print("skipped: needs root for network namespaces")
        return 77
    if not options.inside:
        # All that is started here ends with the first process of its namespace, and that with this one, however it ends.
        # Files outside are not touched.
        return subprocess.run(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                               sys.executable, *sys.argv, INSIDE], check=False).returncode
    for folder in ("/run", "/tmp"):
        if not os.path.abspath(options.binaries).startswith(f"{folder}/"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    return max([play(program, options) for program in PROGRAMS])


if __name__ == "__main__":
    sys.exit(main())
