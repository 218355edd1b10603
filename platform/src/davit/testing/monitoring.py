"""What the made-up clusters and the comparisons with prometheus-operator of both operators of monitoring share."""

from __future__ import annotations

import json
from typing import Any

from davit.errors import Rejected
from davit.kube.failures import Conflict
from davit.kube.kinds import STATEFUL_SET
from davit.model import Kind, Manifest
from davit.routing import own_key
from davit.testing.fake_client import FakeClient

_RELOADERS = ("config-reloader", "init-config-reloader")


class Api(FakeClient):
    """Tells a name that is taken from other trouble; refuses the StatefulSets in which `refused` stands.

    Drops rollingUpdate, as a server without that feature does.
    """

    refused: str = ""

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See Client."""
        if self.refused and kind == STATEFUL_SET and self.refused in str(manifest):
            raise Rejected(f"{self.refused} is not taken")
        if (kind, own_key(manifest)) in self.objects:
            raise Conflict("it already exists")
        return await super().create(kind, manifest)

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        """See Client."""
        made = await super().apply(kind, manifest, subresource=subresource, manager=manager)
        if kind == STATEFUL_SET and not subresource:
            self.objects[kind, own_key(manifest)]["spec"]["updateStrategy"].pop("rollingUpdate", None)
        return made


async def fit_all(kind: Kind, status: dict[str, Any]) -> dict[str, Any] | None:
    """As `davit.reconcile.Fit` where our own CRDs are served."""
    return status


def bare(manifest: Manifest) -> Manifest:
    """A copy of a StatefulSet without namespace, prometheus-operator's hash, and its reloaders."""
    made: Manifest = json.loads(json.dumps(manifest))
    head, pod = made["metadata"], made["spec"]["template"]["spec"]
    head.pop("namespace", None)
    (head.get("annotations") or {}).pop("prometheus-operator-input-hash", None)
    pod["initContainers"] = [one for one in pod.get("initContainers") or () if one["name"] not in _RELOADERS]
    pod["containers"] = [one for one in pod["containers"] if one["name"] not in _RELOADERS]
    return made


def meaning(value: Any) -> Any:
    """The same without what is empty, which is as if it were absent."""
    match value:
        case dict():
            return {key: below for key, item in value.items() if (below := meaning(item)) not in (None, "", [], {}, False)}
        case list():
            return [meaning(item) for item in value]
        case _:
            return value
