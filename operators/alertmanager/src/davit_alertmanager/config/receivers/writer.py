"""What every integration is written with: values are added when they are given, secrets are looked up, URLs are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from davit.monitoring.http import Context, Unusable
from davit.monitoring.types import SecretKeySelector

from davit_alertmanager.api.parts import HTTPConfig, KeyValue
from davit_alertmanager.api.receivers import Integration
from davit_alertmanager.config.client import client
from davit_alertmanager.config.durations import for_go
from davit_alertmanager.config.urls import check_template_url, check_url
from davit_alertmanager.model import Facts, Json


@dataclass(slots=True)
class Writer:
    """One entry of a receiver, being written; `path` is where it stands in the resource.

    files: whether the resource may name files in the Alertmanager's pods. Who is not at home there could have them sent
    to a server of their own.
    """

    context: Context
    facts: Facts
    path: str
    files: bool = False
    config: Json = field(default_factory=dict)

    def start(self, given: Integration) -> None:
        """What every integration begins with."""
        self.given("send_resolved", given.send_resolved)

    def given(self, key: str, value: Any) -> None:
        """Whatever is not None, also when it is empty or false."""
        if value is not None:
            self.config[key] = value

    def filled(self, key: str, value: Any) -> None:
        """Whatever is neither None nor empty, false or zero."""
        if value:
            self.config[key] = value

    def texts(self, **values: str | None) -> None:
        """Texts under their own names."""
        for key, value in values.items():
            self.filled(key, value)

    def since(self, minimum: str, key: str, value: Any, name: str) -> None:
        """A value that only newer versions know: for older ones it is left out, and said."""
        if value not in (None, "") and self.context.gate.since(minimum, f"{self.path}.{name}"):
            self.config[key] = value

    def only_since(self, minimum: str, key: str, value: Any, name: str) -> None:
        """A value without which something else would be sent: raises `Unusable` for versions that do not know it."""
        if value is not None:
            self.need(self.context.gate.at_least(minimum), name, self._too_old(minimum, "remove the field"))
            self.since(minimum, key, value, name)

    def timeout(self, minimum: str, value: str | None, key: str = "timeout") -> None:
        """A duration that Alertmanager reads as Go does."""
        self.since(minimum, key, for_go(value) if value else None, key)

    def file(self, key: str, value: str | None, name: str) -> None:
        """A file in the pods instead of a Secret, known since 0.26."""
        self.need(
            self.files or not value,
            name,
            "is only for AlertmanagerConfigs in the Alertmanager's own namespace: refer to a Secret",
        )
        self.since("0.26.0", key, value, name)

    def secret(self, key: str, selector: SecretKeySelector | None, name: str) -> str:
        """The text of a Secret as it is; returns it, empty for no selector."""
        if selector is None:
            return ""
        text = self.context.secret(selector, f"{self.path}.{name}")
        self.filled(key, text)
        return text

    def secret_url(self, key: str, selector: SecretKeySelector, name: str, *, template: bool = False) -> str:
        """A URL from a Secret, without the newline that editors put at its end; returns it."""
        path = f"{self.path}.{name}"
        text = self.context.secret(selector, path).strip()
        if not text:
            raise Unusable(path, "is empty: put the URL under the key that it names")
        (check_template_url if template else check_url)(text, path)
        self.config[key] = text
        return text

    def url(self, key: str, value: str | None, name: str) -> None:
        """A URL that must be one."""
        check_url(value, f"{self.path}.{name}")
        self.filled(key, value)

    def template_url(self, key: str, value: str | None, name: str) -> None:
        """A URL or a template of one."""
        check_template_url(value, f"{self.path}.{name}")
        self.filled(key, value)

    def pairs(self, key: str, values: Iterable[KeyValue] | None) -> None:
        """A list of keys and values as a mapping; the last of a key counts."""
        self.filled(key, {pair.key: pair.value for pair in values or ()})

    def http(self, given: HTTPConfig | None) -> None:
        """`http_config`."""
        self.config |= client(self.context, given, f"{self.path}.httpConfig")

    def need(self, condition: object, name: str, remedy: str) -> None:
        """Raises `Unusable` unless the condition holds."""
        if not condition:
            raise Unusable(f"{self.path}.{name}" if name else self.path, remedy)

    def known_since(self, minimum: str) -> None:
        """Raises `Unusable` when this version does not know the integration at all."""
        self.need(self.context.gate.at_least(minimum), "", self._too_old(minimum, "use another integration"))

    def _too_old(self, minimum: str, remedy: str) -> str:
        return f"needs Alertmanager {minimum}, this is {self.context.gate.version}: upgrade it, or {remedy}"
