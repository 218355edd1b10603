"""Keep the operator's own CRDs current at start: Helm installs `crds/` once and never upgrades it.

Only CRDs that carry our label are touched, none is ever deleted, and an older operator never takes away what a
newer one has added: fields that leave a schema are pruned from stored objects at their next write.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from davit.errors import Blocked, Rejected
from davit.kube.client import Client
from davit.kube.labels import PART_OF
from davit.model import Key, Kind, Manifest

log = logging.getLogger(__name__)

CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
VERSION = "app.kubernetes.io/version"
"""The label that says which operator version wrote the CRD last."""

PACKAGED = "crds.jsonl"
"""In each operator's package: its CRDs, one a line, as its chart has them."""
MANAGER = "helm"
"""Helm 4 applies a chart's CRDs server-side at every install, and refuses what another manager has changed: an operator that
wrote them under its own name would be in the way of the install of the next release."""
_POLL = 0.5
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A CRD that the API server did not take, and why, with the remedy."""

    crd: Manifest
    why: str


def packaged(package: str) -> tuple[Manifest, ...]:
    """The CRDs of an operator; from a file, since the models have lost their descriptions where Python drops docstrings."""
    return tuple(map(json.loads, (files(package) / PACKAGED).read_text("utf-8").splitlines()))


async def maintain(client: Client, crds: Iterable[Manifest], version: str) -> list[Refusal]:
    """Apply each CRD and wait until it is Established; `version` is the operator's. Returns those to be tried again.

    Strangers' and newer CRDs are left as they are. Raises `Transient` when the API server cannot be reached.
    """
    refused = []
    for crd in crds:
        try:
            await _maintain_one(client, crd, version)
        except Blocked as error:
            refused.append(Refusal(crd, f"the CRD {crd['metadata']['name']} stays as it is: {error}; {_remedy(error)}"))
    return refused


def _remedy(error: Blocked) -> str:
    if isinstance(error, Rejected):
        return (
            "what this release adds to the kind has no effect until the API server takes it: change what it objects to, "
            "such as a version in status.storedVersions or one that somebody else added, or a Kubernetes that is too old"
        )
    return "grant this right, or apply the CRDs of this release yourself and set crds.maintain to false (DAVIT_CRDS_MAINTAIN)"


def reason_to_leave(live: Manifest | None, version: str) -> str | None:
    """Why a CRD that is there already must not be written, None when it may. Pure."""
    labels = (live or {}).get("metadata", {}).get("labels", {})
    if live is not None and labels.get(PART_OF) != "davit":
        return f"it is not ours: the label {PART_OF}=davit is missing"
    if (written := labels.get(VERSION)) and _order(written) > _order(version):
        return f"a newer operator ({written}) wrote it"
    return None


def stamped(crd: Manifest, version: str) -> Manifest:
    """The CRD with the labels by which `reason_to_leave` judges it later."""
    metadata = crd["metadata"]
    labels = {**metadata.get("labels", {}), PART_OF: "davit", VERSION: re.sub(r"[^\w.-]", "_", version)}
    return {**crd, "metadata": {**metadata, "labels": labels}}


def established(crd: Mapping[str, Any]) -> bool:
    """Whether the API server serves the CRD's kind."""
    # A fresh CRD comes back with `conditions: null`.
    conditions = crd.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


async def _maintain_one(client: Client, crd: Manifest, version: str) -> None:
    key = Key("", crd["metadata"]["name"])
    live = await client.get(CRD, key)
    if (reason := reason_to_leave(live, version)) is not None:
        log.info("the CRD %s stays as it is: %s", key, reason, extra={"crd": str(key)})
        return
    written = await client.apply(CRD, stamped(crd, version), manager=MANAGER)
    if live is None or live["metadata"].get("generation") != written["metadata"].get("generation"):
        log.info("the CRD %s was written", key, extra={"crd": str(key)})
    try:
        async with asyncio.timeout(_PATIENCE):
            await _until_established(client, key, written)
    except TimeoutError:
        log.warning("the CRD %s is not established after %.0f s", key, _PATIENCE, extra={"crd": str(key)})


async def _until_established(client: Client, key: Key, crd: Manifest) -> None:
    while not established(crd):
        await asyncio.sleep(_POLL)
        crd = await client.get(CRD, key) or {}


def _order(version: str) -> tuple[tuple[int, ...], int, str]:
    """By the numbers, and a release after its pre-releases: enough of semver for our own versions."""
    numbers, _, pre = re.split(r"[+_]", version.lstrip("v"), maxsplit=1)[0].partition("-")
    return tuple(int(part) for part in re.findall(r"\d+", numbers)), 0 if pre else 1, pre
