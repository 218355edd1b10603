"""Judges a history of reads and writes: pure, and itself tested on planted faults.

These are necessary conditions of linearizability that need no search, so that they can hold of every run:
every acknowledged write is found at the end, revisions are unique and follow real time, no read is stale.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from e2e.support.history import History, Op

Final = Mapping[str, tuple[str, int]]
"""What the store holds at the end: key -> (value, mod revision)."""


@dataclass(frozen=True)
class Violation:
    """A promise of etcd's that was broken: `rule` for machines, `detail` for people."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


def judge(history: History, final: Final) -> list[Violation]:
    """Everything that is wrong; an empty list is a pass of a valid run."""
    return [
        *lost_writes(history, final),
        *repeated_revisions(history),
        *backward_revisions(history),
        *backward_clients(history),
        *wrong_reads(history),
        *other_clusters(history),
    ]


def lost_writes(history: History, final: Final) -> Iterator[Violation]:
    """An acknowledged put must be there, or a later put of the same key that somebody really made."""
    puts = _puts_by_key(history.ops)
    for write in history.writes:
        found = final.get(write.key)
        if found is None:
            yield Violation("lost write", f"{_name(write)} was acknowledged at revision {write.revision} and is not there")
            continue
        value, revision = found
        if revision < write.revision:
            yield Violation("lost write", f"{_name(write)}, acknowledged at {write.revision}: the store has {revision}")
        elif revision == write.revision and value != write.value:
            yield Violation("changed write", f"{_name(write)} at {revision}: the store has {value!r}")
        elif revision > write.revision and not _explains(puts[write.key], value, revision):
            yield Violation("foreign value", f"{write.key}={value!r} at {revision}: no client wrote that")


def _explains(puts: list[Op], value: str, revision: int) -> bool:
    return any(put.value == value and (not put.acked or put.revision == revision) for put in puts)


def repeated_revisions(history: History) -> Iterator[Violation]:
    """Each put gets a revision of its own; a store that was set back gives the same ones again."""
    seen: dict[int, Op] = {}
    for write in history.writes:
        if write.revision in seen:
            yield Violation(
                "repeated revision",
                f"{_name(seen[write.revision])} and {_name(write)} both got {write.revision}",
            )
        seen.setdefault(write.revision, write)


def backward_revisions(history: History) -> Iterator[Violation]:
    """What starts after another operation returned sees at least its revision; a put sees more."""
    acked = [op for op in history.ops if op.acked]
    starts = sorted(acked, key=lambda op: op.call)
    returns = iter(sorted(acked, key=lambda op: op.ret))
    pending = next(returns, None)
    newest: Op | None = None
    for op in starts:
        while pending is not None and pending.ret < op.call:
            newest = pending if newest is None or pending.revision > newest.revision else newest
            pending = next(returns, None)
        if newest is not None and op.revision < newest.revision + (op.op == "put"):
            yield Violation(
                "backward revision",
                f"{_name(op)} got {op.revision} after {_name(newest)} had returned {newest.revision}",
            )


def backward_clients(history: History) -> Iterator[Violation]:
    """A sequential client never sees the store go back."""
    for client in sorted({op.client for op in history.ops}):
        mine = sorted((op for op in history.ops if op.client == client and op.acked), key=lambda op: op.seq)
        for before, after in pairwise(mine):
            if after.revision < before.revision:
                yield Violation("backward client", f"{_name(after)} got {after.revision} after {before.revision}")


def wrong_reads(history: History) -> Iterator[Violation]:
    """A linearizable read returns the newest completed put of its key, or one that ran beside it."""
    puts = _puts_by_key(history.ops)
    acked = {key: sorted((p for p in found if p.acked), key=lambda p: p.ret) for key, found in puts.items()}
    reads: dict[str, list[Op]] = defaultdict(list)
    for op in history.ops:
        if op.op == "get" and op.acked:
            reads[op.key].append(op)
    for key, found in reads.items():
        yield from _wrong_reads_of_key(sorted(found, key=lambda op: op.call), acked.get(key, []), puts.get(key, []))


def _wrong_reads_of_key(reads: list[Op], acked: list[Op], puts: list[Op]) -> Iterator[Violation]:
    """`reads` by their start, `acked` by their return, so that one sweep is enough."""
    by_value = {put.value: put for put in puts}
    by_revision = {put.revision: put for put in acked}
    newest, position = 0, 0
    for read in reads:
        while position < len(acked) and acked[position].ret < read.call:
            newest = max(newest, acked[position].revision)
            position += 1
        if read.mod_revision < newest:
            yield Violation(
                "stale read",
                f"{_name(read)} returned revision {read.mod_revision}, {newest} was acknowledged before",
            )
        source = by_value.get(read.value)
        if read.value is not None and (source is None or source.call > read.ret):
            yield Violation("foreign read", f"{_name(read)} returned {read.value!r}, which no client had written by then")
        expected = by_revision.get(read.mod_revision)
        if expected is not None and expected.value != read.value:
            yield Violation(
                "changed read",
                f"{_name(read)} returned {read.value!r} at {read.mod_revision}, not {expected.value!r}",
            )


def other_clusters(history: History) -> Iterator[Violation]:
    """All answers come from one etcd cluster; a second one under the same name is the worst of failures."""
    clusters = sorted({op.cluster for op in history.ops if op.acked and op.cluster})
    if len(clusters) > 1:
        yield Violation("another cluster", f"answers came from the clusters {', '.join(clusters)}")


def _puts_by_key(ops: Iterable[Op]) -> dict[str, list[Op]]:
    found: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        if op.op == "put":
            found[op.key].append(op)
    return found


def _name(op: Op) -> str:
    return f"{op.op} {op.key}{'' if op.value is None else f'={op.value!r}'} ({op.client} #{op.seq})"
