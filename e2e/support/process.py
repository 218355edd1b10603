"""The HTTP server in a pod, reached through the API server's proxy, so that any kubeconfig will do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.support.kinds import POD
from e2e.support.kube import Kube


@dataclass(frozen=True)
class Process:
    """One pod's port; a request that the pod does not answer is an ApiError above 499 or Unreachable."""

    kube: Kube
    namespace: str
    pod: str
    port: int

    def send(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> bytes:
        """One request; the answer's body."""
        where = POD.path(self.namespace, f"{self.pod}:{self.port}", f"proxy{path}")
        return self.kube.request(method, where, None, body, content_type)

    def json(self, path: str, **query: object) -> Any:
        """GET, as data."""
        return json.loads(self._get(path, query))

    def text(self, path: str, **query: object) -> str:
        """GET, as text."""
        return self._get(path, query).decode()

    def _get(self, path: str, query: Mapping[str, object]) -> bytes:
        return self.kube.request("GET", POD.path(self.namespace, f"{self.pod}:{self.port}", f"proxy{path}"), query)
