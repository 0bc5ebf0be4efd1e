"""A real pair of directors, struck by misfortunes drawn from one seed; clients that never stop asking; and a judge who
knows what the design promises."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab"
sys.path.insert(0, str(LAB))

# pylint: disable=wrong-import-position
import drill
import lab as labs
import observe
import planes
import sites
import tempo as tempos

import bounds
import clients_view
import config
import misfortunes
import pair as pairs
import rounds
import schedule

HELD, BROKEN, NO_LAB, INTERRUPTED = 0, 1, 3, 130
READY_S = 60
# A pause of the machine that may cost a director its lease, or the peer its patience; how often a round is tried anew.
STALL_S = 0.3
TRIES = 3


class Diary:
    """What happened in a round, printed when it is broken, or always with --verbose."""

    def __init__(self, verbose):
        self._began = observe.boottime_ns()
        self._verbose = verbose
        self.lines = []

    def seconds(self, at):
        return (at - self._began) / 1e9

    def tell(self, at, text):
        self.lines.append((at, text))
        if self._verbose:
            print(f"{self.seconds(at):9.3f}  {text}", flush=True)

    def text(self):
        return "".join(f"{self.seconds(at):9.3f}  {text}\n" for at, text in sorted(self.lines))


def tempo(deadtime_ms):
    """Slower than a drill's: a machine that has other things to do must not make a silence of its own."""
    return tempos.Tempo("machine", keepalive_ms=200, deadtime_ms=deadtime_ms, check_interval_ms=1000,
                        check_timeout_ms=500, probe_interval_ms=10, probe_limit_ms=900, load_connections=0,
                        load_pause_ms=0, visit_timeout_s=3, poll_s=0.05, patience=1)


def listing():
    lines = []
    for m in misfortunes.ALL.values():
        lines.append(f"{m.name:18} {m.what}\n{'':18} active: {bounds.PROMISES[m.promise].what}"
                     + (f"; standby: {bounds.PROMISES[m.on_standby].what}" if m.on_standby != "nothing" else ""))
    return "\n".join(lines)


def parse(argv):
    described = argparse.ArgumentParser(
        prog="./run chaos", description=__doc__,
        epilog="Exit status: 0 every round held what is promised; 1 one did not; 2 usage; 3 the lab could not be built; "
               "130 interrupted, the lab is removed.")
    described.add_argument("--seed", type=int, help="where the rounds come from; by default the time")
    described.add_argument("--rounds", type=int, default=20, metavar="N", help="how many (20)")
    described.add_argument("--from", type=int, default=1, dest="first", metavar="R", help="begin with round R")
    described.add_argument("--only", metavar="NAME[,NAME]", help="these misfortunes only, one a round")
    described.add_argument("--list", action="store_true", help="print the misfortunes and what is promised under each")
    described.add_argument("--show", action="store_true", help="print the rounds of the seed and play none")
    described.add_argument("--keep-going", action="store_true",
                           help="after a broken round go on with a fresh pair; otherwise it is the last")
    described.add_argument("--forward", choices=("nat", "direct"), default="nat",
                           help="how packets reach the real servers: by address translation, or by direct routing")
    described.add_argument("--deadtime", type=int, default=3000, metavar="MS", help="of the pair (3000)")
    described.add_argument("--verbose", action="store_true", help="print what happens as it happens")
    described.add_argument("--json", metavar="FILE", help="write the summary there (- = standard output, alone)")
    described.add_argument("--preset", default="release", help="whose programs: release (default), dev")
    described.add_argument("--no-build", action="store_true", help="take build/PRESET as it is")
    described.add_argument("--logs", metavar="FOLDER", type=pathlib.Path, help="keep the logs of broken rounds there")
    described.add_argument("--lab", default=f"chaos{os.getpid()}", metavar="NAME", help="prefix of the namespaces")
    described.add_argument("--clean", action="store_true", help="remove what a killed chaos left behind, and end")
    options = described.parse_args(argv)
    if options.only:
        options.only = options.only.split(",")
        unknown = [name for name in options.only if name not in misfortunes.ALL]
        if unknown:
            described.error(f"no misfortune {', '.join(unknown)}; `./run chaos --list` prints them")
    if options.rounds < 1 or options.first < 1:
        described.error("rounds are counted from 1")
    options.seed = options.seed if options.seed is not None else int(time.time())
    options.logs = options.logs or drill.ROOT / "build" / options.preset / "chaos" / options.lab
    options.installed = None
    return options


def clean_leftovers():
    """Labs whose chaos is gone: their claim ended with it, their files did not."""
    folder = labs.scratch_folder("chaos").parent
    for path in folder.glob("lab-chaos*"):
        lab = labs.Lab(path.name.removeprefix("lab-"))
        try:
            lab.claim()
        except labs.LabError:
            continue
        lab.clean()


class Chaos:
    """Rounds on one lab; a broken round ends the life of its pair."""

    def __init__(self, options, lab):
        self._options, self._lab = options, lab
        self._quiet = options.json == "-"
        self._tempo = tempo(options.deadtime)
        self._diary = Diary(options.verbose and not self._quiet)
        self._pair = self._referee = self._view = None
        self.results = []

    def play(self):
        self._print(f"seed {self._options.seed}, deadtime {self._options.deadtime} ms, lab {self._lab.name}")
        for number in range(self._options.first, self._options.first + self._options.rounds):
            if self._pair is None:
                self._raise_pair()
            self._diary.lines.clear()
            result = self._play(number)
            self.results.append(result)
            self._print(result.line())
            if result.violations:
                self._report(result)
                if not self._options.keep_going:
                    break
                self._lab.clean()
                self._pair = None

    def _play(self, number):
        """A round in which the machine below the lab stood still proves nothing against the directors."""
        blows = schedule.round_of(self._options.seed, number, self._options.only)
        for _ in range(TRIES):
            result = self._referee.play(number, blows)
            if not result.violations or result.stall_s < STALL_S:
                break
            self._print(f"round {number:4}  again: the machine stood still for {result.stall_s:.2f} s")
            self._lab.clean()
            self._raise_pair()
            self._diary.lines.clear()
        return result

    def _print(self, text):
        if not self._quiet:
            print(text, flush=True)

    def _raise_pair(self):
        site = sites.of(self._options.forward, directors_are_servers=False)
        self._pair = pairs.Pair(self._lab, site, planes.Embedded, self._tempo, self._diary,
                                drill.ROOT / "build" / self._options.preset / "tests" / "prober")
        self._pair.build(drill.installer(self._options))
        labs.wait_until("the pair is up and nothing needs attention", lambda: not self._pair.missing(), READY_S, 0.2)
        self._view = clients_view.ClientsView(self._lab, self._pair.story)
        self._referee = rounds.Referee(self._pair, self._view, self._tempo, self._diary)

    def _report(self, result):
        folder = self._options.logs / f"round-{result.number}"
        self._keep_logs(folder, result)
        for violation in result.violations:
            self._print(f"    ! {violation}")
        self._print("".join(f"    {line}\n" for line in self._diary.text().splitlines())
                    + f"    logs: {folder}\n    replay: {self._replay(result.number)}")

    def _replay(self, number):
        only = f" --only {','.join(self._options.only)}" if self._options.only else ""
        options = self._options
        return (f"./run chaos --seed {options.seed} --from {number} --rounds 1{only} --forward {options.forward} "
                f"--deadtime {options.deadtime} --preset {options.preset} --verbose")

    def _keep_logs(self, folder, result):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        told = "\n".join([result.line(), *result.violations])
        (folder / "round.txt").write_text(f"{told}\n\n{self._diary.text()}")
        for path in (self._view.attempts_path, self._view.arp_path):
            shutil.copy(path, folder)
        for director in config.DIRECTORS:
            messages = self._lab.folder / "disk" / director.name / "var" / "log" / "messages"
            if messages.exists():
                shutil.copy(messages, folder / f"{director.name}.log")
            for name, argv in (("status.json", ["lvsctl", "status", "--json"]), ("status.txt", ["lvsctl", "status"]),
                               ("processes.txt", ["ps", "-eo", "pid,ppid,stat,etimes,args"]),
                               ("ruleset.txt", ["nft", "list", "ruleset"])):
                try:
                    text = self._lab.on(director, *argv, check=False).stdout
                except (labs.LabError, subprocess.TimeoutExpired) as error:
                    text = f"{error}\n"
                (folder / f"{director.name}.{name}").write_text(text)

    def summary(self, seconds):
        broken = [r for r in self.results if r.violations]
        return {"held": bool(self.results) and not broken, "seed": self._options.seed, "rounds": len(self.results),
                "broken": [r.number for r in broken], "seconds": round(seconds, 1),
                "requests": sum(r.requests for r in self.results), "failed": sum(r.failed for r in self.results),
                "replay": [self._replay(r.number) for r in broken], "logs": str(self._options.logs),
                "results": [r.as_dict() for r in self.results]}


def conclude(options, summary):
    if options.json:
        text = json.dumps(summary, indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            pathlib.Path(options.json).write_text(text)
    if options.json != "-":
        broken = f"broken: {', '.join(map(str, summary['broken']))}" if summary["broken"] else "none broken"
        print(f"\nseed {options.seed}: {summary['rounds']} rounds, {broken}; {summary['requests']} requests, "
              f"{summary['failed']} failed, {summary['seconds']:.0f} s")
    return HELD if summary["held"] else BROKEN


def play(options, lab):
    began = time.monotonic()
    chaos = Chaos(options, lab)
    try:
        chaos.play()
    finally:
        # A second Ctrl-C must not leave half a lab behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        lab.clean()
    return conclude(options, chaos.summary(time.monotonic() - began))


def show(options):
    for number in range(options.first, options.first + options.rounds):
        print(f"round {number:4}  {' + '.join(map(str, schedule.round_of(options.seed, number, options.only)))}")


def main(argv):
    options = parse(argv)
    if options.list:
        print(listing())
        return HELD
    if options.show:
        show(options)
        return HELD
    if os.geteuid() != 0:
        print("chaos: network namespaces need root", file=sys.stderr)
        return NO_LAB
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, drill.on_signal)
    try:
        if options.clean:
            clean_leftovers()
            return HELD
        lab = labs.Lab(options.lab)
        lab.claim()
        if not options.no_build:
            subprocess.run(["./run", "build", options.preset], cwd=drill.ROOT, check=True)
        return play(options, lab)
    except drill.Interrupted as interrupted:
        print(f"chaos: ended by {interrupted}; the lab is removed", file=sys.stderr)
        return INTERRUPTED
    except (labs.LabError, subprocess.CalledProcessError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return NO_LAB
