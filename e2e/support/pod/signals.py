"""Signals to all processes of one container of this node; runs in a pod that sees the node's processes.

argv: the container's ID as its runtime knows it, and a signal's number. Prints the processes that were hit.
"""

from __future__ import annotations

import os
import sys


def processes(container: str) -> list[int]:
    """The container's processes: every runtime and cgroup driver has its ID in the cgroup's path."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{pid}/cgroup") as groups:
                if container in groups.read():
                    found.append(pid)
        except OSError:
            continue  # ended meanwhile
    return found


def main() -> None:
    """Signal them all; none at all is an error."""
    hit = processes(sys.argv[1])
    for pid in hit:
        os.kill(pid, int(sys.argv[2]))
    print(hit)
    sys.exit(0 if hit else 1)


if __name__ == "__main__":
    main()
