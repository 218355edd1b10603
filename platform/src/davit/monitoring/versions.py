"""Versions of Prometheus and Alertmanager, and what each of them knows. Pure.

Source: semver.org 2.0.0 for the order; blang/semver `ParseTolerant` for what is understood.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from davit.errors import Invalid, Problem

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A release such as 2.53.0-rc.1, which is older than 2.53.0."""

    major: int
    minor: int = 0
    patch: int = 0
    pre: str = ""

    @classmethod
    def parse(cls, text: str, path: str = "spec.version") -> Version:
        """From 2.45.0, v2.45.0 or v3; raises `Invalid` that names the field `path`."""
        found = _VERSION.fullmatch(text.strip())
        if not found:
            raise Invalid(Problem(path, f"{text!r} is not a version: write for example v3.5.0"))
        major, minor, patch, pre = found.groups()
        return cls(int(major), int(minor or 0), int(patch or 0), pre or "")

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, int, bool, list[tuple[bool, int, str]]]:
        parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.pre.split(".") if self.pre]
        return self.major, self.minor, self.patch, not self.pre, parts


@functools.lru_cache(maxsize=256)
def version(text: str) -> Version:
    """A version from the source code."""
    return Version.parse(text)


@dataclass(slots=True)
class Gate:
    """Lets through what a version knows and remembers what it does not; one per rendered object."""

    version: Version
    product: str = "Prometheus"
    _ignored: dict[str, None] = field(default_factory=dict)

    def at_least(self, minimum: str) -> bool:
        """Whether the version is this one or newer, without a word about it."""
        return self.version >= version(minimum)

    def since(self, minimum: str, path: str) -> bool:
        """Whether the version knows a field that came with `minimum`; if not, it is said of `path`."""
        known = self.at_least(minimum)
        if not known:
            self.ignore(path, f"needs {minimum}")
        return known

    def until(self, maximum: str, path: str) -> bool:
        """Whether the version still knows a field that went with `maximum`; if not, it is said of `path`."""
        known = not self.at_least(maximum)
        if not known:
            self.ignore(path, f"gone since {maximum}")
        return known

    def ignore(self, path: str, reason: str) -> None:
        """Remember that a field has no effect."""
        self._ignored[f"{path} is ignored by {self.product} {self.version}: {reason}"] = None

    @property
    def ignored(self) -> tuple[str, ...]:
        """Sentences for people, in the order in which they came up."""
        return tuple(self._ignored)
