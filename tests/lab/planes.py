"""What differs between the two cores that a pair may forward with, as the drill's scenes need it."""
import pathlib
import subprocess

import config


class Embedded:
    """Our own core: eBPF programs, an nft chain and the device ipvs0."""
    name = "embedded"
    lvs_cf = ""
    repair_event = "core-repaired"
    removal = ("lvsd", "--core", "--remove")
    short_timeouts = ("lvsadm", "--set", "2", "2", "2")
    # Each is made good by somebody who watches, as (command, name of the bound in judge.py).
    damages = (("nft flush ruleset", "nft-flushed"),
               (f"ip addr del {config.VIP_PLAIN}/32 dev eth0", "address-deleted"),
               ("tc qdisc del dev eth0 clsact", "filter-removed"),
               ("ip link del ipvs0", "device-deleted"))
    left_out = {}
    # Whether the rules of the INPUT chain meet every packet of a flow, or the first one only.
    obeys_input_always = False
    # Whether the standby knows the connections of the active director.
    shares_connections = False

    @staticmethod
    def remains(lab, director):
        """What is still there of it on a director that was stopped."""
        links = lab.on(director, "ip", "-o", "link").stdout
        rules = lab.on(director, "nft", "list", "ruleset").stdout
        return [name for name, there in (("ipvs0", "ipvs0" in links), ("table ip lvs", "table ip lvs" in rules))
                if there]


class Kernel:
    """The kernel's ip_vs. It cannot be made to tell of changes: its table is compared every 5 s."""
    name = "kernel"
    # The time-outs: a connection that ends while neither director looks (its table cleared, a message about it lost)
    # is listed for as long as an idle one.
    lvs_cf = "core = kernel\nsyncdaemon = 1\nsyncd_iface = eth2\ntcp_timeout = 20\ntcpfin_timeout = 5\n"
    repair_event = "drift"
    removal = ("ipvsadm", "-C")
    short_timeouts = ("true",)  # lvs.cf has them already.
    damages = (("ipvsadm -C", "table-cleared"),
               (f"ip addr del {config.VIP_PLAIN}/32 dev eth0", "address-deleted"),
               ("iptables -t mangle -F", "marks-flushed"))
    left_out = {"repair": "no nft chain, TC filter or ipvs0 belongs to ip_vs: none is taken away",
                "marks": "ip_vs cannot end a connection: INPUT DROP alone does what lvsadm --kill is for"}
    obeys_input_always = True
    shares_connections = True

    @staticmethod
    def remains(lab, director):
        return ["ip_vs services"] if lab.on(director, "ipvsadm", "-S", "-n").stdout else []


PLANES = {plane.name: plane for plane in (Embedded, Kernel)}


def kernel_has_ip_vs():
    """Whether this machine's kernel has it, loaded or to be loaded."""
    return pathlib.Path("/proc/net/ip_vs").exists() or subprocess.run(
        ["modprobe", "--quiet", "ip_vs"], check=False).returncode == 0
