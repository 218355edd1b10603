"""Jobs of backups as the kubelet would run them, but as processes: real etcd members, etcd's own tools, a real MinIO."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3
from davit.backup.job import CONFIG
from davit.backup.model import MARKER_FILE, Cipher, Rules, Store
from davit.backup.report import Report
from davit.backup.s3 import S3Store, Timeouts
from davit.model import Manifest
from davit_etcd.agent.command import Agent, reported
from davit_etcd.manifests.jobs import Agent as AgentImage
from davit_etcd.manifests.jobs import Request, Stored, Surviving, backup_job, restore_job, verify_job
from davit_etcd.model import Cluster
from davit_etcd.versions import Version
from davit_tests.api.minio import QUICK, MinioServer, free_ports

from ci.cluster.process import Processes
from ci.progress import wait_for
from ci.tools.build import ensure, path
from ci.tools.table import TOOLS
from davit_etcd_tests.builders import cluster as cluster_of

LINES = {"3.5": "etcd35", "3.6": "etcd36", "3.7": "etcd37"}
REQUEST = Request("job", {"kind": "EtcdBackup", "name": "b", "uid": "u"}, 600, AgentImage("operator"))
Data = dict[str, str]


def version_of(line: str) -> str:
    """The release that stands for a line."""
    return TOOLS[LINES[line]].version.removeprefix("v")


def tool(line: str, program: str) -> Path:
    """One of etcd's programs."""
    ensure((LINES[line],))
    return path(LINES[line], program)


def cluster(line: str, **spec: Any) -> Cluster:
    """The EtcdCluster ns/c at the release of a line."""
    return cluster_of(version=version_of(line), **spec)


class Etcd:
    """Members on loopback, of one cluster, ended with the test."""

    def __init__(self, folder: Path, line: str = "3.6", size: int = 1) -> None:
        self.line, self.folder = line, folder
        self.names = [f"c-{number}" for number in range(size)]
        self.ports = {name: tuple(free_ports(2)) for name in self.names}
        self.processes = Processes(folder / "processes")
        self._http = urllib3.PoolManager(retries=False, timeout=20)

    def __enter__(self) -> Etcd:
        for name in self.names:
            self.start(name)
        for name in self.names:
            wait_for(lambda name=name: self._missing(name), 60)  # type: ignore[misc]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.processes.stop(*self.names)
        self._http.clear()

    def url(self, name: str = "c-0") -> str:
        return f"http://127.0.0.1:{self.ports[name][0]}"

    def start(self, name: str, data: Path | None = None) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in self.ports[name])
        everybody = ",".join(f"{other}=http://127.0.0.1:{self.ports[other][1]}" for other in self.names)
        flags = {
            "name": name,
            "data-dir": str(data or self.folder / name),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": everybody,
        }
        words = [str(tool(self.line, "etcd")), *(f"--{flag}={value}" for flag, value in flags.items())]
        self.processes.start(name, words, dies_with_us=True)

    def kill(self, name: str) -> None:
        record = self.processes.record(name)
        assert record is not None
        subprocess.run(["kill", "-KILL", str(record.pid)], check=True)

    def post(self, name: str, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        reply = self._http.request("POST", f"{self.url(name)}/v3/{what}", json=body)
        found: dict[str, Any] = reply.json()
        if reply.status != 200:
            raise urllib3.exceptions.HTTPError(str(found))
        return found

    def status(self, name: str = "c-0") -> dict[str, Any]:
        return self.post(name, "maintenance/status", {})

    def revision(self, name: str = "c-0") -> int:
        return int(self.status(name)["header"]["revision"])

    def leader(self) -> str:
        status = self.status()
        return next(name for name in self.names if self.status(name)["header"]["member_id"] == status["leader"])

    def fill(self, mib: float = 0.2, seed: int = 1) -> Data:
        """Random values, so that archives are as large; what was put."""
        made = random.Random(seed)
        data = {f"key-{seed}-{number:04d}": made.randbytes(48 * 1024).hex() for number in range(max(2, int(mib * 1024 / 96)))}
        for key, value in data.items():
            self.post(self.names[0], "kv/put", {"key": _text(key), "value": _text(value)})
        return data

    def keys(self, name: str = "c-0") -> Data:
        found = self.post(name, "kv/range", {"key": "AA==", "range_end": "AA=="})
        return {_read(item["key"]): _read(item.get("value", "")) for item in found.get("kvs", ())}

    def _missing(self, name: str) -> str | None:
        self.processes.require_alive(name)
        with suppress(urllib3.exceptions.HTTPError):
            self.post(name, "kv/range", {"key": _text("any")})
            return None
        return f"etcd {name} to serve"


class Jobs:
    """Runs the containers of a Job's manifest one after the other, in folders instead of volumes."""

    def __init__(self, server: MinioServer, store: Store, folder: Path, secrets: Path) -> None:
        self.server, self.store, self.folder, self.secrets = server, store, folder, secrets
        self.timeouts: Timeouts = QUICK
        self.reports: dict[str, Report] = {}
        self._http = urllib3.PoolManager(retries=False, timeout=5)

    @property
    def s3(self) -> S3Store:
        return self.server.s3(self.store)

    def backup(self, etcd: Etcd | None, id: str, **more: Any) -> tuple[Report, int]:
        """By default of all members of `etcd`, without encryption, in no group."""
        found: dict[str, Any] = {
            "id": id, "group": "", "store": self.store, "cipher": None, "compression": "zstd", "hashed": True,
            "members": [(name, etcd.url(name)) for name in etcd.names] if etcd else [],
        }  # fmt: skip
        line = etcd.line if etcd else "3.6"
        return self.run(backup_job(more.pop("domain", cluster(line)), REQUEST, **{**found, **more}), line)

    def restore(
        self, source: str | Stored | Surviving, line: str = "3.6", member: str = "c-7", volume: str = "volume"
    ) -> tuple[Report, int]:
        """A backup of ns/c by its id, or another source, into the volume of a new member."""
        domain = cluster(line)
        found = Stored(self.store, "ns", "c", source) if isinstance(source, str) else source
        job = restore_job(domain, REQUEST, member=member, inputs=domain.inputs, source=found)
        return self.run(job, line, volume)

    def verify(self, id: str, line: str = "3.6", cipher: Cipher | None = None) -> tuple[Report, int]:
        version = Version.parse(version_of(line))
        job = verify_job(cluster(line), REQUEST, id=id, store=self.store, cipher=cipher, version=version, image="etcd")
        return self.run(job, line, "verification")

    def data(self, volume: str = "volume") -> Path:
        return self.folder / volume / "data"

    def objects(self, id: str) -> dict[str, int]:
        """File names and sizes of a backup's objects."""
        return {key.rpartition("/")[2]: size for key, size in self.s3.list(f"ns/c/{id}").items()}

    def archive(self, id: str) -> str:
        """The key of a backup's archive."""
        return next(f"ns/c/{id}/{name}" for name in self.objects(id) if not name.endswith(".json"))

    def marker(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.s3.read(f"ns/c/{id}/{MARKER_FILE}", 1 << 20))
        return found

    def run(self, job: Manifest, line: str, volume: str = "volume") -> tuple[Report, int]:
        """The last report, and the exit code: of the first container that failed, or of the last."""
        pod = job["spec"]["template"]["spec"]
        places = {"/var/lib/etcd": self.folder / volume, "/scratch": self.folder / "scratch"}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        replaced = {old: str(new) for old, new in places.items()}
        if any(c.get("restartPolicy") == "Always" for c in pod.get("initContainers", ())):
            replaced |= {f":{old}": f":{new}" for old, new in zip((2379, 2380), free_ports(2), strict=True)}
        sidecars = Processes(self.folder / volume / "processes")
        try:
            for container in (*pod.get("initContainers", ()), *pod["containers"]):
                if container.get("restartPolicy") == "Always":
                    sidecars.start("sidecar", self._words(container, line, replaced), dies_with_us=True)
                elif container["command"][0] != "python3":
                    self._tool(self._words(container, line, replaced))
                else:
                    report, code = self._agent(container, replaced)
                    if code:
                        return report, code
        finally:
            sidecars.stop("sidecar")
        return report, code

    def _agent(self, container: Mapping[str, Any], replaced: Mapping[str, str]) -> tuple[Report, int]:
        text = _with(next(str(e["value"]) for e in container["env"] if e["name"] == CONFIG), replaced)
        jobs = self

        class Local(Agent):
            def _store(self, store: Store) -> S3Store:
                return jobs.server.s3(store, jobs.timeouts)

        command = container["command"][-1]
        report, code = reported(getattr(Local(text, str(self.secrets)), command))
        self.reports[container["name"]] = Report.parse(report.to_json()) or report
        return self.reports[container["name"]], code

    def _words(self, container: Mapping[str, Any], line: str, replaced: Mapping[str, str]) -> list[str]:
        words = [_with(word, replaced) for word in container["args"]]
        return [str(tool(line, container["command"][0])), *words]

    @staticmethod
    def _tool(words: list[str]) -> None:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


class Restored:
    """A member on a volume that a restore has filled, alone, as its StatefulSet would start it."""

    def __init__(self, jobs: Jobs, line: str, volume: str = "volume") -> None:
        self.etcd = Etcd(jobs.folder / volume / "member", line)
        self.etcd.folder.mkdir(parents=True, exist_ok=True)
        self._data = jobs.data(volume)

    def __enter__(self) -> Etcd:
        found = self.etcd
        found.start("c-0", self._data)
        wait_for(lambda: found._missing("c-0"), 60)
        return found

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.etcd.__exit__(kind, error, trace)


def ids() -> Iterator[str]:
    """Ids of backups, each a second later than the one before."""
    for second in range(3600):
        yield f"20261121T12{second // 60:02d}{second % 60:02d}Z-{second:08x}"


def keep(**rules: int) -> Rules:
    """A retention."""
    return Rules(**rules)


def _with(text: str, replaced: Mapping[str, str]) -> str:
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _read(value: str) -> str:
    return base64.b64decode(value).decode()
