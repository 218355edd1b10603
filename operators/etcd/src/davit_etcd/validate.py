"""An EtcdCluster as written to a frozen, defaulted `Cluster`, or `Invalid`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from davit.backup.api import RestoreSource
from davit.backup.model import Cipher, Store
from davit.errors import Invalid, Problem
from davit.kube.labels import owner_reference
from davit.kube.quantity import normal_quantity, parse_quantity
from davit.model import Key, Manifest
from pydantic import ValidationError

from davit_etcd.api.v1 import MAX_NAME, EtcdClusterSpec
from davit_etcd.api.v1 import Storage as StorageSpec
from davit_etcd.flags import refused
from davit_etcd.model import GROUP, Cluster, Inputs, Json, Options, Storage, canonical
from davit_etcd.progress import Progress
from davit_etcd.versions import NEWEST_LINE, OLDEST, Version, corrupting

DEFAULT_REPOSITORY = "quay.io/coreos/etcd"
_NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")

OWNED = re.compile(
    r"^(name|data-dir|wal-dir|listen-.*|advertise-.*|initial-(advertise|cluster).*|force-new-cluster.*|config-file"
    r"|discovery.*|proxy.*|gateway.*|.*cert.*|.*-key-file|.*trusted-ca.*|auto-tls|peer-auto-tls|logger|log-outputs|log-format"
    r"|enable-grpc-gateway|strict-reconfig-check|unsafe-.*|max-learners|experimental-max-learners"
    r"|force-unsafe-.*|host-whitelist|cors)$"
)
"""Flags that Davit sets or that would take a member out of its hands."""
_TYPED = {
    "quota-backend-bytes": "spec.quota",
    "auto-compaction-mode": "spec.autoCompaction.mode",
    "auto-compaction-retention": "spec.autoCompaction.retention",
}
_POD_FIELDS = (
    "affinity", "imagePullSecrets", "nodeSelector", "podMetadata", "priorityClassName", "resources", "tolerations",
    "topologySpread",
)  # fmt: skip
_AMOUNTS = ("requests", "limits")
_RESERVED = ("app.kubernetes.io/", f"{GROUP}/", "statefulset.kubernetes.io/", "controller-revision-hash")


def validate(resource: Manifest, repository: str = DEFAULT_REPOSITORY, *, fixed_user: bool = True) -> Cluster:
    """The domain object; raises `Invalid` with every problem found, each naming its field and remedy.

    `repository` and `fixed_user` are the installation's: where images come from, and whether members run as our user.
    """
    try:
        spec = EtcdClusterSpec.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors(include_url=False)]
        raise Invalid(*problems, fallback=_as_it_is(resource, repository, fixed_user)) from None
    written = {name: value for name, value in resource["spec"].items() if value is not None}
    problems = [*_name(resource), *_version(spec), *_sizes(spec), *_options(spec), *_metadata(spec), *_pod(written)]
    problems += _backups(spec)
    if problems:
        raise Invalid(*problems, fallback=_as_it_is(resource, repository, fixed_user))
    return _cluster(resource, spec, written, repository, fixed_user)


def _as_it_is(resource: Manifest, repository: str, fixed_user: bool) -> Cluster | None:
    """A cluster that runs is kept as it is while its spec is invalid: healed, but neither resized nor changed."""
    metadata, status, spec = resource["metadata"], resource.get("status") or {}, resource.get("spec") or {}
    voters = sum(item.get("role") != "Learner" for item in status.get("members") or ())
    progress = Progress.of(status.get("restore"))
    starting = progress is not None and progress.phase == "Starting"
    if progress is not None and starting:
        # Its ID is not known again yet, nor are its members.
        voters = voters or len(progress.old_members)
    if not (status.get("clusterID") or starting) or not status.get("currentVersion") or not voters:
        return None
    version = Version.parse(status["currentVersion"])
    storage = _storage_as_it_is(spec.get("storage") or {})
    return Cluster(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        size=0 if spec.get("size") == 0 else voters,
        inputs=Inputs(version, f"{repository}:v{version}", memory=_tmpfs(storage), fixed_user=fixed_user),
        storage=storage,
        paused=bool(spec.get("paused")),
        repository=repository,
        image_override=False,
        owner=canonical(owner_reference(resource)),
        held="the spec is invalid",
    )


def _storage_as_it_is(written: Mapping[str, Any]) -> Storage:
    """As far as it is valid: what a member's objects look like must not change because something else is wrong."""
    try:
        return _storage(StorageSpec.model_validate(written))
    except (ValidationError, ValueError):
        kept = {key: value for key, value in written.items() if key != "size"}
        return _storage(StorageSpec.model_construct(type=kept.get("type"), storage_class_name=kept.get("storageClassName")))


def _cluster(resource: Manifest, spec: EtcdClusterSpec, written: Mapping[str, Any], repository: str, fixed_user: bool) -> Cluster:
    metadata = resource["metadata"]
    version = Version.parse(spec.version)
    storage = _storage(spec.storage or StorageSpec())
    return Cluster(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        size=spec.size,
        inputs=Inputs(
            version=version,
            image=spec.image or f"{repository}:v{version}",
            pod=canonical(_pod_parts(written)),
            flags=_flags(spec),
            memory=_tmpfs(storage),
            fixed_user=fixed_user,
        ),
        storage=storage,
        paused=bool(spec.paused),
        repository=repository,
        image_override=spec.image is not None,
        owner=canonical(owner_reference(resource)),
        store=Store.of(spec.object_store) if spec.object_store else None,
        cipher=Cipher.of(spec.encryption) if spec.encryption else None,
        safety_backup=spec.object_store is not None and spec.safety_backup is not False,
        recovery=spec.recovery or "manual",
        bootstrap=spec.bootstrap.from_backup if spec.bootstrap else None,
        safety_refused=spec.safety_backup is False,
        place=canonical({name: written[name] for name in ("objectStore", "encryption") if written.get(name)}),
    )


def _pod_parts(written: Mapping[str, Any]) -> Json:
    """As written, but for quantities: another spelling of the same is no reason to restart members."""
    parts = {name: written[name] for name in _POD_FIELDS if written.get(name)}
    if resources := parts.get("resources"):
        amounts = {part: resources[part] for part in _AMOUNTS if resources.get(part)}
        normal = {part: {name: normal_quantity(value) for name, value in given.items()} for part, given in amounts.items()}
        parts["resources"] = {**resources, **normal}
    return parts


def _tmpfs(storage: Storage) -> str | None:
    return normal_quantity(storage.size) if storage.memory else None


def _storage(storage: StorageSpec) -> Storage:
    memory = storage.type == "Memory"
    size = str(storage.size or ("256Mi" if memory else "8Gi"))
    return Storage(
        memory=memory,
        size=size,
        bytes=parse_quantity(size),
        class_name=storage.storage_class_name,
        delete_with_cluster=storage.when_deleted == "Delete",
    )


def _flags(spec: EtcdClusterSpec) -> Options:
    flags = {name.removeprefix("--"): value for name, value in (spec.etcd_options or {}).items()}
    if spec.quota is not None:
        flags["quota-backend-bytes"] = str(int(parse_quantity(spec.quota)))
    if spec.auto_compaction is not None:
        flags["auto-compaction-mode"] = spec.auto_compaction.mode or "periodic"
        flags["auto-compaction-retention"] = spec.auto_compaction.retention
    return tuple(sorted(flags.items()))


def _problem(error: Any) -> Problem:
    path = ".".join(str(part) for part in ("spec", *error["loc"]))
    return Problem(path, str(error["msg"]))


def _name(resource: Manifest) -> Iterator[Problem]:
    name = resource["metadata"]["name"]
    if len(name) > MAX_NAME or not _NAME.match(name):
        yield Problem(
            "metadata.name",
            f"at most {MAX_NAME} characters, a letter first, then lower-case letters, digits and '-': "
            "make the EtcdCluster anew under such a name",
        )


def _version(spec: EtcdClusterSpec) -> Iterator[Problem]:
    try:
        version = Version.parse(spec.version)
    except ValueError as error:
        yield Problem("spec.version", str(error))
        return
    if version < OLDEST:
        yield Problem("spec.version", f"{version} is older than {OLDEST}, the oldest that can be run: choose a later one")
    if corrupting(version):
        yield Problem("spec.version", f"{version} can corrupt data (etcd-io/etcd#13766): choose 3.5.3 or later")
    if version.line > NEWEST_LINE:
        newest = ".".join(map(str, NEWEST_LINE))
        yield Problem("spec.version", f"{version} is newer than this operator knows ({newest}): upgrade the operator first")


def _sizes(spec: EtcdClusterSpec) -> Iterator[Problem]:
    quantities = {"spec.quota": spec.quota, "spec.storage.size": spec.storage.size if spec.storage else None}
    for path, value in quantities.items():
        if value is None:
            continue
        try:
            if parse_quantity(value) <= 0:
                yield Problem(path, f"{value} must be more than nothing, for example 8Gi")
        except ValueError as error:
            yield Problem(path, str(error))
    if spec.size == 0 and spec.storage is not None and spec.storage.type == "Memory":
        yield Problem("spec.size", "0 would lose all data with storage.type Memory: delete the EtcdCluster instead")


def _options(spec: EtcdClusterSpec) -> Iterator[Problem]:
    for given in spec.etcd_options or {}:
        flag = given.removeprefix("--")
        if flag in _TYPED:
            yield Problem(f"spec.etcdOptions.{given}", f"set {_TYPED[flag]} instead")
        elif OWNED.match(flag):
            yield Problem(f"spec.etcdOptions.{given}", "is set by Davit itself: remove it")
        elif not re.match(r"^[a-z][a-z0-9-]*$", flag):
            yield Problem(f"spec.etcdOptions.{given}", "is not a flag name: write for example heartbeat-interval")
    yield from _gone(spec)


def _gone(spec: EtcdClusterSpec) -> Iterator[Problem]:
    """Options that the version would refuse to start with."""
    try:
        version = Version.parse(spec.version)
    except ValueError:
        return
    for given, value in (spec.etcd_options or {}).items():
        for _, why in refused({given.removeprefix("--"): value}, version):
            yield Problem(f"spec.etcdOptions.{given}", why)


def _backups(spec: EtcdClusterSpec) -> Iterator[Problem]:
    """What concerns backups and restores, as far as a resource alone can tell."""
    if spec.safety_backup and spec.object_store is None:
        yield Problem("spec.safetyBackup", "has nowhere to go: set spec.objectStore, or leave safetyBackup out")
    in_memory = spec.storage is not None and spec.storage.type == "Memory"
    source = spec.bootstrap.from_backup if spec.bootstrap else None
    if source is not None:
        if in_memory:
            yield Problem(
                "spec.bootstrap.fromBackup", "is unpacked on a volume, which storage.type Memory has not: remove one of the two"
            )
        yield from source_problems("spec.bootstrap.fromBackup", source)
    if spec.recovery == "automatic" and in_memory:
        yield Problem("spec.recovery", "automatic needs volumes, which storage.type Memory has not: set it to manual")


def source_problems(path: str, source: RestoreSource) -> Iterator[Problem]:
    """What is wrong with a reference to a backup; `path` is the field that holds it."""
    if (source.backup is None) == (source.object_store is None):
        yield Problem(path, "set either backup, the name of an EtcdBackup, or objectStore with the store to look in")
    if source.backup is not None:
        for name, value in (("namespace", source.namespace), ("name", source.name), ("id", source.id)):
            if value is not None:
                yield Problem(f"{path}.{name}", "goes with objectStore only: an EtcdBackup says where it is, remove it")


def _metadata(spec: EtcdClusterSpec) -> Iterator[Problem]:
    given = spec.pod_metadata
    for part, keys in (("labels", given and given.labels), ("annotations", given and given.annotations)):
        for key in keys or {}:
            if key.startswith(_RESERVED):
                yield Problem(f"spec.podMetadata.{part}.{key}", "is reserved: choose a key of your own")


def _pod(written: Mapping[str, Any]) -> Iterator[Problem]:
    """The parts that the schema lets through unseen, as far as the operator itself reads them."""
    resources = written.get("resources") or {}
    for part in _AMOUNTS:
        amounts = resources.get(part) or {}
        if not isinstance(amounts, Mapping):
            yield Problem(f"spec.resources.{part}", "must be a map, for example {memory: 1Gi}")
            continue
        for name, value in amounts.items():
            try:
                parse_quantity(value)
            except (ValueError, TypeError) as error:
                yield Problem(f"spec.resources.{part}.{name}", str(error))
    for index, secret in enumerate(written.get("imagePullSecrets") or []):
        if not secret.get("name"):
            yield Problem(f"spec.imagePullSecrets[{index}].name", "is missing")
