"""The lab's address plan, and the lvs.cf that both directors share.

    public   198.51.100.0/24   clients, both directors, the two virtual addresses; real servers behind direct routing
    inside   10.11.12.0/24     real servers; behind NAT their default gateway is the floating NAT router address
    private  10.99.0.0/24      second heartbeat path, between the directors only
"""
import dataclasses

VIP_WEB = "198.51.100.80"    # HTTP and HTTPS by firewall mark 80, persistent
VIP_PLAIN = "198.51.100.81"  # port 80 alone, every connection scheduled: load and prober
NAT_ROUTER = "10.11.12.10"
VIRTUAL = (VIP_WEB, VIP_PLAIN)
FIREWALL_MARK = 80

CLIENT = "198.51.100.10"
# Fifty clients as far as a director can see; all live in the namespace `client`.
VISITORS = [f"198.51.100.{n}" for n in range(101, 151)]


@dataclasses.dataclass(frozen=True)
class RealServer:
    name: str
    address: str
    public: str  # Where it answers from, by direct routing.


@dataclasses.dataclass(frozen=True)
class Director:
    name: str
    letter: str
    public: str
    inside: str
    private: str

    @property
    def own_addresses(self):
        """Of its cards, in their order."""
        return self.public, self.inside, self.private

    def mac(self, card):
        """A network card keeps its address through a power loss."""
        return f"02:00:5e:00:{ord(self.letter):02x}:{card:02x}"


REAL_SERVERS = [RealServer(f"rs{n}", f"10.11.12.{20 + n}", f"198.51.100.{20 + n}") for n in range(1, 5)]
DIRECTORS = [Director("director-a", "a", "198.51.100.2", "10.11.12.2", "10.99.0.1"),
             Director("director-b", "b", "198.51.100.3", "10.11.12.3", "10.99.0.2")]
DIRECTORS_AS_SERVERS = [RealServer(d.name, d.public, d.public) for d in DIRECTORS]
NODES = ["client", "switch", *(d.name for d in DIRECTORS), *(s.name for s in REAL_SERVERS)]


def _servers(site):
    return "\n".join(f"""\
     server {server.name} {{
         address = {server.address}
         active = 1
         weight = 1
     }}""" for server in site.servers)


def lvs_cf(tempo, plane, site, mark_ports=True, persistent=True):
    """`mark_ports` and `persistent` are left out by the sabotages of the same names."""
    primary, backup = DIRECTORS
    marks = "     mark_ports = tcp/80,443\n" if mark_ports else ""
    persistence = "     persistent = 10\n" if persistent else ""
    return f"""\
serial_no = 1
primary = {primary.public}
primary_private = {primary.private}
service = lvs
backup_active = 1
backup = {backup.public}
backup_private = {backup.private}
heartbeat = 1
heartbeat_port = 539
keepalive = {tempo.keepalive_ms}ms
deadtime = {tempo.deadtime_ms}ms
{site.lvs_cf}monitor_links = 1
{plane.lvs_cf}virtual web {{
     active = 1
     address = {VIP_WEB} eth0:1
     vip_nmask = 255.255.255.0
     fwmark = {FIREWALL_MARK}
{marks}     port = 80
{persistence}     scheduler = wlc
     protocol = tcp
     check = http
     interval = {tempo.check_interval_ms}ms
     timeout = {tempo.check_timeout_ms}ms
     reentry = 1
{_servers(site)}
}}
virtual plain {{
     active = 1
     address = {VIP_PLAIN} eth0:2
     vip_nmask = 255.255.255.0
     port = 80
     scheduler = rr
     protocol = tcp
     check = tcp
     interval = {tempo.check_interval_ms}ms
     timeout = {tempo.check_timeout_ms}ms
     reentry = 1
{_servers(site)}
}}
"""
