"""The words are etcd's own, from its sources and from members broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from davit_etcd.diagnosis import complaint, last_words, lost, stuck

from davit_etcd_tests.builders import cluster, snapshot

SIBLINGS: dict[str, Any] = {"c-0": {}, "c-2": {}}


def verdict(words: dict[str, Any], **spec: Any) -> str:
    domain = cluster(**spec)
    seen = snapshot(domain, {"members": {**SIBLINGS, "c-1": words}})
    return lost(domain, seen, next(m for m in seen.members if m.name == "c-1"))


def crashed(message: str, **more: Any) -> str:
    return verdict({"pod": "crashed", "words": message, **more})


def line(level: str, msg: str, **more: str) -> str:
    rest = "".join(f',"{key}":"{value}"' for key, value in more.items())
    return f'{{"level":"{level}","ts":"2026-01-01T00:00:00.000Z","caller":"x/y.go:1","msg":"{msg}"{rest}}}'


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        (line("fatal", "discovery failed", error="couldn't find local name in the initial cluster configuration"), "empty"),
        (line("error", "the member has been permanently removed from the cluster"), "removed"),
        ("panic: tocommit(11) is out of range [lastIndex(3)]. Was the raft log corrupted, truncated, or lost?", "log lost"),
        (line("fatal", "failed to open WAL", error="wal: file not found"), "write-ahead log"),
        (line("panic", "failed to recover", error="walpb: crc mismatch"), "write-ahead log"),
        (line("fatal", "failed to read WAL, cannot be repaired", error="unexpected EOF"), "write-ahead log"),
        (line("panic", "failed to recover v3 backend from snapshot", error="failed to find database snapshot file"), "database"),
        (line("panic", "failed to open database", error="invalid database"), "database"),
        (line("panic", "failed to open database", error="file size too small"), "database"),
        (line("panic", "failed to open database", error="version mismatch"), "database"),
        ("panic: page 12 already freed", "database"),
        ("panic: assertion failed: page 3 should be a leaf", "database"),
        ("unexpected fault address 0x7f", "database"),
        (line("fatal", "found data inconsistency with peers"), "differs"),
        (line("panic", "failed to load snapshot", error="snap: snapshot file doesn't exist"), "snapshot"),
        (line("fatal", "discovery failed", error="member a1 has already been bootstrapped"), "while the cluster was formed"),
    ],
)  # fmt: skip
def test_last_words_that_mean_the_data_is_gone(message: str, meaning: str) -> None:
    assert meaning in crashed(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "panic: something nobody has seen",
        line("fatal", "failed to listen", error="bind: address already in use"),
        line("info", "opened backend db", path="/var/lib/etcd/data/member/snap/db"),
        line("info", "saved snapshot", path="snap: 1"),
        line("info", "the member has been permanently removed from the cluster"),
        line("warn", "found data inconsistency with peers"),
        line("warn", "failed to read WAL, repairing", error="wal: crc mismatch"),
        line("debug", "invalid database"),
        line("fatal", "failed to save", error="write /var/lib/etcd/data/member/wal/0.wal: no space left on device") + "\nwal: x",
        "panic: NO SPACE LEFT ON DEVICE: bbolt: file resize error",
        "goroutine 1 [running]:\ngo.etcd.io/bbolt.(*Cursor).First()\n\t/go/bbolt/cursor.go:36",
    ],
)
def test_other_words_leave_the_data_alone(message: str) -> None:
    assert crashed(message) == ""


def test_the_cut_first_line_of_a_long_message_is_not_believed() -> None:
    cut = 'member/snap","msg":"restored v3 backend: invalid database repaired"}\n' + line("info", "x" * 2000)
    assert crashed(cut) == ""


def test_out_of_memory_never_leads_to_replacement() -> None:
    assert crashed("panic: invalid database", exit=137, reason="OOMKilled", restarts=9) == ""


@pytest.mark.parametrize("exit_code", [137, 143, 255])
def test_nor_does_being_killed(exit_code: int) -> None:
    assert crashed("", exit=exit_code, restarts=9) == ""


@pytest.mark.parametrize("pod", ["running", "down"])
def test_a_running_container_has_no_last_words(pod: str) -> None:
    words = {"pod": pod, "words": "couldn't find local name", "restarts": 9}
    assert verdict(words) == ""
    seen = snapshot(cluster(), {"members": {"c-1": words}})
    assert last_words(seen.members[0].pod) == ""


def test_a_crash_loop_is_proved_by_a_sibling_with_the_same_inputs() -> None:
    assert "crashed 3 times" in crashed("panic: ?", restarts=3)
    assert crashed("panic: ?", restarts=2) == ""
    assert crashed("panic: ?", restarts=9, record={"flags": {"x": "1"}}) == ""
    assert crashed("panic: ?", restarts=9, record="damaged") == ""


def test_a_crash_loop_among_sick_siblings_proves_nothing() -> None:
    domain = cluster()
    sick = {"pod": "crashed", "words": "panic: ?", "restarts": 9}
    seen = snapshot(domain, {"members": {"c-0": sick, "c-1": sick, "c-2": {"leader": False}}})
    assert [lost(domain, seen, member) for member in seen.members] == ["", "", ""]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"volume": "none", "pod": "pending"}, "its volume is gone"),
        ({"volume": "going"}, "its volume is being deleted"),
        ({"volume": "lost", "pod": "none"}, "its volume is lost"),
        ({"volume": "none", "pod": "pending", "record": "damaged"}, "its volume is gone"),
        ({"volume": "none", "pod": "pending", "record": {"start": "new"}}, ""),
        ({"volume": "none", "pod": "none", "etcd": "unstarted"}, ""),
        ({"volume": "none", "pod": "none", "sts": "none"}, ""),
        ({"corrupt": True}, "CORRUPT"),
        ({}, ""),
        ({"pod": "none"}, ""),
    ],
)
def test_volumes_and_alarms(words: dict[str, Any], why: str) -> None:
    found = verdict(words)
    assert why in found if why else found == ""


def test_memory_has_no_volume_to_lose() -> None:
    assert verdict({"pod": "pending"}, storage={"type": "Memory"}) == ""


@pytest.mark.parametrize(
    ("words", "reason", "text"),
    [
        ({"pod": "none"}, "", "its pod does not exist yet"),
        ({"pod": "none", "trouble": "FailedCreate: forbidden"}, "PodFailed", "forbidden"),
        ({"pod": "none", "trouble": "ProvisioningFailed: no class"}, "VolumeFailed", "no class"),
        ({"pod": "waiting:ImagePullBackOff", "trouble": "not found"}, "ImagePullFailed", "not found"),
        ({"pod": "waiting:CreateContainerConfigError", "trouble": "no secret"}, "PodFailed", "no secret"),
        ({"pod": "unschedulable"}, "Unschedulable", "nodes are available"),
        ({"pod": "crashed", "reason": "OOMKilled", "exit": 137, "restarts": 4}, "OutOfMemory", "4 restarts"),
        ({"pod": "crashed", "words": "no space left on device"}, "VolumeFull", "spec.storage.size"),
        ({"pod": "crashed", "words": "first\nlast\n"}, "MemberCrashed", "exit code 1: last"),
        ({"pod": "crashed"}, "MemberCrashed", "no last words"),
        ({"pod": "crashed", "exit": 2, "words": "stateless etcd v3 gRPC L7 reverse proxy"}, "OptionsRefused", "spec.etcdOptions"),
        ({"pod": "creating"}, "", "starting"),
        ({"pod": "down"}, "", "starting"),
    ],
)
def test_complaints_say_what_a_person_can_do(words: dict[str, Any], reason: str, text: str) -> None:
    found = complaint(snapshot(cluster(), {"members": {"c-1": words}}).members[0])
    assert found.reason == reason
    assert text in found.message
    assert len(found.message) < 400


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, False),
        ({"pod": "down"}, False),
        ({"pod": "creating"}, False),
        ({"pod": "pending"}, False),
        ({"pod": "crashed"}, True),
        ({"pod": "unschedulable"}, True),
        ({"pod": "waiting:ErrImagePull"}, True),
        ({"pod": "none"}, True),
        ({"pod": "none", "sts": "none"}, False),
    ],
)
def test_stuck_is_what_waiting_will_not_cure(words: dict[str, Any], expected: bool) -> None:
    assert stuck(snapshot(cluster(), {"members": {"c-1": words}}).members[0]) is expected


STACK = "go.etcd.io/etcd/server/v3/etcdserver.v2ToV3Request(_, _)\n\tgo.etcd.io/etcd/server/v3/etcdserver/apply_v2.go:31 +0x252"
FATAL = (
    '{"level":"fatal","caller":"etcdmain/etcd.go:183","msg":"discovery failed",'
    '"error":"version \\"3.7.0\\" is not supported","stacktrace":"a\\nb"}'
)
PANIC = "panic: detected something [recovered]\n\tpanic: execute job failed\n\ngoroutine 165 [running]:\nmain.go:1"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (STACK, "refuses data of the v2 API"),
        ("detected disallowed custom content in v2store for stage --v2-deprecation=write-only", "refuses data of the v2 API"),
        (FATAL, 'discovery failed: version \\"3.7.0\\" is not supported'),
        (PANIC, "panic: detected something [recovered]"),
        ("one\ntwo", "two"),
    ],
)
def test_last_words_tell_the_cause_and_not_the_stack(words: str, told: str) -> None:
    seen = snapshot(cluster(), {"members": {"c-0": {"pod": "crashed", "words": words}}})
    assert told in complaint(seen.members[0]).message
