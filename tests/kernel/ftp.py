"""vsftpd on the real servers, curl as the client: each server has a file `name` that holds its name, and a `slow` one that ends with it."""
import os
import subprocess
import tempfile
import time

from inside import execute

START_S, FETCH_S, PAUSE_S = 60.0, "90", 0.05
RATE, SLOW_BYTES = 20_000, 300_000  # Fifteen seconds, with pauses of three.
CONFIG = """listen=NO
listen_ipv6=YES
listen_port={port}
ftp_data_port={data_port}
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root={root}
secure_chroot_dir={root}
connect_from_port_20=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
anon_max_rate={rate}
"""
# How the client says, or asks, where the data connection goes.
CURL = {"pasv": ["--disable-epsv"], "epsv": [], "port": ["--ftp-port", "-", "--disable-eprt"], "eprt": ["--ftp-port", "-"]}


class FtpServer:
    def __init__(self, node, port):
        self.folder = tempfile.TemporaryDirectory(prefix="ftp-")
        root = os.path.join(self.folder.name, "root")
        os.mkdir(root)
        os.chmod(self.folder.name, 0o755)
        os.chmod(root, 0o555)
        for name, before in (("name", 0), ("slow", SLOW_BYTES)):
            with open(f"{root}/{name}", "w", encoding="ascii") as file:
                file.write("\n" * before + f"{node.name}\n")
        path = f"{self.folder.name}/vsftpd.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=port, data_port=port - 1, root=root, rate=RATE))
        with node:
            self.process = subprocess.Popen(["vsftpd", path], stdin=subprocess.DEVNULL)
        self.wait_until_it_listens(node, port)

    def wait_until_it_listens(self, node, port):
        end = time.monotonic() + START_S
        while f":{port} " not in node.run(["ss"], ["-Hltn"])[1]:
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"vsftpd does not start on {node.name}")
            time.sleep(PAUSE_S)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def fetch(node, how, address, file, times):
    """The names in the files that came, all by one control connection; or what curl says."""
    url = f"ftp://{address}/{file}"
    with node:
        status, out, error = execute(["curl"], ["--silent", "--show-error", "--globoff", "--max-time", FETCH_S, *CURL[how],
                                                *[url] * times])
    return [" ".join(out.split())] if status == 0 else [*out.split(), *error.splitlines()]
