"""One Alertmanager in a made-up cluster: the API server in memory, processes that load what the kubelet gives them, amtool."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from davit.errors import Transient
from davit.kube.kinds import CONFIG_MAP, NAMESPACE, POD, SECRET, STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit.monitoring.live import Pace, Refused
from davit.monitoring.prover import NotReady
from davit.monitoring.sources import Sources
from davit.reconcile import Reconciler
from davit.testing.fake_client import FakeClient, Write
from davit.testing.monitoring import Api, fit_all
from davit_alertmanager.actions import Actor
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.client import AlertmanagerClient, AlertmanagerError
from davit_alertmanager.configs import ConfigPasses
from davit_alertmanager.draft import Drafter
from davit_alertmanager.edition import loaded
from davit_alertmanager.inventory import Inventory, Memory
from davit_alertmanager.judge import CHECK, Judge
from davit_alertmanager.model import CONFIG_FILE, OPERATOR
from davit_alertmanager.observe import Observer
from davit_alertmanager.operator import AlertmanagerOperator, Passes
from davit_alertmanager.snapshot import Seen

from davit_alertmanager_tests.world import HOME, alertmanager

MAIN = Key(HOME, "main")
GENERATED = Key(HOME, "alertmanager-main-generated")
CACHED: tuple[Kind, ...] = (ALERTMANAGER, ALERTMANAGER_CONFIG, NAMESPACE, SECRET, CONFIG_MAP)
BASE = "route:\n  receiver: all\nreceivers:\n- name: all\n"

Judgement = Callable[[str], str | None]


class Checker:
    """amtool by a rule: `judge` says of a document what is wrong; `error` is raised instead of an answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.says: Judgement = lambda document: None
        self.template: Judgement = lambda document: None
        self.error: Exception | None = None

    async def judge(self, image: str, argv: Sequence[str], document: bytes) -> str | None:
        if self.error is not None:
            raise self.error
        text = document.decode()
        if tuple(argv) != CHECK:
            return self.template(text)
        self.asked.append(text)
        said = self.says(text)
        return None if said is None else f"Checking '/dev/stdin'  FAILED: {said}\namtool: error: failed to validate 1 file(s)"


class Process:
    """One Alertmanager: loads the text that its files hold; `refuses` says of a text why it does not load."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.peers = 0
        self.down = False


class Alertmanagers(AlertmanagerClient):
    """The processes by their URL, whose files are the Secret as it is now unless `frozen` holds other text."""

    def __init__(self, client: FakeClient) -> None:
        self.client = client
        self.processes: dict[str, Process] = {}
        self.refuses: Judgement = lambda text: None
        self.frozen: str | None = None
        self.reloads = 0

    async def close(self) -> None:
        return

    def files(self) -> str:
        return self.frozen if self.frozen is not None else generated(self.client)

    async def answers(self, url: str) -> bool:
        found = self.processes.get(url)
        return found is not None and not found.down

    async def reload(self, url: str) -> None:
        self.reloads += 1
        process = self._of(url)
        if said := self.refuses(self.files()):
            raise Refused(said)
        process.text = self.files()

    async def look(self, url: str) -> Seen:
        process = self._of(url)
        templates = yaml.safe_load(process.text).get("templates", [])
        told = "".join(("templates:\n", *(f"- {one}\n" for one in templates)))
        return Seen(loaded(told), "ready" if process.peers else "disabled", process.peers)

    def _of(self, url: str) -> Process:
        found = self.processes.get(url)
        if found is None or found.down:
            raise AlertmanagerError(f"{url}: refused")
        return found


class Cluster:
    """Everything that a pass needs; `run` is one pass of the Alertmanager and of every AlertmanagerConfig."""

    def __init__(self, *documents: Manifest, client: Api | None = None, **spec: Any) -> None:
        self.now = 1000.0
        self.client = client or Api(OPERATOR)
        self.checker = Checker()
        self.alertmanagers = Alertmanagers(self.client)
        self.woken: list[tuple[Kind, Key]] = []
        if client is None:
            for namespace in ("shop", HOME):
                self.client.put(NAMESPACE, {"metadata": {"name": namespace, "labels": {"team": namespace}}})
            self.client.put(ALERTMANAGER, alertmanager(**spec))
        for document in documents:
            self.put(document)
        self.restart()

    def restart(self) -> None:
        """A new process of the operator, which knows nothing."""
        self.inventory = Inventory()
        self.inventory.cache.expect(())
        drafter = Drafter(self.client, self.inventory, Sources(self.client, self.inventory.cache), Judge(self.checker))
        self.observer = Observer(self.client, self.alertmanagers, self.inventory, drafter, clock=lambda: self.now)
        pace = Pace(first=0, step=0, sure=0.01, silence=0.02, patience=0.05)
        actor = Actor(self.client, self.alertmanagers, self.observer, self._tick, pace)
        operator = AlertmanagerOperator(self.observer, actor, self.inventory)
        reconciler = Reconciler(operator, self.client, clock=lambda: self.now, fit=fit_all)
        self.retired: list[frozenset[str]] = []
        self.passes = Passes(reconciler, ALERTMANAGER, self.inventory, lambda *one: self.woken.append(one), self._retire)
        self.configs = ConfigPasses(ALERTMANAGER_CONFIG, self.client, self.inventory, lambda: True, fit_all, lambda: self.now)

    async def _retire(self, images: Any) -> None:
        self.retired.append(frozenset(images))

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def put(self, document: Manifest) -> Manifest:
        """As a user writes it: a new resourceVersion, and a new generation when the spec differs."""
        kinds = {
            "Secret": SECRET,
            "ConfigMap": CONFIG_MAP,
            "AlertmanagerConfig": ALERTMANAGER_CONFIG,
            "Alertmanager": ALERTMANAGER,
        }
        kind = kinds[document["kind"]]
        metadata = document["metadata"]
        before = self.client.objects.get((kind, Key(metadata["namespace"], metadata["name"])))
        kept: dict[str, Any] = {}
        if before is not None:
            changed = before.get("spec") != document.get("spec")
            kept = {"uid": before["metadata"]["uid"], "generation": before["metadata"]["generation"] + changed}
            document = {**document, **({"status": before["status"]} if "status" in before else {})}
        return self.client.put(kind, {**document, "metadata": {**metadata, **kept}})

    def sync(self) -> None:
        """What the watches tell."""
        for kind in CACHED:
            known = {key for of, key in self.client.objects if of == kind}
            for key in [key for key in self.inventory.cache.objects(kind) if key not in known]:
                self.inventory.cache.note(kind, "DELETED", self.inventory.cache.objects(kind)[key])
            for key in known:
                self.inventory.cache.note(kind, "MODIFIED", self.client.objects[kind, key])

    async def run(self, *, raises: bool = False) -> float | None:
        """One pass; a failure that the queue would try again is none, unless the test wants it."""
        self.sync()
        again: float | None = None
        try:
            again = await self.passes(MAIN)
        except Transient:
            if raises:
                raise
        self.sync()
        for key in sorted(self.inventory.cache.objects(ALERTMANAGER_CONFIG)):
            await self.configs(key)
        return again

    def start_pods(self, count: int = 1, peers: int = 0) -> None:
        """What the StatefulSet controller and the kubelet do."""
        live = self.client.objects[STATEFUL_SET, Key(HOME, "alertmanager-main")]
        template = live["spec"]["template"]
        for number in range(count):
            name, address = f"alertmanager-main-{number}", f"10.0.0.{number}"
            status = {
                "podIP": address,
                "containerStatuses": [
                    {"name": "alertmanager", "containerID": f"c{number}", "ready": True, "state": {"running": {}}}
                ],
            }
            pod = {
                "metadata": {"name": name, "namespace": HOME, **template["metadata"]},
                "spec": template["spec"],
                "status": status,
            }
            self.client.put(POD, pod)
            process = self.alertmanagers.processes[f"http://{address}:9093"] = Process(generated(self.client))
            process.peers = peers
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), count)
        live["status"] = {**numbers, "observedGeneration": live["metadata"]["generation"]}

    async def settle(self, count: int = 1, peers: int = 0) -> None:
        """Published, running and seen to be so."""
        await self.run()
        self.start_pods(count, peers)
        await self.run()
        await self.run()

    # What there is

    @property
    def memory(self) -> Memory:
        return self.inventory.memory(ALERTMANAGER, MAIN)

    def resource(self) -> Manifest:
        return self.client.objects[ALERTMANAGER, MAIN]

    def status(self) -> dict[str, Any]:
        return dict(self.resource()["status"])

    def condition(self, name: str) -> dict[str, Any]:
        return next(dict(one) for one in self.status()["conditions"] if one["type"] == name)

    def config_status(self, name: str = "team", namespace: str = "shop") -> dict[str, Any]:
        return dict(self.client.objects[ALERTMANAGER_CONFIG, Key(namespace, name)]["status"])

    def written(self) -> dict[str, Any]:
        return dict(yaml.safe_load(generated(self.client)))

    def receivers(self) -> list[str]:
        return [one["name"] for one in self.written()["receivers"]]

    def process(self, number: int = 0) -> Process:
        return self.alertmanagers.processes[f"http://10.0.0.{number}:9093"]

    def writes(self) -> list[Write]:
        """Writes since the last call."""
        found, self.client.writes = self.client.writes, []
        return found


def generated(client: FakeClient) -> str:
    """The published configuration."""
    secret = client.objects[SECRET, GENERATED]
    return base64.b64decode(secret["data"][CONFIG_FILE]).decode()


def not_ready() -> NotReady:
    return NotReady("the prover does not run yet")


def webhook(url: str = "https://example.com/hook", **more: Any) -> dict[str, Any]:
    """A receiver of one webhook, with a name."""
    return {"name": "hook", "webhookConfigs": [{"url": url}], **more}


def team(spec: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The spec of an AlertmanagerConfig that notifies a webhook."""
    return {"route": {"receiver": "hook"}, "receivers": [webhook()], **(spec or {})}
