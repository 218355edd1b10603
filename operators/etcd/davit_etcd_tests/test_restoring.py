"""Single passes of the restore machine where a wrong step would cost data."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from davit.errors import Invalid
from davit.model import Plan
from davit_etcd.commands import Create, DeleteJob, DiscardMember, RemoveMember
from davit_etcd.model import Cluster
from davit_etcd.plan import plan
from davit_etcd.validate import validate

from davit_etcd_tests.builders import AGENT, cluster, resource, snapshot

NOW = 1_800_000_000.0
STORE = {"bucket": "backups", "credentialsSecret": {"name": "s3"}}
SOURCE = {"objectStore": STORE, "id": "20260101T000000Z-00000000"}
LOCATION = "s3://backups/ns/c/20260101T000000Z-00000000"
OLD = ("c-0", "c-1", "c-2")
LOST = {"volume": "none", "pod": "none"}
STOPPED = {"pod": "none"}
SEED = {"c-3": {"sts": "none", "pod": "none"}}
RESTORES = {"r": {"source": SOURCE}}
PROGRESS = {
    "kind": "Restore", "name": "r", "uid": "uid-r", "seed": "c-3", "source": LOCATION, "revision": 42, "oldClusterID": "c1",
    "oldMembers": list(OLD), "version": "3.5.32", "image": "quay.io/coreos/etcd:v3.5.32",
    "startedAt": "2027-01-15T07:00:00Z", "deadline": "2027-01-15T23:00:00Z",
}  # fmt: skip
RECOVERY = {key: value for key, value in PROGRESS.items() if key not in ("name", "uid")} | {"kind": "Recovery"}


def decide(domain: Cluster, phase: str, progress: Any = None, /, **observed: Any) -> Plan:
    status = {**observed.pop("status", {}), "restore": {**(progress or PROGRESS), "phase": phase}}
    return plan(domain, snapshot(domain, {"restores": RESTORES, **observed, "status": status}), NOW, AGENT)


def phase_after(decided: Plan) -> str:
    return str(decided.intent.get("restore", {}).get("phase", ""))


def old(**words: Any) -> dict[str, Any]:
    return dict.fromkeys(OLD, words)


# --- never back from data that was written since ---------------------------------------------------------------------


def test_a_restored_cluster_that_lost_its_quorum_but_not_its_data_is_not_taken_back() -> None:
    for survivor in ({"leader": False}, {"pod": "down"}, {"pod": "none"}):
        decided = decide(
            cluster(), "Growing", members={"c-3": survivor, "c-4": LOST}, quorum=False, retired=old(**STOPPED),
            status={"clusterID": "c2"}, cluster_id="c2",
        )  # fmt: skip
        assert decided.detail.step.reason == "QuorumLost"
        assert "restore" not in decided.intent


def test_a_restored_cluster_of_which_nothing_is_left_is_taken_back() -> None:
    decided = decide(
        cluster(), "Growing", members={"c-3": LOST, "c-4": LOST}, quorum=False, retired=old(**STOPPED),
        status={"clusterID": "c2"}, cluster_id="c2",
    )  # fmt: skip
    assert phase_after(decided) == "RollingBack"


@pytest.mark.parametrize(
    ("seed", "quorum", "phase"),
    [
        ({"ready": False}, True, ""),
        ({"leader": False}, False, ""),
        ({"pod": "pending", "etcd": "none"}, False, "RollingBack"),
    ],
)
def test_past_the_deadline_only_a_seed_that_does_not_answer_is_taken_back(seed: Any, quorum: bool, phase: str) -> None:
    late = {**PROGRESS, "deadline": "2027-01-15T07:30:00Z"}
    decided = decide(
        cluster(), "Starting", late, members={"c-3": seed}, quorum=quorum, retired=old(**STOPPED), cluster_id="c2",
        status={"clusterID": "", "members": []},
    )  # fmt: skip
    assert phase_after(decided) == phase


def test_clients_are_not_sent_to_the_seed_before_it_is_written_that_it_serves() -> None:
    seed = {"c-3": {"sts": "none", "pod": "none", "etcd": "none"}}
    for phase, labelled in (("Starting", False), ("Growing", True)):
        decided = decide(
            cluster(), phase, members=seed, quorum=False, leader="", retired=old(**STOPPED), cluster_id="",
            status={"clusterID": "", "members": []},
        )  # fmt: skip
        made = next(m for m in decided.manifests if m["kind"] == "StatefulSet" and m["metadata"]["name"] == "c-3")
        assert ("etcd.davit.dev/role" in made["spec"]["template"]["metadata"]["labels"]) == labelled


def test_an_invalid_spec_does_not_make_one_member_a_whole_cluster() -> None:
    for phase in ("Growing", "Cleaning"):
        said = {
            "clusterID": "c2", "currentVersion": "3.5.32", "members": [{"name": "c-3", "id": "a3", "role": "Leader"}],
            "restore": {**PROGRESS, "phase": phase},
        }  # fmt: skip
        written = resource({"quota": "nonsense"})
        written["status"] = said
        with pytest.raises(Invalid) as refused:
            validate(written)
        held: Any = refused.value.fallback
        decided = decide(held, phase, members={"c-3": {}}, retired=old(**STOPPED), status=said, cluster_id="c2")
        assert phase_after(decided) == ""
        assert decided.actions == ()


# --- the safety backup -----------------------------------------------------------------------------------------------


def securing(backup: str = "", members: Any = None, **spec: Any) -> Plan:
    backups = {"c-safety-uid-r": backup} if backup else {}
    return decide(
        cluster(objectStore=STORE, **spec), "SafetyBackup", members=members or old(), quorum=False, retired=SEED, backups=backups
    )


def test_a_read_that_failed_does_not_make_the_safety_backup_unnecessary() -> None:
    for backup in ("", "Running"):
        decided = securing(backup)
        assert phase_after(decided) == ""
        assert decided.detail.step.reason == "SafetyBackup"
    assert "spec.safetyBackup to false" in securing().detail.step.message
    assert phase_after(securing("Failed")) == "RollingBack"
    assert phase_after(securing("Succeeded")) == "Stopping"
    assert phase_after(securing(safetyBackup=False)) == "Stopping"


def test_where_the_quorum_is_lost_for_good_there_is_nothing_to_make_a_safety_backup_of() -> None:
    members = {"c-0": {}, "c-1": LOST, "c-2": LOST}
    assert phase_after(securing(members=members)) == "Stopping"
    assert phase_after(securing("Failed", members)) == "RollingBack"


def job_of(decided: Plan) -> Any:
    made = next(action for action in decided.actions if isinstance(action, Create))
    return json.loads(made.manifest)


# --- what a recovery begins with -------------------------------------------------------------------------------------

AUTOMATIC = {"recovery": "automatic", "objectStore": STORE}
GOOD = {"id": "20260101T000000Z-00000000", "time": "2026-01-01T00:00:00Z", "revision": 7, "clusterID": "c1"}


def bereaved(members: Any, size: int = 3, **observed: Any) -> Plan:
    domain = cluster(size=size, **AUTOMATIC)
    return plan(domain, snapshot(domain, {"members": members, "quorum": False, **observed}), NOW, AGENT)


def test_a_survivor_that_is_silent_may_have_more_than_one_that_answers() -> None:
    decided = bereaved({**old(**LOST), "c-3": {"pod": "down"}, "c-4": {"leader": False}}, size=5)
    step = decided.detail.step
    assert (step.reason, decided.intent.get("restore")) == ("QuorumLost", None)
    assert "c-3 can't answer without a quorum" in step.message
    decided = bereaved({**old(**LOST), "c-3": {"leader": False, "revision": 5}, "c-4": {"leader": False, "revision": 6}}, size=5)
    assert decided.intent["restore"]["source"].startswith("http://c-4-0.")


def proving(members: Any, *, facts: Any = None, **observed: Any) -> Plan:
    """The Job of a recovery from a backup has ended well."""
    domain = cluster(**AUTOMATIC)
    status = {"restore": {**RECOVERY, "phase": "Seeding", **observed.pop("progress", {})}}
    asked = {"members": old(**LOST), "quorum": False, "retired": SEED, "backups": {"g": GOOD}, "status": status, **observed}
    job = job_of(plan(domain, snapshot(domain, asked), NOW, AGENT))["metadata"]["name"]
    seen = snapshot(domain, {**asked, "members": members, "jobs": {job: "succeeded"}})
    if facts is not None:
        pod = json.loads(json.dumps(seen.job_pods[0]))
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        ended["message"] = json.dumps(json.loads(ended["message"]) | {"facts": facts})
        seen = replace(seen, job_pods=(pod,))
    return plan(domain, seen, NOW, AGENT)


def test_a_survivor_that_answers_meanwhile_with_more_than_the_backup_stops_the_recovery() -> None:
    facts = {"revision": 42, "location": LOCATION, "clusterID": "c1"}
    for words in ({"leader": False}, {"pod": "down"}):
        assert phase_after(proving({"c-0": LOST, "c-1": LOST, "c-2": words}, facts=facts)) == "RollingBack"
    assert phase_after(proving(old(**LOST), facts=facts)) == "Stopping"


def test_only_backups_of_the_clusters_own_history_are_begun_with() -> None:
    other = {**GOOD, "id": "20260102T000000Z-00000000", "time": "2026-01-02T00:00:00Z", "revision": 900, "clusterID": "dead"}
    decided = bereaved(old(**LOST), backups={"other": other, "good": GOOD})
    assert decided.intent["restore"]["source"] == LOCATION
    decided = bereaved(old(**LOST), backups={"other": other})
    assert decided.intent["restore"]["source"] == "s3://backups/ns/c/latest"
    for backups, told in (
        ({"other": other}, "other of 2026-01-02T00:00:00Z, revision 900, of data from before"),
        ({"other": other, "good": GOOD}, "good of 2026-01-01T00:00:00Z, revision 7."),
    ):
        domain = cluster(objectStore=STORE)
        seen = snapshot(domain, {"members": old(**LOST), "quorum": False, "backups": backups})
        assert told in plan(domain, seen, NOW, AGENT).detail.step.message


@pytest.mark.parametrize(("of", "phase"), [("c1", "Stopping"), ("dead", "RollingBack"), ("", "RollingBack")])
def test_what_the_store_had_newest_is_begun_with_only_if_it_is_of_this_history(of: str, phase: str) -> None:
    decided = proving(
        old(**LOST), facts={"revision": 42, "location": LOCATION, "clusterID": of}, backups={},
        progress={"source": "s3://backups/ns/c/latest"},
    )  # fmt: skip
    assert phase_after(decided) == phase


def test_a_restore_whose_end_was_not_noted_yet_is_not_overwritten() -> None:
    status = {"restore": {**PROGRESS, "phase": "Failed", "finishedAt": "2027-01-15T07:10:00Z"}}
    for phase, begins in (("Restoring", False), ("Failed", True)):
        restores = {"r": {"source": SOURCE, "phase": phase, "startedAt": "2027-01-15T07:30:00Z"}}
        decided = bereaved(old(**LOST), backups={"good": GOOD}, status=status, restores=restores)
        assert ("restore" in decided.intent) == begins


@pytest.mark.parametrize(("of", "lost"), [("c1", 58), ("dead", None)])
def test_revisions_of_another_history_are_not_counted(of: str, lost: int | None) -> None:
    domain = cluster(objectStore=STORE)
    asked = {"members": old(), "retired": SEED, "restores": RESTORES, "status": {"restore": {**PROGRESS, "phase": "Seeding"}}}
    name = job_of(plan(domain, snapshot(domain, asked), NOW, AGENT))["metadata"]["name"]
    seen = snapshot(domain, {**asked, "jobs": {name: "succeeded"}})
    text = json.dumps(seen.job_pods).replace('\\"clusterID\\": \\"c1', '\\"clusterID\\": \\"' + of)
    decided = plan(domain, replace(seen, job_pods=tuple(json.loads(text))), NOW, AGENT)
    assert phase_after(decided) == "SafetyBackup"
    assert decided.intent["restore"].get("lostRevisions") == lost
    after = decide(domain, "SafetyBackup", decided.intent["restore"], members=old(), retired=SEED,
                   backups={"c-safety-uid-r": "Succeeded"})  # fmt: skip
    assert after.intent["restore"].get("lostRevisions") == lost


# --- what the seed is made from --------------------------------------------------------------------------------------


def test_the_seed_starts_with_the_release_that_unpacked_its_data() -> None:
    for wanted in ("3.5.33", "3.7.0"):
        made = {**PROGRESS, "version": "3.6.14", "image": "quay.io/coreos/etcd:v3.6.14"}
        decided = decide(
            cluster(objectStore=STORE, version=wanted), "Starting", made, quorum=False, leader="", cluster_id="",
            members={"c-3": {"sts": "none", "pod": "none", "etcd": "none"}}, retired=old(**STOPPED),
            status={"clusterID": "", "members": [], "currentVersion": "3.6.14"},
        )  # fmt: skip
        made_of = next(m for m in decided.manifests if m["kind"] == "StatefulSet" and m["metadata"]["name"] == "c-3")
        assert made_of["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v3.6.14")


def seeding(jobs: Any = None, size: str = "8Gi", **spec: Any) -> Plan:
    domain = cluster(bootstrap={"fromBackup": SOURCE}, **spec)
    under_way = {
        "kind": "Bootstrap", "phase": "Seeding", "seed": "c-0", "source": LOCATION, "startedAt": "2027-01-15T07:00:00Z",
        "version": str(domain.inputs.version), "image": domain.inputs.image,
    }  # fmt: skip
    seen = {"formed": False, "members": {}, "quorum": False, "retired": {"c-0": {"sts": "none", "pod": "none", "size": size}}}
    return plan(domain, snapshot(domain, {**seen, "jobs": jobs or {}, "status": {"restore": under_way}}), NOW, AGENT)


@pytest.mark.parametrize("state", ["running", "permanent"])
@pytest.mark.parametrize(
    "corrected",
    [{"version": "3.5.33"}, {"image": "registry/etcd:v3.5.99"}, {"storage": {"size": "9Gi"}}, {"nodeSelector": {"a": "b"}}],
)
def test_a_corrected_spec_is_tried_by_another_job(state: str, corrected: Any) -> None:
    before = {"version": "3.5.99"}
    job = job_of(seeding(**before))["metadata"]["name"]
    decided = seeding({job: state}, **before)
    assert decided.actions == ()
    (action,) = seeding({job: state}, **{**before, **corrected}).actions
    assert isinstance(action, DeleteJob)


def test_the_job_is_made_from_the_spec_as_it_is_when_it_is_made() -> None:
    made = {**PROGRESS, "version": "3.5.31", "image": "quay.io/coreos/etcd:v3.5.31"}
    decided = decide(cluster(), "Seeding", made, members=old(), retired=SEED)
    assert decided.intent["restore"]["version"] == "3.5.32"
    assert decided.actions == ()


def test_a_seeds_volume_that_is_too_small_is_made_anew() -> None:
    (action,) = seeding(size="8Gi", storage={"size": "100Gi"}).actions
    assert action == DiscardMember("c-0", getattr(action, "message", ""))
    assert job_of(seeding(size="100Gi", storage={"size": "100Gi"}))


# --- beside a restore ------------------------------------------------------------------------------------------------


def test_a_member_that_is_lost_meanwhile_is_removed_while_a_job_runs() -> None:
    asked = {"members": old(), "retired": SEED}
    job = job_of(decide(cluster(), "Seeding", **asked))["metadata"]["name"]
    members = {"c-0": {}, "c-1": LOST, "c-2": {}}
    (action,) = decide(cluster(), "Seeding", members=members, retired=SEED, jobs={job: "running"}).actions
    assert isinstance(action, RemoveMember)
    decided = decide(
        cluster(objectStore=STORE), "SafetyBackup", members=members, retired=SEED, backups={"c-safety-uid-r": "Running"}
    )
    assert isinstance(decided.actions[0], RemoveMember)
    assert decide(cluster(), "Seeding", members=old(), retired=SEED, jobs={job: "running"}).actions == ()


def test_an_old_volume_that_does_not_go_keeps_nothing_else_waiting() -> None:
    held = {"c-0": {"sts": "none", "pod": "none", "volume": "going"}}
    status = {"clusterID": "c2"}
    members = {f"c-{n}": {"record": {"version": "3.5.31"}, "hash": 1} for n in (3, 4, 5)}
    decided = decide(cluster(), "Cleaning", members=members, retired=held, cluster_id="c2", status=status)
    assert decided.detail.step.reason == "Upgrading"
    decided = decide(
        cluster(), "Cleaning", members={f"c-{n}": {} for n in (3, 4, 5)}, retired=held, cluster_id="c2", status=status
    )
    step = decided.detail.step
    assert (step.reason, step.settled) == ("Restoring", False)
    assert "data-c-0" in step.message


def test_a_restore_that_is_not_understood_freezes_everything() -> None:
    members = {"c-0": {"etcd": "none", "pod": "none"}, "c-1": {}}
    for said in ({**PROGRESS, "phase": "Proving"}, {"later": 1}, {"kind": "Restore", "phase": "Seeding"}):
        domain = cluster(size=1)
        decided = plan(domain, snapshot(domain, {"members": members, "status": {"restore": said}}), NOW, AGENT)
        step = decided.detail.step
        assert (step.reason, step.stalled, step.frozen) == ("RestoreUnknown", True, True)
        assert (decided.actions, decided.manifests) == ((), ())
