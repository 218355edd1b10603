"""A test's own namespace: Pod Security `restricted`, everything in it kept as evidence when the test fails."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from e2e.support.errors import ApiError, Unreachable
from e2e.support.kinds import (
    BACKUP_KINDS,
    CONFIG_MAP,
    ENDPOINT_SLICE,
    ETCD_CLUSTER,
    EVENT,
    JOB,
    MONITORING_KINDS,
    NAMESPACE,
    PDB,
    POD,
    PVC,
    SERVICE,
    STATEFUL_SET,
    Kind,
)
from e2e.support.kube import Json, Kube, dig
from e2e.support.wait import until

LABEL = "davit.dev/e2e"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
    "pod-security.kubernetes.io/warn": "restricted",
}
EVIDENCE = (ETCD_CLUSTER, *BACKUP_KINDS, *MONITORING_KINDS, POD, JOB, STATEFUL_SET, PVC, SERVICE, PDB, ENDPOINT_SLICE, EVENT)
HELPER = {"app.kubernetes.io/name": "davit-e2e-helper"}
SCRIPTS = Path(__file__).parent / "pod"
USER = 65532


@dataclass(frozen=True)
class Sandbox:
    """`image` is one with python3; `note` hears facts that are worth a line in the test report."""

    kube: Kube
    namespace: str
    image: str
    patience: float = 1.0
    note: Callable[[str], None] = lambda text: None
    pods: set[str] = field(default_factory=set)
    namespaces: list[str] = field(default_factory=list)
    """Further ones, deleted with the first."""

    @classmethod
    def create(cls, kube: Kube, title: str, image: str, patience: float, note: Callable[[str], None]) -> Sandbox:
        """A new namespace, named after the test."""
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-")
        name = f"e2e-{slug}-{secrets.token_hex(2)}"
        kube.create(NAMESPACE, {"metadata": {"name": name, "labels": {LABEL: "true", **RESTRICTED}}})
        sandbox = cls(kube, name, image, patience, note)
        scripts(kube, name)
        return sandbox

    def delete(self) -> None:
        """Begin the deletion; `conftest` waits for all of them at the end of the session."""
        for namespace in (self.namespace, *self.namespaces):
            self.kube.delete(NAMESPACE, None, namespace)

    def seconds(self, seconds: float) -> float:
        """A deadline on this machine."""
        return seconds * self.patience

    def run_pod(self, name: str, argv: list[str], *, spec: Json | None = None, container: Json | None = None) -> str:
        """Start a helper pod with our scripts in /e2e and wait until it runs or has ended."""
        return create_pod(self, self.namespace, name, argv, spec=spec or {}, container=container or {})

    def client(self) -> str:
        """The pod from which the test process talks to etcd, started at the first use."""
        name = "e2e-client"
        if name not in self.pods:
            self.run_pod(name, ["python3", "-c", "import signal; signal.pause()"])
        return name

    def call(self, requests: list[Json], timeout: float = 60.0) -> list[Json]:
        """Answers to gateway requests, made at once from inside the cluster: each {"ok": ...} or {"error": text}.

        Repeated when the way into the pod fails, so requests must be idempotent.
        """
        argv = ["python3", "-m", "e2e.support.pod.call", json.dumps(requests)]
        client = self.client()

        def ask() -> list[Json]:
            done = self.kube.exec(self.namespace, client, "main", argv, timeout)
            if done.code != 0:
                raise Unreachable(f"{argv[2]} ended with {done.code}: {done.err[-1000:]}")
            answers: list[Json] = json.loads(done.out)
            return answers

        return until("an answer of the client pod", ask, deadline=self.seconds(30), every=1.0)

    def dump(self, folder: Path, operator_log: list[str]) -> None:
        """Everything that a person needs who reads about the failure tomorrow."""
        folder.mkdir(parents=True, exist_ok=True)
        for kind in EVIDENCE:
            found = _quietly(lambda kind=kind: self.kube.all(kind, self.namespace)) or []  # type: ignore[misc]
            (folder / f"{kind.plural}.yaml").write_text(yaml.safe_dump_all([_brief(kind, item) for item in found]))
        for pod in _quietly(lambda: self.kube.all(POD, self.namespace)) or []:
            self._dump_logs(folder, pod)
        (folder / "operator.log").write_text("\n".join(operator_log))

    def _dump_logs(self, folder: Path, pod: Json) -> None:
        """Of each container, and of the one before a restart; the only one's file is named after the pod alone."""
        name, spec = pod["metadata"]["name"], pod["spec"]
        containers = [one["name"] for one in (*spec.get("initContainers", []), *spec["containers"])]
        for container in containers:
            of = name if len(containers) == 1 else f"{name}.{container}"
            for suffix, query in (("log", {}), ("previous.log", {"previous": "true"})):
                text = _quietly(lambda c=container, q=query: self.kube.logs(self.namespace, name, c, **q))  # type: ignore[misc]
                if text:
                    (folder / f"{of}.{suffix}").write_text(text)


def scripts(kube: Kube, namespace: str) -> None:
    """The ConfigMap with the programs for pods."""
    data = {path.name: path.read_text() for path in SCRIPTS.glob("*.py") if path.name != "__init__.py"}
    kube.create(CONFIG_MAP, {"metadata": {"name": "e2e-scripts", "namespace": namespace}, "data": data})


def create_pod(sandbox: Sandbox, namespace: str, name: str, argv: list[str], *, spec: Json, container: Json) -> str:
    """Start a helper pod and wait until it runs or has ended."""
    sandbox.kube.create(POD, helper_pod(namespace, name, sandbox.image, argv, spec, container))
    sandbox.pods.add(name)
    until(
        f"helper pod {name} started",
        lambda: sandbox.kube.get(POD, namespace, name),
        lambda pod: dig(pod, "status", "phase") in ("Running", "Succeeded", "Failed"),
        deadline=sandbox.seconds(90),
    )
    return name


def helper_pod(namespace: str, name: str, image: str, argv: list[str], spec: Json, container: Json) -> Json:
    """A pod that `restricted` admits, small, with the scripts and a scratch folder."""
    main: Json = {
        "name": "main",
        "image": image,
        "command": argv,
        "env": [
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            {"name": "PYTHONPATH", "value": "/e2e"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **container,
    }
    main["volumeMounts"] = [
        {"name": "scripts", "mountPath": "/e2e"},
        {"name": "scratch", "mountPath": "/run/e2e"},
        *container.get("volumeMounts", []),
    ]
    volumes = [{"name": "scripts", "configMap": {"name": "e2e-scripts", "items": _items()}}, {"name": "scratch", "emptyDir": {}}]
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": HELPER},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **spec,
            "containers": [main],
            "volumes": [*volumes, *spec.get("volumes", [])],
        },
    }


def _items() -> list[Json]:
    """The scripts keep their package, so that the same imports hold here and in the pod."""
    names = (path.name for path in sorted(SCRIPTS.glob("*.py")) if path.name != "__init__.py")
    return [{"key": name, "path": f"e2e/support/pod/{name}"} for name in names]


def _brief(kind: Kind, item: Json) -> Json:
    """Without the field managers, which nobody reads; events as one line each."""
    if kind is EVENT:
        about = item["involvedObject"]
        return {"at": item.get("lastTimestamp") or item.get("eventTime"), "of": f"{about.get('kind')}/{about.get('name')}",
                "type": item.get("type"), "reason": item.get("reason"), "message": item.get("message"),
                "count": item.get("count")}  # fmt: skip
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {"kind": kind.kind, **item, "metadata": metadata}


def _quietly(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except (ApiError, Unreachable):
        return None
