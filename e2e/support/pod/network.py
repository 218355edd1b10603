"""Cuts a pod of this node off from all but its node, or mends that; runs in a pod that sees the node's processes.

argv: `cut` or `mend`, and the ID of one of the pod's containers. Routes that reject are laid over those that there are, so
nothing that is sent leaves the pod, what arrives is dropped for want of a way back (rp_filter), and nothing is to be remembered.
The gateway stays reachable: through it the kubelet, which is on the same machine when a cable is cut, asks the probes.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from fcntl import ioctl

from e2e.support.pod.signals import processes

ADD, DELETE = 0x890B, 0x890C
UP, GATEWAY, HOST, REJECT = 0x1, 0x2, 0x4, 0x200
NET = 0x40000000
ALONE = 0xFFFFFFFF


def enter(process: int) -> None:
    """The network namespace of a process."""
    with open(f"/proc/{process}/ns/net") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), NET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def routes() -> list[tuple[str, int, int, int, int]]:
    """Device, destination, gateway, flags and mask of every route, addresses as numbers."""
    with open("/proc/thread-self/net/route") as table:
        rows = [line.split() for line in table.read().splitlines()[1:]]
    return [(row[0], _number(row[1]), _number(row[2]), int(row[3], 16), _number(row[7])) for row in rows]


def _number(text: str) -> int:
    return socket.ntohl(int(text, 16))


def halves(destination: int, mask: int) -> Iterator[tuple[int, int]]:
    """Two routes that together go before one."""
    narrower = mask >> 1 | 0x80000000
    yield destination, narrower
    yield destination | (mask ^ narrower), narrower


def change(request: int, destination: int, mask: int, flags: int, device: str = "") -> None:
    """Add or delete a route; one that is there already, or not, will do."""

    def address(number: int) -> bytes:
        return struct.pack("=HH4s8x", socket.AF_INET, 0, struct.pack("!I", number))

    name = ctypes.create_string_buffer(device.encode())
    pointer = ctypes.addressof(name) if device else 0
    entry = struct.pack(
        "@L16s16s16sHhLPhPLLH", 0, address(destination), address(0), address(mask), UP | flags, 0, 0, 0, 0, pointer, 0, 0, 0
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            ioctl(control, request, entry)
        except (FileExistsError, ProcessLookupError):
            return


def main() -> None:
    """Do it; without a process there is nothing to cut."""
    what, container = sys.argv[1:]
    request = {"cut": ADD, "mend": DELETE}[what]
    found = processes(container)
    if not found:
        sys.exit(1)
    enter(found[0])
    there = [row for row in routes() if not row[3] & REJECT and row[4] != ALONE]
    for device, _, gateway, flags, _ in there:
        if flags & GATEWAY:
            change(request, gateway, ALONE, HOST, device)
    for _, destination, _, _, mask in there:
        for half, narrower in halves(destination, mask):
            change(request, half, narrower, REJECT)


if __name__ == "__main__":
    main()
