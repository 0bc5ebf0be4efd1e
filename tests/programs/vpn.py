"""strongSwan at both ends: IKE on ports 500 and 4500, and ESP in UDP, packed and unpacked by charon itself (kernel-libipsec), so
that the kernel need not have ESP. Both ports of a client must reach the same gateway: here by hashing its address (sh) or by
a mark with persistence. Behind each gateway is the same address, and a web server that tells which gateway it was.
"""
import os
import re

from director import WHO, own, vip
from stage import FAMILIES, eventually, expect
from topology import CLIENTS, CLIENTS6, SERVERS
from web import digest, start_server as start_web

METHODS = ("nat", "direct", "tunnel")
BEHIND = "10.88.0.1"
PLUGINS = ("random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pem aes sha1 sha2 hmac kdf gmp xcbc "
           "kernel-libipsec kernel-netlink socket-default vici")
STRONGSWAN = """charon {{
  load = {plugins}
  install_routes = yes
  retransmit_tries = 3
  plugins {{ vici {{ socket = unix://{folder}/vici }} }}
  filelog {{ said {{ path = {folder}/charon.log
    default = 1
    flush_line = yes
  }} }}
}}
swanctl {{ load = pem pkcs1 pkcs8 x509 pubkey random }}
"""
GATEWAY = """connections {{ any {{
  version = 2
  proposals = aes128-sha256-modp2048
  fragmentation = {fragmentation}
  pools = inner
  rekey_time = 0
  local {{ auth = pubkey
    certs = gateway.pem
    id = gateway.example.test
  }}
  remote {{ auth = pubkey
    certs = road.pem
    id = road.example.test
  }}
  children {{ inside {{ local_ts = {behind}/32
    esp_proposals = aes128-sha256
    rekey_time = 0
  }} }}
}} }}
pools {{ inner {{ addrs = 10.77.{number}.0/24 }} }}
"""
ROAD = """connections {{ {name} {{
  version = 2
  proposals = aes128-sha256-modp2048
  fragmentation = {fragmentation}
  local_addrs = {source}
  remote_addrs = {target}
  vips = 0.0.0.0
  rekey_time = 0
  local {{ auth = pubkey
    certs = road.pem
    id = road.example.test
  }}
  remote {{ auth = pubkey
    certs = gateway.pem
    id = gateway.example.test
  }}
  children {{ {name} {{ remote_ts = {behind}/32
    esp_proposals = aes128-sha256
    rekey_time = 0
  }} }}
}} }}
"""


def certificate(stage, name):
    """So large a key that a message with its certificate does not fit into one packet."""
    stage.run("client", "openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-days", "30", "-subj", f"/CN={name}.example.test",
              "-addext", f"subjectAltName=DNS:{name}.example.test", "-keyout", stage.path(f"{name}.key"), "-out", stage.path(f"{name}.pem"))


def swanctl(stage, node, *arguments, status=0):
    return stage.run(node, "env", f"STRONGSWAN_CONF={stage.path(f'vpn-{node}', 'strongswan.conf')}", f"SWANCTL_DIR={stage.path(f'vpn-{node}')}",
                     "swanctl", *arguments, "--uri", f"unix://{stage.path(f'vpn-{node}', 'vici')}", status=status)


def load(stage, node, text):
    stage.write(f"vpn-{node}/swanctl.conf", text)
    swanctl(stage, node, "--load-all", "--noprompt")


def start_charon(stage, node, of):
    folder = stage.path(f"vpn-{node}")
    for kind in ("x509", "private", "x509ca", "pubkey"):
        os.makedirs(f"{folder}/{kind}")
    for name in ("gateway", "road"):
        os.symlink(stage.path(f"{name}.pem"), f"{folder}/x509/{name}.pem")
    os.symlink(stage.path(f"{of}.key"), f"{folder}/private/{of}.key")
    config = stage.write(f"vpn-{node}/strongswan.conf", STRONGSWAN.format(plugins=PLUGINS, folder=folder))
    # Its pid file has a fixed place.
    process = stage.start(node, "unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && exec env STRONGSWAN_CONF=\"$0\" /usr/lib/ipsec/charon", config)
    eventually("charon listens", lambda: os.path.exists(f"{folder}/vici"))
    return process


def setup(stage):
    for name in ("gateway", "road"):
        certificate(stage, name)
    with open(stage.path("body"), "wb") as file:
        file.write(os.urandom(1 << 20))
    stage.gateways = {}
    for number, name in enumerate(SERVERS):
        stage.topology[name].ip([f"address add {BEHIND}/32 dev lo"])
        start_web(stage, name)
        stage.gateways[name] = start_charon(stage, name, "gateway")
        load(stage, name, GATEWAY.format(fragmentation="yes", number=number, behind=BEHIND))
    start_charon(stage, "client", "road")
    for method in METHODS:
        for family in FAMILIES:
            for port in (500, 4500):
                stage.director.serve("udp", port, method, family, "-s", "sh")


def roads(stage, method, family, fragmentation="yes"):
    """A connection for each of some client addresses; their names."""
    sources = (CLIENTS if family == 4 else CLIENTS6)[:6]
    load(stage, "client", "".join(ROAD.format(name=f"road{number}", fragmentation=fragmentation, source=source, behind=BEHIND,
                                              target=vip(method, family)) for number, source in enumerate(sources)))
    return [f"road{number}" for number, _ in enumerate(sources)]


def through(stage, path, *options):
    return stage.run("client", "curl", "--silent", "--show-error", "--fail", "--max-time", "60", *options, f"http://{BEHIND}/{path}")


def travel(stage, road):
    """One connection: the gateway's name; and what is carried in both directions is right."""
    swanctl(stage, "client", "--initiate", "--child", road)
    gateway = through(stage, "name").strip()
    got = stage.path("got")
    through(stage, "body", "--output", got)
    expect(digest(got) == digest(stage.path("body")), "a body through the tunnel")
    through(stage, "put/here", "--upload-file", stage.path("body"))
    expect(digest(stage.path(f"web-{gateway}", "put", "here")) == digest(got), "and one back")
    for what in ("--ike", "--child"):
        eventually(f"{what} can be keyed anew", lambda what=what: not swanctl(stage, "client", "--rekey", what, road, status=None).returncode)
        expect(through(stage, "name").strip() == gateway, f"after {what} was keyed anew")
    swanctl(stage, "client", "--terminate", "--ike", road)
    return gateway


def ways():
    return [(method, family) for family in FAMILIES for method in METHODS]


def roads_lead_to_gateways(stage):
    for method, family in ways():
        with stage.way(method, family):
            reached = {travel(stage, road) for road in roads(stage, method, family)}
            expect(reached == set(WHO[method]), f"all gateways used: {reached}")


def large_messages_go_in_fragments(stage):
    """IKE may cut its messages itself; forbidden to, it leaves that to IP."""
    for number, name in enumerate(SERVERS):
        load(stage, name, GATEWAY.format(fragmentation="no", number=number, behind=BEHIND))
    for method, family in ways():
        with stage.way(method, family):
            travel(stage, roads(stage, method, family, "no")[0])
    with open(stage.path("vpn-client", "charon.log"), encoding="utf-8") as file:
        sent = [int(size) for size in re.findall(r"sending packet: .* \((\d+) bytes\)", file.read())]
    expect(max(sent) > 1500, f"larger than a packet: {max(sent)}")


def roads_outlive_lvsd(stage):
    """A road and a slow download by it, while lvsd dies and starts; a new road while it is dead."""
    if stage.core == "kernel":
        return
    for method, family in stage.some(ways(), [("nat", 4), ("direct", 6)]):
        with stage.way(method, family):
            road, other, *_ = roads(stage, method, family)
            swanctl(stage, "client", "--initiate", "--child", road)
            running = stage.start("client", "curl", "--silent", "--show-error", "--fail", "--max-time", "60", "--output", stage.path("got"), "--limit-rate", "400K",
                                  f"http://{BEHIND}/body")
            stage.kill_lvsd_while(lambda: running.poll() is None)
            stage.finished(running)
            expect(digest(stage.path("got")) == digest(stage.path("body")), "a body through the tunnel")
            swanctl(stage, "client", "--terminate", "--ike", road)
            stage.director.kill()
            travel(stage, other)
            stage.director.start()


STORIES = [roads_lead_to_gateways, large_messages_go_in_fragments, roads_outlive_lvsd]
