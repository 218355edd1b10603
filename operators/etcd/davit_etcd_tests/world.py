"""A small pure model of Kubernetes and etcd, and an operator that lives in it: what test_simulation.py plays with.

Kubernetes: StatefulSets of one pod, claims with pvc-protection, pods that start, crash and are restarted with the
arguments that they were made with. etcd: bootstrap and join by the flags in the manifests, learners, strict
membership changes, elections that need the newest log, data on disks or in the pod. The operator: the real plan,
layout and status, an observation that says what `observe` would, and a process that may die before any effect.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from davit.model import Action, Manifest, Outcome, Plan
from davit_etcd.commands import (
    AddLearner,
    Create,
    DeletePod,
    DiscardMember,
    ExpandVolume,
    GoBack,
    LabelVoter,
    MoveLeader,
    Promote,
    RemoveMember,
    StayUp,
)
from davit_etcd.manifests import peer_url, pod_name
from davit_etcd.model import (
    RECORD_ANNOTATION,
    ROLE_LABEL,
    VERSION_ANNOTATION,
    VOTER,
    Cluster,
    Endpoint,
    EtcdMember,
    Hash,
    Member,
    Record,
    Snapshot,
    annotation,
    quorum,
)
from davit_etcd.plan import plan
from davit_etcd.status import status
from davit_etcd.validate import validate
from davit_etcd.versions import Version

from davit_etcd_tests import builders

BAD_PATCH = 99
"""Images with this patch number do not exist."""
BROKEN_PATCH = 98
"""Releases with this patch number crash on every data they did not begin."""
MOMENT = 20.0
"""Seconds that a tick stands for."""


class Broken(AssertionError):
    """An invariant does not hold."""


class Died(Exception):
    """The operator's process ended before an effect."""


class Refused(Exception):
    """What would be a `Transient` error: the pass ends, another follows."""


@dataclass
class Disk:
    """What a member keeps: whose data, how far, written by which release line, and whether 3.7 could not read its log."""

    ring: str = ""
    member: str = ""
    index: int = 0
    line: tuple[int, int] = (0, 0)
    old_log: bool = False


@dataclass
class Claim:
    manifest: Manifest
    uid: str
    disk: Disk = field(default_factory=Disk)
    going: bool = False


@dataclass
class StatefulSet:
    manifest: Manifest
    uid: str


@dataclass
class Pod:
    """`phase` is creating, pending, image, running or crashed."""

    member: str
    uid: str
    owner: str
    template: Manifest
    memory: Disk | None
    phase: str = "creating"
    going: int = 0
    restarts: int = 0
    words: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> Version:
        return Version.parse(self.template["spec"]["containers"][0]["image"].rpartition(":")[2])

    def flag(self, name: str) -> str:
        args: list[str] = self.template["spec"]["containers"][0]["args"]
        return next((arg.partition("=")[2] for arg in args if arg.startswith(f"--{name}=")), "")

    @property
    def peers(self) -> set[str]:
        return {part.partition("=")[0] for part in self.flag("initial-cluster").split(",")}


@dataclass
class Peer:
    """An entry of the member list; `match`: what the leader knows it to have."""

    name: str
    learner: bool = False
    started: bool = False
    match: int = 0


@dataclass
class Ring:
    """One etcd cluster."""

    peers: dict[str, Peer]
    leader: str = ""
    committed: int = 0
    line: tuple[int, int] = (0, 0)
    lower: tuple[int, int] | None = None
    """The line to which it was told to go back."""
    removed: set[str] = field(default_factory=set)
    seeded: bool = False
    """Whether it began with a backup."""

    def voters(self) -> dict[str, Peer]:
        return {key: peer for key, peer in self.peers.items() if not peer.learner}


class World:
    """Kubernetes and etcd; `tick` lets a moment pass."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.claims: dict[str, Claim] = {}
        self.sets: dict[str, StatefulSet] = {}
        self.pods: dict[str, Pod] = {}
        self.others: dict[tuple[str, str], Manifest] = {}
        self.rings: dict[str, Ring] = {}
        self.cordoned = False
        self.backups: dict[str, Manifest] = {}
        self.store_works = True
        self.gone: set[str] = set()
        """Releases whose images can't be pulled any more."""
        self.clock = 0
        self._serial = 0

    def serial(self) -> str:
        self._serial += 1
        return f"{self._serial:x}"

    # --- a moment ---

    def tick(self) -> None:
        self.clock += 1
        for member in list(self.pods):
            self._age(member)
        for member, claim in list(self.claims.items()):
            if claim.going and member not in self.pods:
                del self.claims[member]
        for member, owner in self.sets.items():
            if owner.manifest["spec"]["replicas"] and member not in self.pods:
                self._create_pod(member, owner)
        for pod in list(self.pods.values()):
            self._start(pod)
        for name, ring in self.rings.items():
            self._elect(name, ring)
        for backup in self.backups.values():
            self._back_up(backup)

    @property
    def now(self) -> float:
        """Unix time."""
        return self.clock * MOMENT

    def _back_up(self, backup: Manifest) -> None:
        """A backup runs for one moment."""
        match backup["status"].get("phase"):
            case None:
                backup["status"] = {"phase": "Running"}
            case "Running":
                backup["status"] = {"phase": "Succeeded" if self.store_works else "Failed"}

    def _age(self, member: str) -> None:
        pod = self.pods[member]
        owner = self.sets.get(member)
        if not pod.going and (owner is None or owner.uid != pod.owner or not owner.manifest["spec"]["replicas"]):
            pod.going = self.random.randint(1, 3)
        elif pod.going:
            pod.going -= 1
            if not pod.going:
                del self.pods[member]

    def _create_pod(self, member: str, owner: StatefulSet) -> None:
        template = owner.manifest["spec"]["template"]
        memory = Disk() if "emptyDir" in template["spec"]["volumes"][0] else None
        labels = dict(template["metadata"]["labels"])
        self.pods[member] = Pod(member, self.serial(), owner.uid, template, memory, labels=labels)

    def disk(self, pod: Pod) -> Disk | None:
        if pod.memory is not None:
            return pod.memory
        claim = self.claims.get(pod.member)
        return claim.disk if claim else None

    def _start(self, pod: Pod) -> None:
        if pod.phase == "running" or pod.going:
            return
        disk = self.disk(pod)
        if disk is None or self.cordoned:
            pod.phase = "pending"
        elif pod.version.patch == BAD_PATCH or str(pod.version) in self.gone:
            pod.phase = "image"
        else:
            words = self._join(pod, disk) if not disk.ring else self._resume(pod, disk)
            pod.restarts += bool(words)
            pod.phase, pod.words = ("crashed" if words else "running"), words

    def _resume(self, pod: Pod, disk: Disk) -> str:
        ring = self.rings[disk.ring]
        if pod.version.patch == BROKEN_PATCH:
            return "this release is broken"
        if disk.member in ring.removed:
            return "the member has been permanently removed from the cluster"
        if disk.line > pod.version.line:
            return "invalid downgrade; server version is lower than determined cluster version"
        if ring.line[0] and pod.version.line > (ring.line[0], ring.line[1] + 1):
            return "cluster version is too low for this server"
        if pod.version.line >= (3, 7) and disk.old_log:
            return "panic: failed to unmarshal a v2 request in the log"
        disk.line = max(disk.line, ring.line)
        return ""

    def _join(self, pod: Pod, disk: Disk) -> str:
        if pod.member not in pod.peers:
            return f"couldn't find local name {pod.member!r} in the initial cluster configuration"
        if pod.flag("initial-cluster-state") == "new":
            return self._bootstrap(pod, disk)
        found = [(name, ring) for name, ring in self.rings.items() if self.alive(name, ring)]
        for name, ring in found:
            if {peer.name for peer in ring.peers.values()} != pod.peers:
                return "error validating peerURLs: member count is unequal"
            key = next(key for key, peer in ring.peers.items() if peer.name == pod.member)
            peer = ring.peers[key]
            if peer.started and not peer.learner:
                raise Broken(f"{pod.member} came back with an empty disk as a voter that had acknowledged {peer.match}")
            if peer.started:
                return f"tocommit({peer.match}) is out of range [lastIndex(0)]"
            disk.ring, disk.member, disk.line = name, key, ring.line
            return self._resume(pod, disk)
        return "cannot fetch cluster info from peer urls"

    def _bootstrap(self, pod: Pod, disk: Disk) -> str:
        name = hashlib.sha256((pod.flag("initial-cluster") + pod.flag("initial-cluster-token")).encode()).hexdigest()[:8]
        ring = self.rings.get(name)
        if ring is None:
            if any(other.committed for other in self.rings.values()):
                raise Broken(f"{pod.member} forms a second cluster beside {list(self.rings)}")
            ring = self.rings[name] = Ring({f"{name}{n}": Peer(peer) for n, peer in enumerate(sorted(pod.peers))})
        key = next((key for key, peer in ring.peers.items() if peer.name == pod.member), "")
        if not key or ring.peers[key].started:
            if self.alive(name, ring):
                return "member has already been bootstrapped"
            raise Broken(f"{pod.member} bootstraps a second time under its old identity")
        disk.ring, disk.member = name, key
        return ""

    def running(self, name: str, ring: Ring) -> dict[str, tuple[Pod, Disk]]:
        found = {}
        for pod in self.pods.values():
            disk = self.disk(pod)
            if pod.phase == "running" and disk is not None and disk.ring == name and disk.member in ring.peers:
                found[disk.member] = (pod, disk)
        return found

    def alive(self, name: str, ring: Ring) -> bool:
        """Whether a quorum of the ring's voters runs."""
        up = self.running(name, ring)
        return sum(key in up for key in ring.voters()) >= quorum(len(ring.voters()))

    def _elect(self, name: str, ring: Ring) -> None:
        self._expel(name, ring)
        up = self.running(name, ring)
        if not self.alive(name, ring):
            ring.leader = ""
            return
        voters = {key: disk for key, (_, disk) in up.items() if key in ring.voters()}
        if ring.leader not in voters:
            ring.leader = max(voters, key=lambda key: (voters[key].index, key))
        if voters[ring.leader].index < ring.committed:
            raise Broken(f"acknowledged data is lost: {voters[ring.leader].index} of {ring.committed}")
        ring.committed += 1
        for key, (pod, disk) in up.items():
            disk.index = ring.committed
            # 3.5 writes such requests; a snapshot after every entry leaves them behind.
            disk.old_log = pod.version.line <= (3, 5) or (disk.old_log and pod.flag("snapshot-count") != "1")
            disk.line = max(disk.line, ring.line)
            ring.peers[key].started, ring.peers[key].match = True, ring.committed
            pod.words = ""
        # etcd looks for a new cluster version every few seconds only.
        if set(ring.peers) == set(up) and self.clock % 3 == 0:
            lowest = min(pod.version.line for pod, _ in up.values())
            if ring.lower == max(pod.version.line for pod, _ in up.values()):
                ring.lower = None
            ring.line = ring.lower or lowest
            for _, disk in up.values() if ring.lower else ():
                disk.line = ring.line

    def _expel(self, name: str, ring: Ring) -> None:
        for pod in self.pods.values():
            disk = self.disk(pod)
            if pod.phase == "running" and disk is not None and disk.ring == name and disk.member in ring.removed:
                pod.phase, pod.words = "crashed", "the member has been permanently removed from the cluster"
                pod.restarts += 1

    def the_ring(self) -> tuple[str, Ring] | None:
        """The ring that has formed, if any."""
        return next(((name, ring) for name, ring in self.rings.items() if ring.committed), None)

    def intact(self) -> int:
        """How many voters still have a disk with their data."""
        found = self.the_ring()
        if found is None:
            return 0
        disks = [claim.disk for claim in self.claims.values() if not claim.going]
        disks += [pod.memory for pod in self.pods.values() if pod.memory is not None and not pod.going]
        return len({disk.member for disk in disks} & set(found[1].voters()))


class Operator:
    """The real rooms in the modelled world; `resource` is the EtcdCluster and keeps its status."""

    def __init__(self, world: World, spec: Mapping[str, Any]) -> None:
        self.world = world
        self.resource = builders.resource(spec)
        self.effects = 0
        self.die_at = -1
        self.between: Callable[[], None] = lambda: None
        self.last: Plan | None = None

    def edit(self, **spec: Any) -> None:
        """A user's edit; None takes a field away."""
        merged = {**self.resource["spec"], **spec}
        self.resource["spec"] = {key: value for key, value in merged.items() if value is not None}
        self.resource["metadata"]["generation"] += 1

    def attempt(self) -> None:
        """One pass; a refusal by etcd ends it early, as an error would."""
        domain = validate(self.resource)
        seen = self.observe(domain)
        decided = self.last = self.plan(domain, seen)
        try:
            if decided.intent:
                self._write_status({**self.resource.get("status", {}), **decided.intent})
            for manifest in decided.manifests:
                self._apply(manifest)
            for action in decided.actions:
                self._act(domain, seen, action)
        except Refused:
            pass
        self._write_status(status(self.resource, Outcome(domain, seen, decided), self.world.now))

    def plan(self, domain: Cluster, seen: Snapshot) -> Plan:
        """The plan room, with the world's clock."""
        return plan(domain, seen, self.world.now)

    def _effect(self) -> None:
        """Everything that is written goes through here: this is where the process may die."""
        if self.effects == self.die_at:
            self.die_at = -1
            raise Died
        self.effects += 1

    def _write_status(self, wanted: Mapping[str, Any]) -> None:
        if self.resource.get("status") != wanted:
            self._effect()
            self.resource["status"] = dict(wanted)

    # --- apply ---

    def pending(self, manifests: Iterable[Manifest]) -> list[str]:
        """The manifests that are not what is there."""
        return [f"{m['kind']} {m['metadata']['name']}" for m in manifests if self._live(m) != m]

    def _live(self, manifest: Manifest) -> Manifest | None:
        name = manifest["metadata"]["name"]
        match manifest["kind"]:
            case "StatefulSet":
                return self.world.sets[name].manifest if name in self.world.sets else None
            case "PersistentVolumeClaim":
                claim = self.world.claims.get(name.removeprefix("data-"))
                return claim.manifest if claim else None
            case kind:
                return self.world.others.get((kind, name))

    def _apply(self, manifest: Manifest) -> None:
        if self._live(manifest) == manifest:
            return
        self._effect()
        world, name = self.world, manifest["metadata"]["name"]
        match manifest["kind"]:
            case "StatefulSet" if name in world.sets:
                world.sets[name].manifest = manifest
            case "StatefulSet":
                world.sets[name] = StatefulSet(manifest, world.serial())
            case "PersistentVolumeClaim" if (member := name.removeprefix("data-")) in world.claims:
                world.claims[member].manifest = manifest
            case "PersistentVolumeClaim":
                world.claims[name.removeprefix("data-")] = Claim(manifest, world.serial())
            case kind:
                world.others[kind, name] = manifest

    # --- actions ---

    def _act(self, domain: Cluster, seen: Snapshot, action: Action) -> None:
        if action.destructive:
            self.between()
            domain = validate(self.resource)
            seen = self.observe(domain)
            if action not in self.plan(domain, seen).actions:
                raise Refused("no longer called for on a second look")
        self._execute(domain, seen, action)

    def _execute(self, domain: Cluster, seen: Snapshot, action: Action) -> None:
        match action:
            case AddLearner(member=name):
                self._add_learner(name)
            case Promote(id=key):
                self._promote(key)
            case RemoveMember(member=name, id=key):
                self._remove(key)
                self._discard(name)
            case DiscardMember(member=name):
                self._discard(name)
            case MoveLeader(id=key):
                self._effect()
                self._leading()[1].leader = key
            case GoBack(line=line):
                self._go_back(Version.parse(f"{line}.0").line)
            case StayUp():
                self._effect()
                self._leading()[1].lower = None
            case _:
                self._tell_kubernetes(action)

    def _tell_kubernetes(self, action: Action) -> None:
        match action:
            case DeletePod(member=name, uid=uid):
                self._delete_pod(name, uid)
            case LabelVoter(member=name):
                self._effect()
                self.world.pods[name].labels[ROLE_LABEL] = VOTER
            case ExpandVolume(member=name, size=size):
                self._effect()
                self.world.claims[name].manifest["spec"]["resources"]["requests"]["storage"] = size
            case Create(manifest=text):
                made = json.loads(text)
                if made["metadata"]["name"] not in self.world.backups:
                    self._effect()
                    self.world.backups[made["metadata"]["name"]] = made | {"status": {}}
            case _:
                raise NotImplementedError(f"teach the model {action!r}")

    def _go_back(self, line: tuple[int, int]) -> None:
        _, ring = self._leading()
        if ring.lower is None:
            if ring.line != (line[0], line[1] + 1):
                raise Refused("invalid downgrade target version")
            self._effect()
            ring.lower = line

    def _leading(self) -> tuple[str, Ring]:
        for name, ring in self.world.rings.items():
            if ring.leader and self.world.alive(name, ring):
                return name, ring
        raise Refused("no healthy member to talk to")

    def _add_learner(self, name: str) -> None:
        _, ring = self._leading()
        if any(peer.name == name for peer in ring.peers.values()):
            return
        if any(peer.learner for peer in ring.peers.values()):
            raise Refused("too many learner members in cluster")
        self._effect()
        ring.peers[f"e{self.world.serial()}"] = Peer(name, learner=True)

    def _promote(self, key: str) -> None:
        name, ring = self._leading()
        if key not in ring.peers or not ring.peers[key].learner:
            return
        if key not in self.world.running(name, ring):
            raise Refused("can only promote a learner member which is in sync with leader")
        self._effect()
        ring.peers[key].learner = False
        if not self.world.alive(name, ring):
            raise Broken("promoting gave up the quorum")

    def _remove(self, key: str) -> None:
        name, ring = self._leading()
        if key not in ring.peers:
            return
        up = self.world.running(name, ring)
        left = [other for other in ring.voters() if other != key]
        if sum(other in up for other in left) < quorum(len(left)):
            raise Broken(f"removing {ring.peers[key].name} gives up the quorum")
        self._effect()
        del ring.peers[key]
        ring.removed.add(key)
        if ring.leader == key:
            ring.leader = max((other for other in left if other in up), key=lambda other: ring.peers[other].match)

    def _discard(self, name: str) -> None:
        if name in self.world.sets:
            self._effect()
            del self.world.sets[name]
        if name in self.world.pods and not self.world.pods[name].going:
            self._effect()
            self.world.pods[name].going = 2
        if name in self.world.claims and not self.world.claims[name].going:
            self._effect()
            self._may_lose(self.world.claims[name].disk, name)
            self.world.claims[name].going = True

    def _delete_pod(self, name: str, uid: str) -> None:
        pod = self.world.pods.get(name)
        if pod is None or pod.uid != uid:
            return
        self._effect()
        claim = self.world.claims.get(name)
        if claim is not None and claim.going:
            self._may_lose(claim.disk, name)
        if pod.memory is not None:
            self._may_lose(pod.memory, name)
        ring = self.world.the_ring()
        had = ring is not None and self.world.alive(*ring)
        leads = ring is not None and (disk := self.world.disk(pod)) is not None and disk.member == ring[1].leader
        if ring is not None and leads and pod.phase == "running" and len(ring[1].voters()) > 1:
            raise Broken(f"{name} is restarted while it leads")
        pod.going, pod.phase = self.world.random.randint(1, 2), "crashed"
        if ring is not None and had and len(ring[1].voters()) > 2 and not self.world.alive(*ring):
            raise Broken(f"restarting {name} gave up the quorum")

    def _may_lose(self, disk: Disk, name: str) -> None:
        """A voter's data goes only where the others have a quorum."""
        ring = self.world.rings.get(disk.ring)
        if ring is None or not ring.committed:
            return
        voters = [key for key in ring.voters() if key != disk.member]
        up = self.world.running(disk.ring, ring)
        if not voters or sum(key in up for key in voters) < quorum(len(voters)):
            raise Broken(f"the data of {name} is deleted although the others have no quorum")
        if disk.member in ring.voters():
            raise Broken(f"the data of {name} is deleted although it still votes")

    # --- observe ---

    def observe(self, domain: Cluster) -> Snapshot:
        """What `observe` would see."""
        world, known = self.world, dict(self.resource.get("status") or {})
        versions = {item["name"]: item.get("version", "") for item in known.get("members") or ()}
        members = {name: self._member(domain, name, versions.get(name, "")) for name in {*world.sets, *world.claims}}
        ordinals = [int(name.rpartition("-")[2]) for name in {*members, *world.pods}]
        answering = next(((n, r) for n, r in world.rings.items() if world.running(n, r)), None)
        has_quorum, leader, listed = False, "", list(self._remembered(known))
        if answering is not None:
            name, ring = answering
            has_quorum = world.alive(name, ring)
            leader = ring.peers[ring.leader].name if has_quorum and ring.leader in ring.peers else ""
            listed = [
                EtcdMember(key, p.name if p.started else "", (peer_url(domain, p.name),), p.learner)
                for key, p in ring.peers.items()
            ]
            names = {key: peer.name for key, peer in ring.peers.items()}
        for entry in listed:
            name = names[entry.id] if answering is not None else entry.name
            found = members.get(name) or Member(name)
            speaks = found.endpoint is not None and (answering is None or found.endpoint.id == entry.id)
            members[name] = replace(found, etcd=entry, endpoint=found.endpoint if speaks else None)
        return Snapshot(
            children=(),
            members=tuple(sorted(members.values(), key=lambda m: m.ordinal)),
            quorum=has_quorum,
            cluster_id=answering[0] if answering else "",
            leader=leader,
            status=known,
            cluster_line=answering[1].line if answering and has_quorum and answering[1].line[0] else None,
            next_ordinal=max((known.get("nextMember", 0), *(1 + n for n in ordinals))),
            backups=tuple(world.backups.values()),
        )

    def _remembered(self, known: Mapping[str, Any]) -> Iterator[EtcdMember]:
        for item in known.get("members") or ():
            if item.get("id"):
                yield EtcdMember(item["id"], item["name"], (), item.get("role") == "Learner")

    def _member(self, domain: Cluster, name: str, last: str) -> Member:
        world = self.world
        owner, claim, pod = world.sets.get(name), world.claims.get(name), world.pods.get(name)
        stateful_set, volume = None, None
        if owner is not None:
            stateful_set = {**owner.manifest, "metadata": {**owner.manifest["metadata"], "uid": owner.uid}}
        if claim is not None:
            going = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if claim.going else {}
            volume = {**claim.manifest, "metadata": {**claim.manifest["metadata"], "uid": claim.uid, **going}}
            volume["status"] = {"phase": "Bound"}
        if pod is not None and owner is not None and pod.owner != owner.uid:
            pod = None
        endpoint = self._endpoint(pod) if pod else None
        last = endpoint.version if endpoint else last or annotation(volume, VERSION_ANNOTATION)
        return Member(
            name=name,
            stateful_set=stateful_set,
            record=Record.from_json(annotation(stateful_set, RECORD_ANNOTATION)) if stateful_set else None,
            pod=self._pod(domain, pod) if pod else None,
            volume=volume,
            endpoint=endpoint,
            hash=Hash(1, 1) if endpoint else None,
            known_version=Version.parse(last) if last else None,
        )

    def _endpoint(self, pod: Pod) -> Endpoint | None:
        disk = self.world.disk(pod)
        if pod.phase != "running" or disk is None or disk.ring not in self.world.rings:
            return None
        ring = self.world.rings[disk.ring]
        peer = ring.peers.get(disk.member)
        return Endpoint(
            id=disk.member,
            cluster_id=disk.ring,
            version=str(pod.version),
            leader=ring.leader,
            raft_term=1,
            raft_index=ring.committed,
            raft_applied_index=disk.index,
            revision=disk.index,
            db_size=1,
            learner=peer is not None and peer.learner,
            storage_version="{}.{}.0".format(*disk.line) if pod.version.line >= (3, 6) and disk.line[0] else "",
            downgrade="{}.{}.0".format(*ring.lower) if ring.lower and pod.version.line >= (3, 6) else "",
        )

    def _pod(self, domain: Cluster, pod: Pod) -> Manifest:
        going = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if pod.going else {}
        head = {
            "name": pod_name(pod.member),
            "namespace": domain.key.namespace,
            "uid": pod.uid,
            "labels": pod.labels,
            "annotations": pod.template["metadata"]["annotations"],
            "ownerReferences": [{"kind": "StatefulSet", "name": pod.member, "uid": pod.owner, "controller": True}],
            **going,
        }
        ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": pod.words}}
        states: dict[str, dict[str, Any]] = {
            "creating": {"waiting": {"reason": "ContainerCreating"}},
            "image": {"waiting": {"reason": "ImagePullBackOff"}},
            "crashed": {"waiting": {"reason": "CrashLoopBackOff"}},
            "running": {"running": {}},
        }
        endpoint = self._endpoint(pod)
        ready = endpoint is not None and bool(endpoint.leader)
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        if pod.phase == "pending":
            conditions.append({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"})
        found: Manifest = {"metadata": head, "spec": pod.template["spec"], "status": {"conditions": conditions}}
        if pod.phase in states:
            state = {"name": "etcd", "ready": ready, "restartCount": pod.restarts, "state": states[pod.phase]}
            found["status"]["containerStatuses"] = [state | ({"lastState": ended} if pod.restarts else {})]
        return found
