"""An Alertmanager as written to a frozen, defaulted `Instance`, or `Invalid`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from davit.errors import Invalid, Problem
from davit.kube.labels import owner_reference
from davit.model import Key, Manifest
from davit.monitoring import pods, web
from davit.monitoring.parse import problems
from davit.monitoring.unknown import unknown_fields
from davit.monitoring.versions import Gate, Version, version
from pydantic import ValidationError

from davit_alertmanager.api.v1 import AlertmanagerSpec
from davit_alertmanager.manifests import stateful_set
from davit_alertmanager.model import TEMPLATES, Instance, Scope

DEFAULT_VERSION = "v0.33.1"
OLDEST = "0.25.0"
REPOSITORY = "quay.io/prometheus/alertmanager"
CLASSIC = "classic-mode"
"""The feature flag that keeps to the old parser of matchers."""
_MAX_NAME = 63 - len("alertmanager--") - 10
"""So that the controller-revision-hash label of its pods, at most 10 characters after the StatefulSet's name, stays within 63."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?!.*--)([-a-z0-9]{0,13}[a-z0-9])?")


def validate(resource: Manifest, repository: str = REPOSITORY) -> Instance:
    """The Alertmanager with every default filled in; raises `Invalid` that names every wrong field.

    repository: of the image where the spec names none.
    """
    metadata = resource["metadata"]
    raw = resource.get("spec")
    if not isinstance(raw, Mapping):
        raise Invalid(Problem("spec", "must be an object with fields: write spec: {} for all defaults"))
    try:
        spec = AlertmanagerSpec.model_validate(pods.without_nulls(raw))
    except ValidationError as error:
        raise Invalid(*problems(error)) from None
    given = pods.without_nulls(raw)
    found = [*_problems(metadata["name"], spec, given)]
    release, image = Version(0), ""
    try:
        release = _version(spec)
    except Invalid as error:
        found += error.problems
    try:
        wanted = (spec.version or "").strip() or DEFAULT_VERSION
        # Unlike prometheus-operator, which asks for the tag 0.33.1 then, and there is none.
        official = (str(given.get("baseImage") or "").strip() or repository) in (REPOSITORY, repository)
        image = pods.image(given, repository, f"v{wanted}" if official and not wanted.startswith("v") else wanted)
    except Invalid as error:
        found += error.problems
    if found:
        raise Invalid(*found)
    instance = _instance(resource, spec, given, release, image)
    if repeated := stateful_set.problems(instance):
        raise Invalid(*repeated)
    return instance


def _instance(resource: Manifest, spec: AlertmanagerSpec, given: Mapping[str, Any], release: Version, image: str) -> Instance:
    metadata = resource["metadata"]
    key = Key(metadata["namespace"], metadata["name"])
    configuration = spec.alertmanager_configuration
    return Instance(
        key=key,
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        scope=_scope(key, spec, release),
        spec=given,
        model=spec,
        image=image,
        replicas=max(spec.replicas, 0) if spec.replicas is not None else 1,
        paused=bool(spec.paused),
        retention=spec.retention or "120h",
        port_name=spec.port_name or "web",
        route_prefix=spec.route_prefix or "/",
        config_secret=spec.config_secret or f"alertmanager-{key.name}",
        configuration=(configuration.name or "") if configuration else "",
        selector=spec.alertmanager_config_selector,
        namespaces=spec.alertmanager_config_namespace_selector,
        owner=json.dumps(owner_reference(resource), sort_keys=True),
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(metadata.get("annotations") or {}),
        unknown=unknown_fields(AlertmanagerSpec, resource["spec"]),
        ignored=_ignored(spec, given, release),
    )


def _scope(key: Key, spec: AlertmanagerSpec, release: Version) -> Scope:
    configuration = spec.alertmanager_configuration
    strategy = spec.alertmanager_config_matcher_strategy
    templates = []
    for one in (configuration.templates if configuration else None) or ():
        templates += [f"{TEMPLATES}/{chosen.key}" for chosen in (one.config_map, one.secret) if chosen is not None]
    return Scope(
        namespace=key.namespace,
        name=key.name,
        version=release,
        strategy=(strategy.type if strategy else None) or "OnNamespace",
        classic=CLASSIC in _features(spec),
        merging=spec.alertmanager_config_selector is not None or configuration is not None,
        globals=configuration.global_ if configuration else None,
        templates=tuple(templates),
    )


def _features(spec: AlertmanagerSpec) -> set[str]:
    """Every feature flag, also from additionalArgs."""
    more = [one.value or "" for one in spec.additional_args or () if one.name == "enable-feature"]
    return {flag.strip() for text in (*(spec.enable_features or ()), *more) for flag in text.split(",")}


def _version(spec: AlertmanagerSpec) -> Version:
    release = Version.parse((spec.version or "").strip() or DEFAULT_VERSION)
    if release < version(OLDEST) or release.major > 0:
        raise Invalid(Problem("spec.version", f"{release} is not supported: set {OLDEST} or a newer 0.x release"))
    return release


def _problems(name: str, spec: AlertmanagerSpec, given: Mapping[str, Any]) -> Iterator[Problem]:
    if len(name) > _MAX_NAME or not _LABEL.fullmatch(name):
        yield Problem(
            "metadata.name",
            f"must be at most {_MAX_NAME} lower-case letters, digits and '-', because the pods are named after it: make a new "
            "Alertmanager of another name",
        )
    if spec.port_name and not _PORT_NAME.fullmatch(spec.port_name):
        yield Problem("spec.portName", f"{spec.port_name!r} is not a port's name: at most 15 lower-case letters, digits and '-'")
    configuration = spec.alertmanager_configuration
    if configuration is not None and not configuration.name:
        yield Problem("spec.alertmanagerConfiguration.name", "is missing: name an AlertmanagerConfig in the same namespace")
    for index, alias in enumerate(spec.host_aliases or ()):
        if not alias.ip:
            yield Problem(f"spec.hostAliases[{index}].ip", "is missing: give the address of the names")
    yield from web.problems(given.get("web"))
    yield from pods.problems(given)
    yield from _cluster_tls_problems(given.get("clusterTLS"))


def _cluster_tls_problems(given: Mapping[str, Any] | None) -> Iterator[Problem]:
    if given is None:
        return
    path = "spec.clusterTLS"
    yield from web.server_tls_problems(given.get("server") or {}, f"{path}.server")
    client = given.get("client") or {}
    for name in ("cert", "keySecret"):
        if not client.get(name):
            yield Problem(f"{path}.client.{name}", "is missing: members prove to each other who they are, set it")
    for name in ("cert", "ca"):
        if len([kind for kind in ("secret", "configMap") if (client.get(name) or {}).get(kind)]) > 1:
            yield Problem(f"{path}.client.{name}", "names a Secret and a ConfigMap: remove one of the two")


def _ignored(spec: AlertmanagerSpec, given: Mapping[str, Any], release: Version) -> tuple[str, ...]:
    gate = Gate(release, "Alertmanager")
    since = (
        ("0.27.0", "enableFeatures", spec.enable_features),
        ("0.28.0", "limits.maxSilences", spec.limits and spec.limits.max_silences is not None),
        ("0.28.0", "limits.maxPerSilenceBytes", spec.limits and spec.limits.max_per_silence_bytes),
        ("0.26.0", "clusterLabel", spec.cluster_label is not None),
    )
    for minimum, name, value in since:
        if value:
            gate.since(minimum, f"spec.{name}")
    client = spec.cluster_tls.client if spec.cluster_tls else None
    for name in ("min_version", "max_version"):
        if client is not None and getattr(client, name):
            gate.ignore(
                f"spec.clusterTLS.client.{'minVersion' if name == 'min_version' else 'maxVersion'}", "it has no such setting"
            )
    if spec.alertmanager_configuration is not None and spec.config_secret:
        gate.ignore("spec.configSecret", "alertmanagerConfiguration takes its place")
    for path in pods.reloader_patches(given):
        gate.ignore(path, "there is no such container, the configuration is loaded without one")
    return gate.ignored
