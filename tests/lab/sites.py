"""Where the real servers of a pair stand and how packets reach them, as the lab and the scenes need it."""
import config

SCENES = ("steady", "marks", "server", "repair", "uplink", "link", "power", "stop", "lvsd", "expiry")


class Nat:
    """Four real servers inside; the floating NAT router address is their way out."""
    name = "nat"
    method = "-m"  # Of each server, in what `lvsadm -S` prints.
    servers = config.REAL_SERVERS
    floating = (*config.VIRTUAL, config.NAT_ROUTER)
    lvs_cf = f"network = nat\nnat_router = {config.NAT_ROUTER} eth1:1\nnat_nmask = 255.255.255.0\n"
    scenes = SCENES
    replies_pass_directors = True
    servers_are_directors = False
    judged = {}


class Direct:
    """Four real servers that own the virtual addresses, too, keep quiet about them, and have a way of their own to the
    clients."""
    name = "direct"
    method = "-g"
    servers = config.REAL_SERVERS
    floating = config.VIRTUAL
    lvs_cf = "network = direct\n"
    scenes = SCENES
    replies_pass_directors = False
    servers_are_directors = False
    # What a scene judges by direct routing that it does not behind NAT, or the other way round.
    judged = {"steady": "direct routing: no reply may pass the director (behind NAT all must)",
              "server": "direct routing: both links of the real server are cut, that to the clients too",
              "link": "direct routing: the virtual addresses alone float, no NAT router address",
              "power": "direct routing: the virtual addresses alone float, no NAT router address",
              "stop": "direct routing: the virtual addresses alone float, no NAT router address",
              "expiry": "direct routing: the states of connections follow from the clients' packets alone"}


class SharedPair:
    """No other machines: each director is a real server of the pair's services, with the virtual addresses on lo."""
    name = "directors"
    method = "-g"
    servers = config.DIRECTORS_AS_SERVERS
    floating = config.VIRTUAL
    lvs_cf = "network = direct\n"
    scenes = ("steady", "marks", "shares", *SCENES[2:])
    replies_pass_directors = False
    servers_are_directors = True
    judged = {"steady": "the directors are the servers: no reply may pass a director that is not its sender",
              "marks": "the directors are the servers: the client that is dropped is one that the standby serves; what "
                       "a director serves itself meets its INPUT chain packet by packet",
              "server": "the directors are the servers: the web server of the standby is stopped, the machine lives on",
              "uplink": "the directors are the servers: a director cut off is a server lost, until it is back",
              "link": "the directors are the servers: a director cut off is a server lost, until it is back",
              "power": "the directors are the servers: a director without power is a server lost, until it is back",
              "stop": "the directors are the servers: the stopped director goes on serving",
              "expiry": "direct routing: the states of connections follow from the clients' packets alone"}


def of(forward, directors_are_servers):
    if directors_are_servers:
        return SharedPair
    return {site.name: site for site in (Nat, Direct)}[forward]
