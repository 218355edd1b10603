"""Whole plans: every folder in `golden/` is a scenario; the words of observed.yaml are explained in builders.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from davit.model import Manifest, Outcome, Plan
from davit.status import verdict
from davit.testing import golden
from davit.testing.builders import condition
from davit_etcd.model import Cluster, Member, Snapshot
from davit_etcd.plan import plan
from davit_etcd.status import status
from davit_etcd.validate import validate

from davit_etcd_tests import builders

FOLDER = Path(__file__).parent / "golden"
SCENARIOS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
FULL = "golden.davit.dev/full"
"""An annotation in cr.yaml: the golden holds the manifests themselves and not one line for each."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_golden(scenario: str) -> None:
    resource = builders.resource(**golden.load(FOLDER / scenario / "cr.yaml"))
    domain = validate(resource)
    snapshot = builders.snapshot(domain, golden.load(FOLDER / scenario / "observed.yaml"))
    resource["status"] = dict(snapshot.status)
    decided = plan(domain, snapshot, 0.0, builders.AGENT)
    assert decided.manifests or not decided.prune, "a plan that applies nothing would delete every Service"
    full = FULL in resource["metadata"].get("annotations", {})
    golden.check(FOLDER / scenario / "plan.yaml", rendered(resource, domain, snapshot, decided, full=full))


def rendered(resource: Manifest, domain: Cluster, snapshot: Snapshot, decided: Plan, *, full: bool) -> dict[str, Any]:
    step = decided.detail.step
    return {
        "step": {"reason": step.reason, "message": step.message}
        | {key: True for key in ("stalled", "settled") if getattr(step, key)}
        | ({"rolling": step.rolling} if step.rolling else {}),
        "actions": [{"type": type(action).__name__, **_said(asdict(action))} for action in decided.actions],  # type: ignore[call-overload]
        "requeue_after": decided.requeue_after,
        "kstatus": _kstatus(resource, domain, snapshot, decided),
        **({"intent": dict(decided.intent)} if decided.intent else {}),
        **({"problems": [f"{p.reason}: {p.message}" for p in decided.detail.problems]} if decided.detail.problems else {}),
        **({"notices": [f"{n.reason}: {n.message}" for n in decided.notices]} if decided.notices else {}),
        "prune": [kind.kind for kind in decided.prune],
        "manifests": list(decided.manifests) if full else list(_lines(snapshot, decided.manifests)),
    }


def _said(action: Mapping[str, Any]) -> dict[str, Any]:
    """A Job is shown by its name and by what its first container is told: its manifest has tests of its own."""
    said = {key: value for key, value in action.items() if value not in ("", False)}
    if action.get("kind", {}).get("kind") != "Job":
        return said
    job = json.loads(action["manifest"])
    told = json.loads(job["spec"]["template"]["spec"]["initContainers"][0]["env"][0]["value"])
    return said | {"kind": "Job", "manifest": {"name": job["metadata"]["name"], "source": told["source"]}}


def _kstatus(resource: Manifest, domain: Cluster, snapshot: Snapshot, decided: Plan) -> str:
    written = status(resource, Outcome(domain, snapshot, decided), 0.0)
    ready = condition(written, "Ready")
    return f"{verdict({**resource, 'status': written})} ({ready['reason']})"


def _lines(snapshot: Snapshot, manifests: tuple[Manifest, ...]) -> Iterator[str]:
    members = {member.name: member for member in snapshot.members}
    for manifest in manifests:
        yield f"{manifest['kind']} {manifest['metadata']['name']}{_more(members, manifest)}"


def _more(members: Mapping[str, Member], manifest: Manifest) -> str:
    spec = manifest["spec"]
    match manifest["kind"]:
        case "PodDisruptionBudget":
            return f": minAvailable {spec['minAvailable']}"
        case "PersistentVolumeClaim":
            member = members.get(manifest["metadata"]["name"].removeprefix("data-"))
            new = "" if member and member.volume else ", new"
            cluster = manifest["metadata"]["annotations"].get("etcd.davit.dev/cluster-id")
            return f": {spec['resources']['requests']['storage']}" + (f" of cluster {cluster}" if cluster else "") + new
        case "StatefulSet":
            member = members.get(manifest["metadata"]["name"])
            return f": {_member(manifest)}{'' if member and member.stateful_set else ', new'}"
    return ""


def _member(manifest: Manifest) -> str:
    record = json.loads(manifest["metadata"]["annotations"]["etcd.davit.dev/member"])
    inputs = record["inputs"]
    parts = [record["start"] + (f" with {' '.join(record['peers'])}" if record["peers"] else ""), inputs["image"]]
    parts += [f"{key} {json.dumps(inputs[key], sort_keys=True)}" for key in ("pod", "flags", "memory") if inputs.get(key)]
    parts += [] if record["voter"] else ["no voter"]
    replicas = manifest["spec"]["replicas"]
    return "; ".join(parts) + ("" if replicas == 1 else f"; {replicas} replicas")
