"""Writers and a reader that never give up; one JSON line per operation. Runs in a pod.

Times are of one monotonic clock, since all clients are threads of one process. A failed or late operation is
logged with an error and counts as unknown: it may have taken effect, at any later time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from e2e.support.pod.gateway import Gateway

Answer = tuple[str, dict[str, Any]]
"""The cluster's ID, and the fields that go into the log."""

LOCK = threading.Lock()


def emit(**fields: object) -> None:
    """One line, whole, whatever the other threads write."""
    line = json.dumps({key: value for key, value in fields.items() if value is not None}, separators=(",", ":"))
    with LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Client:
    """One sequential client: the next operation starts only after the last one returned or failed."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.options, self.seq, self.cluster = name, options, 0, ""
        self.gateway = Gateway(options.endpoint, options.timeout)

    def run(self) -> None:
        """Operate at a steady pace until the stop file appears."""
        while not os.path.exists(self.options.stop_file):
            begun = time.monotonic()
            self.step()
            time.sleep(max(0.0, self.options.interval - (time.monotonic() - begun)))

    def step(self) -> None:
        """One operation."""
        raise NotImplementedError

    def register(self) -> str:
        """The next of the few keys that are written again and again."""
        return f"{self.options.prefix}/register/{self.seq % self.options.registers}"

    def record(self, op: str, key: str, value: str | None, act: Callable[[], Answer]) -> None:
        """Time one operation and log it."""
        fields: dict[str, Any] = {"client": self.name, "seq": self.seq, "op": op, "key": key, "value": value}
        self.seq += 1
        call = time.monotonic_ns()
        try:
            cluster, result = act()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            emit(**fields, call_ns=call, return_ns=time.monotonic_ns(), error=text[:200])
            return
        end = time.monotonic_ns()
        emit(**{**fields, **result}, call_ns=call, return_ns=end, cluster=cluster if cluster != self.cluster else None)
        self.cluster = cluster

    def put(self, key: str, value: str) -> None:
        """A write."""

        def act() -> Answer:
            cluster, revision = self.gateway.put(key, value)
            return cluster, {"revision": revision}

        self.record("put", key, value, act)


class SetWriter(Client):
    """Never writes a key twice, so that each acknowledged write is looked for by its own key."""

    def step(self) -> None:
        key = f"{self.options.prefix}/{self.name}/{self.seq:07d}"
        self.put(key, key)


class RegisterWriter(Client):
    """Overwrites a few keys, for the reader to catch a stale or lost value."""

    def step(self) -> None:
        self.put(self.register(), f"{self.name}-{self.seq}")


class Reader(Client):
    """Linearizable reads of the registers."""

    def step(self) -> None:
        key = self.register()

        def act() -> Answer:
            cluster, revision, value, mod_revision = self.gateway.get(key)
            return cluster, {"revision": revision, "value": value, "mod_revision": mod_revision}

        self.record("get", key, None, act)


def main() -> None:
    """Run all clients until told to stop, then say how many operations each has logged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--prefix", default="t")
    parser.add_argument("--interval", type=float, default=0.05)
    parser.add_argument("--timeout", type=float, default=1.0)
    parser.add_argument("--registers", type=int, default=5)
    parser.add_argument("--stop-file", default="/run/e2e/stop")
    options = parser.parse_args()
    clients = [SetWriter("set", options), RegisterWriter("register", options), Reader("reader", options)]
    threads = [threading.Thread(target=client.run) for client in clients]
    emit(op="begin", wall_ns=time.time_ns(), call_ns=time.monotonic_ns())
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    emit(op="end", counts={client.name: client.seq for client in clients}, call_ns=time.monotonic_ns())


if __name__ == "__main__":
    main()
