"""nginx on the servers; curl and wrk as clients. A body is right when its checksum is, and wrk tells what failed."""
import hashlib
import os
import re

from director import WHO, bracketed, vip
from stage import FAMILIES, eventually, expect
from topology import SERVERS

METHODS = ("nat", "direct", "tunnel", "local", "mixed")
BODY_BYTES = 8 << 20
APART = 8080  # Where servers come and go: wrk never was there, so no port of the client has a server from before.
SLOW_BYTES, SLOW_RATE = 800_000, 400_000  # Two seconds.
NGINX = """daemon off; master_process off; worker_processes 1; error_log {folder}/error.log; pid {folder}/pid;
worker_rlimit_nofile 8192;
events {{ worker_connections 4000; }}
http {{
  access_log {folder}/access.log; client_max_body_size 0; keepalive_requests 1000000; sendfile on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 80 backlog=4096; listen [::]:80 backlog=4096 ipv6only=on; listen 8080; listen [::]:8080 ipv6only=on;
    location /name {{ return 200 "{name}\\n"; }}
    location /body {{ alias {root}/body; }}
    location /slow {{ alias {root}/slow; limit_rate {rate}; sendfile off; add_header Server-Name {name}; }}
    location /put/ {{ root {folder}; dav_methods PUT; }}
  }}
}}
"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def start_server(stage, name):
    os.makedirs(stage.path(f"web-{name}", "put"), exist_ok=True)
    config = stage.write(f"web-{name}/nginx.conf", NGINX.format(folder=stage.path(f"web-{name}"), name=name,
                                                                       root=stage.folder, rate=SLOW_RATE))
    process = stage.start(name, "nginx", "-c", config)
    stage.listens(name, 80, process)
    return process


def setup(stage):
    for name, size in (("body", BODY_BYTES), ("slow", SLOW_BYTES)):
        with open(stage.path(name), "wb") as file:
            file.write(os.urandom(size))
    stage.web = {name: start_server(stage, name) for name in (*SERVERS, "director")}
    for method in METHODS:
        for family in FAMILIES:
            for port in (80, APART):
                stage.director.serve("tcp", port, method, family)


def ways(methods=METHODS):
    return [(method, family) for family in FAMILIES for method in methods]


def url(method, family, path, port=80):
    return f"http://{bracketed(vip(method, family))}:{port}/{path}"


def curl(stage, *arguments, status=0):
    return stage.run("client", "curl", "--silent", "--show-error", "--globoff", "--fail", "--max-time", "60", *arguments, status=status)


def every_way_serves(stage):
    for method, family in ways():
        with stage.way(method, family):
            names = [curl(stage, url(method, family, "name")).strip() for _ in range(12)]
            expect(set(names) == set(WHO[method]), f"all servers answer: {names}")


def ports_are_translated(stage):
    for family in FAMILIES:
        with stage.way("nat", family):
            stage.director.serve("tcp", 81, "nat", family, server_port=8080)
            names = [curl(stage, f"http://{bracketed(vip('nat', family))}:81/name").strip() for _ in range(6)]
            expect(set(names) == set(WHO["nat"]), f"all servers answer: {names}")


def body_both_ways(stage, method, family, right):
    got = stage.path("got")
    for _ in WHO[method]:
        curl(stage, "--output", got, url(method, family, "body"))
        expect(digest(got) == right, "the body came as it was sent")
        os.remove(got)
    for number, _ in enumerate(WHO[method]):
        curl(stage, "--upload-file", stage.path("body"), url(method, family, f"put/{number}"))
    for number, _ in enumerate(WHO[method]):
        paths = [stage.path(f"web-{name}", "put", str(number)) for name in WHO[method]]
        found = [path for path in paths if os.path.exists(path)]
        expect(len(found) == 1 and digest(found[0]) == right, f"upload {number} arrived once and whole: {found}")
        os.remove(found[0])


# Whose cards send and receive packet by packet, and the ways that this is played in unless all are.
EVERYBODY = ("client", *SERVERS, "director", "router")
WITHOUT_OFFLOADS = {(): ways(), EVERYBODY: ways(("nat", "direct", "tunnel")), ("director",): ways(("nat",)), ("client",): [("nat", 4)],
                    SERVERS: [("nat", 4), ("direct", 4)]}
FEW = [("nat", 4), ("direct", 6), ("tunnel", 4)]


def large_bodies_arrive(stage):
    right = digest(stage.path("body"))
    for names, few in WITHOUT_OFFLOADS.items():
        stage.topology.offloads(names, "off")
        for method, family in stage.some(ways(), few):
            with stage.way(method, family, "without offloads at", *names):
                body_both_ways(stage, method, family, right)
        stage.topology.offloads(names, "on")


def connections_are_kept(stage):
    for method, family in ways():
        with stage.way(method, family):
            lines = curl(stage, "--write-out", "%{num_connects}\n", *[url(method, family, "name")] * 40).split()
            expect(len(set(lines[::2])) == 1 and lines[1::2] == ["1"] + ["0"] * 39, f"one server, one connection: {lines}")


def wrk(stage, target, *options, seconds=1):
    """Requests that wrk made; it may tell of no error."""
    said = stage.run("client", "wrk", "--threads", "1", "--connections", "16", "--duration", f"{seconds}s", "--timeout", "30s",
                     *options, target)
    expect("Socket errors" not in said and "Non-2xx" not in said, f"no failed request: {said}")
    return int(re.search(r"(\d+) requests in", said).group(1))


def load_fails_nowhere(stage):
    for method, family in ways():
        for options in stage.some(((), ("--header", "Connection: close")), (("--header", "Connection: close"),)):
            with stage.way(method, family, *options[1:]):
                before = stage.counted(method, family, "tcp", 80)
                expect(wrk(stage, url(method, family, "name"), *options) > 0, "requests")
                after = stage.counted(method, family, "tcp", 80)
                expect(all(after[name] > before[name] for name in WHO[method]), f"all servers used: {before} {after}")


def killed_lvsd_costs_nothing(stage):
    """wrk with a connection for each request, and a download, in every way at once."""
    if stage.core == "kernel":
        return
    running = []
    for method, family in ways():
        running.append(stage.start("client", "wrk", "--threads", "1", "--connections", "4", "--duration", "6s", "--timeout", "30s",
                                   "--header", "Connection: close", url(method, family, "name")))
        running.append(download(stage, method, family))
    stage.kill_lvsd_while(lambda: all(one.poll() is None for one in running))
    for process in running:
        with stage.way(*process.args[-1:]):
            said = stage.finished(process)
            expect("Socket errors" not in said and "Non-2xx" not in said, f"no failed request: {said}")
            whole(stage, process)


def download(stage, method, family):
    """A slow one, told from others by the file that it goes to."""
    target = stage.path(f"download-{len(stage.processes)}")
    process = stage.start("client", "curl", "--silent", "--show-error", "--globoff", "--fail", "--max-time", "60", "--output", target,
                          "--dump-header", f"{target}-head", url(method, family, "slow", APART))
    process.target = target
    return process


def whole(stage, process):
    if hasattr(process, "target"):
        expect(digest(process.target) == digest(stage.path("slow")), "the download is whole")


def server_of(process):
    with open(f"{process.target}-head", encoding="utf-8") as file:
        return re.search(r"Server-Name: (\w+)", file.read()).group(1)


def has_begun(process):
    return os.path.exists(process.target) and os.path.getsize(process.target) > 0


def downloads(stage, method, family):
    """One from each server, all under way."""
    running = [download(stage, method, family) for _ in WHO[method]]
    for process in running:
        eventually("the download has begun", lambda process=process: has_begun(process))
    by_server = {server_of(process): process for process in running}
    expect(set(by_server) == set(WHO[method]), f"one from each server: {by_server}")
    return by_server


def answers(stage, method, family, times=9):
    return [curl(stage, url(method, family, "name", APART)).strip() for _ in range(times)]


def refuses(stage, method, family, others):
    names = answers(stage, method, family)
    expect(set(names) == set(others), f"only the others answer: {names}")


def drained_server_ends_what_it_has(stage):
    for method, family in stage.some(ways(), [*FEW, ("local", 6)]):
        with stage.way(method, family):
            service = stage.director.service("tcp", APART, method, family)
            name, *others = WHO[method]
            running = downloads(stage, method, family)
            stage.director.change(service, name, method, family, APART, 0)
            if others:
                refuses(stage, method, family, others)
            else:
                refused = curl(stage, url(method, family, "name", APART), status=None)
                expect(refused.returncode == 7, f"port unreachable: the only server is drained: {refused}")
            for process in running.values():
                stage.finished(process)
                whole(stage, process)
            stage.director.change(service, name, method, family, APART, 1)


def removed_server_is_silent_until_it_is_back(stage):
    """As on ip_vs: what it has waits, and goes on when the server is entered again."""
    for method, family in stage.some(ways(("nat", "direct", "tunnel", "mixed")), FEW):
        with stage.way(method, family):
            service = stage.director.service("tcp", APART, method, family)
            name, *others = WHO[method]
            running = downloads(stage, method, family)
            stage.director.remove(service, name, family, APART)
            refuses(stage, method, family, others)
            for other in others:
                stage.finished(running[other])
                whole(stage, running[other])
            expect(running[name].poll() is None, "its own download waits")
            stage.director.enter(service, name, method, family, APART)
            stage.finished(running[name])
            whole(stage, running[name])


def upload(stage, method, family):
    """The server of a slow one that is under way, and its process."""
    port = 50000 + len(stage.processes)
    process = stage.start("client", "curl", "--silent", "--show-error", "--globoff", "--fail", "--max-time", "60", "--limit-rate", "200K",
                          "--local-port", str(port), "--upload-file", stage.path("body"), url(method, family, "put/slow", APART))
    return eventually("the upload is under way", lambda: stage.connected(family, port) or stage.lives(process)), process


def removed_server_ends_what_it_has_if_told_so(stage):
    """expire_nodest_conn: who goes on sending is reset, and need not wait."""
    stage.director.setting("expire_nodest_conn", 1)
    for method, family in stage.some(ways(("nat", "direct", "tunnel", "mixed")), FEW):
        with stage.way(method, family):
            running = dict(upload(stage, method, family) for _ in WHO[method])
            expect(set(running) == set(WHO[method]), f"one to each server: {running}")
            name, *others = WHO[method]
            stage.director.remove(stage.director.service("tcp", APART, method, family), name, family, APART)
            stage.finished(running[name], 55, 56)
            for other in others:
                expect(running[other].poll() is None, "the others go on")
                stage.end(running[other])
            stage.director.enter(stage.director.service("tcp", APART, method, family), name, method, family, APART)
    stage.director.setting("expire_nodest_conn", 0)


def killed_server_takes_its_own_with_it(stage):
    """Nobody checks servers here: its clients are refused until it is removed."""
    for method, family in stage.some(ways(("nat", "direct", "tunnel")), FEW):
        with stage.way(method, family):
            service = stage.director.service("tcp", APART, method, family)
            name, *others = WHO[method]
            running = downloads(stage, method, family)
            stage.end(stage.web[name])
            expect(running[name].wait() in (18, 56), f"its download is broken off: {running[name].wait()}")
            for other in others:
                stage.finished(running[other])
                whole(stage, running[other])
            tries = [curl(stage, url(method, family, "name", APART), status=None).returncode for _ in range(4 * len(WHO[method]))]
            expect(sorted(tries) == [0] * 4 * len(others) + [7] * 4, f"only its share is refused: {tries}")
            stage.director.remove(service, name, family, APART)
            refuses(stage, method, family, others)
            stage.web[name] = start_server(stage, name)
            stage.director.enter(service, name, method, family, APART)
            expect(set(answers(stage, method, family)) == set(WHO[method]), "all again")


STORIES = [every_way_serves, ports_are_translated, connections_are_kept, large_bodies_arrive, load_fails_nowhere,
           killed_lvsd_costs_nothing, drained_server_ends_what_it_has, removed_server_is_silent_until_it_is_back,
           removed_server_ends_what_it_has_if_told_so, killed_server_takes_its_own_with_it]
