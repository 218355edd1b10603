"""Real etcd processes on loopback ports, three to a cluster, started and stopped one by one."""

from __future__ import annotations

import asyncio
import socket
import time
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from davit_etcd.client import EtcdClient, EtcdError
from davit_etcd.model import Endpoint

from ci.tools.build import ensure, path

LINES = {"3.5": "etcd35", "3.6": "etcd36", "3.7": "etcd37"}
PATIENCE = 60.0
"""Seconds for anything that is waited for."""


def program(line: str) -> Path:
    """The etcd of a release line."""
    ensure((LINES[line],))
    return path(LINES[line], "etcd")


async def until(what: str, look: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Ask until the answer is true; fails with what was awaited and what was seen last."""
    end, seen = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if seen := await look():
                return seen
        except EtcdError as error:
            seen = error
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {seen}")


class Member:
    """One member: its data stays, its process comes and goes."""

    def __init__(self, trio: Trio, name: str) -> None:
        self.trio, self.name = trio, name
        self.client, self.peer = free_port(), free_port()
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.client}"

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self.peer}"

    @property
    def log(self) -> Path:
        return self.trio.folder / f"{self.name}.log"

    async def start(self, line: str, flags: Mapping[str, str] | None = None) -> None:
        """Only start it; see `Trio.serving` for the wait."""
        given = {
            "name": self.name,
            "data-dir": str(self.trio.folder / self.name),
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(f"{member.name}={member.peer_url}" for member in self.trio.members),
            **(flags or {}),
        }
        with self.log.open("ab") as log:
            arguments = [f"--{name}={value}" for name, value in given.items()]
            self.process = await asyncio.create_subprocess_exec(str(program(line)), *arguments, stdout=log, stderr=log)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


class Trio:
    """A cluster of three, with the operator's own client."""

    def __init__(self, folder: Path, etcd: EtcdClient) -> None:
        self.folder, self.etcd = folder, etcd
        self.members = [Member(self, f"m{number}") for number in range(3)]

    async def start(self, line: str, flags: Mapping[str, str] | None = None) -> None:
        for member in self.members:
            await member.start(line, flags)
        await self.serving()
        await self.speaks(line)

    async def restart(self, member: Member, line: str, flags: Mapping[str, str] | None = None) -> None:
        await member.stop()
        await member.start(line, flags)
        await self.serving()

    async def statuses(self) -> list[Endpoint]:
        return [await self.etcd.status(member.url) for member in self.members]

    async def serving(self) -> None:
        async def serves() -> bool:
            for member in self.members:
                await self.etcd.read(member.url)
            return True

        await until("all members read with a quorum", serves)

    async def speaks(self, line: str) -> None:
        """Wait for the cluster version and, where it is told, for the schema of the data."""

        async def agree() -> bool:
            spoken = [await self.etcd.cluster_version(member.url) for member in self.members]
            told = [status.storage_version for status in await self.statuses() if status.storage_version]
            return all(text.startswith(f"{line}.") for text in spoken + told)

        await until(f"the cluster speaks {line}", agree)

    async def put(self, key: str) -> None:
        body = {"key": b64encode(key.encode()).decode(), "value": b64encode(b"v").decode()}
        await until(f"put {key}", lambda: self.etcd._post(self.members[0].url, "kv/put", body))

    async def keys(self, member: Member) -> int:
        """How many keys the member serves itself."""
        everything = {"key": "AA==", "range_end": "AA==", "count_only": True, "serializable": True}
        return int((await self.etcd._post(member.url, "kv/range", everything)).get("count", 0))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def trio(folder: Path) -> AsyncIterator[Trio]:
    """Ended with the test, whatever becomes of it."""
    etcd = EtcdClient(timeout=5.0)
    found = Trio(folder, etcd)
    try:
        yield found
    finally:
        await etcd.close()
        for member in found.members:
            if member.process is not None and member.process.returncode is None:
                member.process.kill()
                await member.process.wait()
