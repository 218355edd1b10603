"""What an agent says of its work, and what became of a Job: read from the Job and its pods. Pure.

Source: the Kubernetes documentation, "Jobs" (conditions, podFailurePolicy) and "Determine the Reason for Pod Failure".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from davit.backup.model import instant
from davit.model import Manifest

LIMIT = 2048
"""Bytes: the kubelet keeps 4096 of a termination message, and no more than 12 KiB of all containers of a pod."""
PERMANENT = 65
"""Exit code of an agent for which trying again is useless; the Job fails at once."""
RETRY = 75
"""Exit code of an agent that may do better next time."""
STOPPED = "Stopped"
"""Reason of an agent that was told to end before it was done, as at its Job's deadline."""
GRACE = 60.0
"""Seconds in which the pods of an ended Job may still be on their way to the operator."""
SLOW = 30.0
"""Seconds after which a container that does not start is worth a word."""

_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclass(frozen=True, slots=True)
class Report:
    """An agent's last word, in its container's termination message.

    reason: CamelCase; message: for people, without secrets; facts: plain JSON, `warnings` in it a list of texts.
    """

    ok: bool
    reason: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> str:
        """At most `LIMIT` bytes: a longer message is cut. Raises ValueError where the facts alone are longer."""
        text = self._render(self.message)
        if len(text) <= LIMIT:
            return text
        longest, shortest = len(self.message), 0
        while shortest < longest:
            middle = (shortest + longest + 1) // 2
            fits = len(self._render(self.message[:middle] + "...")) <= LIMIT
            shortest, longest = (middle, longest) if fits else (shortest, middle - 1)
        text = self._render(self.message[:shortest] + "...")
        if len(text) > LIMIT:
            raise ValueError(f"the facts of a report have more than {LIMIT} bytes")
        return text

    def _render(self, message: str) -> str:
        # ASCII, so that characters are bytes.
        data = {"ok": self.ok, "reason": self.reason, "message": message, "facts": dict(self.facts)}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str | None) -> Report | None:
        """The inverse of `to_json`; None for anything else, such as the last log lines of a container that died."""
        try:
            found = json.loads(text or "")
            report = cls(found["ok"], found["reason"], found["message"], found["facts"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        texts = isinstance(report.reason, str) and isinstance(report.message, str) and report.reason
        return report if isinstance(report.ok, bool) and texts and isinstance(report.facts, dict) else None


@dataclass(frozen=True, slots=True)
class Running:
    """The Job has not ended. `reason` is Running or Starting, or names what it suffers from; `message` says it.

    reports: those of the newest pod's containers that have ended, by container.
    """

    reason: str = "Running"
    message: str = ""
    reports: Mapping[str, Report] = field(default_factory=dict, hash=False)

    @property
    def troubled(self) -> bool:
        """Whether something is wrong that a person may have to mend."""
        return self.reason not in ("Running", "Starting")


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The Job completed. `report` is that of its last container with one, `reports` those of all by container."""

    report: Report
    reports: Mapping[str, Report] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The Job ended without success; `reason` is CamelCase. `report` is that of the container that failed, if it made one."""

    reason: str
    message: str
    report: Report | None = None


Outcome = Running | Succeeded | Failed


def of_pods(job: Manifest, pods: Iterable[Manifest], now: float) -> Outcome:
    """What became of a Job.

    pods: all that might be its own; those of an earlier Job of the same name are left out. A Job that has ended is
    `Running` for a minute more where its pods are not seen yet: they come by another watch.
    """
    own = sorted((pod for pod in pods if _belongs(pod, job)), key=_born)
    ended = {c["type"]: c for c in (job.get("status") or {}).get("conditions") or () if c.get("status") == "True"}
    if "Complete" in ended:
        return _succeeded(own, ended["Complete"], now)
    if "Failed" in ended:
        return _failed(job, own, ended["Failed"], now)
    return _running(own, now)


def _belongs(pod: Manifest, job: Manifest) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == job["metadata"].get("uid") for owner in owners)


def _born(pod: Manifest) -> tuple[str, str]:
    return (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"])


def _succeeded(pods: Sequence[Manifest], condition: Mapping[str, Any], now: float) -> Outcome:
    for pod in reversed(pods):
        reports = _reports(pod)
        if (pod.get("status") or {}).get("phase") == "Succeeded" and reports:
            last = list(reports.values())[-1]
            return Succeeded(last, reports) if last.ok else Failed(last.reason, last.message, last)
    if _recent(condition, now):
        return Running(message="The Job completed; its report is awaited.")
    return Failed("ReportMissing", "The Job completed, but its pod and with it the report is gone: the outcome is not known.")


def _failed(job: Manifest, pods: Sequence[Manifest], condition: Mapping[str, Any], now: float) -> Outcome:
    reason = condition.get("reason") or "Failed"
    if reason == "DeadlineExceeded":
        return _overdue(f"It took longer than its deadline of {job['spec'].get('activeDeadlineSeconds')} s.", pods)
    failure = next((found for pod in reversed(pods) for found in _failures(pod)), None)
    if failure:
        return failure
    if _recent(condition, now):
        return Running(message="The Job failed; its report is awaited.")
    return Failed(reason, condition.get("message") or "The Job failed, and its pods are gone.")


def _overdue(message: str, pods: Sequence[Manifest]) -> Failed:
    """For the reason that its last attempt gave by itself; being stopped at the deadline is none."""
    failures = [found for pod in reversed(pods) for found in _failures(pod) if found.reason != STOPPED]
    if not failures:
        return Failed("DeadlineExceeded", message)
    said = next((found for found in failures if found.report), failures[0])
    return Failed(said.reason if said.report else "DeadlineExceeded", f"{message} Last failure: {said.message}", said.report)


def _recent(condition: Mapping[str, Any], now: float) -> bool:
    try:
        return now - instant(condition.get("lastTransitionTime") or "") < GRACE
    except ValueError:
        return False


def _running(pods: Sequence[Manifest], now: float) -> Outcome:
    if not pods:
        return Running("Starting", "Its pod is awaited.")
    newest = pods[-1]
    reports = _reports(newest)
    trouble = next(iter(_troubles(newest, now)), None)
    if trouble:
        return Running(*trouble, reports)
    failure = next((found for pod in reversed(pods) for found in _failures(pod)), None)
    if failure:
        return Running("Retrying", f"Attempt {len(pods)}; the last failure: {failure.message}", reports)
    started = any("running" in (status.get("state") or {}) for status in _statuses(newest))
    return Running(reports=reports) if started or reports else Running("Starting", "Its containers start.", reports)


def _statuses(pod: Manifest) -> list[Mapping[str, Any]]:
    """In the order in which the containers run."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _reports(pod: Manifest) -> dict[str, Report]:
    found = ((s["name"], Report.parse(_terminated(s).get("message"))) for s in _statuses(pod))
    return {name: report for name, report in found if report}


def _terminated(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return (status.get("state") or {}).get("terminated") or {}


def _failures(pod: Manifest) -> Iterator[Failed]:
    """Agents that say why come first, for a sidecar is killed at the end; a pod that failed as a whole says it itself."""
    if (pod.get("status") or {}).get("phase") != "Failed":
        return
    ended = ((status["name"], _terminated(status)) for status in _statuses(pod))
    found = [_failure(pod, name, how) for name, how in ended if how.get("exitCode")]
    yield from sorted(found, key=lambda failure: failure.report is None)
    whole = pod["status"]
    if whole.get("reason") or whole.get("message"):
        yield Failed(
            whole.get("reason") or "PodFailed", f"Pod {pod['metadata']['name']}: {whole.get('message') or whole['reason']}"
        )


def _failure(pod: Manifest, container: str, ended: Mapping[str, Any]) -> Failed:
    report = Report.parse(ended.get("message"))
    if report and not report.ok:
        return Failed(report.reason, report.message, report)
    if ended.get("reason") == "OOMKilled":
        limit = next((_limit(c) for c in _containers(pod) if c["name"] == container), "")
        return Failed("OutOfMemory", f"Container {container} needed more memory than its limit{limit}.")
    said = (ended.get("message") or "").strip()
    tail = f": {said[-500:]}" if said else "."
    return Failed("ContainerFailed", f"Container {container} ended with exit code {ended['exitCode']}{tail}")


def _containers(pod: Manifest) -> list[Mapping[str, Any]]:
    spec = pod.get("spec") or {}
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _limit(container: Mapping[str, Any]) -> str:
    memory = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return f" of {memory}" if memory else ""


def _troubles(pod: Manifest, now: float) -> Iterator[tuple[str, str]]:
    """What keeps a pod from starting."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield "Unschedulable", f"Pod {name} finds no node: {condition.get('message', '')}"
    for container in _statuses(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason"), waiting.get("message") or ""
        if reason in _IMAGE:
            yield (
                "ImageMissing",
                f"The image {container.get('image', '')} of container {container['name']} can't be had: {message}",
            )
        elif reason in _CONFIG:
            yield "ContainerNotStarted", f"Container {container['name']} of pod {name} can't start: {message}"
    if (slow := _mounting(pod, now)) is not None:
        yield "VolumeNotMounted", slow


def _mounting(pod: Manifest, now: float) -> str | None:
    """The kubelet says in Events only which volume it waits for, so all that may be missing are named."""
    waits = [(s.get("state") or {}).get("waiting") or {} for s in _statuses(pod)]
    started = (pod.get("status") or {}).get("startTime")
    if not waits or not started or now - instant(started) < SLOW:
        return None
    if any(wait.get("reason") not in ("ContainerCreating", "PodInitializing") for wait in waits):
        return None
    needed = ", ".join(_needed((pod.get("spec") or {}).get("volumes") or ()))
    of = f": {needed}" if needed else ""
    return f"Pod {pod['metadata']['name']} waits for its image or volumes since {started}{of}."


def _needed(volumes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for volume in volumes:
        secret, config, claim = volume.get("secret"), volume.get("configMap"), volume.get("persistentVolumeClaim")
        if secret and not secret.get("optional"):
            yield f"Secret {secret['secretName']}"
        if config and not config.get("optional"):
            yield f"ConfigMap {config['name']}"
        if claim:
            yield f"PersistentVolumeClaim {claim['claimName']}"
