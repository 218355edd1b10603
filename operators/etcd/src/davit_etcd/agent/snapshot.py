"""A snapshot from the best member there is: who is asked, what is known of it, and its bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from davit_etcd.agent import trailer, wire
from davit_etcd.agent.choice import Candidate, ranked
from davit_etcd.agent.errors import AgentError, MemberLost
from davit_etcd.agent.maintenance import COMPACTED, Member
from davit_etcd.agent.progress import step

CHUNK = 256 * 1024
CATCH_UP = 5.0
"""Seconds in which a follower must have what any member had when the backup began."""
_POLL = 0.05


@dataclass(slots=True)
class Known:
    """What is known of a snapshot besides its bytes.

    revision: surely in it; hash: HashKV at that revision, None where it was not asked or did not tell; version: the member's.
    """

    member: str
    version: str
    cluster_id: str
    revision: int
    db_size: int
    hash: wire.HashKV | None = None
    warnings: list[str] = field(default_factory=list)


def candidates(members: Sequence[tuple[str, str]]) -> tuple[Candidate, ...]:
    """The members to read from, best first; raises `MemberLost` where none answers or none is fit."""
    found, failures = [], []
    for name, url in members:
        try:
            with Member(url, name) as member:
                found.append(Candidate(name, url, member.status()))
        except MemberLost as error:
            failures.append(error.message)
            step("member does not answer", member=name, error=error.message)
    best = ranked(found)
    if not best:
        unfit = "".join(f"; {one.name} is a learner or corrupt" for one in found)
        raise MemberLost("NoMember", f"no member to read a snapshot from: {'; '.join(failures) or 'none is known'}{unfit}")
    return best


def known(member: Member, least: int, *, hashed: bool = True) -> Known:
    """Asked before its snapshot, so that it holds at least this.

    least: the revision to wait for, for a few seconds; hashed: whether it is asked for its hash, for which it reads all it has.
    """
    status = _caught_up(member, least)
    found = Known(
        member=member.name,
        version=status.version,
        cluster_id=f"{status.header.cluster_id:x}",
        revision=status.header.revision,
        db_size=status.db_size,
    )
    if not status.leader:
        found.warnings.append(f"{member.name} has no leader: what others acknowledged since may be missing.")
    for _ in range(3 if hashed else 0):
        try:
            found.hash = member.hash_kv(found.revision)
            return found
        except MemberLost as error:
            if COMPACTED not in error.message:
                found.warnings.append(f"{member.name} gave no hash, so a verification can't compare it: {error.message}")
                return found
            # Compacted up to its newest revision between the two questions.
            found.revision = member.status().header.revision
    if hashed:
        found.warnings.append(f"{member.name} gave no hash: it compacts all the time.")
    return found


def _caught_up(member: Member, least: int) -> wire.Status:
    deadline = time.monotonic() + CATCH_UP
    while (status := member.status()).header.revision < least:
        if time.monotonic() > deadline:
            revision = status.header.revision
            raise MemberLost("MemberBehind", f"{member.name} is at revision {revision}, and others were at {least} before")
        time.sleep(_POLL)
    return status


def chunks(member: Member, seen: trailer.Checked) -> Iterator[bytes]:
    """The snapshot to its end, where `seen` has seen it all; raises `MemberLost` for anything but a whole one."""
    yield from _joined(member)
    try:
        seen.check()
    except ValueError as error:
        raise MemberLost("SnapshotIncomplete", str(error)) from error


def _joined(member: Member) -> Iterator[bytes]:
    """etcd sends 32 KiB at a time; larger chunks cost less on their way."""
    parts: list[memoryview] = []
    size = 0
    for piece in member.snapshot():
        parts.append(piece.blob)
        size += len(piece.blob)
        if size >= CHUNK:
            yield b"".join(parts)
            parts.clear()
            size = 0
    if parts:
        yield b"".join(parts)


def failure(tried: Sequence[AgentError]) -> AgentError:
    """What to report when all members have been tried."""
    if len(tried) == 1:
        return tried[0]
    return MemberLost(tried[-1].reason, "every member was tried: " + "; ".join(error.message for error in tried))
