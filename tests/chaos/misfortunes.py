"""The misfortunes: what strikes a director, and how it is healed.

Each is a function that gets the pair, its victim and a source of random numbers, does it, and returns what heals it.
What it says about itself decides with which others it may overlap (schedule.py) and what may be noticed (bounds.py).
A step of the clock is not among them: the wall clock belongs to no namespace.
"""
import dataclasses
import pathlib
import signal
import threading
import time

import config
from bounds import BLACKOUT_S

LVS_CF = "/etc/sysconfig/ha/lvs.cf"
KILL_RHYTHM_S = 0.05


@dataclasses.dataclass(frozen=True)
class Misfortune:
    name: str
    what: str
    strike: object
    promise: str                     # a row of bounds.PROMISES, where the victim is the active director
    on_standby: str = "nothing"      # likewise, where it is the standby
    lasts: tuple = (0.5, 3.0)
    disables: bool = False           # its victim may be unable to serve
    wants_to_tell: bool = False      # the peer learns it by heartbeats alone
    blinds: bool = False             # the directors hear each other badly or not at all
    holds: bool = False              # the service must not need to move
    keeps_lvsd_away: bool = False    # for longer than a restart takes
    needs_lvsd: bool = False         # who makes good what was done
    alone: bool = False              # nothing is promised when anything else strikes
    exclusive: str = ""              # no two of the same kind on one director at once

    def promise_for(self, role):
        return self.promise if role == "active" else self.on_standby


ALL = {}


def misfortune(name, what, promise, **properties):
    def enlist(strike):
        ALL[name] = Misfortune(name, what, strike, promise, **properties)
        return strike
    return enlist


def nothing():
    pass


# ---- processes

def _killer(role):
    def strike(pair, victim, _):
        pair.signal(victim, role, signal.SIGKILL)
        return nothing
    return strike


for _role in ("arbiter", "lvsd", "nanny", "runner"):
    misfortune(f"kill-{_role}", f"{_role} is killed", "nothing", lasts=(0, 0.5))(_killer(_role))


def _persistent_killer(role):
    def strike(pair, victim, _):
        over = threading.Event()

        def kill():
            while not over.wait(KILL_RHYTHM_S):
                pair.signal(victim, role, signal.SIGKILL)
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()

        def heal():
            over.set()
            killer.join()
        return heal
    return strike


for _role, _promise, _properties in (
        ("lvsd", "nothing", {"keeps_lvsd_away": True}), ("nanny", "nothing", {}),
        ("arbiter", "takeover", {"disables": True})):
    misfortune(f"kill-{_role}-again", f"{_role} is killed, and every {_role} that follows", _promise, lasts=(1, 5),
               **_properties)(_persistent_killer(_role))


@misfortune("kill-keeper", "the keeper is killed; somebody starts pulse again", "takeover", lasts=(0.2, 8),
            disables=True, exclusive="service")
def kill_keeper(pair, victim, _):
    pair.signal(victim, "keeper", signal.SIGKILL)
    return lambda: pair.service(victim, "start")


@misfortune("kill-all", "every process of the suite is killed; somebody starts pulse again", "takeover", lasts=(0.2, 8),
            disables=True, exclusive="service")
def kill_all(pair, victim, _):
    pair.signal(victim, None, signal.SIGKILL)
    return lambda: pair.service(victim, "start")


def _freezer(role):
    def strike(pair, victim, _):
        frozen = pair.signal(victim, role, signal.SIGSTOP)
        return lambda: pair.thaw(frozen)
    return strike


for _role, _promise, _properties in (
        ("keeper", "nothing", {"exclusive": "service"}), ("runner", "nothing", {}), ("nanny", "nothing", {}),
        ("lvsd", "handover", {"wants_to_tell": True, "keeps_lvsd_away": True}), ("arbiter", "takeover", {"disables": True})):
    misfortune(f"freeze-{_role}", f"{_role} does not run for a while, at times longer than its watchdog waits", _promise,
               lasts=(0.3, 16 if _role == "nanny" else 9), **_properties)(_freezer(_role))
misfortune("freeze-all", "no process of the suite runs for a while", "takeover", lasts=(0.3, 9), disables=True,
           keeps_lvsd_away=True, exclusive="service")(_freezer(None))


# ---- both directors at once

@misfortune("freeze-both", "no process of the suite runs for a while, on neither director", "blackout",
            on_standby="blackout", lasts=(0.3, BLACKOUT_S), alone=True)
def freeze_both(pair, _, __):
    frozen = [pid for director in config.DIRECTORS for pid in pair.signal(director, None, signal.SIGSTOP)]
    return lambda: pair.thaw(frozen)


@misfortune("kill-both", "every process of the suite is killed on both directors; somebody starts both again",
            "blackout", on_standby="blackout", lasts=(0.2, BLACKOUT_S), alone=True)
def kill_both(pair, _, draw):
    for director in config.DIRECTORS:
        pair.signal(director, None, signal.SIGKILL)

    def heal():
        for director in draw.sample(config.DIRECTORS, 2):
            pair.service(director, "start")
    return heal


@misfortune("power-both", "both directors lose power, later they boot", "blackout", on_standby="blackout",
            lasts=(0.5, BLACKOUT_S), alone=True)
def power_both(pair, _, draw):
    for director in config.DIRECTORS:
        pair.lab.power_off(director)

    def heal():
        for director in draw.sample(config.DIRECTORS, 2):
            pair.boot(director)
    return heal


# ---- the operator

@misfortune("restart", "service pulse restart", "handover", lasts=(0, 0.5), disables=True, exclusive="service")
def restart(pair, victim, _):
    pair.service(victim, "restart")
    return nothing


@misfortune("stop", "service pulse stop, later start", "handover", lasts=(0, 4), disables=True, exclusive="service")
def stop(pair, victim, _):
    pair.service(victim, "stop")
    return lambda: pair.service(victim, "start")


@misfortune("switchover", "lvsctl switchover", "handover", on_standby="handover", lasts=(0, 1))
def switchover(pair, victim, _):
    pair.on(victim, "lvsctl", "switchover", check=False)
    return nothing


@misfortune("hold", "lvsctl hold, later release", "nothing", lasts=(0.5, 5), holds=True)
def hold(pair, victim, _):
    pair.on(victim, "lvsctl", "hold")
    return lambda: pair.on(victim, "lvsctl", "release")


ONE_MORE_SERVICE = f"""\
virtual more {{
     active = 1
     address = 198.51.100.82 eth0:3
     vip_nmask = 255.255.255.0
     port = 80
     protocol = tcp
     server one {{
         address = {config.REAL_SERVERS[0].address}
         active = 1
     }}
}}
"""


def _reload(pair, victim, text):
    pair.on(victim, "tee", LVS_CF, text=text)
    pair.service(victim, "reload")


@misfortune("reload-changed", "lvs.cf is changed and read again, later the old one", "nothing", exclusive="service")
def reload_changed(pair, victim, draw):
    good = pair.lvs_cf.replace("serial_no = 1", "serial_no = 2")
    _reload(pair, victim, draw.choice((
        good.replace("weight = 1", "weight = 3"), good.replace("scheduler = wlc", "scheduler = wrr"),
        good.replace("persistent = 10\n", "persistent = 20\n"), good + ONE_MORE_SERVICE,
        good.replace("active = 1\n         weight = 1", "active = 0\n         weight = 1", 1))))
    return lambda: _reload(pair, victim, pair.lvs_cf)


@misfortune("reload-broken", "a broken lvs.cf is read, later the good one", "nothing", exclusive="service")
def reload_broken(pair, victim, draw):
    good = pair.lvs_cf
    _reload(pair, victim, draw.choice((
        "", good[:draw.randrange(1, len(good))].rstrip("}\n"), good.replace("scheduler = rr", "scheduler = best"),
        good.replace("keepalive = ", "keepalive = often"), "\0\xff{{{{ = =\n" * 50)))
    return lambda: _reload(pair, victim, good)


# ---- the network

def _cutter(*segments):
    def strike(pair, victim, _):
        pair.unplug(victim, segments)
        return lambda: pair.plug_in(victim, segments)
    return strike


misfortune("cut-private", "the private link, one of two heartbeat paths, is cut", "handover", lasts=(0.5, 6), blinds=True,
           exclusive="link")(_cutter("private"))
misfortune("cut-public", "the link to the clients is cut", "takeover", lasts=(0.5, 8), disables=True, wants_to_tell=True,
           exclusive="link")(_cutter("public"))
misfortune("cut-inside", "the link to the real servers is cut", "takeover", lasts=(0.5, 8), disables=True,
           wants_to_tell=True, exclusive="link")(_cutter("inside"))
misfortune("cut-all", "all links are cut in the same moment", "takeover", lasts=(0.5, 8), disables=True,
           wants_to_tell=True, exclusive="link")(_cutter("public", "inside", "private"))


@misfortune("flap", "all links come and go", "takeover", lasts=(0.1, 1), disables=True, wants_to_tell=True,
            exclusive="link")
def flap(pair, victim, draw):
    everything = ("public", "inside", "private")
    for _ in range(draw.randrange(2, 5)):
        pair.unplug(victim, everything)
        time.sleep(draw.uniform(0.02, 0.3))
        pair.plug_in(victim, everything)
        time.sleep(draw.uniform(0.02, 0.3))
    return nothing


def _filter(pair, victim, name, rule, hooks):
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority -350; {rule} drop; }}\n" for hook in hooks)
    pair.on(victim, "nft", "-f", "-", text=f"table inet {name} {{\n{chains}}}\n")
    # Somebody may have flushed it meanwhile.
    return lambda: pair.on(victim, "nft", "delete", "table", "inet", name, check=False)


@misfortune("filter-heartbeats", "a firewall drops heartbeats, in one direction or both; ARP goes on", "nothing",
            lasts=(0.5, 9), blinds=True)
def filter_heartbeats(pair, victim, draw):
    return _filter(pair, victim, "misfortune-filter", "udp dport 539",
                   draw.choice((("input",), ("output",), ("input", "output"))))


@misfortune("loss", "a share of all packets to the director is lost, 2 to 15 %", "loss", on_standby="loss", lasts=(1, 6))
def loss(pair, victim, draw):
    return _filter(pair, victim, "misfortune-loss", f"numgen random mod 100 < {draw.randrange(2, 16)}", ("prerouting",))


@misfortune("card-replaced", "a network card is pulled out, and another put in with its name and addresses", "takeover",
            lasts=(0.1, 3), disables=True, wants_to_tell=True, exclusive="link")
def card_replaced(pair, victim, draw):
    segment = draw.choice(("public", "inside", "private"))
    pair.pull_card(victim, segment)
    return lambda: pair.put_card(victim, segment)


@misfortune("own-address-removed", "a director's own address of one segment is deleted, later it returns", "repair",
            lasts=(0.1, 5), blinds=True, exclusive="link")
def own_address_removed(pair, victim, draw):
    card, address = draw.choice((("eth0", victim.public), ("eth1", victim.inside), ("eth2", victim.private)))
    pair.on(victim, "ip", "addr", "del", f"{address}/24", "dev", card)
    return lambda: pair.on(victim, "ip", "addr", "add", f"{address}/24", "dev", card)


# ---- what a director stands on

def _damage(name, what, promise, *commands, **properties):
    def strike(pair, victim, draw):
        pair.on(victim, *draw.choice(commands).split(), check=False)
        return nothing
    misfortune(name, what, promise, lasts=(0, 1), **{"needs_lvsd": True, **properties})(strike)


_damage("nft-flushed", "nft flush ruleset", "repair", "nft flush ruleset")
_damage("marks-flushed", "iptables -t mangle -F", "nothing", "iptables -t mangle -F")
_damage("filter-removed", "the TC filters of a device are removed", "repair", "tc qdisc del dev eth0 clsact",
        "tc qdisc del dev eth1 clsact")
_damage("ipvs0-down", "ipvs0 is set down", "repair", "ip link set ipvs0 down")
_damage("ipvs0-deleted", "ipvs0 is deleted", "repair", "ip link del ipvs0")
_damage("table-cleared", "lvsadm -C", "drift", "lvsadm -C")
_damage("sysctl-reset", "forwarding is switched off", "repair", "sysctl -w net.ipv4.ip_forward=0",
        "sysctl -w net.ipv4.conf.all.forwarding=0")
_damage("address-removed", "a floating address is deleted by hand", "repair",
        f"ip addr del {config.VIP_PLAIN}/32 dev eth0", f"ip addr del {config.NAT_ROUTER}/32 dev eth1", needs_lvsd=False)


@misfortune("disk-full", "/var/lib/lvs has no room", "nothing", lasts=(0.5, 6), exclusive="disk")
def disk_full(pair, victim, _):
    pair.on(victim, "sh", "-c", "cat /dev/zero >/var/lib/lvs/filler", check=False)
    return lambda: pair.on(victim, "rm", "-f", "/var/lib/lvs/filler")


@misfortune("syslog-hangs", "nobody reads /dev/log", "nothing", lasts=(0.5, 9), exclusive="syslog")
def syslog_hangs(pair, victim, _):
    machine = [pair.lab.init_pid(victim)]
    pair.signal_all(machine, signal.SIGSTOP)
    return lambda: pair.thaw(machine)


@misfortune("silent-dns", "the name server is silent when lvsd looks a server's name up", "nothing", lasts=(1, 6),
            exclusive="names")
def silent_dns(pair, victim, _):
    pair.on(victim, "tee", "/etc/hosts", text="127.0.0.1 localhost\n")
    pair.signal(victim, "lvsd", signal.SIGKILL)
    return lambda: pair.on(victim, "tee", "/etc/hosts", text=pair.hosts)


@misfortune("power", "the director loses power, later it boots", "takeover", lasts=(0.5, 5), disables=True,
            exclusive="power")
def power(pair, victim, _):
    pair.lab.power_off(victim)
    return lambda: pair.boot(victim)


@misfortune("server", "a real server is cut off, later it returns", "server", on_standby="server", lasts=(0.5, 5),
            exclusive="server")
def real_server(pair, _, draw):
    server = draw.choice(config.REAL_SERVERS)
    pair.lab.take_down(server)
    return lambda: pair.lab.bring_up(server)


@misfortune("server-new-card", "a real server gets another hardware address and announces it", "server", on_standby="server",
            lasts=(0, 1), exclusive="server")
def server_new_card(pair, _, draw):
    server = draw.choice(config.REAL_SERVERS)
    mac = "02:00:5e:10:" + ":".join(f"{draw.randrange(256):02x}" for _ in range(2))
    pair.on(server.name, "sysctl", "-w", "net.ipv4.conf.eth0.arp_notify=1")
    pair.on(server.name, "ip", "link", "set", "eth0", "address", mac)
    return nothing
