"""etcd's version rules: what can be run, and the way from one release to another. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
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


_STONES = {(3, 5): Version(3, 5, 33), (3, 6): Version(3, 6, 14)}
"""The release that stands for its line on the way to a later one; it passes the gate above."""

_BACK_TO = (3, 5)
"""The oldest line to which etcd can go back: downgrades exist since 3.6 (etcd docs, "Downgrade etcd from 3.6 to 3.5")."""


def route(lowest: Version, target: Version) -> tuple[Version, ...]:
    """The releases to run one after the other when the oldest member runs `lowest`; the last is the target.

    Empty when that is what runs. Going back is one step, possible or not: see `refuse_change`.
    """
    steps, at = [], lowest
    while at.line < target.line and at.major == target.major:
        gate = _LEAVE_FROM.get(at.line)
        following = (at.major, at.minor + 1)
        if gate is not None and at < gate:
            at = _STONES[at.line]
        else:
            at = target if following == target.line else _STONES.get(following, target)
        steps.append(at)
    return tuple(steps) if at == target else (*steps, target)


def refuse_change(running: Sequence[Version], target: Version, *, one_image: bool = False) -> str | None:
    """Why members that run these versions, lowest first, can't go to `target`; None when they can.

    one_image: only the image of `target` is known, so that there are no steps between. Going back is possible within the
    release line of the oldest member: half-way through a minor upgrade the cluster still speaks that line's protocol.
    """
    if not running:
        return None
    lowest, highest = running[0], running[-1]
    if target.major != lowest.major:
        return f"{lowest} to {target} is another major release, which this operator does not know"
    if target.line < lowest.line:
        return _refuse_downgrade(lowest, highest, target)
    steps = route(lowest, target)
    if not one_image or len(steps) < 2:
        return None
    first, remedy = steps[0], "with the image that holds it, or leave spec.image out to have it done in steps"
    if first.line == lowest.line:
        return (
            f"{target} needs every member at {_LEAVE_FROM[first.line]} or later, {lowest} is running: "
            f"set spec.version to {first} first, {remedy}"
        )
    return (
        f"{lowest} to {target} skips a minor release, for which spec.image is none: set spec.version to {first} first, {remedy}"
    )


def _refuse_downgrade(lowest: Version, highest: Version, target: Version) -> str | None:
    line = f"{highest.major}.{highest.minor - 1}"
    if target.line < _BACK_TO:
        return (
            f"{lowest} to {target} is a downgrade of a minor release that etcd has no way for (it goes back from 3.6 to 3.5 at "
            f"most): set spec.version to {lowest} or later"
        )
    if highest.minor - target.minor > 1:
        return (
            f"{highest} to {target} is a downgrade of more than one minor release: set spec.version to a {line} release first, "
            "and go on when all members run it"
        )
    return None


def downgrade_target(running: Sequence[Version], target: Version) -> str:
    """The line, such as `3.5`, to which etcd has to be told to go back before a member may run `target`; empty for none."""
    return f"{target.major}.{target.minor}" if running and target.line < running[0].line else ""


def has_livez(version: Version) -> bool:
    """Whether /livez and /readyz are served (etcd CHANGELOG 3.5.11, 3.4.29)."""
    return version >= {(3, 4): Version(3, 4, 29), (3, 5): Version(3, 5, 11)}.get(version.line, OLDEST)


FRESH_SNAPSHOT = {"snapshot-count": "1", "snapshot-catchup-entries": "1"}
"""Flags with which a member takes a raft snapshot as soon as it has started, and drops older entries."""


def needs_fresh_snapshot(running: Version, target: Version) -> bool:
    """Whether a member must take a raft snapshot before it may run `target`.

    What is in the log below the last snapshot is never read again, and small clusters never reach the 10,000 (before 3.6:
    100,000) entries after which one is taken. 3.4 writes a v2 request (QGET) for every /health, and 3.6 panics at it; 3.5
    wrote v2 requests for members and versions (etcd-io/etcd#16966), which 3.6 replays and 3.7 can't even parse.
    """
    return (running.line, target.line) in (((3, 5), (3, 6)), ((3, 6), (3, 7)))
