"""What the scenarios inside the user-mode kernel share: fresh network namespaces, running the two programs."""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
IPVSADM = "ipvsadm"


def fresh_namespace():
    """This process and the programs that it starts move to a new network namespace: an empty IPVS table.

    Its loopback is up, because ip_vs finds no address unicast in a namespace that never had one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"no new network namespace: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def execute(program, arguments, given=""):
    """Status, standard output and standard error of one program."""
    done = subprocess.run([*program, *arguments], input=given, capture_output=True, text=True, timeout=120,
                          close_fds=False)  # So that Python need not fork: that is slow here.
    return done.returncode, done.stdout, done.stderr
