"""Made-up clusters: an Alertmanager with its Secrets and AlertmanagerConfigs, as the API has them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from davit.model import Key, Manifest
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.sources import content
from davit_alertmanager.config import render
from davit_alertmanager.model import CONFIG_FILE, Base, Instance, Object, Rendered, Scope, raw
from davit_alertmanager.validate import validate

Json = dict[str, Any]
HOME = "monitoring"


def alertmanager(name: str = "main", namespace: str = HOME, **spec: Any) -> Manifest:
    """An Alertmanager that selects every AlertmanagerConfig unless the spec says otherwise."""
    chosen = {"alertmanagerConfigSelector": {}, "alertmanagerConfigNamespaceSelector": {}, **spec}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 3}
    kept = {key: value for key, value in chosen.items() if value is not None}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Alertmanager", "metadata": metadata, "spec": kept}


def config(name: str = "team", namespace: str = "shop", /, version: str = "v1alpha1", **spec: Any) -> Manifest:
    """An AlertmanagerConfig."""
    metadata = {"name": name, "namespace": namespace, "generation": 1}
    return {"apiVersion": f"monitoring.coreos.com/{version}", "kind": "AlertmanagerConfig", "metadata": metadata, "spec": spec}


def secret(name: str, namespace: str = "shop", **data: str) -> Manifest:
    """A Secret of texts; `alertmanager_yaml` stands for the key of a configuration."""
    encoded = {_key(key): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": encoded}


def config_map(name: str, namespace: str = "shop", **data: str) -> Manifest:
    """A ConfigMap of texts."""
    found = {_key(key): text for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": found}


def base_secret(text: str, name: str = "main", namespace: str = HOME) -> Manifest:
    """The Secret with a user's configuration."""
    return secret(f"alertmanager-{name}", namespace, alertmanager_yaml=text)


def _key(name: str) -> str:
    return CONFIG_FILE if name == "alertmanager_yaml" else name.replace("__", ".")


def selector(name: str, key: str = "key") -> Json:
    """A key of a Secret."""
    return {"name": name, "key": key}


def scope(version: str = "0.33.1", **spec: Any) -> Scope:
    """What decides how AlertmanagerConfigs are rendered."""
    return validate(alertmanager(version=version, **spec)).scope


def assets(documents: Iterable[Manifest]) -> Assets:
    """What the Secrets and ConfigMaps hold."""
    found: dict[Ref, bytes] = {}
    for one in documents:
        if one["kind"] in ("Secret", "ConfigMap"):
            where = one["metadata"]
            for key, value in content(one).items():
                found[Ref(one["kind"], where["namespace"], where["name"], key)] = value
    return Assets(found)


@dataclass(frozen=True)
class World:
    """The documents of a made-up cluster, one Alertmanager among them."""

    documents: tuple[Manifest, ...]

    @property
    def instance(self) -> Instance:
        """The Alertmanager, validated."""
        return validate(next(one for one in self.documents if one["kind"] == "Alertmanager"))

    def configs(self) -> list[Manifest]:
        """Every AlertmanagerConfig."""
        return [one for one in self.documents if one["kind"] == "AlertmanagerConfig"]

    def base(self) -> Base:
        """What the operator would take for the base configuration."""
        instance = self.instance
        if instance.configuration:
            home = (instance.key.namespace, instance.configuration)
            return Object(next(one for one in self.configs() if _where(one) == home))
        wanted = Ref("Secret", instance.key.namespace, instance.config_secret, CONFIG_FILE)
        found = assets(self.documents)
        return raw(found.text(wanted) if wanted in found else "")

    def rendered(self, without: Mapping[Key, Mapping[str, str]] | None = None) -> Rendered:
        """What we make of it."""
        instance, base = self.instance, self.base()
        chosen = self.configs() if instance.selector is not None else []
        return render(instance.scope, base, chosen, assets(self.documents), without or {})


def world(*documents: Manifest) -> World:
    """A cluster of these, with an Alertmanager of defaults if there is none among them."""
    if any(one["kind"] == "Alertmanager" for one in documents):
        return World(documents)
    return World((alertmanager(), *documents))


def _where(one: Manifest) -> tuple[str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"]
