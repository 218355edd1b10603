"""What became of a Job, from the Job and its pods."""

from __future__ import annotations

import json
from typing import Any

import pytest
from davit.backup.report import LIMIT, STOPPED, Failed, Report, Running, Succeeded, of_pods
from davit.status import timestamp
from hypothesis import given
from hypothesis import strategies as st

from davit_tests.backup_world import NOW

Json = dict[str, Any]
GOOD = Report(True, "Stored", "It is in the store.", {"revision": 7})
BAD = Report(False, "AccessDenied", "The key pair may not write.")


def job(ended: str = "", reason: str = "", ago: float = 10) -> Json:
    condition = {"type": ended, "status": "True", "reason": reason, "lastTransitionTime": timestamp(NOW - ago)}
    return {
        "metadata": {"name": "b", "uid": "uid-job"},
        "spec": {"activeDeadlineSeconds": 60},
        "status": {"conditions": [{"type": "Suspended", "status": "False"}, condition] if ended else []},
    }


def pod(name: str = "b-1", phase: str = "Running", born: int = 0, uid: str = "uid-job", **status: Any) -> Json:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": timestamp(NOW - 100 + born),
            "ownerReferences": [{"uid": uid}],
        },
        "spec": {
            "initContainers": [{"name": "fetch"}],
            "containers": [{"name": "agent", "resources": {"limits": {"memory": "128Mi"}}}],
            "volumes": [
                {"name": "store", "secret": {"secretName": "key", "optional": True}},
                {"name": "tls", "secret": {"secretName": "tls"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-x"}},
            ],
        },
        "status": {"phase": phase, **status},
    }


def ended(report: Report | str, code: int = 0, name: str = "agent", reason: str = "Completed") -> Json:
    message = report if isinstance(report, str) else report.to_json()
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


def waiting(reason: str, message: str = "", name: str = "agent") -> Json:
    return {"name": name, "image": "img:1", "state": {"waiting": {"reason": reason, "message": message}}}


def started(name: str = "agent") -> Json:
    return {"name": name, "state": {"running": {"startedAt": timestamp(NOW)}}}


@given(
    st.booleans(),
    st.text(min_size=1, max_size=30),
    st.text(max_size=9000),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=5),
)
def test_a_report_is_read_as_it_was_written_and_always_fits(ok: bool, reason: str, message: str, facts: dict[str, int]) -> None:
    text = Report(ok, reason, message, facts).to_json()
    assert len(text.encode()) <= LIMIT
    found = Report.parse(text)
    assert found is not None
    assert (found.ok, found.reason, found.facts) == (ok, reason, facts)
    assert found.message == message or (found.message.endswith("...") and message.startswith(found.message[:-3]))


def test_facts_that_never_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match="facts"):
        Report(True, "Stored", "m", {"x": "y" * 5000}).to_json()


@pytest.mark.parametrize(
    "text",
    [None, "", "panic: x", "[]", "7", "null", '{"ok":true}', '{"ok":1,"reason":"r","message":"m","facts":{}}',
     '{"ok":true,"reason":"","message":"m","facts":{}}', '{"ok":true,"reason":"r","message":"m","facts":[]}', "[" * 100000],
)  # fmt: skip
def test_what_is_no_report(text: str | None) -> None:
    assert Report.parse(text) is None


def test_a_job_without_pods_starts() -> None:
    assert of_pods(job(), [], NOW) == Running("Starting", "Its pod is awaited.")


def test_a_job_that_works() -> None:
    assert of_pods(job(), [pod(containerStatuses=[started()])], NOW) == Running()


def test_a_job_whose_first_containers_have_ended() -> None:
    found = of_pods(job(), [pod(initContainerStatuses=[ended(GOOD, name="fetch")], containerStatuses=[started()])], NOW)
    assert found == Running(reports={"fetch": GOOD})


def test_a_job_that_succeeded() -> None:
    fetched = Report(True, "Fetched", "", {"bytes": 1})
    done = pod(phase="Succeeded", initContainerStatuses=[ended(fetched, name="fetch")], containerStatuses=[ended(GOOD)])
    assert of_pods(job("Complete"), [done], NOW) == Succeeded(GOOD, {"fetch": fetched, "agent": GOOD})


def test_the_pods_of_an_earlier_job_of_that_name_say_nothing() -> None:
    done = pod(phase="Succeeded", uid="uid-earlier", containerStatuses=[ended(GOOD)])
    assert of_pods(job(), [done], NOW) == Running("Starting", "Its pod is awaited.")


def test_success_after_a_failed_attempt_is_success() -> None:
    pods = [
        pod("b-2", "Succeeded", 50, containerStatuses=[ended(GOOD)]),
        pod("b-1", "Failed", containerStatuses=[ended(BAD, 75)]),
    ]
    assert isinstance(of_pods(job("Complete"), pods, NOW), Succeeded)


def test_a_completed_job_waits_for_its_report_for_a_minute() -> None:
    late = pod(containerStatuses=[started()])
    assert isinstance(of_pods(job("Complete", ago=10), [late], NOW), Running)
    found = of_pods(job("Complete", ago=100), [], NOW)
    assert isinstance(found, Failed)
    assert found.reason == "ReportMissing"


def test_a_report_that_says_no_is_a_failure_whatever_the_job_says() -> None:
    done = pod(phase="Succeeded", containerStatuses=[ended(BAD)])
    assert of_pods(job("Complete"), [done], NOW) == Failed("AccessDenied", BAD.message, BAD)


@pytest.mark.parametrize("reason", ["PodFailurePolicy", "BackoffLimitExceeded"])
def test_a_job_that_failed_says_what_its_newest_pod_said(reason: str) -> None:
    older = Report(False, "TooSlow", "slow")
    pods = [
        pod("b-2", "Failed", 50, containerStatuses=[ended(BAD, 65)]),
        pod("b-1", "Failed", containerStatuses=[ended(older, 75)]),
    ]
    assert of_pods(job("Failed", reason), pods, NOW) == Failed("AccessDenied", BAD.message, BAD)


def test_the_first_container_that_failed_is_the_one_that_counts() -> None:
    lost = pod(phase="Failed", initContainerStatuses=[ended(BAD, 65, "fetch")], containerStatuses=[waiting("PodInitializing")])
    assert of_pods(job("Failed", "PodFailurePolicy"), [lost], NOW) == Failed("AccessDenied", BAD.message, BAD)


def test_a_sidecar_that_was_killed_at_the_end_is_not_the_cause() -> None:
    sidecar = ended("", 137, "etcd", "Error")
    lost = pod(phase="Failed", initContainerStatuses=[sidecar], containerStatuses=[ended(BAD, 65)])
    assert of_pods(job("Failed", "PodFailurePolicy"), [lost], NOW) == Failed("AccessDenied", BAD.message, BAD)


def test_too_little_memory() -> None:
    lost = pod(phase="Failed", containerStatuses=[ended("", 137, reason="OOMKilled")])
    assert of_pods(job("Failed"), [lost], NOW) == Failed(
        "OutOfMemory", "Container agent needed more memory than its limit of 128Mi."
    )


def test_a_container_that_made_no_report() -> None:
    lost = pod(phase="Failed", containerStatuses=[ended("Traceback: x\n", 1, reason="Error")])
    assert of_pods(job("Failed"), [lost], NOW) == Failed(
        "ContainerFailed", "Container agent ended with exit code 1: Traceback: x"
    )


def test_a_pod_that_was_evicted() -> None:
    lost = pod(phase="Failed", reason="Evicted", message="The node was low on memory.")
    assert of_pods(job("Failed"), [lost], NOW) == Failed("Evicted", "Pod b-1: The node was low on memory.")


def test_the_deadline() -> None:
    found = of_pods(job("Failed", "DeadlineExceeded"), [], NOW)
    assert found == Failed("DeadlineExceeded", "It took longer than its deadline of 60 s.")
    lost = pod(phase="Failed", containerStatuses=[ended("killed", 137, reason="Error")])
    found = of_pods(job("Failed", "DeadlineExceeded"), [lost], NOW)
    assert isinstance(found, Failed)
    assert found.reason == "DeadlineExceeded"
    assert "Container agent ended with exit code 137" in found.message


def test_at_the_deadline_the_reason_is_that_of_the_last_attempt_which_ended_by_itself() -> None:
    said = f"It took longer than its deadline of 60 s. Last failure: {BAD.message}"
    lost = pod(phase="Failed", containerStatuses=[ended(BAD, 75)])
    assert of_pods(job("Failed", "DeadlineExceeded"), [lost], NOW) == Failed(BAD.reason, said, BAD)
    stopped = pod("b-2", born=9, phase="Failed", containerStatuses=[ended(Report(False, STOPPED, "It was told to stop."), 75)])
    assert of_pods(job("Failed", "DeadlineExceeded"), [lost, stopped], NOW) == Failed(BAD.reason, said, BAD)
    assert of_pods(job("Failed", "DeadlineExceeded"), [stopped], NOW) == Failed(
        "DeadlineExceeded", "It took longer than its deadline of 60 s."
    )


def test_a_failed_job_waits_for_its_report_for_a_minute() -> None:
    assert isinstance(of_pods(job("Failed", "BackoffLimitExceeded", 10), [], NOW), Running)
    assert of_pods(job("Failed", "BackoffLimitExceeded", 100), [], NOW) == Failed(
        "BackoffLimitExceeded", "The Job failed, and its pods are gone."
    )


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (
            {"containerStatuses": [waiting("ImagePullBackOff", "no such image")]},
            "ImageMissing",
            "img:1 of container agent can't be had: no such",
        ),
        ({"initContainerStatuses": [waiting("ErrImagePull", "x", "fetch")]}, "ImageMissing", "container fetch"),
        (
            {"containerStatuses": [waiting("CreateContainerConfigError", "secret not found")]},
            "ContainerNotStarted",
            "secret not found",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]},
            "Unschedulable",
            "0/3 nodes",
        ),
        (
            {"startTime": timestamp(NOW - 60), "containerStatuses": [waiting("ContainerCreating")]},
            "VolumeNotMounted",
            "Secret tls, PersistentVolumeClaim data-x",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting(status: Json, reason: str, words: str) -> None:
    found = of_pods(job(), [pod(phase="Pending", **status)], NOW)
    assert isinstance(found, Running)
    assert found.reason == reason
    assert found.troubled
    assert words in found.message


def test_a_pod_may_take_its_time_to_start() -> None:
    young = pod(phase="Pending", startTime=timestamp(NOW - 5), containerStatuses=[waiting("ContainerCreating")])
    found = of_pods(job(), [young], NOW)
    assert found == Running("Starting", "Its containers start.")
    assert not found.troubled


def test_a_job_that_tries_again_says_why() -> None:
    lost = pod("b-1", "Failed", containerStatuses=[ended(BAD, 75)])
    found = of_pods(job(), [pod("b-2", born=50, containerStatuses=[started()]), lost], NOW)
    assert isinstance(found, Running)
    assert (found.reason, found.troubled) == ("Retrying", True)
    assert found.message == f"Attempt 2; the last failure: {BAD.message}"


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)))
def test_any_json_is_a_report_or_none(found: object) -> None:
    assert Report.parse(json.dumps(found)) is None
