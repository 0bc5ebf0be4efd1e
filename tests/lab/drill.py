"""./run drill: build a pair of directors, put it under load, break it in every way of the list, and judge."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import config
import emulate
import fingerprint
import judge as judges
import lab as labs
import observe
import planes
import scenes
import sites
import tempo as tempos

ROOT = labs.HERE.parent.parent

# Each sabotage breaks one thing from outside; the expectation named here must notice.
SABOTAGES = {
    "no-takeover": ("link", "link.takeover"),
    "no-adopt": ("lvsd", "lvsd.failed"),
    "no-mark": ("marks", "marks.unanswered"),
    "no-persistence": ("marks", "marks.split"),
    "drop-1%": ("steady", "steady.failed"),
    "no-vip": ("steady", "steady.failed"),
}

HELD, BROKEN, USAGE, NO_LAB, UNNOTICED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Interrupted(Exception):
    pass


class Timeline:
    """What happened, as it happens; times count from the beginning of the drill."""

    def __init__(self, quiet):
        self._begin = observe.boottime_ns()
        self._quiet = quiet
        self.scenes = []

    def _print(self, text):
        if not self._quiet:
            print(text, flush=True)

    def tell(self, at, text):
        self._print(f"{(at - self._begin) / 1e9:8.3f}  {text}")

    def title(self, name, what):
        self._print(f"\n--- {name}: {what}")

    def quote(self, text):
        for line in text.splitlines():
            self._print(f"          | {line}")

    def scene(self, name, seen):
        self.scenes.append({"scene": name, "attempts": len(seen.attempts), "ok": len(seen.ok),
                            "failed": len(seen.failed), "reasons": seen.reasons,
                            "not_measured": len(seen.unmeasured), "silence_ms": round(seen.silence_ms, 1)})
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(seen.reasons.items()))
        self._print(f"          = {name}: {len(seen.attempts)} attempts, {len(seen.ok)} ok, {len(seen.failed)} failed"
                    f"{f' ({reasons})' if reasons else ''}, longest silence {seen.silence_ms:.0f} ms"
                    + (f"; {len(seen.unmeasured)} not measured, the machine was busy" if seen.unmeasured else ""))

    def expectations(self, new):
        for e in new:
            self._print(f"          {e}")


TITLES = {
    "steady": "nothing happens",
    "marks": "HTTP and HTTPS by firewall mark, with persistence",
    "shares": "both directors serve, whichever is active",
    "server": "a real server dies and comes back",
    "repair": "what the active director stands on is taken away, piece by piece",
    "uplink": "the active director's public link alone is cut, then mended",
    "link": "the active director's links are all cut, then mended",
    "power": "the active director loses power, boots, starts",
    "stop": "pulse is stopped on the active director, then started",
    "lvsd": "lvsd is killed, again and again",
    "expiry": "traffic ends, the table empties",
}


def parse(argv):
    described = argparse.ArgumentParser(
        prog="./run drill", description=__doc__,
        epilog=f"Scenes: {', '.join(sites.SharedPair.scenes)}. Exit status: 0 every expectation held; 1 one did not; "
               f"2 usage; 3 the lab could not be built; 4 a sabotage was not noticed by the expectation meant for it.")
    described.add_argument("--core", choices=sorted(planes.PLANES), default="embedded",
                           help="what the directors forward with: the embedded core, or the kernel's ip_vs")
    described.add_argument("--boot", action="store_true",
                           help="where this machine's kernel has no ip_vs, play --core kernel in a user-mode kernel")
    described.add_argument("--forward", choices=("nat", "direct"), default="nat",
                           help="how packets reach the real servers: by address translation, or by direct routing")
    described.add_argument("--directors-are-servers", action="store_true",
                           help="the directors are the only real servers of their own services, by direct routing")
    described.add_argument("--strict", action="store_true", help="hold the figures that the suite promises")
    described.add_argument("--only", metavar="SCENE[,SCENE]", help="play these scenes only")
    described.add_argument("--sabotage", choices=sorted(SABOTAGES), help="break something; the drill must notice")
    described.add_argument("--hold", action="store_true", help="leave the lab up at the end")
    described.add_argument("--clean", action="store_true", help="remove every trace of a lab, and end")
    described.add_argument("--json", metavar="FILE", help="write the summary there (- = standard output, alone)")
    described.add_argument("--preset", default="release", help="whose programs to drill: release (default), dev")
    described.add_argument("--no-build", action="store_true", help="take build/PRESET as it is")
    described.add_argument("--logs", metavar="FOLDER", type=pathlib.Path, help="keep the logs there")
    described.add_argument("--tempo", choices=sorted(tempos.TEMPOS), default="machine", help="see tempo.py")
    described.add_argument("--installed", metavar="FOLDER", help="drill what is installed there, not build/PRESET")
    described.add_argument("--lab", default="caribe", metavar="NAME", help="prefix of the lab's namespaces")
    options = described.parse_args(argv)
    options.site = sites.of(options.forward, options.directors_are_servers)
    options.scenes = list(options.site.scenes)
    if options.sabotage:
        options.scenes = [SABOTAGES[options.sabotage][0]]
    if options.only:
        options.scenes = options.only.split(",")
    unknown = [s for s in options.scenes if s not in options.site.scenes]
    if unknown:
        described.error(f"no scene {', '.join(unknown)}; there are: {', '.join(options.site.scenes)}")
    if options.sabotage == "no-vip" and options.site.replies_pass_directors:
        described.error("--sabotage no-vip takes the virtual addresses from a real server: only with --forward direct")
    if options.directors_are_servers and options.core == "kernel":
        described.error("--directors-are-servers is played on the embedded core; with ip_vs a standby that is a server "
                        "holds no table (tests/kernel/pair.py)")
    options.plane = planes.PLANES[options.core]
    options.tempo = tempos.TEMPOS[options.tempo]
    options.logs = options.logs or ROOT / "build" / options.preset / "drill" / options.lab
    return options


def installer(options):
    """A function that puts the suite's files below a folder."""
    preset = options.preset

    def install(folder):
        if options.installed:
            folder.symlink_to(options.installed)
            return
        done = subprocess.run(["cmake", "--install", f"build/{preset}"], cwd=ROOT,
                              env={**os.environ, "DESTDIR": str(folder)}, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise labs.LabError(f"installing build/{preset}: {done.stderr.strip()}")
    return install


def play(lab, options, timeline, judge):
    story = scenes.Story(lab, options.site, options.plane, options.tempo, judge, timeline,
                         ROOT / "build" / options.preset / "tests" / "prober", options.sabotage)
    for director in config.DIRECTORS:
        story.start_director(director)
    active, standby = story.roles()
    story.say(f"{active.name} is active, {standby.name} stands by")
    judge.true("start.ready", "the pair is up", True)
    story.start_traffic()
    time.sleep(0.5)
    for name in [s for s in options.site.scenes if s in options.scenes]:
        timeline.title(name, TITLES[name])
        for notes in (options.plane.left_out, options.site.judged):
            if name in notes:
                story.say(notes[name])
        told = len(judge.expectations)
        try:
            getattr(story, name)()
        except labs.LabError as error:
            judge.true(f"{name}.played", "the scene can be played", False, str(error))
        timeline.expectations(judge.expectations[told:])
        if judge.broken and name != options.scenes[-1] and judge.broken[-1].name.endswith((".played", ".takeover")):
            story.say("the pair is not whole: no further scenes")
            break
    story.stop_traffic()


def keep_logs(lab, folder):
    """What one wants to read after a drill that did not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [(lab.folder / "attempts.log", "attempts.log")]
    for director in config.DIRECTORS:
        sources.append((lab.folder / "disk" / director.name / "var" / "log" / "messages", f"{director.name}.log"))
        sources.append((lab.folder / "disk" / director.name / "etc" / "sysconfig" / "ha" / "lvs.cf", "lvs.cf"))
    for source, name in sources:
        if source.exists():
            shutil.copy(source, folder / name)


def conclude(options, judge, timeline, seconds):
    expected = SABOTAGES.get(options.sabotage, (None, None))[1]
    noticed = [e for e in judge.broken if e.name == expected]
    summary = {"held": judge.held, "strict": options.strict, "site": options.site.name,
               "sabotage": options.sabotage, "seconds": round(seconds, 1), "scenes": timeline.scenes,
               "logs": str(options.logs),
               "expectations": [vars(e) for e in judge.expectations]}
    if options.json:
        text = json.dumps(summary, indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            pathlib.Path(options.json).write_text(text)
    if options.json != "-":
        print(f"\n{len(judge.expectations) - len(judge.broken)} of {len(judge.expectations)} expectations held, "
              f"{seconds:.0f} s{', strict' if options.strict else ''}; logs: {options.logs}")
        for e in judge.broken:
            print(e)
        if options.sabotage:
            print(f"sabotage {options.sabotage}: " + (f"noticed by {expected}" if noticed else
                                                      f"NOT noticed by {expected}, which was meant to"))
    if options.sabotage and judge.broken and not noticed:
        return UNNOTICED
    return HELD if judge.held else BROKEN


def hold_open(lab):
    label = "" if lab.name == "caribe" else f"--lab {lab.name} "
    print(f"""
The lab is left up. Look around:
  ./run enter {label}director-a                 a shell there; also director-b, client, rs1..rs4, switch
  ./run enter {label}director-a lvsctl status   or one command
  ./run enter {label}client curl http://{config.VIP_PLAIN}/
Remove it with `./run drill {label}--clean`.""")


def on_signal(number, _frame):
    raise Interrupted(signal.Signals(number).name)


def drill(options, lab):
    timeline = Timeline(quiet=options.json == "-")
    judge = judges.Judge(options.strict, options.tempo.name)
    began = time.monotonic()
    lab.clean()
    before = fingerprint.take(lab.name)
    kept = False
    try:
        lab.build(options.site, installer(options),
                  config.lvs_cf(options.tempo, options.plane, options.site, mark_ports=options.sabotage != "no-mark",
                                persistent=options.sabotage != "no-persistence"))
        try:
            play(lab, options, timeline, judge)
        except labs.LabError as error:
            judge.true("start.ready", "the pair is up", False, str(error))
        finally:
            keep_logs(lab, options.logs)
        kept = options.hold
    finally:
        if not kept:
            # A second Ctrl-C must not leave half a lab behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            lab.clean()
    if not kept:
        told = len(judge.expectations)
        changed = fingerprint.changes(before, fingerprint.take(lab.name))
        judge.true("end.untouched", "the machine's own network and /etc are as they were", not changed,
                   f"changed: {', '.join(changed)}" if changed else "unchanged")
        timeline.title("end", "the lab is removed")
        timeline.expectations(judge.expectations[told:])
    status = conclude(options, judge, timeline, time.monotonic() - began)
    if kept:
        hold_open(lab)
    return status


def main(argv):
    options = parse(argv)
    if os.geteuid() != 0:
        print("drill: network namespaces need root", file=sys.stderr)
        return NO_LAB
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        lab = labs.Lab(options.lab)
        lab.claim()
        if options.clean:
            lab.clean()
            return HELD
        if not options.no_build:
            subprocess.run(["./run", "build", options.preset], cwd=ROOT, check=True)
        if not options.installed:
            shutil.rmtree(options.logs, ignore_errors=True)
        if options.core == "kernel" and not planes.kernel_has_ip_vs():
            if options.boot:
                return emulate.play(options, installer(options))
            raise labs.LabError("this machine's kernel has no ip_vs: `./run drill --core kernel` boots one that has it")
        return drill(options, lab)
    except Interrupted as interrupted:
        print(f"drill: ended by {interrupted}; the lab is removed", file=sys.stderr)
        return INTERRUPTED
    except (labs.LabError, subprocess.CalledProcessError) as error:
        print(f"drill: {error}", file=sys.stderr)
        return NO_LAB
