"""An EtcdRestore as written to a frozen `Restore`, or `Invalid`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from davit.backup.api import RestoreSource
from davit.backup.model import seconds
from davit.errors import Invalid, Problem
from davit.model import Key, Manifest
from davit.once import FINAL
from pydantic import ValidationError

from davit_etcd.api.restores import EtcdRestoreSpec
from davit_etcd.api.v1 import ETCD_CLUSTER
from davit_etcd.model import RESTORED_BY_ANNOTATION, Json, canonical
from davit_etcd.restore.model import Restore
from davit_etcd.validate import source_problems
from davit_etcd.validate import validate as validate_cluster

DEADLINE = "1h"


def validate(resource: Manifest) -> Restore:
    """The domain object; raises `Invalid` with every problem found, each naming its field and remedy.

    One that ended is never judged again: a later release may know its spec no more.
    """
    metadata, phase = resource["metadata"], (resource.get("status") or {}).get("phase") or ""
    if phase in FINAL:
        return _restore(resource, EtcdRestoreSpec.model_construct(cluster="", source=RestoreSource()), phase)
    try:
        spec = EtcdRestoreSpec.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        raise Invalid(*(_problem(item) for item in error.errors(include_url=False))) from None
    limit = seconds(spec.deadline or DEADLINE)
    template = resource["spec"].get("template")
    problems = [*source_problems("spec.source", spec.source)]
    if limit < 1:
        problems.append(Problem("spec.deadline", f"{spec.deadline} is less than a second: write for example 30m"))
    if template is not None:
        problems += _template(metadata["namespace"], spec.cluster, template, resource["spec"]["source"])
    if problems:
        raise Invalid(*problems)
    return _restore(resource, spec, phase, template=canonical(template) if template is not None else "", deadline=limit)


def cluster_manifest(namespace: str, name: str, template: Json, source: Json, uid: str) -> Manifest:
    """The EtcdCluster that a template stands for; `uid` is that of the EtcdRestore which makes it."""
    return {
        "apiVersion": ETCD_CLUSTER.api_version,
        "kind": ETCD_CLUSTER.kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": {RESTORED_BY_ANNOTATION: uid}},
        "spec": {**template, "bootstrap": {"fromBackup": source}},
    }


def _template(namespace: str, name: str, template: Json, source: Json) -> Iterator[Problem]:
    if template.get("bootstrap"):
        yield Problem("spec.template.bootstrap", "is made from spec.source: remove it")
        return
    if template.get("size") == 0:
        yield Problem("spec.template.size", "0 would hibernate the cluster before it has any data: set 1 or more")
    if template.get("paused"):
        yield Problem("spec.template.paused", "would keep the restore from ever beginning: remove it")
    manifest = cluster_manifest(namespace, name, template, source, "")
    manifest["metadata"]["uid"] = ""
    try:
        validate_cluster(manifest)
    except Invalid as error:
        for problem in error.problems:
            field = problem.field if problem.field.startswith("metadata") else problem.field.replace("spec.", "spec.template.", 1)
            if not field.startswith("spec.template.bootstrap.") or "storage" in problem.message:
                yield Problem("spec.cluster" if field == "metadata.name" else field, problem.message)


def _restore(resource: Manifest, spec: EtcdRestoreSpec, phase: str, *, template: str = "", deadline: float = 0.0) -> Restore:
    metadata = resource["metadata"]
    return Restore(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        created=metadata["creationTimestamp"],
        cluster=spec.cluster,
        source=spec.source,
        confirm=spec.confirm or "",
        template=template,
        deadline=deadline,
        phase=phase,
    )


def _problem(error: Any) -> Problem:
    return Problem(".".join(str(part) for part in ("spec", *error["loc"])), str(error["msg"]))
