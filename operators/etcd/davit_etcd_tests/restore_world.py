"""The modelled world with backups: Jobs that fill volumes, EtcdBackups, EtcdRestores, and what must hold beside world.py's rules.

Never do members of two histories run at the same moment; what holds the data before a restore is deleted only while the
restored cluster serves as a whole, and what holds the restored data only while the old data is all there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from davit.backup.report import Report
from davit.model import Action, Manifest, Outcome, Plan
from davit.once import FINAL
from davit.status import timestamp
from davit_etcd.commands import Create, DeleteJob
from davit_etcd.manifests.jobs import Agent
from davit_etcd.model import ROLE_LABEL, Cluster, Snapshot
from davit_etcd.observe import remembering
from davit_etcd.plan import plan
from davit_etcd.progress import Progress
from davit_etcd.restore.model import View
from davit_etcd.restore.plan import plan as plan_restore
from davit_etcd.restore.status import status as status_of_restore
from davit_etcd.restore.validate import validate as validate_restore

from davit_etcd_tests.world import Broken, Disk, Operator, Peer, Pod, Ring, World

EPOCH = 1_800_000_000.0
AGENT = Agent("registry/agent:1")
STORE = {"bucket": "backups", "endpoint": "http://minio:9000", "credentialsSecret": {"name": "s3"}}


@dataclass
class Job:
    """Fills a volume after `left` moments, or fails in the way that the world has for it."""

    manifest: Manifest
    uid: str
    seed: str
    left: int
    end: str = ""
    words: str = ""
    ended: float = 0.0


class RestoreWorld(World):
    """`fault` is what becomes of Jobs: permanent, transient, hang, or nothing.

    stored: how far the data in the store is; crippled: members that find no node; current: the history that ran last;
    served: histories that clients may have written to, through the Service.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.jobs: dict[str, Job] = {}
        self.restores: dict[str, Manifest] = {}
        self.fault = ""
        self.stored = 5
        self.crippled: set[str] = set()
        self.current = ""
        self.served: set[str] = set()

    @property
    def now(self) -> float:
        return EPOCH + super().now

    def tick(self) -> None:
        super().tick()
        for job in self.jobs.values():
            self._work(job)
        self._one_history()
        for name, ring in self.rings.items():
            if self.alive(name, ring) and any(ROLE_LABEL in pod.labels for pod, _ in self.running(name, ring).values()):
                self.served.add(name)

    def _start(self, pod: Pod) -> None:
        if pod.member in self.crippled:
            pod.phase = "pending"
            return
        super()._start(pod)

    def _one_history(self) -> None:
        histories = set()
        for pod in self.pods.values():
            disk = self.disk(pod)
            if pod.phase == "running" and disk is not None and disk.ring:
                histories.add(disk.ring)
        if len(histories) > 1:
            raise Broken(f"two histories run at once: {histories}")
        if histories:
            self.current = histories.pop()

    def the_ring(self) -> tuple[str, Ring] | None:
        if self.current in self.rings and self.rings[self.current].committed:
            return self.current, self.rings[self.current]
        return super().the_ring()

    # --- backups and Jobs ---

    def back_up(self, name: str, index: int | None = None) -> None:
        """An EtcdBackup that somebody made earlier, good at once."""
        found = self.the_ring()
        index = index if index is not None else found[1].committed if found else self.stored
        self.backups[name] = _backup(name, {"cluster": "c", "objectStore": STORE}, self.now)
        self._finish(self.backups[name], index)

    def _back_up(self, backup: Manifest) -> None:
        if not backup["status"]:
            backup["status"] = {"phase": "Running"}
        elif backup["status"]["phase"] == "Running" and self.random.random() < 0.5:
            self._finish(backup)

    def _finish(self, backup: Manifest, index: int | None = None) -> None:
        if not self.store_works:
            backup["status"] = {"phase": "Failed", "message": "AccessDenied: the store refuses"}
            return
        found = self.the_ring()
        index = index if index is not None else found[1].committed if found else 0
        name = backup["metadata"]["name"]
        backup["status"] = {
            "phase": "Succeeded", "id": f"20270115T08{len(self.backups):02d}00Z-{abs(hash(name)) % 16**8:08x}",
            "time": timestamp(self.now), "revision": index, "clusterID": found[0] if found else "",
        }  # fmt: skip

    def _work(self, job: Job) -> None:
        if job.end or self.fault == "hang":
            return
        job.left -= 1
        if job.left > 0:
            return
        if self.fault:
            job.end, job.ended = ("PodFailurePolicy" if self.fault == "permanent" else "BackoffLimitExceeded"), self.now
            job.words = Report(False, "Corrupt", "the archive is cut off").to_json()
            return
        claim = self.claims.get(job.seed)
        if claim is None or claim.going:
            return
        ring = self.rings.get(claim.disk.ring)
        if ring is not None and any(peer.started for peer in ring.peers.values()):
            raise Broken(f"a Job writes over the data of {job.seed}, on which etcd has started")
        index, of = self._content(job)
        name, key = f"r{self.serial()}", f"m{self.serial()}"
        self.rings[name] = Ring({key: Peer(job.seed, match=index)}, committed=index, seeded=True)
        claim.disk = Disk(name, key, index)
        job.end, job.ended = "Complete", self.now
        job.words = Report(True, "Restored", "done", {"revision": index, "id": "x", "clusterID": of}).to_json()

    def _content(self, job: Job) -> tuple[int, str]:
        """How far the data of its source is, and of which history."""
        config = json.loads(
            next(e["value"] for e in job.manifest["spec"]["template"]["spec"]["initContainers"][0]["env"]).replace("$$", "$")
        )
        source = config["source"]
        if "url" in source:
            member = source["member"]
            pod = self.pods[member]
            disk = self.disk(pod)
            assert disk is not None
            assert pod.phase == "running"
            return disk.index, disk.ring
        named = next((b for b in self.backups.values() if (b.get("status") or {}).get("id") == source["id"]), None)
        return (int(named["status"]["revision"]), named["status"]["clusterID"]) if named else (self.stored, "elsewhere")

    def job_manifests(self) -> tuple[Manifest, ...]:
        return tuple(
            {**job.manifest, "metadata": {**job.manifest["metadata"], "uid": job.uid}, "status": _job_status(job)}
            for job in self.jobs.values()
        )

    def job_pods(self) -> tuple[Manifest, ...]:
        return tuple(
            {
                "metadata": {"name": f"{name}-x", "creationTimestamp": timestamp(EPOCH),
                             "ownerReferences": [{"uid": job.uid, "controller": True}]},
                "status": {"phase": "Succeeded" if job.end == "Complete" else "Failed" if job.end else "Running",
                           "containerStatuses": [{"name": "settle", "state": _state(job)}]},
            }
            for name, job in self.jobs.items()
        )  # fmt: skip


def _backup(name: str, spec: Mapping[str, Any], now: float) -> Manifest:
    head = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "creationTimestamp": timestamp(now)}
    return {"kind": "EtcdBackup", "metadata": head, "spec": dict(spec), "status": {}}


def _job_status(job: Job) -> dict[str, Any]:
    if not job.end:
        return {}
    kind = "Complete" if job.end == "Complete" else "Failed"
    return {"conditions": [{"type": kind, "status": "True", "reason": job.end, "lastTransitionTime": timestamp(job.ended)}]}


def _state(job: Job) -> dict[str, Any]:
    if not job.end:
        return {"running": {}}
    return {"terminated": {"exitCode": 0 if job.end == "Complete" else 65, "message": job.words}}


class RestoreOperator(Operator):
    """The operator of world.py, which also sees and makes Jobs and backups."""

    world: RestoreWorld

    def plan(self, domain: Cluster, seen: Snapshot) -> Plan:
        return plan(domain, seen, self.world.now, AGENT)

    def attempt(self) -> None:
        try:
            super().attempt()
        finally:
            for restore in list(self.world.restores.values()):
                self._control(restore)

    def _control(self, restore: Manifest) -> None:
        """A pass of the controller of EtcdRestores, by its own rooms."""
        domain = validate_restore(restore)
        mine = restore["status"]
        others = tuple(r for r in self.world.restores.values() if r["status"].get("phase") not in FINAL)
        view = View(cluster=self.resource, others=others, referenced=tuple(self.world.backups.values()), status=mine)
        decided = plan_restore(domain, view, self.world.now)
        restore["status"] = status_of_restore(restore, Outcome(domain, view, decided), self.world.now)

    def restore(self, name: str, backup: str, deadline: str = "2h") -> None:
        """A user makes an EtcdRestore in place."""
        now = timestamp(self.world.now)
        self.world.restores[name] = {
            "kind": "EtcdRestore",
            "metadata": {"name": name, "namespace": "ns", "uid": f"{self.world.serial()}-{name}", "creationTimestamp": now},
            "spec": {"cluster": "c", "confirm": "c", "source": {"backup": backup}, "deadline": deadline},
            "status": {},
        }

    def _status(self) -> Mapping[str, Any]:
        """As `observe` takes it: what was lost of it is found again on a volume."""
        return remembering(self.resource.get("status") or {}, [claim.manifest for claim in self.world.claims.values()])

    def observe(self, domain: Cluster) -> Snapshot:
        world, status = self.world, self._status()
        progress = Progress.of(status.get("restore"))
        seen = super().observe(domain)
        apart = [m for m in seen.members if progress is not None and progress.apart(m.ordinal)]
        real = [m for m in apart if m.stateful_set is not None or m.pod is not None or m.volume is not None]
        under_way = progress is not None and not progress.done
        numbers = [m.ordinal for m in seen.members] + ([progress.ordinal] if progress is not None else [])
        last = progress.uid if progress is not None else ""
        every = world.restores.values()
        open_ones = [r for r in every if r["status"].get("phase") not in FINAL or r["metadata"]["uid"] == last]
        return replace(
            seen,
            status=status,
            members=tuple(m for m in seen.members if m not in apart),
            retired=tuple(replace(m, etcd=None, endpoint=None, hash=None) for m in real),
            next_ordinal=max((seen.next_ordinal, *(1 + n for n in numbers))),
            backups=tuple(world.backups.values()),
            restores=tuple(open_ones),
            referenced=tuple(world.backups.values()),
            jobs=world.job_manifests() if under_way else (),
            job_pods=world.job_pods() if under_way else (),
        )

    def _execute(self, domain: Cluster, seen: Snapshot, action: Action) -> None:
        world = self.world
        match action:
            case Create(kind=kind, manifest=text):
                made = json.loads(text)
                name = made["metadata"]["name"]
                if kind.kind != "Job":
                    super()._execute(domain, seen, action)
                elif name not in world.jobs:
                    self._effect()
                    seed = name.partition("-restore")[0]
                    world.jobs[name] = Job(made, world.serial(), seed, world.random.randint(1, 3))
            case DeleteJob(name=name, uid=uid):
                if name in world.jobs and world.jobs[name].uid == uid:
                    self._effect()
                    del world.jobs[name]
            case _:
                super()._execute(domain, seen, action)

    def _may_lose(self, disk: Disk, name: str) -> None:
        world = self.world
        progress = Progress.of(self._status().get("restore"))
        if progress is None or progress.done or not progress.apart(int(name.rpartition("-")[2])):
            super()._may_lose(disk, name)
            return
        ring = world.rings.get(disk.ring)
        intact = [p.name for key, p in (ring.voters() if ring else {}).items() if self._holds(p.name, key)]
        if disk.ring in world.served and not progress.switched and intact:
            raise Broken(f"{name} is deleted although clients wrote to its history, of which {intact} are left")
        if progress.switched:
            self._replaced(name)
        elif progress.kind == "Restore":
            lost = [old for old in progress.old_members if old not in world.claims or world.claims[old].going]
            if lost:
                raise Broken(f"{name} with the restored data is deleted although {lost} of the old data are gone")

    def _holds(self, name: str, key: str) -> bool:
        claim = self.world.claims.get(name)
        return claim is not None and not claim.going and claim.disk.member == key

    def _replaced(self, name: str) -> None:
        found = self.world.the_ring()
        size = self.resource["spec"]["size"]
        if found is None or len(found[1].voters()) != size or found[1].voters().keys() != self.world.running(*found).keys():
            raise Broken(f"the old data of {name} is deleted before the restored cluster serves as a whole")
        if any(peer.name == name for peer in found[1].peers.values()):
            raise Broken(f"{name} is of the restored cluster")
