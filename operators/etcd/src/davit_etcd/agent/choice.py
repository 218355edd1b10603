"""From which member a snapshot is read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from davit_etcd.agent.wire import Status

NEAR = 1000
"""Revisions by which a follower may be behind while it is written to: it has caught up before the snapshot begins."""

_CORRUPT = re.compile(r"memberID:(\d+)\s+alarm:CORRUPT|alarm:CORRUPT\s+memberID:(\d+)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member that answered."""

    name: str
    url: str
    status: Status

    @property
    def leads(self) -> bool:
        """Whether it leads, and so has more to do than others."""
        return self.status.leader == self.status.header.member_id


def ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Those to read from, the best first: with a leader in sight, up to date, not leading itself; ahead before behind.

    A learner is never read from, nor is a member that etcd found to differ from the others.
    """
    corrupt = {found for candidate in candidates for error in candidate.status.errors for found in _corrupt(error)}
    fit = [one for one in candidates if not one.status.learner and one.status.header.member_id not in corrupt]
    best = max((one.status.header.revision for one in fit), default=0)

    def rank(one: Candidate) -> tuple[bool, bool, bool, int, str]:
        revision = one.status.header.revision
        return (not one.status.leader, best - revision > NEAR, one.leads, -revision, one.name)

    return tuple(sorted(fit, key=rank))


def _corrupt(error: str) -> Iterable[int]:
    """etcd writes alarms into a status' errors as `memberID:1234 alarm:CORRUPT `."""
    return (int(number) for found in _CORRUPT.finditer(error) for number in found.groups() if number)
