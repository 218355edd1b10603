"""etcd's own view of a cluster, asked of every member: the end state that the oracle demands."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from e2e.support.cluster import EtcdCluster
from e2e.support.kube import Json, dig
from e2e.support.wait import Late

NO_ANSWER: Json = {}


@dataclass(frozen=True)
class MemberView:
    """What one member says of itself; `id`s are hexadecimal, `hash` is of the keys at a common revision."""

    name: str
    id: str
    version: str
    leader: str
    learner: bool
    cluster: str
    revision: int
    hash: str = ""


@dataclass(frozen=True)
class View:
    """All that answered, the member list, alarms, and what is wrong with the whole."""

    members: tuple[MemberView, ...]
    listed: dict[str, bool] = field(default_factory=dict)
    """Name (or peer URL before its start) -> is a learner, as the cluster's own list says."""
    alarms: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def leader(self) -> str:
        """The leader's name, empty unless all members agree on one."""
        leaders = {member.leader for member in self.members}
        return next((m.name for m in self.members if {m.id} == leaders), "")

    def faults(self, voters: int) -> list[str]:
        """Why this is not a settled cluster of so many voters."""
        found = [f"{name} does not answer" for name in self.silent]
        found += [f"alarm {alarm}" for alarm in self.alarms]
        found += [f"{name} is a learner" for name, learner in self.listed.items() if learner]
        if len(self.listed) != voters:
            found.append(f"{len(self.listed)} members are listed, not {voters}: {', '.join(self.listed)}")
        if set(self.listed) != {member.name for member in self.members}:
            found.append(f"listed are {sorted(self.listed)}, answers came from {sorted(m.name for m in self.members)}")
        for what in ("leader", "cluster", "hash"):
            values = {member.name: getattr(member, what) for member in self.members}
            if len(set(values.values())) != 1 or "" in values.values():
                found.append(f"members differ in {what}: {values}")
        return found


def look(cluster: EtcdCluster) -> View:
    """Ask every pod that runs; those that don't answer are named, not left out."""
    addresses = {name: dig(pod, "status", "podIP") for name, pod in cluster.pods().items()}
    urls = {name: f"http://{address}:2379" for name, address in addresses.items() if address}
    names = list(urls)
    if not names:
        return View((), silent=tuple(addresses))
    ask = [{"url": urls[name], "path": "/v3/maintenance/status", "body": {}, "timeout": 3} for name in names]
    ask.append({"url": cluster.endpoint, "path": "/v3/cluster/member/list", "body": {}, "timeout": 3})
    ask.append({"url": cluster.endpoint, "path": "/v3/maintenance/alarm", "body": {"action": "GET"}, "timeout": 3})
    *statuses, listed, alarms = cluster.sandbox.call(ask)
    answered = {name: answer["ok"] for name, answer in zip(names, statuses, strict=True) if "ok" in answer}
    hashes = _hashes(cluster, {name: urls[name] for name in answered}, answered)
    return View(
        tuple(_member(name, status, hashes.get(name, "")) for name, status in answered.items()),
        _listed(listed.get("ok", NO_ANSWER)),
        tuple(str(alarm.get("alarm")) for alarm in alarms.get("ok", NO_ANSWER).get("alarms", [])),
        tuple(sorted(set(addresses) - set(answered))),
    )


def _hashes(cluster: EtcdCluster, urls: dict[str, str], statuses: dict[str, Json]) -> dict[str, str]:
    """HashKV of all at the lowest revision that they have in common; empty for one that can't tell."""
    if not urls:
        return {}
    revision = min(int(status["header"]["revision"]) for status in statuses.values())
    found: dict[str, str] = {}
    # Releases before 3.6 serve it under another path.
    for path in ("/v3/maintenance/hashkv", "/v3/maintenance/hash"):
        missing = [name for name in urls if name not in found]
        ask = [{"url": urls[name], "path": path, "body": {"revision": str(revision)}, "timeout": 10} for name in missing]
        for name, answer in zip(missing, cluster.sandbox.call(ask) if ask else [], strict=True):
            if "ok" in answer:
                found[name] = f"{answer['ok'].get('hash')}@{revision}/{answer['ok'].get('compact_revision', 0)}"
    return found


def _member(name: str, status: Json, kv_hash: str) -> MemberView:
    header = status["header"]
    return MemberView(
        name=name,
        id=_hex(header["member_id"]),
        version=status.get("version", ""),
        leader=_hex(status.get("leader", 0)),
        learner=bool(status.get("isLearner", False)),
        cluster=_hex(header["cluster_id"]),
        revision=int(header.get("revision", 0)),
        hash=kv_hash,
    )


def _listed(answer: Json) -> dict[str, bool]:
    members = answer.get("members", [])
    return {m.get("name") or ",".join(m.get("peerURLs", [])): bool(m.get("isLearner", False)) for m in members}


def _hex(number: object) -> str:
    return format(int(str(number)), "x") if int(str(number)) else ""


def settled(cluster: EtcdCluster, voters: int, seconds: float = 60) -> View:
    """Wait until etcd itself is one healthy cluster of so many voters with the same data everywhere."""
    try:
        view: View = cluster.until(
            f"etcd settled with {voters} voters",
            lambda: look(cluster),
            lambda view: not view.faults(voters),
            seconds,
        )
    except Late as late:
        raise Late(f"{late}\netcd says: {look(cluster).faults(voters)}") from late
    return view


def leader(cluster: EtcdCluster) -> str:
    """The leading member's name, once all agree."""
    found: str = cluster.until("one leader", lambda: look(cluster).leader, seconds=60)
    return found


def put(cluster: EtcdCluster, **pairs: str) -> None:
    """Write a few keys that a test will look for."""
    asked = [
        {"url": cluster.endpoint, "path": "/v3/kv/put", "body": {"key": _pack(key), "value": _pack(value)}}
        for key, value in pairs.items()
    ]
    cluster.until(f"put {pairs}", lambda: all("ok" in answer for answer in cluster.sandbox.call(asked)), seconds=30)


def get(cluster: EtcdCluster, key: str) -> str | None:
    """Read a key linearizably, None when it does not exist."""
    found = _answer(cluster, f"get {key}", {"path": "/v3/kv/range", "body": {"key": _pack(key)}}).get("kvs", [])
    return _unpack(found[0].get("value", "")) if found else None


def revision(cluster: EtcdCluster) -> int:
    """The store's revision now."""
    return int(_answer(cluster, "the revision", {"path": "/v3/kv/range", "body": {"key": _pack("?")}})["header"]["revision"])


def watch(cluster: EtcdCluster, key: str, start: int) -> Json:
    """What a watch of a key from a revision is told first: that it is canceled, with compact_revision, or events."""
    return _answer(cluster, f"watch {key} from {start}", {"watch": key, "revision": start, "timeout": 10})


def _answer(cluster: EtcdCluster, what: str, request: Json) -> Json:
    """Of whoever serves at the client endpoint; nodes may learn some seconds late who that is."""
    asked = {"url": cluster.endpoint, **request}
    answer: Json = cluster.until(what, lambda: cluster.sandbox.call([asked])[0], lambda found: "ok" in found, 20)["ok"]
    return answer


def fill(cluster: EtcdCluster, count: int, size: int, seconds: float = 300) -> int:
    """Write keys `fill/...`, each with so many bytes that don't compress, at most 1 MiB; the revision of the last.

    etcd answers only when all of them are on disk, so that this is no load that anything else is measured under.
    """
    revision(cluster)
    asked = {"url": cluster.endpoint, "fill": "fill", "count": count, "size": size, "timeout": 30}
    answer = cluster.sandbox.call([asked], timeout=seconds)[0]
    if "error" in answer:
        raise AssertionError(f"fill {cluster.endpoint}: {answer['error']}")
    return int(answer["ok"])


def _pack(text: str) -> str:
    return b64encode(text.encode()).decode()


def _unpack(text: str) -> str:
    return b64decode(text).decode()
