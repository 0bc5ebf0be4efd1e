"""vsftpd on the servers, lftp and curl as clients: active and passive, there and back, over IPv4 and IPv6, through NAT and by
direct routing. Each server has a tree of files, and a folder to put some into.
"""
import os

from director import WHO, bracketed, vip
from stage import FAMILIES, eventually, expect
from topology import INSIDE
from web import digest

SIZES = (0, 1, 1447, 70_000, 5_000_000)
VSFTPD = """listen=NO
listen_ipv6=YES
listen_port=21
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root={root}
secure_chroot_dir={root}/empty
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
connect_from_port_20=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
pasv_min_port={first}
pasv_max_port={last}
xferlog_enable=NO
"""
# How the client asks, or says, where a data connection goes: PASV, EPSV, PORT, EPRT.
LFTP = {"passive": "set ftp:passive-mode on; set ftp:prefer-epsv off;", "extended passive": "set ftp:passive-mode on; set ftp:prefer-epsv on;",
        "active": "set ftp:passive-mode off;"}
SETTINGS = "set net:max-retries 1; set net:timeout 30; set net:reconnect-interval-base 1; set cmd:fail-exit on;"
CURL = {"passive": ["--disable-epsv"], "extended passive": [], "active": ["--ftp-port", "-", "--disable-eprt"],
        "extended active": ["--ftp-port", "-"]}


def start_server(stage, name, number):
    root = stage.path(f"ftp-{name}")
    for folder in ("empty", "files/deep", "put"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    for size in SIZES:
        with open(f"{root}/files/deep/{size}", "wb") as file:
            file.write(stage.content[:size])
    stage.write(f"ftp-{name}/name", f"{name}\n")
    os.chmod(f"{root}/put", 0o777)
    os.chmod(root, 0o555)
    # Ports of its own, so that two servers never name the same one (lvs.cf(5), FTP).
    first = 20000 + 1000 * number
    config = stage.write(f"vsftpd-{name}.conf", VSFTPD.format(root=root, first=first, last=first + 999))
    process = stage.start(name, "vsftpd", config)
    stage.listens(name, 21, process)
    return process


def setup(stage):
    stage.content = os.urandom(max(SIZES))
    stage.ftp = {name: start_server(stage, name, number) for number, name in enumerate((*INSIDE, "director"))}
    for family in FAMILIES:
        stage.director.serve("tcp", 21, "nat", family)
        stage.director.serve("tcp", 21, "mixed", family, servers=("rs1",))
        # Only NAT is read; by direct routing the data connection finds its server by persistence, on any port.
        stage.director.serve("tcp", 0, "direct", family, "-s", "rr", "-p", "300")


def ways(hows, methods=("nat", "direct")):
    return [(method, family, how) for family in FAMILIES for method in methods for how in hows if (family, how) != (6, "passive")]


def lftp(stage, method, family, how, script, source=None):
    bind = f"set net:socket-bind-ipv{family} {source};" if source else ""
    return stage.run("client", "lftp", "-c", f"{SETTINGS} {LFTP[how]} {bind} open ftp://{bracketed(vip(method, family))}/; {script}")


def client_of(family, number):
    return f"192.0.2.{10 + number}" if family == 4 else f"2001:db8::{10 + number}"


def files_come_whole(stage):
    for method, family, how in ways(LFTP):
        for number, _ in enumerate(WHO[method]):
            with stage.way("lftp", method, family, how):
                got = stage.path("tree")
                lftp(stage, method, family, how, f"mirror --parallel=3 files {got}", client_of(family, number))
                sizes = {int(name): digest(f"{got}/deep/{name}") for name in os.listdir(f"{got}/deep")}
                right = {size: digest(stage.path("ftp-rs1", "files", "deep", str(size))) for size in SIZES}
                expect(sizes == right, f"every file as it is there: {sizes}")
                stage.run("client", "rm", "-r", got)


def files_are_put_whole(stage):
    for method, family, how in ways(LFTP):
        with stage.way("lftp", method, family, how):
            source = stage.path("ftp-rs1", "files", "deep", "5000000")
            lftp(stage, method, family, how, f"put {source} -o put/here")
            found = [path for path in (stage.path(f"ftp-{name}", "put", "here") for name in INSIDE) if os.path.exists(path)]
            expect(len(found) == 1 and digest(found[0]) == digest(source), f"whole, on one server: {found}")
            os.remove(found[0])


def many_transfers_by_one_connection(stage):
    for method, family, how in ways(CURL):
        with stage.way("curl", method, family, how):
            names = set()
            for number, _ in enumerate(WHO[method]):
                out = stage.run("client", "curl", "--silent", "--show-error", "--globoff", "--max-time", "60", *CURL[how], "--interface",
                                client_of(family, number), *[f"ftp://{bracketed(vip(method, family))}/name"] * 15)
                expect(len(set(out.split())) == 1 and len(out.split()) == 15, f"one server, fifteen times: {out}")
                names.add(out.split()[0])
            expect(names == set(WHO[method]), f"all servers used: {names}")


def commands_are_sent_ahead(stage):
    """lftp does not wait for replies: several commands, and several replies, in one segment."""
    for method, family, how in ways(LFTP):
        with stage.way("lftp", method, family, how):
            got = stage.path("ahead")
            lftp(stage, method, family, how, f"set ftp:sync-mode off; mirror files {got}")
            expect(sorted(int(name) for name in os.listdir(f"{got}/deep")) == sorted(SIZES), "all files")
            stage.run("client", "rm", "-r", got)


# Four transfers, each by a data connection of its own; the large one takes two seconds.
SESSION = "set net:limit-rate 2500000; mirror files {got}/1; mirror files {got}/2; get name -o {got}/name"


def session(stage, method, family, how):
    """One that goes on for a while, and has come to its large file; the folder that it fills."""
    got = stage.path(f"session-{len(stage.processes)}")
    os.mkdir(got)
    process = stage.start("client", "lftp", "-c", f"{SETTINGS} {LFTP[how]} open ftp://{bracketed(vip(method, family))}/; {SESSION.format(got=got)}")
    eventually("the large file is coming", lambda: os.path.exists(f"{got}/1/deep/{max(SIZES)}") or stage.lives(process))
    return process, got


def all_came(stage, process, got):
    stage.finished(process)
    for folder in "12":
        came = {int(name): digest(f"{got}/{folder}/deep/{name}") for name in os.listdir(f"{got}/{folder}/deep")}
        expect(came == {size: digest(stage.path("ftp-rs1", "files", "deep", str(size))) for size in SIZES}, f"all files, as they are there: {came}")


def sessions_outlive_lvsd(stage):
    """Data connections that are told of while lvsd is dead, and while it starts."""
    if stage.core == "kernel":
        return
    running = [session(stage, *way) for way in ways(LFTP)]
    stage.kill_lvsd_while(lambda: all(process.poll() is None for process, _ in running))
    stage.director.kill()
    for process, got in [*running, *[session(stage, *way) for way in ways(LFTP)]]:
        with stage.way(*process.args[-1:]):
            all_came(stage, process, got)
    stage.director.start()


def drained_server_ends_its_sessions(stage):
    """Their data connections are not new ones."""
    for method, family, how in stage.some(ways(LFTP), [("nat", 4, "passive"), ("nat", 6, "active"), ("direct", 4, "passive")]):
        with stage.way(method, family, how):
            service = stage.director.service("tcp", 21 if method == "nat" else 0, method, family)
            port = 21 if method == "nat" else 0
            running = [session(stage, method, family, how) for _ in WHO[method]]
            for name in WHO[method]:
                stage.director.change(service, name, method, family, port, 0)
            for process, got in running:
                all_came(stage, process, got)
            for name in WHO[method]:
                stage.director.change(service, name, method, family, port, 1)


STORIES = [files_come_whole, files_are_put_whole, many_transfers_by_one_connection, commands_are_sent_ahead, sessions_outlive_lvsd,
           drained_server_ends_its_sessions]
