"""etcd's version rules: what can be run, and which upgrade is possible. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.]+)?$")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """An etcd release; a pre-release such as `3.6.0-rc.1` comes before its release."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """`3.5.16`, `v3.5.16` or `3.6.0-rc.1`; raises ValueError otherwise."""
        found = _VERSION.match(text)
        if not found:
            raise ValueError(f"{text!r} is not an etcd version: write for example 3.5.21")
        major, minor, patch, suffix = found.groups()
        return cls(int(major), int(minor), int(patch), suffix or "")

    def __lt__(self, other: Version) -> bool:
        return self._rank < other._rank

    @property
    def _rank(self) -> tuple[int, int, int, bool, str]:
        return self.major, self.minor, self.patch, not self.suffix, self.suffix

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def line(self) -> tuple[int, int]:
        """The minor release line, such as (3, 5)."""
        return self.major, self.minor


OLDEST = Version(3, 4, 0)
"""Learners, on which every membership change rests, exist since 3.4."""

NEWEST_LINE = (3, 7)
"""The newest release line that this operator knows; a later one may differ in flags and rules."""


def corrupting(version: Version) -> bool:
    """Whether the release can corrupt data (etcd-io/etcd#13766)."""
    return version.line == (3, 5) and version < Version(3, 5, 3)


_LEAVE_FROM = {
    # etcd docs "Upgrade etcd from 3.5 to 3.6": zombie members (etcd-io/etcd#20967) and learner promotion (#19557).
    (3, 5): Version(3, 5, 32),
    # etcd docs "Upgrade etcd from 3.6 to 3.7".
    (3, 6): Version(3, 6, 11),
}
"""For leaving a release line, the patch release that every member must run first."""


def refuse_upgrade(lowest: Version, target: Version) -> str | None:
    """Why a cluster whose oldest member runs `lowest` can't go to `target`; None when it can.

    Going back is possible within the release line of the oldest member: half-way through a minor upgrade the cluster
    still speaks that line's protocol.
    """
    if target.line == lowest.line:
        return None
    if target < lowest:
        return f"{lowest} to {target} is a downgrade of a minor release: set spec.version to {lowest} or later"
    if target.major != lowest.major or target.minor - lowest.minor > 1:
        step = f"{lowest.major}.{lowest.minor + 1}"
        return f"{lowest} to {target} skips a minor release: set spec.version to the latest {step} release first"
    needed = _LEAVE_FROM.get(lowest.line)
    if needed and lowest < needed:
        return f"{target} needs every member at {needed} or later, {lowest} is running: set spec.version to {needed} first"
    return None


def has_livez(version: Version) -> bool:
    """Whether /livez and /readyz are served (etcd CHANGELOG 3.5.11, 3.4.29)."""
    return version >= {(3, 4): Version(3, 4, 29), (3, 5): Version(3, 5, 11)}.get(version.line, OLDEST)


FRESH_SNAPSHOT = {"snapshot-count": "1", "snapshot-catchup-entries": "1"}
"""Flags with which a member takes a raft snapshot as soon as it has started, and drops older entries."""


def needs_fresh_snapshot(running: Version, target: Version) -> bool:
    """Whether a member must take a raft snapshot before it may run `target`.

    3.5 wrote v2 requests into the log (etcd-io/etcd#16966); 3.6 replays them, 3.7 can't even parse them and panics. Small
    clusters never reach the default of 10,000 entries after which a snapshot would leave them behind.
    """
    return running.line == (3, 6) and target.line == (3, 7)
