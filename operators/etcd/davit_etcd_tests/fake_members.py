"""An `EtcdClient` without a network, for tests of observation and actions: members by the address of their pods."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from davit_etcd.client import EtcdClient, EtcdError
from davit_etcd.model import Endpoint, EtcdMember, Hash


@dataclass
class FakeEtcd(EtcdClient):
    """`endpoints` by URL answer; with `quorum` false only what one member knows alone; `refuse`: methods that fail."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    listed: tuple[EtcdMember, ...] = ()
    quorum: bool = True
    raised: tuple[tuple[str, str], ...] = ()
    speaks: str = "3.5.0"
    objection: str = ""
    hashes: dict[str, Hash] = field(default_factory=dict)
    refuse: set[str] = field(default_factory=set)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def _ask(self, what: str, url: str, *args: Any) -> None:
        self.calls.append((what, url, *args))
        if url not in self.endpoints or what in self.refuse:
            raise EtcdError(f"{url}: {what} refused")

    async def close(self) -> None:
        pass

    async def status(self, url: str) -> Endpoint:
        self._ask("status", url)
        return self.endpoints[url]

    async def members(self, url: str, *, linearizable: bool) -> tuple[EtcdMember, ...]:
        self._ask("members", url, linearizable)
        if linearizable and not self.quorum:
            raise EtcdError("etcdserver: request timed out")
        return self.listed

    async def read(self, url: str) -> None:
        self._ask("read", url)
        if not self.quorum:
            raise EtcdError("etcdserver: request timed out")

    async def alarms(self, url: str) -> tuple[tuple[str, str], ...]:
        self._ask("alarms", url)
        return self.raised

    async def disarm(self, url: str, member_id: str) -> None:
        self._ask("disarm", url, member_id)

    async def cluster_version(self, url: str) -> str:
        self._ask("cluster_version", url)
        return self.speaks

    async def hash_kv(self, url: str, revision: int) -> Hash:
        self._ask("hash_kv", url, revision)
        return self.hashes.get(url, Hash(1, 1))

    async def add_learner(self, url: str, peer_url: str) -> None:
        self._ask("add_learner", url, peer_url)

    async def promote(self, url: str, member_id: str) -> None:
        self._ask("promote", url, member_id)

    async def remove(self, url: str, member_id: str) -> None:
        self._ask("remove", url, member_id)

    async def move_leader(self, url: str, target_id: str) -> None:
        self._ask("move_leader", url, target_id)

    async def validate_downgrade(self, url: str, version: str) -> str:
        self._ask("validate_downgrade", url, version)
        return self.objection

    async def enable_downgrade(self, url: str, version: str) -> None:
        self._ask("enable_downgrade", url, version)

    async def cancel_downgrade(self, url: str) -> None:
        self._ask("cancel_downgrade", url)

    def silence(self, url: str) -> None:
        del self.endpoints[url]

    def leaderless(self) -> None:
        self.quorum = False
        self.endpoints = {url: replace(endpoint, leader="") for url, endpoint in self.endpoints.items()}
