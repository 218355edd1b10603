"""The Jobs of an etcd cluster's backups: make one, prove one, and put one on the volume of a new member. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from davit.backup.job import Container, agent, job
from davit.backup.model import Cipher, Rules, Store, Subject
from davit.kube import labels
from davit.model import Manifest

from davit_etcd.manifests import CLIENT_PORT, OPERATOR, PEER_PORT, PRODUCT, peer_url
from davit_etcd.manifests.stateful_set import DATA, stateful_set
from davit_etcd.model import Cluster, Inputs, Json, Record
from davit_etcd.versions import Version

MODULE = "davit_etcd.agent"
BACKUP, VERIFY, RESTORE = "backup", "verify", "restore"
BUMP = 1_000_000_000
"""How far a restore raises the revision, so that no watcher takes it for one that it has seen (etcd docs, "Recovery")."""
LOGS = 512 * 1024**2
"""Bytes that the member of a verification may take besides its data and the download."""

_VOLUME = "data"
_SCRATCH = "scratch"
SCRATCH = "/scratch"
DOWNLOAD = f"{DATA}/restore/snapshot.db"
UNPACKED = f"{DATA}/restore/data"
_LOOPBACK = "http://127.0.0.1"
_BUMPS = {(3, 4): Version(3, 4, 28), (3, 5): Version(3, 5, 10)}


@dataclass(frozen=True, slots=True)
class Agent:
    """The image with the agent, which is the operator's own, and names of Secrets to pull it with."""

    image: str
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A restore's source in a store. `id` may be latest or latestVerified; namespace and name say whose backup it must be."""

    store: Store
    namespace: str
    name: str
    id: str
    cipher: Cipher | None = None


@dataclass(frozen=True, slots=True)
class Surviving:
    """A restore's source that still runs: a member's client URL. With less than `revision` it is refused."""

    member: str
    url: str
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What every Job of this operator needs to be told: its name, its owner reference, its deadline in seconds."""

    name: str
    owner: Mapping[str, Any]
    deadline: int
    agent: Agent
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels of the Job and its pods."""


def revision_bump(version: Version) -> int:
    """By how much a restore with this release raises the revision: 0 where its tool can't (etcd-io/etcd#16165, #16193)."""
    return BUMP if version >= _BUMPS.get(version.line, Version(3, 5, 10)) else 0


def job_labels(cluster_name: str, component: str) -> dict[str, str]:
    """Of a Job and its pods. The name is not that of members: Services and the operator find those by it."""
    ours = {labels.NAME: f"{PRODUCT}-{component}", labels.COMPONENT: component}
    return {**labels.standard(PRODUCT, cluster_name, OPERATOR), **ours}


def backup_job(
    cluster: Cluster,
    request: Request,
    *,
    id: str,
    group: str,
    store: Store,
    cipher: Cipher | None,
    compression: str,
    members: Sequence[tuple[str, str]],
    retention: Rules | None = None,
    keep: Sequence[str] = (),
    hashed: bool = False,
) -> Manifest:
    """Reads a snapshot from the best of `members` (name, client URL) and puts it into the store.

    id: the backup's (`davit.backup.model.backup_id`); group: which backups `retention` concerns, "" for none; keep: ids that it
    leaves alone; compression: zstd or none; hashed: see `davit_etcd.agent.config.Backup`.

    The report's facts are those of `davit_etcd.agent.backup`.
    """
    config = {
        "store": store.to_json(),
        "cipher": cipher.to_json() if cipher else None,
        "subject": Subject(cluster.key.namespace, cluster.key.name, cluster.uid).to_json(),
        "id": id,
        "group": group,
        "compression": compression,
        "members": [{"name": name, "url": url} for name, url in members],
        "retention": retention.to_json() if retention else None,
        "keep": list(keep),
        "hashed": hashed,
    }
    container = agent(BACKUP, request.agent.image, MODULE, "backup", config)
    return _job(cluster, request, BACKUP, (container,), placed=_anywhere(cluster.inputs), store=store, cipher=cipher)


def verify_job(
    cluster: Cluster,
    request: Request,
    *,
    id: str,
    store: Store,
    cipher: Cipher | None,
    version: Version,
    image: str,
    size: int = 0,
    retention: Rules | None = None,
    keep: Sequence[str] = (),
) -> Manifest:
    """Restores a backup of this cluster into a throw-away member that nobody else reaches, and compares.

    version, image: those of etcd to do it with, best the ones that the backup was made with: other releases may hash
    differently; retention, keep: as of `backup_job`, applied once the backup is proved; size: bytes of the snapshot, 0 where
    they are not known. The data lives in an emptyDir, twice for a moment: a node is chosen that has the room, and no more is
    taken. The report's facts are those of `davit_etcd.agent.verify`.
    """
    source = _source(Stored(store, cluster.key.namespace, cluster.key.name, id, cipher))
    shared = ((_VOLUME, DATA),)
    fetch = {"source": source, "target": str(version), "volume": DATA, "revision": 0, "proving": True}
    verify = {
        "source": source,
        "etcd": f"{_LOOPBACK}:{CLIENT_PORT}",
        "volume": DATA,
        "retention": retention.to_json() if retention else None,
        "keep": list(keep),
    }
    peers = f"{_LOOPBACK}:{PEER_PORT}"
    flags = {"name": "verify", "initial-cluster": f"verify={peers}", "initial-advertise-peer-urls": peers}
    image_of = request.agent.image
    init = (
        agent("fetch", image_of, MODULE, "fetch", fetch, mounts=shared),
        _unpack(version, image, flags, shared, cluster.inputs),
        _etcd(version, image, shared, cluster.inputs),
    )
    room = f"{-(-(2.2 * size + LOGS) // 1024**2):.0f}Mi" if size else ""
    container = agent(VERIFY, image_of, MODULE, "verify", verify, mounts=shared, disk=room)
    volumes = ({"name": _VOLUME, "emptyDir": {"sizeLimit": room} if room else {}},)
    placed = _anywhere(cluster.inputs)
    return _job(cluster, request, VERIFY, (container,), init=init, volumes=volumes, placed=placed, store=store, cipher=cipher)


def restore_job(
    cluster: Cluster, request: Request, *, member: str, inputs: Inputs, source: Stored | Surviving, token: str = ""
) -> Manifest:
    """Fills the volume of a new member, which must exist as a claim, so that etcd starts on it as a cluster of one.

    inputs: what the member will be made from; token: what etcd computes the new cluster's ID from, besides the member's
    name, so that members of the old cluster never take the new for their own. The pod goes only where the member's can go,
    for its volume may stay there for ever. Raises ValueError for a cluster in memory, whose volumes don't outlive a pod. Done
    again it does the same again, until etcd has started on the data: from then on it refuses. The report's facts are those of
    `davit_etcd.agent.settle`.
    """
    if inputs.memory:
        raise ValueError("a cluster with storage.type Memory can't be restored: its data goes with each pod")
    template = stateful_set(cluster, member, Record(inputs, "new", (member,)), 1)["spec"]["template"]
    flags = {
        "name": member,
        "initial-cluster": f"{member}={peer_url(cluster, member)}",
        "initial-cluster-token": token or f"{cluster.key.namespace}-{cluster.key.name}-{cluster.uid}",
        "initial-advertise-peer-urls": peer_url(cluster, member),
    }
    if bump := revision_bump(inputs.version):
        flags |= {"bump-revision": str(bump), "mark-compacted": "true"}
    stored = source if isinstance(source, Stored) else None
    least = source.revision if isinstance(source, Surviving) else 0
    config = {"source": _source(source), "target": str(inputs.version), "volume": DATA, "revision": least, "scratch": SCRATCH}
    mounts = ((_VOLUME, DATA), (_SCRATCH, SCRATCH))
    image = request.agent.image
    init = (
        agent("fetch", image, MODULE, "fetch", config, mounts=mounts),
        _unpack(inputs.version, inputs.image, flags, mounts, inputs),
    )
    settle = {"volume": DATA, "scratch": SCRATCH, "bump": bump}
    container = agent("settle", image, MODULE, "settle", settle, mounts=mounts, secrets=False)
    volumes = (*template["spec"]["volumes"], {"name": _SCRATCH, "emptyDir": {}})
    return _job(
        cluster, request, RESTORE, (container,), init=init, volumes=volumes, placed=_like(template),
        store=stored.store if stored else None, cipher=stored.cipher if stored else None,
    )  # fmt: skip


def _source(source: Stored | Surviving) -> Json:
    if isinstance(source, Surviving):
        return {"member": source.member, "url": source.url}
    return {
        "store": source.store.to_json(),
        "cipher": source.cipher.to_json() if source.cipher else None,
        "namespace": source.namespace,
        "name": source.name,
        "id": source.id,
    }


def _job(
    cluster: Cluster,
    request: Request,
    component: str,
    containers: Sequence[Container],
    *,
    placed: Json,
    init: Sequence[Container] = (),
    volumes: Sequence[Json] = (),
    store: Store | None = None,
    cipher: Cipher | None = None,
) -> Manifest:
    pod = json.loads(cluster.inputs.pod)
    given = (pod.get("podMetadata") or {}).get("labels") or {}
    pulls = [*(pod.get("imagePullSecrets") or ()), *({"name": name} for name in request.agent.pull_secrets)]
    return job(
        name=request.name,
        namespace=cluster.key.namespace,
        labels={**given, **request.labels, **job_labels(cluster.key.name, component)},
        owner=request.owner,
        deadline=request.deadline,
        containers=containers,
        init=init,
        volumes=volumes,
        store=store,
        cipher=cipher,
        pull_secrets=list({secret["name"]: secret for secret in pulls}.values()),
        scheduling=placed,
        fixed_user=cluster.inputs.fixed_user,
    )


def _unpack(version: Version, image: str, flags: Mapping[str, str], mounts: Any, inputs: Inputs) -> Container:
    """etcd's own tool makes a data directory of the file; 3.4 has it in etcdctl. The images have no shell."""
    tool = "etcdctl" if version.line == (3, 4) else "etcdutl"
    args = ("snapshot", "restore", DOWNLOAD, f"--data-dir={UNPACKED}", *(f"--{name}={value}" for name, value in flags.items()))
    return Container("unpack", image, (tool,), args, mounts=mounts, **_resources(inputs))


def _etcd(version: Version, image: str, mounts: Any, inputs: Inputs) -> Container:
    """A member of its own that listens on the pod's loopback only."""
    flags = {
        "name": "verify",
        "data-dir": UNPACKED,
        "listen-client-urls": f"{_LOOPBACK}:{CLIENT_PORT}",
        "advertise-client-urls": f"{_LOOPBACK}:{CLIENT_PORT}",
        "listen-peer-urls": f"{_LOOPBACK}:{PEER_PORT}",
    }
    if version.line == (3, 4):
        flags["logger"] = "zap"
    args = tuple(f"--{name}={value}" for name, value in flags.items())
    return Container("etcd", image, ("etcd",), args, mounts=mounts, sidecar=True, **_resources(inputs))


def _resources(inputs: Inputs) -> dict[str, Any]:
    """As a member has them: etcd and its tool need as much here, so without a limit of the user's there is none."""
    given = json.loads(inputs.pod).get("resources") or {}
    requests, limits = given.get("requests") or {}, given.get("limits") or {}
    return {
        "cpu": str(requests.get("cpu", "100m")),
        "memory": str(requests.get("memory") or limits.get("memory") or "128Mi"),
        "memory_limit": str(limits.get("memory") or ""),
    }


def _anywhere(inputs: Inputs) -> Json:
    """On nodes for these pods, but not apart from the members."""
    pod = json.loads(inputs.pod)
    return {name: pod[name] for name in ("nodeSelector", "priorityClassName", "tolerations") if pod.get(name)}


def _like(template: Json) -> Json:
    """Where the member's pod may go, but for one thing: that it must not be beside the cluster's own members.

    Those serve until the data is there, and stop before the member starts. Where there are as many nodes as members, no
    node would be left.
    """
    spec, member = template["spec"], template["metadata"]["labels"]
    ours = ("affinity", "nodeSelector", "priorityClassName", "tolerations", "topologySpreadConstraints")
    placed = {name: spec[name] for name in ours if spec.get(name)}
    apart = (placed.get("affinity") or {}).get("podAntiAffinity") or {}
    required = apart.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    own = [term for term in required if _selects(term.get("labelSelector"), member)]
    if own:
        rest = [term for term in required if term not in own]
        wishes = apart.get("preferredDuringSchedulingIgnoredDuringExecution") or []
        softened = {
            **{name: value for name, value in apart.items() if name != "requiredDuringSchedulingIgnoredDuringExecution"},
            **({"requiredDuringSchedulingIgnoredDuringExecution": rest} if rest else {}),
            "preferredDuringSchedulingIgnoredDuringExecution": [*wishes, *({"weight": 100, "podAffinityTerm": t} for t in own)],
        }
        placed["affinity"] = {**placed["affinity"], "podAntiAffinity": softened}
    return placed


def _selects(selector: Mapping[str, Any] | None, labels_: Mapping[str, str]) -> bool:
    """Whether a label selector matches; none matches nothing (Kubernetes API reference, LabelSelector)."""
    if selector is None:
        return False
    wanted = (selector.get("matchLabels") or {}).items()
    return wanted <= labels_.items() and all(_holds(rule, labels_) for rule in selector.get("matchExpressions") or ())


def _holds(rule: Mapping[str, Any], labels_: Mapping[str, str]) -> bool:
    value, values = labels_.get(rule["key"]), rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
