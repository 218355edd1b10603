"""An EtcdBackupSchedule as written to a frozen `Schedule`, or `Invalid`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from davit.backup.api import SERVICE
from davit.backup.model import Rules, instant, seconds
from davit.backup.schedule import Cron, ScheduleError, parse
from davit.crd import camel
from davit.errors import Invalid, Problem
from davit.kube.labels import owner_reference
from davit.model import Key, Manifest
from pydantic import ValidationError

from davit_etcd.api.backups import MAX_SCHEDULE_NAME, BackupOptions, EtcdBackupScheduleSpec
from davit_etcd.model import canonical
from davit_etcd.schedule.model import Schedule

_OPTIONS = tuple(camel(name) for name in BackupOptions.model_fields)


def validate(resource: Manifest) -> Schedule:
    """The domain object; raises `Invalid` with every problem found, each naming its field and remedy.

    Its fallback starts nothing and keeps what there is.
    """
    try:
        spec = EtcdBackupScheduleSpec.model_validate(resource.get("spec") or {})
    except ValidationError as error:
        problems = [Problem(_path(item["loc"]), item["msg"]) for item in error.errors(include_url=False)]
        raise Invalid(*problems, fallback=_idle(resource)) from None
    problems = list(_problems(resource, spec))
    cron = _cron(spec, problems)
    if problems or cron is None:
        raise Invalid(*problems, fallback=_idle(resource))
    return _schedule(
        resource,
        spec.cluster,
        cron,
        suspended=bool(spec.suspend),
        catch_up=spec.missed_run != "Skip",
        good_kept=_or(spec.successful_history, 3),
        failed_kept=_or(spec.failed_history, 3),
    )


def _cron(spec: EtcdBackupScheduleSpec, problems: list[Problem]) -> Cron | None:
    try:
        return parse(spec.schedule, spec.time_zone or "")
    except ScheduleError as error:
        problems.append(Problem(f"spec.{error.field}", str(error)))
        return None


def _problems(resource: Manifest, spec: EtcdBackupScheduleSpec) -> Iterator[Problem]:
    if len(resource["metadata"]["name"]) > MAX_SCHEDULE_NAME:
        yield Problem("metadata.name", f"at most {MAX_SCHEDULE_NAME} characters: make it anew under such a name")
    if spec.deadline and seconds(spec.deadline) < 1:
        yield Problem("spec.deadline", f"{spec.deadline} is less than a second: write for example 30m")
    try:
        Rules.of(spec.retention)
    except ValueError as error:
        yield Problem("spec.retention.maxAge", str(error))


def _idle(resource: Manifest) -> Schedule:
    """Of a name that no EtcdCluster can have nothing is asked."""
    cluster = str((resource.get("spec") or {}).get("cluster") or "")
    return _schedule(resource, cluster if re.fullmatch(SERVICE, cluster) else "", None)


def _schedule(resource: Manifest, cluster: str, cron: Cron | None, **more: Any) -> Schedule:
    metadata, spec = resource["metadata"], resource.get("spec") or {}
    return Schedule(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        created=instant(metadata["creationTimestamp"]),
        cluster=cluster,
        cron=cron,
        options=canonical({name: spec[name] for name in _OPTIONS if spec.get(name) is not None}),
        reference=canonical(owner_reference(resource)),
        **more,
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in ("spec", *location))
