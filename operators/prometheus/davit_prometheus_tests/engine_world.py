"""A small world for whole passes: an API server, its watches, a kubelet, processes of Prometheus and a promtool."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from davit.errors import Blocked, Transient
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, POD, SECRET, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit.monitoring.live import Refused
from davit.monitoring.poke import ANNOTATION
from davit.monitoring.prover import NotReady
from davit.monitoring.sources import Sources
from davit.reconcile import Reconciler
from davit.routing import Controller, Routes, Target, own_key
from davit.testing.builders import resource
from davit.testing.monitoring import Api, fit_all
from davit_prometheus.actions import Actor
from davit_prometheus.api.monitors import SERVICE_MONITOR
from davit_prometheus.api.prometheus import PROMETHEUS, PROMETHEUS_AGENT
from davit_prometheus.api.rules import PROMETHEUS_RULE
from davit_prometheus.client import PrometheusError
from davit_prometheus.inventory import MAINS, MONITORS, Inventory
from davit_prometheus.judge import Judge
from davit_prometheus.manifests import CONFIG_DIR
from davit_prometheus.model import OPERATOR, RULES, TLS_ASSETS, Pool
from davit_prometheus.monitors import MonitorPasses
from davit_prometheus.observe import Observer
from davit_prometheus.operator import Passes, PrometheusOperator
from davit_prometheus.watch import watches
from davit_tests import faketime

Json = dict[str, Any]
ALL: Json = {
    f"{kind}{selector}": {}
    for kind in ("serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule")
    for selector in ("Selector", "NamespaceSelector")
}
SHOP = "shop"


def prometheus(
    name: str = "main", *, namespace: str = SHOP, kind: Kind = PROMETHEUS, generation: int = 1, **spec: Any
) -> Manifest:
    chosen = {key: value for key, value in ALL.items() if kind == PROMETHEUS or not key.startswith("rule")}
    return resource(
        kind, name, {**chosen, "version": "3.5.0", **spec}, namespace=namespace, uid=f"uid-{name}", generation=generation
    )


def monitor(name: str = "web", *, namespace: str = SHOP, generation: int = 1, path: str = "/metrics", **spec: Any) -> Manifest:
    """A ServiceMonitor; a path with BAD in it is one that promtool refuses."""
    body = {"selector": {"matchLabels": {"app": name}}, "endpoints": [{"port": "web", "path": path}], **spec}
    return resource(SERVICE_MONITOR, name, body, namespace=namespace, uid=f"uid-{namespace}-{name}", generation=generation)


def rule(name: str = "slow", *groups: tuple[str, str], namespace: str = SHOP, generation: int = 1) -> Manifest:
    """A PrometheusRule of groups with one expression each; one with BAD in it is refused by its name, NOYAML as a whole."""
    made = [{"name": group, "rules": [{"record": "a:b", "expr": expr}]} for group, expr in groups or (("one", "up"),)]
    return resource(
        PROMETHEUS_RULE, name, {"groups": made}, namespace=namespace, uid=f"uid-{namespace}-{name}", generation=generation
    )


def secret(name: str, namespace: str = SHOP, **data: str) -> Manifest:
    content = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name, "namespace": namespace}, "data": content}


@dataclass
class Promtool:
    """Refuses what has a bad word in it, duplicate jobs, and is away when told so."""

    bad: set[str] = field(default_factory=lambda: {"BAD"})
    away: Exception | None = None
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    async def judge(self, image: str, argv: Sequence[str], document: bytes) -> str | None:
        if self.away is not None:
            raise self.away
        text = document.decode()
        self.asked.append((tuple(argv), text))
        return self._rules(text) if "rules" in argv else self.config(text)

    def config(self, text: str) -> str | None:
        found = yaml.safe_load(text) or {}
        names = [job["job_name"] for job in found.get("scrape_configs") or ()]
        if len(set(names)) < len(names):
            return f"FAILED: parsing YAML file /dev/stdin: found multiple scrape configs with job name {max(names)}"
        word = next((word for word in sorted(self.bad) if word in text), None)
        return f"FAILED: parsing YAML file /dev/stdin: it says {word}" if word else None

    def _rules(self, text: str) -> str | None:
        if "NOYAML" in text:
            return "FAILED:\n/dev/stdin: it can't be read"
        said = [
            f'/dev/stdin: 5:11: group "{group["name"]}", rule 1, "a:b": could not parse expression: {one["expr"]}'
            for group in yaml.safe_load(text)["groups"]
            for one in group["rules"]
            if any(word in str(one["expr"]) for word in self.bad)
        ]
        return "\n".join(["Checking /dev/stdin", "  FAILED:", *said]) if said else None


@dataclass
class Process:
    """One Prometheus: the files that the kubelet gave it, and what it has loaded of them."""

    url: str
    files: dict[str, str] = field(default_factory=dict)
    config: str = ""
    jobs: set[str] = field(default_factory=set)
    ever: set[str] = field(default_factory=set)
    """Names in its metrics, from which many versions delete nothing."""
    rules: dict[str, int] = field(default_factory=dict)
    away: bool = False
    reloads: int = 0


@dataclass
class Servers:
    """All processes, as `PrometheusClient` sees them; a configuration with a word of `refused` in it is not loaded."""

    refresh: Callable[[str], None] = lambda url: None
    processes: dict[str, Process] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    found: dict[str, Pool] = field(default_factory=dict)
    scraped: set[str] | None = None
    """Names of the jobs whose targets were discovered; None for all."""
    calls: list[str] = field(default_factory=list)

    def _at(self, url: str, call: str) -> Process:
        self.calls.append(call)
        self.refresh(url)
        process = self.processes.get(url)
        if process is None or process.away:
            raise PrometheusError(f"{url}: no answer")
        return process

    async def answers(self, url: str) -> bool:
        self.calls.append("answers")
        process = self.processes.get(url)
        return process is not None and not process.away

    async def reload(self, url: str) -> None:
        process = self._at(url, "reload")
        process.reloads += 1
        self.load(process)

    def load(self, process: Process) -> None:
        """From its files, all or nothing."""
        main = process.files.get(f"{CONFIG_DIR}/prometheus.yaml")
        if main is None:
            raise Refused("no such file: prometheus.yaml")
        # A file that is not there is no error.
        parts = [text for name, text in sorted(process.files.items()) if name in main]
        everything = main + "".join(parts)
        absent = [name for name in re.findall(rf"{TLS_ASSETS}/[\w.-]+", everything) if name not in process.files]
        if absent:
            raise Refused(f"no such file: {absent[0]}")
        if said := next((word for word in self.refused if word in everything), None):
            raise Refused(f"failed to reload config: {said}")
        process.config = main
        read = [main, *(text for name, text in process.files.items() if name.startswith(f"{CONFIG_DIR}/jobs-") and name in main)]
        process.jobs = {job["job_name"] for text in read for job in yaml.safe_load(text).get("scrape_configs") or ()}
        process.ever |= process.jobs
        process.rules = {
            name: group.get("limit", 0)
            for name, text in process.files.items()
            if name.startswith(f"{RULES}/")
            for group in yaml.safe_load(text)["groups"]
            if group["name"] == "davit-live"
        }

    async def config(self, url: str) -> str:
        return self._at(url, "config").config

    async def jobs(self, url: str) -> set[str]:
        return self._at(url, "jobs").jobs & self.scraped if self.scraped is not None else self._at(url, "jobs").jobs

    async def loaded_jobs(self, url: str) -> set[str]:
        return set(self._at(url, "metrics").ever)

    async def loaded_rules(self, url: str, group: str) -> dict[str, int]:
        return self._at(url, "rules").rules

    async def pools(self, url: str) -> dict[str, Pool]:
        self._at(url, "targets")
        return dict(self.found)


class World:
    """Everything of one operator process; `restart` forgets what it knew."""

    def __init__(self, client: Api | None = None, *, clock: Callable[[], float] = faketime.now) -> None:
        self.client = client or Api(OPERATOR)
        self.promtool = Promtool()
        self.servers = Servers(self._refresh)
        self.clock = clock
        self.deaf = False
        """Whether the kubelet overhears pokes."""
        self.unready: set[str] = set()
        """Names of pods that run and are not ready."""
        self.pending: set[str] = set()
        """Names of pods that do not run."""
        self.late: set[str] = set()
        """Names of Secrets that the kubelet has not heard of yet."""
        self._refreshed: dict[str, str] = {}
        self._address = 0
        self.restart()

    def restart(self) -> None:
        self.inventory = inventory = Inventory()
        self.sources = Sources(self.client, inventory.cache)
        self.judge = Judge(self.promtool)
        self.observer = Observer(
            self.client, self.servers, inventory, self.sources, self.judge, self.clock  # type: ignore[arg-type]
        )  # fmt: skip
        self.actor = Actor(self.client, self.servers, self.observer, self.clock)  # type: ignore[arg-type]
        self.mains = {kind: self._main(kind) for kind in MAINS}
        self.monitors = {
            kind: MonitorPasses(kind, self.client, inventory, lambda: True, fit_all, lambda: 1_000_000.0) for kind in MONITORS
        }
        controllers = [
            Controller(kind, self.mains[kind], watches(kind, inventory), required=False, cache=inventory.cache) for kind in MAINS
        ]
        controllers += [Controller(kind, self.monitors[kind], cache=inventory.cache) for kind in MONITORS]
        self.routes = Routes(controllers)
        self.queue: dict[Target, None] = {}
        self.due: dict[Target, float] = {}
        self.errors: dict[Target, Exception] = {}
        self.passes: list[Target] = []
        self._seen: dict[tuple[Kind, Key], str] = {}
        inventory.cache.vanished = lambda kind, manifest: self.tell(kind, "DELETED", manifest)
        inventory.cache.expect(())

    def _main(self, kind: Kind) -> Passes:
        operator = PrometheusOperator(kind, self.observer, self.actor, self.inventory)
        reconciler = Reconciler(operator, self.client, clock=lambda: 1_000_000.0)
        return Passes(reconciler, kind, self.inventory, self.wake)

    def wake(self, kind: Kind, key: Key) -> None:
        self.queue[Target(kind, key)] = None

    # What happens in the cluster

    def put(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            kind = _kind(manifest)
            key = own_key(manifest)
            live = self.client.objects.get((kind, key))
            more = {} if live is None else {"uid": manifest["metadata"].get("uid", live["metadata"]["uid"])}
            kept = {} if live is None or "status" not in live else {"status": live["status"]}
            self.client.put(kind, {**kept, **manifest, "metadata": {**manifest["metadata"], **more}})

    def remove(self, kind: Kind, name: str, namespace: str = SHOP) -> None:
        self.client.remove(kind, Key(namespace, name))

    def feed(self) -> bool:
        """What the watches say of everything that changed since they were last asked."""
        changed = [
            (place, manifest)
            for place, manifest in self.client.objects.items()
            if self._seen.get(place) != manifest["metadata"]["resourceVersion"]
        ]
        gone = [place for place in self._seen if place not in self.client.objects]
        for (kind, key), manifest in changed:
            new = (kind, key) not in self._seen
            self._seen[kind, key] = manifest["metadata"]["resourceVersion"]
            self.tell(kind, "ADDED" if new else "MODIFIED", manifest)
        for kind, key in gone:
            version = str(10_000_000 + len(self.client.writes))
            del self._seen[kind, key]
            self.tell(kind, "DELETED", {"metadata": {"name": key.name, "namespace": key.namespace, "resourceVersion": version}})
        return bool(changed or gone)

    def tell(self, kind: Kind, change: str | None, manifest: Manifest) -> None:
        if kind in self.inventory.cache.kinds:
            self.inventory.cache.note(kind, change, manifest)
        if kind in self.routes.kinds():
            for target in self.routes.targets(kind, manifest):
                self.queue[target] = None

    def kubelet(self) -> None:
        """Run the pods of all StatefulSets."""
        sets = {key: one for (kind, key), one in self.client.objects.items() if kind == STATEFUL_SET}
        wanted = {
            Key(key.namespace, f"{key.name}-{number}"): one
            for key, one in sets.items()
            for number in range(one["spec"]["replicas"])
        }
        for kind, key in [place for place in self.client.objects if place[0] == POD]:
            if key not in wanted:
                self.client.remove(kind, key)
        for key, one in wanted.items():
            if (POD, key) not in self.client.objects:
                self._start(key, one)
        for key, one in sets.items():
            self._count(key, one)

    def _count(self, key: Key, one: Manifest) -> None:
        ready = sum(
            1
            for (kind, pod), live in self.client.objects.items()
            if kind == POD and pod.name.rpartition("-")[0] == key.name and live["status"]["containerStatuses"][0]["ready"]
        )
        count = one["spec"]["replicas"]
        status = {
            "observedGeneration": one["metadata"]["generation"], "replicas": count, "updatedReplicas": count,
            "readyReplicas": ready, "availableReplicas": ready,
        }  # fmt: skip
        if one.get("status") != status:
            self.client.put(STATEFUL_SET, {**one, "status": status})

    def _start(self, key: Key, owner: Manifest) -> None:
        self._address += 1
        address = f"10.0.0.{self._address}"
        template = owner["spec"]["template"]
        head = {**template["metadata"], "name": key.name, "namespace": key.namespace, "uid": f"pod-{self._address}"}
        ready = key.name not in self.unready | self.pending
        container: Json = {"name": "prometheus", "ready": ready, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
        if key.name not in self.pending:
            container |= {"containerID": f"c{self._address}", "state": {"running": {}}}
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        status = {"podIP": address, "containerStatuses": [container], "conditions": conditions}
        self.client.put(POD, {"metadata": head, "spec": template["spec"], "status": status})
        process = Process(f"http://{address}:9090")
        self.servers.processes[process.url] = process
        self._give(key, process)
        self.servers.load(process)

    def pod(self, name: str, namespace: str = SHOP) -> Manifest:
        return self.client.objects[POD, Key(namespace, name)]

    def process(self, name: str = "prometheus-main-0", namespace: str = SHOP) -> Process:
        return self.servers.processes[f"http://{self.pod(name, namespace)['status']['podIP']}:9090"]

    def _refresh(self, url: str) -> None:
        """A poked pod gets its files anew."""
        for (kind, key), pod in list(self.client.objects.items()):
            if kind == POD and f"http://{pod['status']['podIP']}:9090" == url:
                value = (pod["metadata"].get("annotations") or {}).get(ANNOTATION, "")
                if not self.deaf and self._refreshed.get(url, "") != value:
                    self._refreshed[url] = value
                    self._give(key, self.servers.processes[url])

    def _give(self, key: Key, process: Process) -> None:
        spec = self.pod(key.name, key.namespace)["spec"]
        mounts = {one["name"]: one["mountPath"] for one in spec["containers"][0]["volumeMounts"]}
        process.files = {}
        for volume in spec["volumes"]:
            for name, content in self._volume(volume, key.namespace):
                process.files[f"{mounts[volume['name']]}/{name}"] = content

    def _volume(self, volume: Json, namespace: str) -> Iterator[tuple[str, str]]:
        for source in (volume.get("projected") or {}).get("sources", [volume]):
            if "secret" in source:
                name = source["secret"].get("name") or source["secret"]["secretName"]
                if name in self.late:
                    continue
                live = self.client.objects.get((SECRET, Key(namespace, name))) or {}
                yield from ((key, base64.b64decode(value).decode()) for key, value in (live.get("data") or {}).items())
            elif "configMap" in source:
                live = self.client.objects.get((CONFIG_MAP, Key(namespace, source["configMap"]["name"]))) or {}
                yield from (live.get("data") or {}).items()

    # The operator at work

    async def settle(self, limit: int = 80, *, rounds: int = 30) -> list[Target]:
        """Passes until nothing is left to be told; who had one. Appointments in the future stay in `due`."""
        started = len(self.passes)
        for _ in range(rounds):
            self.kubelet()
            moved = self.feed()
            if not self.queue and not moved:
                return self.passes[started:]
            while self.queue:
                target = next(iter(self.queue))
                del self.queue[target]
                await self.one(target)
                self.feed()
                assert len(self.passes) - started <= limit, f"no end: {self.passes[-8:]}"
        raise AssertionError(f"no end: {self.passes[-8:]}")

    async def one(self, target: Target) -> None:
        """One pass, with what it says of the next."""
        self.passes.append(target)
        self.due.pop(target, None)
        self.errors.pop(target, None)
        work = self.mains.get(target.kind) or self.monitors[target.kind]
        try:
            again = await work(target.key)
        except (Transient, Blocked) as error:
            self.errors[target] = error
            again = error.retry_after if error.retry_after is not None else 0.25
        if again is not None:
            self.due[target] = again
            if again == 0:
                self.queue[target] = None

    async def later(self, seconds: float = 31.0) -> list[Target]:
        """What was to be looked at again within so many seconds is."""
        import asyncio

        await asyncio.sleep(seconds)
        for target in [target for target, at in self.due.items() if at <= seconds]:
            self.queue[target] = None
        return await self.settle()

    # What became of it

    def live(self, kind: Kind, name: str, namespace: str = SHOP) -> Manifest:
        return self.client.objects[kind, Key(namespace, name)]

    def main(self, name: str = "main") -> Manifest:
        return self.live(PROMETHEUS, name)

    def config(self, name: str = "prometheus-main") -> Json:
        found: Json = yaml.safe_load(self.file(name))
        return found

    def file(self, name: str = "prometheus-main", key: str = "prometheus.yaml") -> str:
        return base64.b64decode(self.live(SECRET, name)["data"][key]).decode()

    def jobs(self, name: str = "prometheus-main") -> list[str]:
        return [job["job_name"] for job in self.config(name).get("scrape_configs") or ()]

    def loaded(self, pod: str = "prometheus-main-0") -> list[str]:
        return [job["job_name"] for job in yaml.safe_load(self.process(pod).config).get("scrape_configs") or ()]

    def texts(self) -> str:
        """Everything that people see without the right to read Secrets."""
        shown = [str(one.get("status")) for (kind, _), one in self.client.objects.items() if kind in (*MAINS, *MONITORS)]
        return "\n".join([*shown, *(str(notice) for notice in self.client.events)])


_KINDS = {kind.kind: kind for kind in (*MAINS, *MONITORS, SECRET, CONFIG_MAP, NAMESPACE)}


def _kind(manifest: Manifest) -> Kind:
    return _KINDS[manifest.get("kind", "Secret")]


def condition(found: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Status and reason of a condition."""
    return next((c["status"], c["reason"]) for c in found["status"]["conditions"] if c["type"] == name)


AWAY = NotReady("the prover does not run yet")
AGENT = PROMETHEUS_AGENT
