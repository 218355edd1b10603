"""Secrets and ConfigMaps that resources refer to: which ones, and what is in them. Pure.

The rooms that do I/O fetch what `references` names, `Assets` hands it to the renderers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from davit.monitoring.types import ConfigMapKeySelector, SecretKeySelector, SecretOrConfigMap


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One key of a Secret or ConfigMap; `optional` says that its absence was declared harmless, and tells no two apart."""

    kind: Literal["Secret", "ConfigMap"]
    namespace: str
    name: str
    key: str
    optional: bool = field(default=False, compare=False)

    @property
    def file(self) -> str:
        """The file that a TLS asset is mounted as; source: prometheus-operator pkg/assets, which dashboards never see but
        an adopted configuration does."""
        return f"{0 if self.kind == 'Secret' else 1}_{self.namespace}_{self.name}_{self.key}"

    def __str__(self) -> str:
        return f"key {self.key!r} of {self.kind} {self.namespace}/{self.name}"


class MissingAsset(ValueError):
    """A Secret, a ConfigMap or a key in it that is referred to and isn't there."""

    def __init__(self, ref: Ref) -> None:
        if not ref.name or not ref.key:
            what = "name" if not ref.name else "key"
            super().__init__(f"the {what} of the {ref.kind} is missing: say which {ref.kind} and which key of it to read")
        else:
            super().__init__(
                f"{ref.kind} {ref.namespace}/{ref.name} has no key {ref.key!r}: create it, or correct the name or the key"
            )
        self.ref = ref


class Assets:
    """What was fetched; keys that were asked for and not found are simply absent."""

    seen = True
    """Whether what a key holds can be judged."""

    def __init__(self, found: Mapping[Ref, bytes] | None = None) -> None:
        self._found = dict(found or {})

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._found

    def content(self, ref: Ref) -> bytes:
        """The bytes of a key; raises `MissingAsset`."""
        if ref not in self._found:
            raise MissingAsset(ref)
        return self._found[ref]

    def text(self, ref: Ref) -> str:
        """The text of a key; raises `MissingAsset`, or ValueError when it is not UTF-8."""
        try:
            return self.content(ref).decode()
        except UnicodeDecodeError:
            raise ValueError(f"{ref} is not text: store it in UTF-8") from None


class Unseen(Assets):
    """Stands for what must not be looked at: every key that is named is there, and what it holds is in order.

    text: what all of them hold; an empty list where YAML is expected.
    """

    seen = False

    def __init__(self, text: bytes = b"[]") -> None:
        super().__init__()
        self._text = text

    def __contains__(self, ref: Ref) -> bool:
        return bool(ref.name and ref.key)

    def content(self, ref: Ref) -> bytes:
        """The bytes of a key; raises `MissingAsset` for one that is not named."""
        if ref not in self:
            raise MissingAsset(ref)
        return self._text


def secret(selector: SecretKeySelector | None, namespace: str) -> Ref:
    """What the selector of a resource in `namespace` refers to; a Ref without a name for no selector."""
    chosen = selector or SecretKeySelector()
    return Ref("Secret", namespace, chosen.name, chosen.key, bool(chosen.optional))


def either(selector: SecretOrConfigMap, namespace: str) -> Ref:
    """What a choice of Secret or ConfigMap refers to; the Secret when both are given."""
    if selector.secret is None and selector.config_map is not None:
        chosen = selector.config_map
        return Ref("ConfigMap", namespace, chosen.name, chosen.key, bool(chosen.optional))
    return secret(selector.secret, namespace)


def references(model: BaseModel | None, namespace: str) -> frozenset[Ref]:
    """Every key that a resource in `namespace` refers to, wherever in it the selector stands."""
    return frozenset(ref for ref in _walk(model, namespace) if ref.name)


def _walk(value: Any, namespace: str) -> Iterator[Ref]:
    if isinstance(value, SecretKeySelector):
        yield secret(value, namespace)
    elif isinstance(value, ConfigMapKeySelector):
        yield Ref("ConfigMap", namespace, value.name, value.key, bool(value.optional))
    elif isinstance(value, BaseModel):
        for part in value.__dict__.values():
            if part.__class__ not in (str, int, bool, float, type(None)):
                yield from _walk(part, namespace)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _walk(part, namespace)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _walk(part, namespace)
