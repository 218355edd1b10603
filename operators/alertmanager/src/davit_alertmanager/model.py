"""What the Alertmanager operator thinks in. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from davit.model import Key, Manifest
from davit.monitoring.faults import Fault
from davit.monitoring.types import LabelSelector
from davit.monitoring.versions import Gate, Version, version

from davit_alertmanager.api.v1 import AlertmanagerSpec, GlobalConfig

Json = dict[str, Any]

OPERATOR = "davit-alertmanager-operator"
"""The field manager."""
TLS_ASSETS = "/etc/alertmanager/certs"
"""Where the TLS assets of all receivers are mounted."""
TEMPLATES = "/etc/alertmanager/templates"
"""Where the templates of spec.alertmanagerConfiguration are mounted."""
CONFIG_FILE = "alertmanager.yaml"
"""The key of the user's Secret and of ours."""

Strategy = Literal["OnNamespace", "OnNamespaceExceptForAlertmanagerNamespace", "None"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything of one Alertmanager that decides how AlertmanagerConfigs are rendered, defaults filled in.

    classic: whether it parses matchers the old way only; merging: whether anything but the Secret's text goes in.
    """

    namespace: str
    name: str
    version: Version
    strategy: Strategy = "OnNamespace"
    classic: bool = False
    merging: bool = True
    globals: GlobalConfig | None = None
    """`global` of spec.alertmanagerConfiguration."""
    templates: tuple[str, ...] = ()
    """Files of spec.alertmanagerConfiguration.templates."""

    @property
    def utf8(self) -> bool:
        """Whether label names may be any text."""
        return not self.classic and self.version >= version("0.27.0")

    def enforces_namespace(self, namespace: str) -> bool:
        """Whether an AlertmanagerConfig of that namespace gets its own alerts only."""
        return self.strategy == "OnNamespace" or (
            self.strategy == "OnNamespaceExceptForAlertmanagerNamespace" and namespace != self.namespace
        )

    def gate(self) -> Gate:
        """A fresh gate of this version, which collects what it ignores."""
        return Gate(self.version, "Alertmanager")


@dataclass(frozen=True, slots=True)
class Instance:
    """A valid Alertmanager with every default filled in: the operator's domain object.

    config_secret: the Secret with the user's configuration; configuration: name of the AlertmanagerConfig that is the base
    instead, empty for none; selector: None selects none, empty all; namespaces: None is the own namespace; spec: as given,
    in the API's spelling; owner: the owner reference of children as canonical JSON; labels, annotations: of the resource;
    unknown, ignored: for status.
    """

    key: Key
    uid: str
    generation: int
    scope: Scope
    spec: Mapping[str, Any]
    model: AlertmanagerSpec
    image: str
    replicas: int = 1
    paused: bool = False
    retention: str = "120h"
    port_name: str = "web"
    route_prefix: str = "/"
    config_secret: str = ""
    configuration: str = ""
    selector: LabelSelector | None = None
    namespaces: LabelSelector | None = None
    owner: str = "{}"
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unknown: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """The name that its StatefulSet and Secrets begin with."""
        return f"alertmanager-{self.key.name}"


@dataclass(frozen=True, slots=True)
class Raw:
    """The base configuration as a user wrote it: the text of alertmanager.yaml."""

    text: str


@dataclass(frozen=True, slots=True)
class Object:
    """The AlertmanagerConfig that is the base, of any version."""

    manifest: Manifest


Base = Raw | Object
NOBODY = Raw("route:\n  receiver: 'null'\nreceivers:\n- name: 'null'\n")
"""The base configuration when there is no other: it notifies nobody."""


def raw(text: str) -> Raw:
    """The base of a Secret's text; there being none is no mistake, alerts then notify nobody."""
    return Raw(text) if text else NOBODY


@dataclass(frozen=True, slots=True)
class Facts:
    """What AlertmanagerConfigs need to know of the base configuration.

    receiver: its default receiver; set: the names of its global settings that have a value.
    """

    receiver: str
    set: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sections:
    """What an AlertmanagerConfig adds to each list of the configuration."""

    routes: tuple[Json, ...] = ()
    inhibit_rules: tuple[Json, ...] = ()
    receivers: tuple[Json, ...] = ()
    mute_time_intervals: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """What became of one AlertmanagerConfig.

    texts: the lines of each of its sections, by name, ready to be joined; parts: the paths that can be left out one by one
    (see `config.contribute`); receivers: those that it has in use; files: TLS assets, file name below `TLS_ASSETS` ->
    content.
    """

    key: Key
    sections: Sections = Sections()
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    parts: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Foundation:
    """The base configuration, read: what the AlertmanagerConfigs are added to.

    config: as upstream orders it, `route.routes`, `receivers` and so on without theirs; faults, ignored: of the base;
    silenced: its default receiver should notify somebody and can't.
    """

    config: Json
    facts: Facts
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """The whole configuration and what was said of its sources.

    text: of alertmanager.yaml; config: the same as data, None when the user's text goes in untouched; faults, ignored,
    silenced: of the base; configs: by AlertmanagerConfig.
    """

    text: str
    config: Json | None = None
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    silenced: bool = False
    configs: Mapping[Key, Contribution] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
