#!/usr/bin/env python3
"""Plays stories of two directors, each with a fresh pair, both daemons not yet started.

Usage: pair.py BIN-FOLDER [SUBJECT or STORY...]. A subject is a file beside this one; a story is a function of one that
takes a pair.
"""
import os
import sys
import time

import hearing
import legacy
import life
import operating
import serving
from directors import Pair

SUBJECTS = (life, serving, hearing, operating, legacy)


def stories_of(subject):
    return [value for value in vars(subject).values()
            if callable(value) and getattr(value, "__module__", "") == subject.__name__
            and value.__code__.co_varnames[:value.__code__.co_argcount] == ("pair",)]


def chosen(words):
    of_subject = {subject.__name__: stories_of(subject) for subject in SUBJECTS}
    every = [story for stories in of_subject.values() for story in stories]
    by_name = {story.__name__: [story] for story in every} | of_subject
    unknown = [word for word in words if word not in by_name]
    if unknown:
        sys.exit(f"pair.py: no such subject or story: {' '.join(unknown)}")
    return [story for word in words for story in by_name[word]] or every


def main():
    stories = chosen(sys.argv[2:])
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    failed = []
    for story in stories:
        begun = time.monotonic()
        with Pair(sys.argv[1]) as pair:
            try:
                story(pair)
                verdict = "ok"
            except AssertionError as failure:
                verdict = f"FAILED: {failure}"
                for director in pair.both:
                    print(f"--- {director.name} logged:", *director.logged, sep="\n", flush=True)
                failed.append((story.__name__, verdict))
        print(f"{story.__name__.replace('_', ' ')}: {verdict} ({time.monotonic() - begun:.1f} s)", flush=True)
    for name, verdict in failed:
        print(f"{name}: {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
