"""Stops a process for good before it makes a certain system call, however short the moment is: by ptrace(2)."""
import contextlib
import ctypes
import os
import platform
import socket
import struct
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
SYSCALL, SEIZE, INTERRUPT, GET_SYSCALL_INFO = 24, 0x4206, 0x4207, 0x420E
TRACESYSGOOD = 1
SYSCALL_STOP = 0x85  # SIGTRAP, marked.
INFO_SIZE, ENTRY = 88, 1
WALL = 0x40000000
SENDTO = {"x86_64": 44, "aarch64": 206}.get(platform.machine(), 0)
SENDMSG = {"x86_64": 46, "aarch64": 211}.get(platform.machine(), 0)
MSG_IOV = 16  # In struct msghdr.
ETH_P_ARP, ARP_SENDER, RTM_NEWADDR, NLM_F_EXCL = b"\x08\x06", slice(28, 32), 20, 0x200


def ptrace(request, pid, address=0, data=0):
    if LIBC.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


def system_call(pid):
    """Its number and arguments, where it is about to make one."""
    info = ctypes.create_string_buffer(INFO_SIZE)
    ptrace(GET_SYSCALL_INFO, pid, INFO_SIZE, ctypes.cast(info, ctypes.c_void_p))
    operation = info.raw[0]
    return struct.unpack_from("=7Q", info.raw, 24) if operation == ENTRY else None


def memory(pid, address, size):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(address)
        return file.read(size)


class FrozenBefore:
    """The process goes on until `is_it(pid, number, *arguments)` of a system call, and then stands still until it is killed.
    `frozen` is an event."""

    def __init__(self, pid, is_it):
        self.pid, self.is_it = pid, is_it
        self.frozen, self.is_traced = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.trace, daemon=True)  # Only one thread may trace it.
        self.thread.start()
        self.is_traced.wait()

    def trace(self):
        ptrace(SEIZE, self.pid, 0, TRACESYSGOOD)
        ptrace(INTERRUPT, self.pid)
        self.is_traced.set()
        with contextlib.suppress(OSError):  # It is dead.
            while True:
                _, status = os.waitpid(self.pid, WALL)
                if not os.WIFSTOPPED(status):
                    return
                number = os.WSTOPSIG(status)
                if number == SYSCALL_STOP:
                    call = system_call(self.pid)
                    if call and not self.frozen.is_set() and self.is_it(self.pid, *call):
                        self.frozen.set()
                    if self.frozen.is_set():
                        continue  # Is stopped, and answers nobody.
                is_signal = status >> 16 == 0 and number != SYSCALL_STOP
                ptrace(SYSCALL, self.pid, 0, number if is_signal else 0)


def is_announcement_of(address):
    """Gratuitous ARP; questions name another sender."""
    def is_it(pid, number, _, frame, size, __, to, to_size):
        if number != SENDTO or to_size < 2 or struct.unpack("=H", memory(pid, to, 2))[0] != socket.AF_PACKET:
            return False
        data = memory(pid, frame, size)
        return data[12:14] == ETH_P_ARP and data[ARP_SENDER] == socket.inet_aton(address)
    return is_it


def is_second_part_of_the_addresses():
    """The message to the kernel that adds what did not go into the first one."""
    seen = []

    def is_it(pid, number, _, header, *__):
        if number == SENDMSG:
            parts, = struct.unpack("=Q", memory(pid, header + MSG_IOV, 8))
            message, = struct.unpack("=Q", memory(pid, parts, 8))
            _, kind, flags = struct.unpack("=IHH", memory(pid, message, 8))
            if kind == RTM_NEWADDR and flags & NLM_F_EXCL:
                seen.append(message)
        return len(seen) == 2
    return is_it
