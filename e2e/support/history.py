"""What the traffic pod logged: a list of operations, or the reason why it proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Json = dict[str, Any]


class Invalid(AssertionError):
    """The run proves nothing, neither way: it fails, and says so."""


@dataclass(frozen=True)
class Op:
    """One operation. Times in nanoseconds of one monotonic clock.

    `error` empty: acknowledged, with the store's `revision`, and for a get the `value` (None: no such key) and its
    `mod_revision`. Otherwise unknown: it may take effect at any time after `call`.
    """

    client: str
    seq: int
    op: str
    key: str
    value: str | None
    call: int
    ret: int
    revision: int = 0
    mod_revision: int = 0
    cluster: str = ""
    error: str = ""

    @property
    def acked(self) -> bool:
        """Whether etcd answered that it was done."""
        return not self.error


@dataclass(frozen=True)
class History:
    """All operations in the order in which they were logged; `counts` only when the traffic ended in order."""

    ops: tuple[Op, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    begin: int = 0
    begin_wall: int = 0
    end: int = 0

    @property
    def writes(self) -> list[Op]:
        """Acknowledged puts by the time of their acknowledgement."""
        return sorted((op for op in self.ops if op.op == "put" and op.acked), key=lambda op: op.ret)

    @property
    def unknown(self) -> list[Op]:
        """Operations without an answer."""
        return [op for op in self.ops if not op.acked]

    @property
    def gap(self) -> float:
        """The longest time without an acknowledged write, in seconds, the run's ends included."""
        times = [self.begin, *(op.ret for op in self.writes), *([self.end] if self.end else [])]
        return max((b - a for a, b in pairwise(times)), default=0) / 1e9

    @property
    def failed_writes(self) -> int:
        """Puts without acknowledgement."""
        return sum(op.op == "put" for op in self.unknown)

    def complete(self) -> None:
        """Raises Invalid unless every operation that was made is here."""
        if not self.counts:
            raise Invalid("the traffic's log has no end: the pod died, or was not stopped")
        for client, count in self.counts.items():
            logged = {op.seq for op in self.ops if op.client == client}
            if len(logged) != count:
                first = next(seq for seq in range(count + 1) if seq not in logged)
                raise Invalid(f"client {client} made {count} operations, {len(logged)} are in the log; the first lost is {first}")


def parse(lines: Iterable[str]) -> History:
    """A history from log lines; a torn last line of a running pod is left out."""
    ops: list[Op] = []
    clusters: dict[str, str] = {}
    marks: dict[str, Json] = {}
    for record in _records(lines):
        if record["op"] in ("begin", "end"):
            marks[record["op"]] = record
            continue
        client = record["client"]
        clusters[client] = record.get("cluster", clusters.get(client, ""))
        ops.append(_op(record, "" if "error" in record else clusters[client]))
    begin, end = marks.get("begin", {}), marks.get("end", {})
    return History(
        tuple(ops),
        end.get("counts", {}),
        begin.get("call_ns", 0),
        begin.get("wall_ns", 0),
        end.get("call_ns", 0),
    )


def _records(lines: Iterable[str]) -> Iterator[Json]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "op" in record:
            yield record


def _op(record: Json, cluster: str) -> Op:
    return Op(
        client=record["client"],
        seq=record["seq"],
        op=record["op"],
        key=record["key"],
        value=record.get("value"),
        call=record["call_ns"],
        ret=record["return_ns"],
        revision=record.get("revision", 0),
        mod_revision=record.get("mod_revision", 0),
        cluster=cluster,
        error=record.get("error", ""),
    )
