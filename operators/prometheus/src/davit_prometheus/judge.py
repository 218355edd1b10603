"""Prove with promtool of the target version what a process will be given, and find what spoils it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from davit.monitoring.emit import text
from davit.monitoring.faults import Fault
from davit.monitoring.proof import culprits, discreet

from davit_prometheus.assembly import Block, digest_of
from davit_prometheus.inventory import Memory
from davit_prometheus.model import Json, Scope

STDIN = "/dev/stdin"
IDLE = ("promtool", "check", "rules", STDIN)
"""Waits for its standard input, for ever in a pod that nobody attaches to."""
WHOLE = 200_000
"""Bytes of jobs up to which the whole configuration is proved at once, and not only what is new."""
_CR_FIELDS = {
    "remote_write": "spec.remoteWrite", "remote_read": "spec.remoteRead", "alerting": "spec.alerting", "storage": "spec.tsdb",
    "tracing": "spec.tracingConfig", "otlp": "spec.otlp", "runtime": "spec.runtime", "global": "spec",
}  # fmt: skip


class Checker(Protocol):
    """See `davit.monitoring.prover.Prover.judge`."""

    async def judge(self, image: str, argv: Sequence[str], document: bytes) -> str | None:
        """None, or what the checker says against the document."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What may be published: the top level without its culprits, and what was said of which job and rule group."""

    top: Json
    faults: tuple[Fault, ...] = ()
    """Of the top level."""
    complaints: Mapping[str, str] = field(default_factory=dict)
    """By the digest of a job or group."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Remembers in `Memory.judged` what was judged; raises what `Checker` raises while nothing can be asked."""

    checker: Checker

    async def prove(
        self, memory: Memory, scope: Scope, image: str, top: Json, *, blocks: Sequence[Block], groups: Mapping[str, Json]
    ) -> Proved:
        """`groups` are rule groups by digest; questions are asked only about what was not judged before."""
        options = self._options(scope)
        by = digest_of(image, *options, text(top.get("global", {})))
        if memory.judged_by != by:
            memory.judged, memory.judged_by, memory.top = {}, by, None
        argv = ("promtool", *options, "check", "config", "--syntax-only", *(("--agent",) if scope.agent else ()), STDIN)
        top, faults = await self._top(memory, image, argv, top)
        await self._jobs(memory, image, argv, top, blocks)
        await self._groups(memory, image, options, groups)
        used = {block.digest for block in blocks} | set(groups)
        memory.judged = {digest: said for digest, said in memory.judged.items() if digest in used}
        return Proved(top, faults, {digest: said for digest in used if (said := memory.judged.get(digest))})

    @staticmethod
    def remembered(memory: Memory, top: Json) -> Proved:
        """What is known while nothing can be asked."""
        complaints = {digest: said for digest, said in memory.judged.items() if said}
        if memory.top is not None and memory.top[0] == digest_of(text(top)):
            return Proved(memory.top[1], memory.top[2], complaints)
        return Proved(top, (), complaints)

    async def _ask(self, image: str, argv: Sequence[str], document: Json, jobs: Sequence[Block] = ()) -> str | None:
        lines = text(document) if document else ""
        if jobs:
            lines += "".join(("scrape_configs:\n", *(job.text for job in jobs)))
        said = await self.checker.judge(image, argv, lines.encode())
        return None if said is None else _shortened(said)

    async def _top(self, memory: Memory, image: str, argv: Sequence[str], top: Json) -> tuple[Json, tuple[Fault, ...]]:
        """The top level without the entries that don't load; all of it is one question."""
        digest = digest_of(text(top))
        if memory.top is None or memory.top[0] != digest:
            memory.top = (digest, *await self._proved_top(image, argv, top))
        return memory.top[1], memory.top[2]

    async def _proved_top(self, image: str, argv: Sequence[str], top: Json) -> tuple[Json, tuple[Fault, ...]]:
        if await self._ask(image, argv, top) is None:
            return top, ()
        units = _units(top)

        async def ask(parts: Sequence[tuple[str, int | None]]) -> str | None:
            return await self._ask(image, argv, _only(top, parts))

        bad = await culprits(units, ask)
        faults = tuple(Fault(_path(units[index]), said) for index, said in sorted(bad.items()))
        return _only(top, [unit for index, unit in enumerate(units) if index not in bad]), faults

    async def _jobs(self, memory: Memory, image: str, argv: Sequence[str], top: Json, blocks: Sequence[Block]) -> None:
        new = [block for block in blocks if block.digest not in memory.judged]
        if not new:
            return
        good = [block for block in blocks if memory.judged.get(block.digest, "") is None]
        if sum(block.size for block in blocks) > WHOLE:
            top, good = {"global": top["global"]} if "global" in top else {}, []

        async def ask(parts: Sequence[Block]) -> str | None:
            return await self._ask(image, argv, top, (*good, *parts))

        bad = await culprits(new, ask)
        for index, block in enumerate(new):
            memory.judged[block.digest] = bad.get(index)

    async def _groups(self, memory: Memory, image: str, options: Sequence[str], groups: Mapping[str, Json]) -> None:
        """promtool says of every bad expression in which group it is; only what it can't even read takes a search."""
        new = [digest for digest in groups if digest not in memory.judged]
        argv = ("promtool", *options, "check", "rules", "--lint=none", STDIN)
        said: dict[int, str] = {}
        # Not to be guessed: what a rule says of itself must not be taken for what promtool says of another.
        name = f"g{secrets.token_hex(8)}-"
        named = re.compile(rf'group "{name}(\d+)"')

        async def ask(indexes: Sequence[int]) -> str | None:
            if not indexes:
                return None
            document = {"groups": [{**groups[new[index]], "name": f"{name}{index}"} for index in indexes]}
            return await self.checker.judge(image, argv, text(document).encode())

        complaint = await ask(range(len(new)))
        if complaint is not None:
            for line in complaint.splitlines():
                for index in map(int, named.findall(line)[:1]):
                    said.setdefault(index, _rule_complaint(line))
            left = [index for index in range(len(new)) if index not in said]
            for place, found in (await culprits(left, ask)).items():
                said[left[place]] = _shortened(found)
        for index, digest in enumerate(new):
            memory.judged[digest] = said.get(index)

    @staticmethod
    def _options(scope: Scope) -> tuple[str, ...]:
        features = sorted({one for one in scope.spec.enable_features or () if one.startswith("promql-")})
        return (f"--enable-feature={','.join(features)}",) if features else ()


def _units(top: Json) -> list[tuple[str, int | None]]:
    """What can be left out by itself: entries of lists of destinations, and whole sections, `global` first."""
    units: list[tuple[str, int | None]] = [("global", None)] if "global" in top else []
    for key, value in top.items():
        if key in ("remote_write", "remote_read") and isinstance(value, list):
            units += [(key, index) for index in range(len(value))]
        elif key != "global":
            units.append((key, None))
    return units


def _only(top: Json, units: Sequence[tuple[str, int | None]]) -> Json:
    kept: Json = {}
    for key, value in top.items():
        if (key, None) in units:
            kept[key] = value
        elif isinstance(value, list) and (entries := [entry for index, entry in enumerate(value) if (key, index) in units]):
            kept[key] = entries
    return kept


def _path(unit: tuple[str, int | None]) -> str:
    key, index = unit
    return _CR_FIELDS.get(key, f"spec ({key})") + ("" if index is None else f"[{index}]")


def _shortened(said: str) -> str:
    """What matters of promtool's answer: it names the file, which is no file of anybody's."""
    said = discreet(" ".join(said.replace("Checking /dev/stdin", "").split()))
    said = re.sub(r"^.*?FAILED: ", "", said)
    return re.sub(r"parsing YAML file /dev/stdin: (yaml: unmarshal errors: )?", "", said)[:1000]


def _rule_complaint(line: str) -> str:
    """`5:11: group "g...-0", rule 1, "x": could not parse expression: ...` to `rule 1, "x": could not parse ...`."""
    return re.sub(r'^.*?group "g[0-9a-f]+-\d+",? ?', "", line).strip(" ,:")[:1000]
