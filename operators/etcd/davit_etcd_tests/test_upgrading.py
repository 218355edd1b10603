"""When an upgrade is given up, and what is remembered for that; the course of upgrades is in the goldens and the simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from davit_etcd.layout import manifests
from davit_etcd.model import Inputs, Record, annotation
from davit_etcd.policies.safety import backup_name, manifest, state
from davit_etcd.policies.upgrading import DEADLINE, NO_IMAGE, READING, progress, retreat
from davit_etcd.policies.view import Step, View, view_of

from davit_etcd_tests import builders

OLD = {"record": {"version": "3.5.33"}, "hash": 1}
NOW = 1_000_000.0
STARTED = "1970-01-12T13:46:40Z"
"""The same time as status writes it."""


def view(words: dict[str, Any], waited: float = 0.0, **more: Any) -> View:
    """c-2 was given 3.6.14 and is as `words` say, so many seconds after it was first seen so."""
    domain = builders.cluster(version="3.6.14", **more.pop("spec", {}))
    record = {"record": {"before": {"version": "3.5.33"}}, "knew": "3.5.33"}
    waiting = {"fromVersion": "3.5.33", "member": "c-2", "startedAt": STARTED}
    observed = {
        "members": {"c-0": OLD, "c-1": OLD, "c-2": {**record, **words}},
        "line": more.pop("line", "3.5"),
        "status": {"currentVersion": "3.5.33", "upgrade": waiting, **more},
    }
    return view_of(domain, builders.snapshot(domain, observed), NOW + waited)


PULL = {"pod": "waiting:ErrImagePull"}
CRASH = {"pod": "crashed", "words": "this release is broken"}


@pytest.mark.parametrize(
    ("words", "waited", "given_up"),
    [
        (PULL, NO_IMAGE - 1, False),
        (PULL, NO_IMAGE, True),
        (CRASH | {"restarts": 2}, 0, False),
        (CRASH | {"restarts": 3}, 0, True),
        (CRASH | {"restarts": 2}, DEADLINE, True),
        (CRASH | {"restarts": 3, "exit": 137}, 0, False),  # killed, not crashed
        (CRASH | {"restarts": 3, "exit": 137}, DEADLINE, True),
        ({"pod": "creating"}, DEADLINE - 1, False),
        ({"pod": "creating"}, DEADLINE, True),
        ({"pod": "down"}, DEADLINE, False),  # it may be reading its log
        ({"pod": "down"}, READING, True),
        ({"pod": "running", "leader": False, "restarts": 1, "words": "x"}, DEADLINE, True),
        ({"pod": "unschedulable"}, READING, False),  # no release cures that
        ({"pod": "none"}, READING, False),
        ({"pod": "creating", "made": {"version": "3.5.33"}}, READING, False),  # its new pod is not there yet
        ({}, READING, False),  # it came up
    ],
)
def test_when_it_is_given_up(words: dict[str, Any], waited: float, given_up: bool) -> None:
    found = retreat(view(words, waited))
    assert (found is not None) is given_up
    if found is not None:
        mark = found.intent["upgrade"]
        assert (mark["failedVersion"], mark["generation"], mark["member"]) == ("3.6.14", 1, "c-2")
        assert "3.5.33" in mark["message"]
        assert found.action is None


@pytest.mark.parametrize(("line", "given_up"), [("3.5", True), (None, True), ("3.6", False)])
def test_never_where_the_data_may_be_too_new(line: str | None, given_up: bool) -> None:
    assert (retreat(view(PULL, NO_IMAGE, line=line)) is not None) is given_up


def test_nothing_is_taken_back_while_the_spec_is_invalid() -> None:
    """It would be marked for a generation that asked for nothing; what is invalid is said instead."""
    seen = view(PULL, NO_IMAGE)
    assert retreat(view_of(replace(seen.cluster, held="the spec is invalid"), seen.snapshot, seen.now)) is None


def test_an_image_that_fails_is_named_where_the_version_stays() -> None:
    domain = builders.cluster(version="3.5.33", image="mirror/etcd:3.5.33")
    record = {"record": {"before": {"version": "3.5.33", "image": "quay.io/coreos/etcd:v3.5.33"}}}
    status = {"upgrade": {"member": "c-2", "startedAt": STARTED}}
    observed = {"members": {"c-0": OLD, "c-1": OLD, "c-2": record | PULL}, "line": "3.5", "status": status}
    found = retreat(view_of(domain, builders.snapshot(domain, observed), NOW + NO_IMAGE))
    assert found is not None
    assert "mirror/etcd:3.5.33" in found.message
    assert "quay.io/coreos/etcd:v3.5.33" in found.message


def test_the_time_is_kept_for_the_member_that_is_waited_for_and_for_no_other() -> None:
    told = progress(view(PULL, 30), Step("r", "m"))
    assert told == {"fromVersion": "3.5.33", "member": "c-2", "startedAt": STARTED}
    another = view(PULL, 30, upgrade={"fromVersion": "3.5.33", "member": "c-1", "startedAt": STARTED})
    assert progress(another, Step("r", "m"))["startedAt"] == "1970-01-12T13:47:10Z"
    assert progress(view({}, 30), Step("r", "m")) == {"fromVersion": "3.5.33"}


def test_what_it_ran_before_is_remembered_until_it_runs_well() -> None:
    domain = builders.cluster(version="3.6.14")
    before = builders.inputs(domain, {"version": "3.5.33"})

    def record_of(words: dict[str, Any], rolling: str = "", target: Inputs | None = None) -> Record:
        seen = builders.snapshot(domain, {"members": {"c-0": words}})
        made = manifests(domain, seen, initial=(), inputs=domain.inputs, rolling=rolling, target=target)
        found = next(item for item in made if item["kind"] == "StatefulSet")
        record = Record.from_json(annotation(found, "etcd.davit.dev/member"))
        assert record is not None
        return record

    given = {"record": {"before": {"version": "3.5.33"}}}
    assert record_of({"record": {"version": "3.5.33"}}, "c-0", domain.inputs).before == before
    assert record_of({"record": {"version": "3.5.33"}, "pod": "crashed", "words": "x"}, "c-0", domain.inputs).before is None
    assert record_of({"record": {"flags": {"a": "b"}}}, "c-0", domain.inputs).before is None
    assert record_of(given | PULL).before == before
    assert record_of(given | {"ready": False}).before == before
    assert record_of(given | {"made": {"version": "3.5.33"}}).before == before
    assert record_of(given).before is None
    assert record_of(given | PULL, "c-0", before).before is None
    # The last that worked, not the last that was tried.
    tried = {"record": {"version": "3.6.13", "before": {"version": "3.5.33"}}} | PULL
    assert record_of(tried, "c-0", domain.inputs).before == before


def test_a_record_without_a_past_is_written_as_ever() -> None:
    """An upgrade of the operator writes nothing again."""
    domain = builders.cluster()
    text = Record(domain.inputs, "established").to_json()
    assert '"before"' not in text
    assert Record.from_json(text) == Record(domain.inputs, "established")
    changed = Record(domain.inputs, "established", before=builders.inputs(domain, {"version": "3.5.30"}))
    assert Record.from_json(changed.to_json()) == changed


def test_names_of_safety_backups_fit() -> None:
    assert backup_name("c", "7-3-6-14") == "c-safety-7-3-6-14"
    longest = backup_name("c" * 40, "1234567-3-6-14")
    assert len(longest) <= 56
    assert longest != backup_name("c" * 40, "1234568-3-6-14")


def test_a_safety_backup_belongs_to_its_cluster() -> None:
    domain = builders.cluster()
    made = manifest(domain, "7-shrink")
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("EtcdCluster", domain.uid, True)
    assert made["spec"] == {"cluster": "c"}
    seen = builders.snapshot(domain, {"backups": {"c-safety-7-shrink": "Running"}})
    assert state(seen, made["metadata"]["name"]) is not None
    assert state(seen, "c-safety-8-shrink") is None
