"""The drill inside a user-mode kernel, for machines whose own kernel has no ip_vs (docs/kernel.md).

What is drilled is installed out here, into the folder of the drill's logs: the one place that is shared with the
kernel. Its timeline is printed as it happens there.
"""
import pathlib
import shlex
import shutil
import subprocess

import lab as labs

BOOT = labs.HERE.parent / "kernel" / "boot"
BOOT_LIMIT_S = 1150


def command(options, installed):
    """The same drill, as the user-mode kernel's root types it."""
    words = [labs.HERE / "drill", "--core", "kernel", "--tempo", "emulated", "--forward", options.forward,
             "--no-build", "--installed", installed,
             "--preset", options.preset, "--lab", options.lab, "--logs", options.logs,
             "--only", ",".join(options.scenes)]
    if options.sabotage:
        words += ["--sabotage", options.sabotage]
    if options.json:
        words += ["--json", "-" if options.json == "-" else options.logs / "summary.json"]
    return shlex.join(map(str, words))


def play(options, install):
    """The exit status of the drill, or that of `boot` where there is no user-mode kernel."""
    if options.strict or options.hold:
        raise labs.LabError("this machine's kernel has no ip_vs, and in a user-mode kernel there is no "
                            + ("--strict: its figures promise nothing" if options.strict else
                               "--hold: it ends with its command"))
    installed = options.logs / "install"
    installed.mkdir(parents=True)
    install(installed)
    kernel = subprocess.Popen([BOOT, "--timeout", str(BOOT_LIMIT_S), "--scratch", options.logs,
                               command(options, installed)], cwd=labs.HERE)
    try:
        status = kernel.wait()
    except BaseException:
        kernel.terminate()  # It takes its kernel with it; killed it could not.
        kernel.wait()
        raise
    shutil.rmtree(installed)
    summary = options.logs / "summary.json"
    if summary.exists():
        pathlib.Path(options.json).write_text(summary.read_text())
    return status
