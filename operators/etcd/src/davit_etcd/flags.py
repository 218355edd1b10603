"""etcd's flags from one release line to the next: what a member of a line is given for what people wrote. Pure.

People write a flag under the name of any line; the names here are from the sources of 3.4 to 3.7 (config.go of etcdmain
and embed, features.go), and are tried on real releases by davit_etcd_tests/api/test_flags.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from davit_etcd.versions import Version

Line = tuple[int, int]

GATES_FLAG = "feature-gates"
_GATES_SINCE: Line = (3, 6)

GATES = {
    "experimental-initial-corrupt-check": "InitialCorruptCheck",
    "experimental-compact-hash-check-enabled": "CompactHashCheck",
    "experimental-enable-lease-checkpoint": "LeaseCheckpoint",
    "experimental-enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
    "experimental-stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
    "experimental-txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
}
"""Flags of 3.5 that are feature gates since 3.6; 3.6 refuses to start when it is given both for the same feature."""

_GROWN_UP = (
    "bootstrap-defrag-threshold-megabytes", "compact-hash-check-time", "compaction-batch-limit", "compaction-sleep-interval",
    "corrupt-check-time", "distributed-tracing-address", "distributed-tracing-instance-id",
    "distributed-tracing-sampling-rate", "distributed-tracing-service-name", "downgrade-check-time",
    "enable-distributed-tracing", "memory-mlock", "peer-skip-client-san-verification", "snapshot-catchup-entries",
    "warning-apply-duration", "warning-unary-request-duration", "watch-progress-notify-interval",
)  # fmt: skip

RENAMED: tuple[tuple[str, str, Line], ...] = (
    ("experimental-backend-bbolt-freelist-type", "backend-bbolt-freelist-type", (3, 5)),
    *((f"experimental-{name}", name, _GATES_SINCE) for name in _GROWN_UP),
)
"""Old name, new name, and the line since which the new one is given."""

REMOVED: dict[str, tuple[Line, str]] = {
    "debug": ((3, 5), "set log-level to debug instead"),
    "log-package-levels": ((3, 5), "set log-level instead"),
    "log-output": ((3, 5), "Davit sets where logs go"),
    "enable-v2": ((3, 6), "move what clients keep in the v2 API to v3, remove it, and go on when all members run without it"),
    "experimental-enable-v2v3": ((3, 6), "remove it, and go on when all members run without it"),
}
"""Flags that are gone: since which line, and what to do."""

ADDED: dict[str, Line] = {
    **dict.fromkeys(
        (
            "enable-log-rotation", "experimental-bootstrap-defrag-threshold-megabytes", "experimental-compact-hash-check-enabled",
            "experimental-compact-hash-check-time", "experimental-compaction-sleep-interval",
            "experimental-distributed-tracing-address", "experimental-distributed-tracing-instance-id",
            "experimental-distributed-tracing-sampling-rate", "experimental-distributed-tracing-service-name",
            "experimental-downgrade-check-time", "experimental-enable-distributed-tracing", "experimental-memory-mlock",
            "experimental-snapshot-catchup-entries", "experimental-stop-grpc-service-on-defrag",
            "experimental-txn-mode-write-with-shared-buffer", "log-rotation-config-json", "raft-read-timeout",
            "raft-write-timeout", "socket-reuse-address", "socket-reuse-port", "v2-deprecation",
        ),
        (3, 5),
    ),
    "experimental-warning-unary-request-duration": (3, 6),
}  # fmt: skip
"""Flags that earlier lines don't know under any name."""

_V2_STAGES = ("write-only", "write-only-drop-data", "gone")
"""What --v2-deprecation may still say since 3.6."""


def translated(flags: Mapping[str, str], line: Line) -> dict[str, str]:
    """The flags as this line knows them; what it has no equivalent for is left out: see `refused`.

    What is written under the line's own name wins over what is written under another.
    """
    result = {name: value for name, value in flags.items() if name != GATES_FLAG}
    result = _renamed(result, line)
    if line >= _GATES_SINCE:
        result = _gated(result, flags.get(GATES_FLAG, ""))
    else:
        result = {**_ungated(flags.get(GATES_FLAG, "")), **result}
    return {name: value for name, value in result.items() if _known(name, value, line)}


def _renamed(flags: Mapping[str, str], line: Line) -> dict[str, str]:
    result = dict(flags)
    for old, new, since in RENAMED:
        other, name = (old, new) if line >= since else (new, old)
        if other in result:
            value = result.pop(other)
            result.setdefault(name, value)
    return result


def _gated(flags: Mapping[str, str], written: str) -> dict[str, str]:
    given = gates(written)
    ours = {GATES[name]: value for name, value in flags.items() if name in GATES}
    parts = [f"{gate}={value}" for gate, value in sorted(ours.items()) if gate not in given]
    text = ",".join([*parts, *([written] if written else [])])
    rest = {name: value for name, value in flags.items() if name not in GATES}
    return rest | ({GATES_FLAG: text} if text else {})


def _ungated(written: str) -> dict[str, str]:
    given = gates(written)
    return {flag: given[gate] for flag, gate in GATES.items() if gate in given}


def gates(written: str) -> dict[str, str]:
    """`A=true,B=false` as a mapping."""
    parts = (part.partition("=") for part in written.split(",") if part.strip())
    return {name.strip(): value.strip() for name, _, value in parts}


def _known(name: str, value: str, line: Line) -> bool:
    return not _why(name, value, line)


def _why(name: str, value: str, line: Line) -> str:
    """Why a flag can't be given to a member of this line, empty when it can."""
    spoken = ".".join(map(str, line))
    if name in REMOVED and line >= REMOVED[name][0]:
        return f"etcd {spoken} has no such flag any more: {REMOVED[name][1]}"
    if name in ADDED and line < ADDED[name]:
        return f"etcd {spoken} has no such flag yet: remove it, or choose a later version"
    if name == "v2-deprecation" and line >= _GATES_SINCE and value not in _V2_STAGES:
        return f"etcd {spoken} does not know {value!r} any more: remove it"
    return ""


def refused(flags: Mapping[str, str], version: Version) -> Iterator[tuple[str, str]]:
    """Flags as written that have no equivalent in the version's line, each with why and what to do."""
    line = version.line
    for name, value in flags.items():
        if name == GATES_FLAG:
            if line < _GATES_SINCE and (unknown := [gate for gate in gates(value) if gate not in GATES.values()]):
                spoken = f"{version.major}.{version.minor}"
                yield name, f"etcd {spoken} has nothing like {', '.join(unknown)}: remove it, or choose a later version"
            continue
        for known in _renamed({name: value}, line):
            if why := _why(known, value, line):
                yield name, why


def speaks_v2(flags: Mapping[str, str]) -> bool:
    """Whether members with these flags serve the v2 API, whose data 3.6 refuses to start with."""
    return flags.get("enable-v2", "false").lower() in ("true", "t", "1") or bool(flags.get("experimental-enable-v2v3"))
