"""nginx on the servers; curl and wrk as clients. A body is right when its checksum is, and wrk tells what failed."""
import hashlib
import os
import re

from director import WHO, bracketed, vip
from stage import FAMILIES, expect
from topology import SERVERS

METHODS = ("nat", "direct", "tunnel", "local", "mixed")
BODY_BYTES = 16 << 20
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
    location /slow {{ alias {root}/slow; limit_rate 200k; sendfile off; }}
    location /put/ {{ root {folder}; dav_methods PUT; }}
  }}
}}
"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def start_server(stage, name):
    os.makedirs(stage.path(f"web-{name}", "put"), exist_ok=True)
    config = stage.write(f"web-{name}/nginx.conf", NGINX.format(folder=stage.path(f"web-{name}"), name=name, root=stage.folder))
    process = stage.start(name, "nginx", "-c", config)
    stage.listens(name, 80, process)
    return process


def setup(stage):
    for name, size in (("body", BODY_BYTES), ("slow", 800_000)):
        with open(stage.path(name), "wb") as file:
            file.write(os.urandom(size))
    stage.web = {name: start_server(stage, name) for name in (*SERVERS, "director")}
    for method in METHODS:
        for family in FAMILIES:
            stage.director.serve("tcp", 80, method, family)


def ways(methods=METHODS):
    return [(method, family) for family in FAMILIES for method in methods]


def url(method, family, path):
    return f"http://{bracketed(vip(method, family))}/{path}"


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


# Whose cards send and receive packet by packet.
WITHOUT_OFFLOADS = ((), ("client", *SERVERS, "director", "router"), ("director",), ("client",), SERVERS)


def large_bodies_arrive(stage):
    right = digest(stage.path("body"))
    for names in WITHOUT_OFFLOADS:
        stage.topology.offloads(names, "off")
        for method, family in ways():
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
        for options in ((), ("--header", "Connection: close")):
            with stage.way(method, family, *options[1:]):
                before = stage.counted(method, family, "tcp", 80)
                expect(wrk(stage, url(method, family, "name"), *options) > 0, "requests")
                after = stage.counted(method, family, "tcp", 80)
                expect(all(after[name] > before[name] for name in WHO[method]), f"all servers used: {before} {after}")


STORIES = [every_way_serves, ports_are_translated, connections_are_kept, large_bodies_arrive, load_fails_nowhere]
