"""What Piranha's pulse does with heartbeats and addresses, for a network namespace of its own: its decision table, its
wall clock, its four bytes, and its addresses without an end. lvsd and the real servers are not part of it."""
import select
import socket
import struct
import subprocess
import threading
import time

RUNNING, STOPPED = 0xBDADDBDA, 0xADBDDABD
LIFE_SIGNS = (0xDEAFBABE, 0xDEAFDADA)


class Piranha:
    """A director of Piranha on `director`'s machine, passive at first. `is_primary`: Piranha's master."""

    def __init__(self, director, is_primary, vip, port, keepalive, deadtime, inside_network):
        self.namespace, self.is_primary, self.vip = director.namespace, is_primary, vip
        self.keepalive, self.deadtime = keepalive, deadtime
        own, other = (director.number, 3 - director.number)
        self.peers = [(f"{net}.{other}", port) for net in ("192.0.2", "10.0.0")]
        with inside_network(self.namespace):
            self.sockets = [self.bound(f"{net}.{own}", port) for net in ("192.0.2", "10.0.0")]
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.wire.bind(("eth0", 0x0806))
        self.is_active, self.has_failed_child = False, False
        self.log = []
        self.wishes = []
        self.is_over = False
        self.heard_at = time.time()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def bound(address, port):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, port))
        return one

    # What happens to it.

    def stop(self):
        """SIGTERM: addresses down, no word."""
        self.wish(self.end)

    def lvsd_dies(self):
        self.wish(self.lose_child)

    def kill(self):
        """SIGKILL: its addresses stay."""
        self.wish(lambda: None, is_last=True)

    def wish(self, what, is_last=False):
        done = threading.Event()
        self.wishes.append((what, done, is_last))
        assert done.wait(30), "Piranha's loop turns"
        if is_last or what == self.end:
            self.thread.join()
            for one in self.sockets + [self.wire]:
                one.close()

    # What it does.

    def run(self):
        beat_at = time.time()
        while not self.is_over:
            now = time.time()
            if now >= beat_at:
                self.send()
                beat_at = now + self.keepalive
            for one in select.select(self.sockets, [], [], 0.01)[0]:
                self.hear(*one.recvfrom(64))
            if not self.is_active and not self.has_failed_child and time.time() >= self.heard_at + self.deadtime:
                self.activate("partner dead: activating lvs")
            for wish in self.wishes[:]:
                what, done, is_last = wish
                what()
                self.is_over |= is_last
                self.wishes.remove(wish)
                done.set()

    def send(self):
        word = struct.pack("=I", RUNNING if self.is_active else STOPPED)
        for one, peer in zip(self.sockets, self.peers):
            try:
                one.sendto(word, peer)
            except OSError:
                pass

    def hear(self, datagram, sender):
        if sender[0] not in [address for address, _ in self.peers]:
            return
        if len(datagram) != 4:
            self.log.append("bad heartbeat packet")
            return
        word, = struct.unpack("=I", datagram)
        if word not in (RUNNING, STOPPED) + LIFE_SIGNS:
            self.log.append("Incompatible heartbeat received")
            return
        self.heard_at = time.time()
        if word == RUNNING and self.is_active and self.is_primary:
            self.log.append("partner active: resending arps")
            self.announce()
        elif word == RUNNING and self.is_active:
            self.send()
            self.deactivate("partner active: deactivating LVS")
        elif word == RUNNING:
            self.has_failed_child = False
        elif word == STOPPED and not self.is_active and not self.has_failed_child:
            self.activate(("backup" if self.is_primary else "primary") + " inactive: activating lvs")

    def address(self, verb):
        subprocess.run(["ip", "-n", self.namespace, "address", verb, f"{self.vip}/32", "dev", "eth0"],
                       check=False, capture_output=True)

    def activate(self, why):
        self.log.append(why)
        self.is_active = True
        self.address("add")
        self.announce()

    def deactivate(self, why):
        self.log.append(why)
        self.is_active = False
        self.address("del")

    def announce(self):
        mac = self.wire.getsockname()[4]
        vip = socket.inet_aton(self.vip)
        self.wire.send(b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2) + mac + vip + mac + vip)

    def lose_child(self):
        self.has_failed_child = True
        self.deactivate("lvsd exited")
        self.send()

    def end(self):
        if self.is_active:
            self.deactivate("Terminating due to signal 15")
        self.is_over = True
