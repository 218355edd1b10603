"""A pod that is scraped and notified: it serves the metrics that it is told, and keeps what it is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.support.kinds import POD, SERVICE
from e2e.support.kube import Json, dig, pod_ready
from e2e.support.process import Process
from e2e.support.sandbox import HELPER, USER, Sandbox
from e2e.support.wait import until

IMAGE = "ghcr.io/davit-dev/toolbox:1"
"""Our own, built by ci.images."""
PORT = 8080
PORT_NAME = "metrics"


@dataclass(frozen=True)
class Witness:
    """A handle on a pod and the Service of the same name, both with the label `app`; see ci/images/toolbox/witness.py."""

    sandbox: Sandbox
    name: str = "witness"

    @property
    def labels(self) -> dict[str, str]:
        """By which monitors select it."""
        return {"app": self.name}

    def start(self, *, authorization: str = "", labels: Mapping[str, str] | None = None, image: str = IMAGE) -> Witness:
        """Pod and Service; returns when the pod is ready."""
        kube, namespace = self.sandbox.kube, self.sandbox.namespace
        metadata: Json = {"name": self.name, "namespace": namespace, "labels": {**HELPER, **self.labels, **(labels or {})}}
        kube.create(POD, {"metadata": metadata, "spec": pod(image, authorization)})
        port = {"name": PORT_NAME, "port": PORT, "targetPort": PORT_NAME}
        kube.create(SERVICE, {"metadata": metadata, "spec": {"selector": self.labels, "ports": [port]}})
        until(
            f"{self.name} is ready",
            lambda: kube.get(POD, namespace, self.name),
            lambda found: found is not None and pod_ready(found),
            deadline=self.sandbox.seconds(60),
        )
        return self

    @property
    def process(self) -> Process:
        """Its server."""
        return Process(self.sandbox.kube, self.sandbox.namespace, self.name, PORT)

    @property
    def url(self) -> str:
        """Where others in the cluster reach it."""
        return f"http://{self.name}.{self.sandbox.namespace}.svc:{PORT}"

    @property
    def address(self) -> str:
        """`instance` of its target."""
        return f"{dig(self.sandbox.kube.read(POD, self.sandbox.namespace, self.name), 'status', 'podIP')}:{PORT}"

    def tell(self, **metrics: float) -> None:
        """What it serves from now on, each a gauge."""
        text = "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in metrics.items())
        self.process.send("PUT", "/metrics", text, content_type="text/plain")

    def received(self, path: str = "/alerts") -> list[Json]:
        """The notifications that came to this path or below, oldest first."""
        found: list[Json] = json.loads(self.process.send("GET", "/alerts"))
        return [one for one in found if one["path"].startswith(path)]

    def alerts(self, path: str = "/alerts") -> list[tuple[str, str]]:
        """Name and status of each alert in the notifications to this path, one by one."""
        return [
            (str(alert["labels"]["alertname"]), str(alert["status"]))
            for notification in self.received(path)
            for alert in notification["body"]["alerts"]
        ]


def pod(image: str, authorization: str) -> Json:
    """The spec, which `restricted` admits."""
    container: dict[str, Any] = {
        "name": "witness",
        "image": image,
        "command": ["/usr/local/bin/witness"],
        "env": [{"name": "WITNESS_AUTHORIZATION", "value": authorization}] if authorization else [],
        "ports": [{"name": PORT_NAME, "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT_NAME}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }


def basic(user: str, password: str) -> str:
    """The Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
