"""A thin async client of etcd's JSON gateway.

The gateway needs no gRPC in the operator's memory and speaks for every release from 3.4 on. Its habits: 64-bit numbers
are decimal strings, zero fields are left out, keys are base64 (etcd docs, "gRPC gateway").
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from davit.errors import Transient

from davit_etcd.model import Endpoint, EtcdMember, Hash, Member

Json = dict[str, Any]

_PROBE_KEY = base64.b64encode(b"\0davit").decode()
"""Read, never written, to see whether a linearizable read goes through."""
_UNDER_WAY = "downgrade job in progress"
"""etcd's words when it was told before (etcdserver: ErrDowngradeInProcess)."""


class EtcdError(Transient):
    """etcd refused or did not answer; the message is etcd's own."""


class EtcdClient:
    """Speaks to members by their client URLs, for example `http://10.0.0.5:2379`."""

    def __init__(self, *, timeout: float = 2.0) -> None:
        """Within a running event loop; `timeout` in seconds for a whole request, thirty times that for a hash."""
        self._timeout = timeout
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def status(self, url: str) -> Endpoint:
        """What the member says of itself; answered without a quorum."""
        reply = await self._post(url, "maintenance/status")
        header = reply.get("header", {})
        return Endpoint(
            id=_hex(header.get("member_id")),
            cluster_id=_hex(header.get("cluster_id")),
            version=reply.get("version", ""),
            leader=_hex(reply.get("leader")),
            raft_term=int(reply.get("raftTerm", 0)),
            raft_index=int(reply.get("raftIndex", 0)),
            raft_applied_index=int(reply.get("raftAppliedIndex", 0)),
            revision=int(header.get("revision", 0)),
            db_size=int(reply.get("dbSize", 0)),
            learner=bool(reply.get("isLearner", False)),
            errors=tuple(reply.get("errors", ())),
            storage_version=reply.get("storageVersion", ""),
            downgrade=_downgrade(reply),
        )

    async def members(self, url: str, *, linearizable: bool) -> tuple[EtcdMember, ...]:
        """The member list; with `linearizable` false a member without quorum tells what it last knew."""
        reply = await self._post(url, "cluster/member/list", {"linearizable": linearizable})
        return tuple(_member(item) for item in reply.get("members", ()))

    async def read(self, url: str) -> None:
        """A linearizable read: passes only with a quorum (3.4 has no linearizable member list)."""
        await self._post(url, "kv/range", {"key": _PROBE_KEY})

    async def alarms(self, url: str) -> tuple[tuple[str, str], ...]:
        """Raised alarms as (member ID, type), such as ("8e9e05c52164694d", "CORRUPT")."""
        reply = await self._post(url, "maintenance/alarm", {"action": "GET"})
        return tuple((_hex(item.get("memberID")), str(item.get("alarm"))) for item in reply.get("alarms", ()))

    async def disarm(self, url: str, member_id: str) -> None:
        """Take back a CORRUPT alarm."""
        await self._post(url, "maintenance/alarm", {"action": "DEACTIVATE", "alarm": "CORRUPT"} | _id("memberID", member_id))

    async def cluster_version(self, url: str) -> str:
        """The version whose protocol the whole cluster speaks, such as `3.5.0`; raised by the leader every few seconds."""
        _, reply = await self._request("GET", f"{url}/version", None, self._timeout)
        return str(reply.get("etcdcluster", ""))

    async def hash_kv(self, url: str, revision: int) -> Hash:
        """The member's HashKV at a revision."""
        body = {"revision": str(revision)}
        slow = self._timeout * 30
        try:
            reply = await self._post(url, "maintenance/hashkv", body, patience=slow)
        except EtcdError:
            # The path before 3.6 was /maintenance/hash (etcd-io/etcd api/etcdserverpb/rpc.proto).
            reply = await self._post(url, "maintenance/hash", body, patience=slow)
        return Hash(int(reply.get("hash", 0)), int(reply.get("compact_revision", 0)))

    async def add_learner(self, url: str, peer_url: str) -> None:
        """MemberAdd as a learner; already there is success."""
        body = {"peerURLs": [peer_url], "isLearner": True}
        await self._post(url, "cluster/member/add", body, accept="Peer URLs already exists")

    async def promote(self, url: str, member_id: str) -> None:
        """MemberPromote; etcd refuses while the learner lags; already a voter is success."""
        await self._post(url, "cluster/member/promote", _id("ID", member_id), accept="can only promote a learner member$")

    async def remove(self, url: str, member_id: str) -> None:
        """MemberRemove; already gone is success."""
        await self._post(url, "cluster/member/remove", _id("ID", member_id), accept="member not found")

    async def move_leader(self, url: str, target_id: str) -> None:
        """MoveLeader; `url` must be the leader's."""
        await self._post(url, "maintenance/transfer-leadership", _id("targetID", target_id), patience=self._timeout * 3)

    async def validate_downgrade(self, url: str, version: str) -> str:
        """Whether etcd could go back to a line such as `3.5`: empty, or why not in its own words; raises when none answers.

        Under way already is no objection.
        """
        answered, reply = await self._request(
            "POST", f"{url}/v3/maintenance/downgrade", {"action": "VALIDATE", "version": version}, self._timeout
        )
        said = _complaint(answered, reply)
        if answered >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise EtcdError(f"{url}: {said}")
        return "" if answered == HTTPStatus.OK or _UNDER_WAY in said else said

    async def enable_downgrade(self, url: str, version: str) -> None:
        """Tell etcd to go back to a line such as `3.5`; under way already is success."""
        await self._post(url, "maintenance/downgrade", {"action": "ENABLE", "version": version}, accept=_UNDER_WAY)

    async def cancel_downgrade(self, url: str) -> None:
        """Tell etcd not to go back after all; none under way is success."""
        await self._post(url, "maintenance/downgrade", {"action": "CANCEL"}, accept="no inflight downgrade")

    async def _post(
        self, url: str, path: str, body: Mapping[str, Any] | None = None, *, patience: float = 0.0, accept: str = ""
    ) -> Json:
        status, reply = await self._request("POST", f"{url}/v3/{path}", body or {}, patience or self._timeout)
        if status == HTTPStatus.OK:
            return reply
        message = _complaint(status, reply)
        if accept and re.search(accept, message):
            return {}
        raise EtcdError(f"{url}: {message}")

    async def _request(self, method: str, url: str, body: Any, patience: float) -> tuple[int, Json]:
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with self._http.request(method, url, json=body, timeout=timeout) as response:
                return response.status, _parse(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EtcdError(f"{url}: {type(error).__name__} {error}".rstrip()) from error


def client_address(member: Member) -> str:
    """A member's client URL by its pod's address, which needs no name to resolve."""
    address = (member.pod or {}).get("status", {}).get("podIP", "")
    return f"http://[{address}]:2379" if ":" in address else f"http://{address}:2379"


def _complaint(status: int, reply: Json) -> str:
    return str(reply.get("message") or reply.get("error") or f"HTTP {status}")


def _downgrade(reply: Json) -> str:
    info = reply.get("downgradeInfo") or {}
    return str(info.get("targetVersion", "")) if info.get("enabled") else ""


def _parse(text: bytes) -> Json:
    try:
        data = json.loads(text)
    except ValueError:
        return {"message": text[:200].decode(errors="replace")}
    return data if isinstance(data, dict) else {}


def _member(item: Mapping[str, Any]) -> EtcdMember:
    return EtcdMember(
        id=_hex(item.get("ID")),
        name=item.get("name", ""),
        peer_urls=tuple(item.get("peerURLs", ())),
        learner=bool(item.get("isLearner", False)),
    )


def _hex(number: str | int | None) -> str:
    """`"10276657743932975437"` to `"8e9e05c52164694d"`; empty for none or zero."""
    return f"{int(number):x}" if number and int(number) else ""


def _id(field: str, member_id: str) -> Json:
    return {field: str(int(member_id, 16))}
