"""Have the kubelet refresh the files of a pod at once, instead of within the minute or so that it takes by itself.

A changed annotation makes the kubelet sync the pod, and with it the volumes of Secrets and ConfigMaps: 0.1 to 0.2 s
instead of 60 to 90 s (docs/design/20261121.live.md). Source: kubelet, syncPod and the manager of Secrets by watch.
"""

from __future__ import annotations

from typing import Any

from davit.errors import Rejected, Transient
from davit.kube.client import Client
from davit.model import Key, Kind, Manifest

ANNOTATION = "davit.dev/refreshed"


async def poke(client: Client, kind: Kind, pod: Manifest, value: str) -> None:
    """Set the annotation of a pod to a new value; raises `Transient` when the pod is gone."""
    metadata = pod["metadata"]
    if metadata.get("annotations"):
        path = "/metadata/annotations/" + ANNOTATION.replace("/", "~1")
        operation: dict[str, Any] = {"op": "add", "path": path, "value": value}
    else:
        operation = {"op": "add", "path": "/metadata/annotations", "value": {ANNOTATION: value}}
    same_pod = {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]}
    try:
        await client.patch(kind, Key(metadata["namespace"], metadata["name"]), [same_pod, operation])
    except Rejected as error:
        raise Transient(str(error)) from error
