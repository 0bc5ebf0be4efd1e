"""Who answers for an address, as a client of its segment hears it: asks by ARP in a fixed rhythm and writes one line
for each answer, "nanoseconds of CLOCK_BOOTTIME, hardware address".

usage: arp_watch.py ADDRESS OWN_ADDRESS DEVICE INTERVAL_S LOG
"""
import select
import socket
import struct
import sys
import time

ETH_P_ARP = 0x0806
ASK, ANSWER = 1, 2
ETHERNET = struct.Struct("!6s6sH")
ARP = struct.Struct("!HHBBH6s4s6s4s")


def question(own_mac, own, address):
    return (ETHERNET.pack(b"\xff" * 6, own_mac, ETH_P_ARP)
            + ARP.pack(1, 0x0800, 6, 4, ASK, own_mac, own, bytes(6), address))


def answerer(frame, address):
    """The hardware address that claims `address` in this frame; nothing where it is another frame."""
    if len(frame) < ETHERNET.size + ARP.size:
        return None
    _, _, _, _, operation, mac, sender, _, _ = ARP.unpack_from(frame, ETHERNET.size)
    return mac.hex(":") if operation == ANSWER and sender == address else None


def main():
    address, own = (socket.inet_aton(a) for a in sys.argv[1:3])
    device, interval = sys.argv[3], float(sys.argv[4])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    wire.bind((device, ETH_P_ARP))
    ask = question(wire.getsockname()[4], own, address)
    due = time.monotonic()
    with open(sys.argv[5], "w", encoding="ascii", buffering=1) as log:
        while True:
            wait = due - time.monotonic()
            if wait <= 0:
                wire.send(ask)
                due = time.monotonic() + interval
            elif select.select([wire], [], [], wait)[0]:
                mac = answerer(wire.recv(2048), address)
                if mac:
                    log.write(f"{time.clock_gettime_ns(time.CLOCK_BOOTTIME)} {mac}\n")


if __name__ == "__main__":
    main()
