"""Why a member is not working, read off its pod and volume. Pure.

A member is *lost* when only its replacement can help: its data is gone or broken, and the others have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from davit.model import Manifest

from davit_etcd.model import DIGEST_ANNOTATION, Cluster, Member, Snapshot, annotation

_LOST = (
    ("couldn't find local name", "its data directory is empty"),
    ("has been permanently removed from the cluster", "it was removed from the cluster"),
    (r"tocommit\(\d+\) is out of range", "its log lost entries that it had acknowledged"),
    ("crc mismatch", "its write-ahead log is corrupt"),
    (r"walpb: |wal: (file|slice|read|corrupt)|failed to (read|open|recover|repair) WAL", "its write-ahead log is corrupt"),
    ("failed to find database snapshot file|backend is missing|failed to recover v3 backend", "its database is missing"),
    (
        r"invalid database|database file .*(corrupt|invalid)|file size too small|version mismatch|checksum error"
        r"|page \d+ already freed|freepages|invalid freelist|meta.*(invalid|checksum)|unexpected fault address",
        "its database is corrupt",
    ),
    ("found data inconsistency with peers|data inconsistency", "its data differs from the others'"),
    ("snap: |failed to load (v2 )?snapshot|snapshot file.*corrupt", "its snapshot is corrupt"),
    ("has already been bootstrapped", "its data was lost while the cluster was formed"),
    ("assertion failed|panic: .*bbolt|bbolt: ", "its database is corrupt"),
)
"""What etcd's last words mean (etcd server sources; the messages are tested against real releases)."""

_FULL = re.compile("no space left on device", re.IGNORECASE)
_USAGE, _USAGE_EXIT = "stateless etcd v3 gRPC L7 reverse proxy", 2
"""etcd ends with its usage text, so long that the error before it is cut off."""
KILLED = (137, 143, 255)
"""Exit codes of a container that was killed, or whose node went down: not its own doing."""
_WHOLE = 2000
"""Characters of a message from which on its first line may be the end of one that was cut (kubelet keeps 2048)."""
_V2_DATA = re.compile(r"disallowed v2 WAL|disallowed custom content in v2store|v2ToV3Request")
"""3.6 and later on data that the v2 API wrote; of a panic often only the stack is left."""
_FINAL = re.compile(r'"level":"(panic|fatal)"|^panic: ')
_SAID = re.compile(r'"msg":"([^"]*)"(?:.*?"error":"((?:[^"\\]|\\.)*)")?')
_HARMLESS = re.compile(r'"level":"(debug|info|warn)"')
_CRASHES = 3
"""Restarts after which a member that never gets ready is replaced, where its configuration is proved by another."""


def lost(cluster: Cluster, snapshot: Snapshot, member: Member) -> str:
    """Why the member can only be replaced, empty when it may yet come back."""
    if member.corrupt:
        return "etcd raised a CORRUPT alarm for it"
    if not cluster.storage.memory and _made(member) and (reason := _lost_volume(member)):
        return reason
    if member.healthy or snapshot.can_go_back(member) or _of_the_past(member):
        # What one version can't read, another may.
        return ""
    return _last_words(member) or _endless_crash(snapshot, member)


def _made(member: Member) -> bool:
    """Whether its objects were made already, so that a missing volume is a loss and not a beginning."""
    return member.stateful_set is not None and (member.record is None or member.record.start == "established")


def _of_the_past(member: Member) -> bool:
    """Whether its pod was made from something else than its record says, so that its words prove nothing."""
    made = annotation(member.pod, DIGEST_ANNOTATION)
    return member.record is not None and bool(made) and made != member.record.inputs.digest


def _lost_volume(member: Member) -> str:
    if member.volume is None:
        return "its volume is gone"
    if "deletionTimestamp" in member.volume["metadata"]:
        return "its volume is being deleted"
    if member.volume.get("status", {}).get("phase") == "Lost":
        return "its volume is lost"
    return ""


def _last_words(member: Member) -> str:
    words = last_words(member.pod)
    if not words or _FULL.search(words) or terminated(container(member.pod)).get("reason") == "OOMKilled":
        return ""
    return next((meaning for pattern, meaning in _LOST if re.search(pattern, words)), "")


def _endless_crash(snapshot: Snapshot, member: Member) -> str:
    """A crash loop is blamed on the data only where another member runs well from the same inputs."""
    state = container(member.pod)
    ended = terminated(state)
    looping = state.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    if state.get("restartCount", 0) < _CRASHES or not looping or not ended:
        return ""
    if ended.get("reason") == "OOMKilled" or ended["exitCode"] in KILLED or _FULL.search(str(ended.get("message", ""))):
        return ""
    if not any(_proves(other, member) for other in snapshot.members):
        return ""
    return f"it crashed {state['restartCount']} times, and another member runs well with the same configuration"


def _proves(other: Member, member: Member) -> bool:
    return (
        other.name != member.name
        and other.healthy
        and other.record is not None
        and member.record is not None
        and other.record.inputs == member.record.inputs
    )


def container(pod: Manifest | None) -> Mapping[str, Any]:
    """The status of the etcd container, empty before there is one."""
    statuses = (pod or {}).get("status", {}).get("containerStatuses", [])
    return next((status for status in statuses if status["name"] == "etcd"), {})


def terminated(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the container ended last, empty when it never failed."""
    ended: Mapping[str, Any] = state.get("state", {}).get("terminated") or state.get("lastState", {}).get("terminated") or {}
    return ended if ended.get("exitCode") else {}


def last_words(pod: Manifest | None) -> str:
    """Why the container is down, in its own last log lines; empty while it runs.

    Lines below error level are left out: they tell what went well before.
    """
    state = container(pod)
    if "running" in state.get("state", {}):
        return ""
    message = str(terminated(state).get("message", ""))
    lines = message.splitlines()[1 if len(message) > _WHOLE else 0 :]
    return "\n".join(line for line in lines if not _HARMLESS.search(line))


@dataclass(frozen=True, slots=True)
class Complaint:
    """What keeps a member from being healthy; a `reason` (CamelCase) means that waiting is unlikely to cure it."""

    message: str
    reason: str = ""


_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")


def complaint(member: Member) -> Complaint:
    """In a few words for people: why the member is not there."""
    if member.pod is None:
        hard = "VolumeFailed" if member.trouble.startswith("Provisioning") else "PodFailed" if member.trouble else ""
        return Complaint(member.trouble or "its pod does not exist yet", hard)
    state = container(member.pod)
    waiting = state.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    ended = terminated(state)
    if ended.get("reason") == "OOMKilled":
        restarts = state.get("restartCount", 0)
        return Complaint(f"out of memory ({restarts} restarts): raise spec.resources.limits.memory", "OutOfMemory")
    if _FULL.search(str(ended.get("message", ""))):
        return Complaint("its volume is full: raise spec.storage.size", "VolumeFull")
    if reason in _PULL:
        return Complaint(f"{reason}: {message}"[:300], "ImagePullFailed")
    if ended.get("exitCode") == _USAGE_EXIT and _USAGE in str(ended.get("message", "")):
        given = ", ".join(name for name, _ in member.record.inputs.flags) if member.record else ""
        return Complaint(
            f"etcd refuses its flags: check spec.etcdOptions, spec.quota and spec.autoCompaction ({given})", "OptionsRefused"
        )
    if ended and "running" not in state.get("state", {}):
        words = f"crashed with exit code {ended.get('exitCode')}: {_tail(str(ended.get('message', '')))}"
        return Complaint(words, "MemberCrashed")
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        return Complaint(f"{reason}: {message}"[:300], "PodFailed")
    if member.trouble.startswith("Provisioning"):
        return Complaint(member.trouble, "VolumeFailed")
    if unscheduled := _unscheduled(member.pod):
        return Complaint(unscheduled, "Unschedulable")
    return Complaint(member.trouble or "starting")


def stuck(member: Member) -> bool:
    """Whether its pod is down, or can't even be made, in a way that waiting alone is unlikely to cure."""
    if member.healthy:
        return False
    if member.pod is None:
        return member.stateful_set is not None
    state = container(member.pod).get("state", {})
    reason = state.get("waiting", {}).get("reason", "")
    return bool(_unscheduled(member.pod) or "terminated" in state or reason not in ("", "ContainerCreating", "PodInitializing"))


def _unscheduled(pod: Manifest) -> str:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}"[:300]
    return ""


def _tail(words: str) -> str:
    if _V2_DATA.search(words):
        return "it refuses data of the v2 API (see docs/etcd/upgrade.md)"
    lines = [line for line in words.strip().splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if _FINAL.search(line)), lines[-1] if lines else "no last words")
    said = _SAID.search(last)
    return ": ".join(filter(None, said.groups()))[:200] if said else last[-200:]
