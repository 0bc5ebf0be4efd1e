"""What a build installs, as a layer over this machine's own root: a machine that boots without a package, an archive or
a network. Of what this machine starts itself nothing comes along."""
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "package"))
from machine import run  # noqa: E402

FOLDERS = pathlib.Path(__file__).resolve().parents[2] / "debian/caribe.dirs"
UNITS = pathlib.Path("etc/systemd/system")
# These would look after devices and a clock that are this machine's.
MASKED = ("systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
          "systemd-udev-trigger.service", "systemd-timesyncd.service", "systemd-hwdb-update.service",
          "systemd-networkd.service", "systemd-resolved.service", "systemd-logind.service")
TARGET = """[Unit]
Requires=basic.target
After=basic.target
Wants=pulse.service
AllowIsolate=yes
"""


def make_layer(build, layer):
    run("cmake", "--install", str(build), "--prefix", "/usr", env={**os.environ, "DESTDIR": str(layer)})
    units = layer / UNITS
    units.mkdir(parents=True)
    os.setxattr(units, "trusted.overlay.opaque", b"y")
    for unit in MASKED:
        (units / unit).symlink_to("/dev/null")
    (units / "default.target").write_text(TARGET)
    for path, text in (("etc/fstab", ""), ("etc/machine-id", ""), ("etc/debian_version", "12\n")):
        (layer / path).write_text(text)
    for folder in FOLDERS.read_text().split():
        (layer / folder).mkdir(parents=True, exist_ok=True)
    return f"{layer}:/"
