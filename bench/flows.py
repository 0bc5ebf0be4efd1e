"""Flows between the ends of the road, made by hand."""
from frames import ACK, SYN, TCP, addresses_of, frame
from road import BURST, CLIENT, Burst


class Flows:
    """BURST flows to one address and port, each from a port of its own, and where the director takes them."""

    def __init__(self, road, service, protocol=TCP, first=10000):
        self.road, self.service, self.protocol = road, service, protocol
        client = CLIENT[":" in service[0]]
        self.clients = [(client, first + n) for n in range(BURST)]
        self.servers = [service] * BURST

    def requests(self, flags=ACK):
        return Burst([frame(self.road.macs["client"], client, self.service, self.protocol, flags)
                      for client in self.clients])

    def replies(self, flags=ACK):
        return Burst([frame(self.road.macs["servers"], server, client, self.protocol, flags)
                      for server, client in zip(self.servers, self.clients)])

    def find_servers(self, sender, burst):
        """Sends the first frame of each flow and looks where it arrives."""
        with self.road.ends["servers"].listen() as tap:
            self.road.send(burst, sender)
            seen = dict(addresses_of(tap.recv(2048)) for _ in self.clients)
        self.servers = [seen[client] for client in self.clients]

    def open(self):
        """Until each is established; the last frame that the client sends finds it so."""
        self.find_servers("client", self.requests(SYN))
        if self.protocol == TCP and self.servers[0][0] != self.service[0]:
            self.answer(SYN | ACK)
        self.road.send(self.requests(ACK), "client")

    def answer(self, flags):
        """From the servers, and it must come from whom the client spoke to."""
        with self.road.ends["client"].listen() as tap:
            self.road.send(self.replies(flags), "servers")
            sources = {addresses_of(tap.recv(2048))[0] for _ in self.clients}
        if sources != {self.service}:
            raise RuntimeError(f"replies come from {sources}, not from {self.service}")
