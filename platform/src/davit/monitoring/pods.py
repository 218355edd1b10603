"""Pieces of pod templates that both monitoring operators make, from the spec of a resource as JSON. Pure.

Source for what existing users rely on: prometheus-operator 0.93, pkg/operator and pkg/k8s.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from davit.errors import Invalid, Problem
from davit.monitoring.merging import MERGE_KEYS, merge_container

Json = dict[str, Any]
Argument = tuple[str, str]
"""A flag without its dashes, and its value; an empty value is a flag without one."""

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
VERSION = "app.kubernetes.io/version"
USER = 65534
"""The user of the official images. What they wrote must stay readable to it on volumes that know no fsGroup."""
RELOADERS = ("config-reloader", "init-config-reloader")
"""Containers of prometheus-operator that Davit does without: patches for them have no object."""

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::\d+)?", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_NOT_DNS = re.compile(r"[^-a-z0-9]+")
_MAX_LABEL = 63


@dataclass(frozen=True, slots=True)
class Mounted:
    """Volumes of a pod, and where its main container sees them."""

    volumes: tuple[Json, ...] = ()
    mounts: tuple[Json, ...] = ()

    def __add__(self, other: Mounted) -> Mounted:
        return Mounted(self.volumes + other.volumes, self.mounts + other.mounts)


def as_json(model: BaseModel) -> Json:
    """What a person gave of a spec, as in the API: camelCase, without nulls, `{}` told apart from absent."""
    given: Json = without_nulls(model.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return given


def without_nulls(value: Any) -> Any:
    """The same data with every null left out, as a client written in Go reads it."""
    match value:
        case Mapping():
            return {key: without_nulls(below) for key, below in value.items() if below is not None}
        case list() | tuple():
            return [without_nulls(item) for item in value if item is not None]
        case _:
            return value


def image(spec: Mapping[str, Any], repository: str, version: str, path: str = "spec") -> str:
    """The reference from image, else baseImage (default `repository`) with sha, tag or version (`v3.5.0`), in that order.

    Raises `Invalid` that names the field below `path`.
    """
    if str(spec.get("image") or "").strip():
        return str(spec["image"])
    given = str(spec.get("baseImage") or "")
    base = given if given.strip() else repository
    if not _is_reference(base):
        raise Invalid(Problem(f"{path}.baseImage", f"{base!r} is not an image repository: write for example {repository}"))
    if "@" in base or ":" in base.rpartition("/")[2]:
        return base
    if spec.get("sha"):
        return f"{base}@sha256:{spec['sha']}"
    if spec.get("tag"):
        if not _TAG.fullmatch(spec["tag"]):
            raise Invalid(Problem(f"{path}.tag", f"{spec['tag']!r} is not a tag: set {path}.image instead"))
        return f"{_familiar(base)}:{spec['tag']}"
    return f"{base}:{version}"


def _is_reference(text: str) -> bool:
    """Whether it is a repository, perhaps with a tag and a digest. Source: distribution/reference `ParseNormalizedNamed`."""
    name, at, digest = text.partition("@")
    folders, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    registry, rest = _split(f"{folders}{slash}{last}")
    return bool(
        (not registry or _REGISTRY.fullmatch(registry))
        and _PATH.fullmatch(rest)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )


def _split(repository: str) -> tuple[str, str]:
    """The registry, empty for Docker Hub, and the path in it."""
    registry, slash, rest = repository.partition("/")
    named = set(".:") & set(registry) or registry == "localhost" or registry != registry.lower()
    return (registry, rest) if slash and named else ("", repository)


def _familiar(repository: str) -> str:
    """Without a registry it is Docker Hub's."""
    registry, path = _split(repository)
    if registry:
        return repository
    return f"docker.io/{path}" if "/" in path else f"docker.io/library/{path}"


def arguments(
    ours: Iterable[Argument],
    given: Iterable[Mapping[str, Any]],
    *,
    yielding: Iterable[Argument] = (),
    path: str = "spec.additionalArgs",
) -> list[str]:
    """The container's arguments: ours, then `additionalArgs`; raises `Invalid` where the two name the same flag, or none.

    yielding: further ones of ours that give way to the user's instead.
    """
    ours = list(ours)
    more = [(str(item.get("name", "")), str(item.get("value", ""))) for item in given]
    found = [
        Problem(f"{path}[{index}].name", _taken(name) if name else "is missing: name the flag, without dashes")
        for index, (name, _) in enumerate(more)
        if not name or _names(name, ours)
    ]
    if found:
        raise Invalid(*found)
    soft = [(name, value) for name, value in yielding if name == "enable-feature" or not _names(name, more)]
    return [f"--{name}={value}" if value else f"--{name}" for name, value in (*ours, *soft, *more)]


def _taken(name: str) -> str:
    return f"--{name} is set by the operator: remove it and use the field of spec for it"


def _names(name: str, among: Iterable[Argument]) -> bool:
    """Whether a flag or its negation is there."""
    return name.removeprefix("no-") in {other.removeprefix("no-") for other, _ in among}


def volume_label(prefix: str, name: str) -> str:
    """A volume's name made of an object's: a DNS label of at most 63 characters."""
    label = _NOT_DNS.sub("-", f"{prefix.rstrip('-')}-{name}".lower()).strip("-")
    return label[:_MAX_LABEL].rstrip("-")


def given_files(spec: Mapping[str, Any], directory: str) -> Mounted:
    """`secrets` and `configMaps` of a spec, at `directory`/secrets/NAME and `directory`/configmaps/NAME."""
    secrets = [
        (volume_label("secret", name), {"secret": {"secretName": name}}, f"{directory}/secrets/{name}")
        for name in spec.get("secrets") or ()
    ]
    config_maps = [
        (volume_label("configmap", name), {"configMap": {"name": name}}, f"{directory}/configmaps/{name}")
        for name in spec.get("configMaps") or ()
    ]
    both = secrets + config_maps
    return Mounted(
        tuple({"name": name, **source} for name, source, _ in both),
        tuple({"name": name, "mountPath": path, "readOnly": True} for name, _, path in both),
    )


def url_prefix(text: str) -> str:
    """What paths of a server begin with, whose route prefix this is: both processes add a slash where it has none."""
    inner = text.strip("/")
    return f"/{inner}" if inner else ""


def clean_path(path: str) -> str:
    """A URL path without doubled slashes and dots."""
    return posixpath.normpath("/" + path.lstrip("/")) if path.startswith("/") else posixpath.normpath(path)


def http_probe(path: str, port: str, *, tls: bool = False, **timing: int) -> Json:
    """A probe of a named port, by HTTPS when the server has a certificate."""
    action: Json = {"path": clean_path(path), "port": port}
    return {"httpGet": action | ({"scheme": "HTTPS"} if tls else {}), **timing}


def local_probe(path: str, port: int, *, tls: bool = False, **timing: int) -> Json:
    """A probe of a server that listens on localhost only, from inside its container; needs a shell and curl or wget."""
    url = f"{'https' if tls else 'http'}://localhost:{port}{clean_path(path)}"
    curl = f"curl --fail --silent --show-error --output /dev/null{' --insecure' if tls else ''} {url}"
    wget = f"wget -q -O /dev/null{' --no-check-certificate' if tls else ''} {url}"
    script = f"if command -v curl >/dev/null; then exec {curl}; else exec {wget}; fi"
    return {"exec": {"command": ["sh", "-c", script]}, **timing}


def pod_security(spec: Mapping[str, Any]) -> Json:
    """`securityContext` as given, even when it is empty; by default one that Pod Security `restricted` admits."""
    if "securityContext" in spec:
        return dict(spec["securityContext"])
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security(spec: Mapping[str, Any]) -> Json:
    """Of our own containers: everything that `restricted` asks for and that the pod's own context does not decide."""
    pod = pod_security(spec)
    context: Json = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    if "seccompProfile" not in pod:
        context["seccompProfile"] = {"type": "RuntimeDefault"}
    # Without a number the kubelet could not check the images' `USER nobody`, and would start nothing.
    if pod.get("runAsUser") and "runAsNonRoot" not in pod:
        context["runAsNonRoot"] = True
    return context


def merge_containers(ours: Sequence[Json], given: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Ours with the user's patches of the same name merged in, then the user's own, without those for reloaders."""
    patches = {item.get("name"): item for item in given}
    names = {container["name"] for container in ours}
    merged = [
        merge_container(container, patches[container["name"]]) if container["name"] in patches else container
        for container in ours
    ]
    return merged + [without_nulls(item) for item in given if item.get("name") not in {*names, *RELOADERS}]


def problems(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """What of the parts of pods that we read has not even the shape that it has there; the API server judges the rest."""
    for part in ("containers", "initContainers"):
        for index, item in enumerate(spec.get(part) or ()):
            yield from _container_problems(item, f"spec.{part}[{index}]")
    yield from _keyed(spec.get("volumeMounts"), MERGE_KEYS["volumeMounts"], "spec.volumeMounts")
    for index, item in enumerate(spec.get("topologySpreadConstraints") or ()):
        path = f"spec.topologySpreadConstraints[{index}].labelSelector"
        yield from _an_object(item.get("labelSelector"), path) or _an_object(
            (item.get("labelSelector") or {}).get("matchLabels"), f"{path}.matchLabels"
        )
    for name in ("requests", "limits"):
        yield from _an_object((spec.get("resources") or {}).get(name), f"spec.resources.{name}")
    claim = (spec.get("storage") or {}).get("volumeClaimTemplate") or {}
    for name in ("metadata", "spec"):
        yield from _an_object(claim.get(name), f"spec.storage.volumeClaimTemplate.{name}")


def _container_problems(item: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not isinstance(item.get("name", ""), str):
        yield Problem(f"{path}.name", "must be text: write the name of the container")
    for name, key in MERGE_KEYS.items():
        yield from _keyed(item.get(name), key, f"{path}.{name}")
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield from _an_object(item.get(name), f"{path}.{name}")


def _keyed(value: Any, key: str, path: str) -> Iterator[Problem]:
    """A list of objects that patches find by a key of theirs."""
    if not (value is None or (isinstance(value, list) and all(isinstance(one, Mapping) for one in value))):
        yield Problem(path, "must be a list of objects: write it as in a pod")
        return
    for index, one in enumerate(value or ()):
        if not isinstance(one.get(key, ""), str | int):
            yield Problem(f"{path}[{index}].{key}", "must be text or a number: write it as in a pod")


def _an_object(value: Any, path: str) -> tuple[Problem, ...]:
    return () if value is None or isinstance(value, Mapping) else (Problem(path, "must be an object: write it as in a pod"),)


def reloader_patches(spec: Mapping[str, Any]) -> list[str]:
    """The fields of a spec that patch containers which Davit does without, such as spec.containers[0]."""
    return [
        f"spec.{part}[{index}]"
        for part in ("containers", "initContainers")
        for index, item in enumerate(spec.get(part) or ())
        if item.get("name") in RELOADERS
    ]


def template_metadata(spec: Mapping[str, Any], version: str, selector: Mapping[str, str], container: str) -> Json:
    """Labels and annotations of pods: `podMetadata` of the spec, under the labels that the StatefulSet selects by."""
    given = spec.get("podMetadata") or {}
    return {
        "labels": {VERSION: version, **(given.get("labels") or {}), **selector},
        "annotations": {DEFAULT_CONTAINER: container, **(given.get("annotations") or {})},
    }


_AS_GIVEN = (
    "affinity", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases", "hostNetwork", "hostUsers", "imagePullSecrets",
    "nodeSelector", "priorityClassName", "schedulerName", "serviceAccountName", "tolerations",
)  # fmt: skip
_MEANINGFUL = ("affinity", "dnsConfig", "enableServiceLinks", "hostUsers")


def pod_spec(
    spec: Mapping[str, Any],
    containers: Sequence[Json],
    volumes: Sequence[Json],
    *,
    grace: int,
    token: bool | None = None,
    spread: Sequence[Json] = (),
) -> Json:
    """Containers and volumes with everything that a spec says of pods under Kubernetes' own names.

    grace: default of terminationGracePeriodSeconds; token: default of automountServiceAccountToken, None leaves it to the
    ServiceAccount; spread: topology spread constraints.
    `initContainers` is there even when empty, so that apply clears what another operator had put there.
    """
    body: Json = {
        "containers": list(containers),
        "initContainers": merge_containers((), spec.get("initContainers") or ()),
        "volumes": list(volumes),
        "securityContext": pod_security(spec),
        "terminationGracePeriodSeconds": spec.get("terminationGracePeriodSeconds", grace),
    }
    if (mounted := spec.get("automountServiceAccountToken", token)) is not None:
        body["automountServiceAccountToken"] = mounted
    if spec.get("hostNetwork"):
        body["dnsPolicy"] = "ClusterFirstWithHostNet"
    body |= {name: spec[name] for name in _AS_GIVEN if spec.get(name) or (name in _MEANINGFUL and name in spec)}
    return body | ({"topologySpreadConstraints": list(spread)} if spread else {})


def topology_spread(given: Iterable[Mapping[str, Any]], labels: Mapping[str, str], shard_label: str) -> list[Json]:
    """Constraints with `additionalLabelSelectors` (OnResource: without the shard) resolved to the pods' own labels."""
    return [_constraint(item, labels, shard_label) for item in given]


def _constraint(item: Mapping[str, Any], labels: Mapping[str, str], shard_label: str) -> Json:
    constraint = {key: value for key, value in item.items() if key != "additionalLabelSelectors"}
    added = item.get("additionalLabelSelectors")
    if added is None:
        return constraint
    chosen = {key: value for key, value in labels.items() if not (added == "OnResource" and key == shard_label)}
    selector = constraint.get("labelSelector") or {}
    return {**constraint, "labelSelector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **chosen}}}
