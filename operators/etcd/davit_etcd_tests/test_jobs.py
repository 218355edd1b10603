from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from davit.backup.job import CONFIG
from davit.backup.model import Ca, Cipher, Rules, Store, Subject
from davit.kube import labels
from davit.model import Manifest
from davit.testing.restricted import violations
from davit_etcd.agent.config import ENGINE, Backup, Fetch, Settle, Verify, parse
from davit_etcd.agent.config import Stored as AgentStored
from davit_etcd.agent.config import Surviving as AgentSurviving
from davit_etcd.agent.errors import AgentError
from davit_etcd.manifests import selector
from davit_etcd.manifests.jobs import (
    BUMP,
    Agent,
    Request,
    Stored,
    Surviving,
    backup_job,
    restore_job,
    revision_bump,
    verify_job,
)
from davit_etcd.manifests.stateful_set import stateful_set
from davit_etcd.model import Cluster, Record
from davit_etcd.validate import validate
from davit_etcd.versions import Version

from davit_etcd_tests.builders import cluster, resource

STORE = Store("bucket", "store-key", "a/b", "https://minio:9000", path_style=True, ca=Ca("ConfigMap", "store-ca", "ca.crt"))
CIPHER = Cipher("age-key")
OWNER = {"apiVersion": "etcd.davit.dev/v1", "kind": "EtcdBackup", "name": "b", "uid": "u-b", "controller": True}
REQUEST = Request("b-job", OWNER, 600, Agent("operator:1", ("pull",)))
ID = "20261121T120000Z-01234567"
SOURCE = Stored(STORE, "ns", "c", ID, CIPHER)
VERSIONS = ["3.4.34", "3.5.32", "3.6.11", "3.7.0"]


def backup(domain: Cluster | None = None, **more: Any) -> Manifest:
    given: dict[str, Any] = {
        "id": ID, "group": "schedule:u", "store": STORE, "cipher": CIPHER, "compression": "zstd",
        "members": [("c-0", "http://10.0.0.1:2379")], "retention": Rules(keep_last=3),
    }  # fmt: skip
    return backup_job(domain or cluster(), REQUEST, **{**given, **more})


def verify(domain: Cluster | None = None, version: str = "3.5.32") -> Manifest:
    return verify_job(
        domain or cluster(), REQUEST, id=ID, store=STORE, cipher=CIPHER, version=Version.parse(version), image=f"etcd:{version}"
    )


def restore(domain: Cluster | None = None, source: Stored | Surviving = SOURCE) -> Manifest:
    found = domain or cluster()
    return restore_job(found, REQUEST, member="c-7", inputs=found.inputs, source=source)


def pod(job: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def containers(job: Manifest) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in (*pod(job).get("initContainers", ()), *pod(job)["containers"])}


def config(job: Manifest, name: str) -> str:
    return next(str(e["value"]) for e in containers(job)[name]["env"] if e["name"] == CONFIG)


def flags(container: dict[str, Any]) -> dict[str, str]:
    return dict(arg.removeprefix("--").split("=", 1) for arg in container["args"] if arg.startswith("--"))


ALL: dict[str, Callable[..., Manifest]] = {"backup": backup, "verify": verify, "restore": restore}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("fixed_user", [True, False])
def test_every_job_has_the_least_rights(kind: str, fixed_user: bool) -> None:
    domain = validate(resource(), fixed_user=fixed_user)
    job = ALL[kind](domain)
    assert violations(pod(job)) == []
    assert pod(job)["automountServiceAccountToken"] is False
    assert pod(job)["restartPolicy"] == "Never"
    assert ("runAsUser" in pod(job)["securityContext"]) is fixed_user
    for container in containers(job).values():
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for name in set(containers(job)) - {"unpack", "etcd"}:
        assert containers(job)[name]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("kind", ["verify", "restore"])
@pytest.mark.parametrize(
    ("given", "resources"),
    [
        ({}, {"requests": {"cpu": "100m", "memory": "128Mi"}}),
        ({"requests": {"memory": "8Gi", "cpu": "1"}}, {"requests": {"cpu": "1", "memory": "8Gi"}}),
        ({"limits": {"memory": "6Gi"}}, {"requests": {"cpu": "100m", "memory": "6Gi"}, "limits": {"memory": "6Gi"}}),
    ],
)
def test_etcd_and_its_tool_may_have_as_much_memory_as_a_member(kind: str, given: Any, resources: Any) -> None:
    """A limit of our own would be less than what some members ask for, which the API server refuses."""
    found = containers(ALL[kind](cluster(resources=given)))
    for name in {"unpack", "etcd"} & set(found):
        assert found[name]["resources"] == resources


def test_a_verification_goes_where_its_data_has_room_and_takes_no_more() -> None:
    job = verify_job(
        cluster(), REQUEST, id=ID, store=STORE, cipher=None, version=Version.parse("3.5.32"), image="etcd", size=10 * 1024**3
    )
    (volume,) = [one for one in pod(job)["volumes"] if one["name"] == "data"]
    room = f"{22 * 1024 + 512}Mi"
    assert volume["emptyDir"] == {"sizeLimit": room}
    assert containers(job)["verify"]["resources"]["requests"]["ephemeral-storage"] == room
    (unknown,) = [one for one in pod(verify())["volumes"] if one["name"] == "data"]
    assert unknown["emptyDir"] == {}


@pytest.mark.parametrize("kind", ALL)
def test_every_job_ends(kind: str) -> None:
    spec = ALL[kind]()["spec"]
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["backoffLimit"] == 3


@pytest.mark.parametrize("kind", ALL)
def test_the_operator_and_the_services_do_not_take_its_pods_for_members(kind: str) -> None:
    job = ALL[kind]()
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"][labels.INSTANCE] == "c"
        assert metadata["labels"][labels.MANAGED_BY] == "davit-etcd-operator"
        assert metadata["labels"][labels.COMPONENT] == kind
        assert not selector("c").items() <= metadata["labels"].items()


def test_labels_of_members_pods_are_on_jobs_too_but_never_in_place_of_ours() -> None:
    """Network policies select by them."""
    job = backup(cluster(podMetadata={"labels": {"team": "a"}}))
    assert job["spec"]["template"]["metadata"]["labels"]["team"] == "a"


@pytest.mark.parametrize("kind", ALL)
def test_only_those_containers_see_secrets_that_need_them(kind: str) -> None:
    seeing = {
        name
        for name, container in containers(ALL[kind]()).items()
        if {"store", "encryption"} & {mount["name"] for mount in container["volumeMounts"]}
    }
    assert seeing == {"backup": {"backup"}, "verify": {"fetch", "verify"}, "restore": {"fetch"}}[kind]


def test_a_surviving_member_is_read_without_any_secret() -> None:
    job = restore(source=Surviving("c-1", "http://10.0.0.2:2379", 77))
    assert [volume["name"] for volume in pod(job)["volumes"]] == ["data", "scratch"]
    assert parse(config(job, "fetch"), Fetch.of) == Fetch(
        AgentSurviving("c-1", "http://10.0.0.2:2379"), Version.parse("3.5.32"), "/var/lib/etcd", 77, "/scratch"
    )


def test_the_agent_reads_what_the_operator_writes() -> None:
    assert parse(config(backup(), "backup"), Backup.of) == Backup(
        STORE, CIPHER, Subject("ns", "c", cluster().uid), ID, "schedule:u", "zstd",
        (("c-0", "http://10.0.0.1:2379"),), Rules(keep_last=3), hashed=False,
    )  # fmt: skip
    plain = parse(config(backup(cipher=None, retention=None, hashed=True), "backup"), Backup.of)
    assert (plain.cipher, plain.retention, plain.hashed) == (None, None, True)
    source = AgentStored(STORE, CIPHER, "ns", "c", ID)
    fetch = Fetch(source, Version.parse("3.5.32"), "/var/lib/etcd", proving=True)
    assert parse(config(verify(), "fetch"), Fetch.of) == fetch
    assert parse(config(verify(), "verify"), Verify.of) == Verify(source, "http://127.0.0.1:2379", "/var/lib/etcd")
    assert parse(config(restore(), "fetch"), Fetch.of) == Fetch(source, Version.parse("3.5.32"), "/var/lib/etcd", 0, "/scratch")
    assert parse(config(restore(), "settle"), Settle.of) == Settle("/var/lib/etcd", "/scratch", BUMP)
    assert ENGINE == "etcd"


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "null", '{"store": 1}', '{"volume": "/v"}'])
def test_the_agent_says_so_where_it_is_told_something_else(text: str | None) -> None:
    for of in (Backup.of, Fetch.of, Settle.of, Verify.of):
        with pytest.raises(AgentError, match="DAVIT_AGENT") as raised:
            parse(text, of)
        assert raised.value.permanent


@pytest.mark.parametrize("kind", ALL)
def test_the_steps_of_a_job(kind: str) -> None:
    steps = {
        "backup": ["backup"],
        "verify": ["fetch", "unpack", "etcd", "verify"],
        "restore": ["fetch", "unpack", "settle"],
    }
    assert list(containers(ALL[kind]())) == steps[kind]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restored_member_begins_as_its_stateful_set_would_have_it_begin(version: str) -> None:
    domain = cluster(version=version)
    unpack = containers(restore(domain))["unpack"]
    member = stateful_set(domain, "c-7", Record(domain.inputs, "new", ("c-7",)), 1)["spec"]["template"]["spec"]
    given = flags({"args": member["containers"][0]["args"]})
    ours = flags(unpack)
    for name in ("name", "initial-cluster", "initial-cluster-token", "initial-advertise-peer-urls"):
        assert ours[name] == given[name]
    assert unpack["image"] == member["containers"][0]["image"]
    assert ours["data-dir"] == "/var/lib/etcd/restore/data"
    assert unpack["args"][:3] == ["snapshot", "restore", "/var/lib/etcd/restore/snapshot.db"]
    assert unpack["command"] == (["etcdctl"] if version.startswith("3.4") else ["etcdutl"])
    assert {"name": "data", "mountPath": "/var/lib/etcd"} in unpack["volumeMounts"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-c-7"}} in pod(restore(domain))["volumes"]


@pytest.mark.parametrize(
    ("version", "bump"),
    [
        ("3.4.23", 0), ("3.4.27", 0), ("3.4.28", BUMP), ("3.5.9", 0), ("3.5.10", BUMP), ("3.5.16", BUMP), ("3.6.0", BUMP),
        ("3.7.0", BUMP),
    ],
)  # fmt: skip
def test_revisions_are_raised_where_the_release_can(version: str, bump: int) -> None:
    assert revision_bump(Version.parse(version)) == bump
    domain = replace(cluster(version="3.5.32"), inputs=cluster().inputs.at(Version.parse(version), "etcd:x"))
    found = flags(containers(restore(domain))["unpack"])
    assert found.get("bump-revision") == (str(bump) if bump else None)
    assert found.get("mark-compacted") == ("true" if bump else None)


def test_a_verification_raises_nothing_and_reaches_nobody() -> None:
    found = containers(verify(version="3.6.11"))
    assert not {"bump-revision", "mark-compacted"} & set(flags(found["unpack"]))
    assert found["etcd"]["restartPolicy"] == "Always"
    listening = [value for name, value in flags(found["etcd"]).items() if "urls" in name]
    assert listening
    assert all(value.startswith("http://127.0.0.1:") for value in listening)
    assert pod(verify())["volumes"][0] == {"name": "data", "emptyDir": {}}
    assert flags(containers(verify(version="3.4.34"))["etcd"])["logger"] == "zap"


def test_a_cluster_in_memory_has_no_volume_to_fill() -> None:
    with pytest.raises(ValueError, match="Memory"):
        restore(cluster(storage={"type": "Memory"}))


PLACED: dict[str, Any] = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "etcd", "operator": "Exists"}],
    "priorityClassName": "high",
    "topologySpread": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
}


def test_a_volume_is_filled_where_its_member_can_run() -> None:
    domain = cluster(**PLACED)
    member = stateful_set(domain, "c-7", Record(domain.inputs, "new", ("c-7",)), 1)["spec"]["template"]["spec"]
    job = pod(restore(domain))
    for name in ("affinity", "nodeSelector", "tolerations", "priorityClassName", "topologySpreadConstraints"):
        assert job[name] == member[name]


def test_a_backup_runs_on_the_members_kind_of_nodes_but_not_apart_from_them() -> None:
    for job in (backup(cluster(**PLACED)), verify(cluster(**PLACED))):
        assert {n for n in ("affinity", "topologySpreadConstraints") if n in pod(job)} == set()
        assert pod(job)["nodeSelector"] == PLACED["nodeSelector"]
        assert pod(job)["tolerations"] == PLACED["tolerations"]


def term(**selector_: Any) -> dict[str, Any]:
    return {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector_}


@pytest.mark.parametrize(
    ("selecting", "own"),
    [
        ({"matchLabels": selector("c")}, True),
        ({"matchLabels": {"team": "a"}}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "other", "operator": "DoesNotExist"}]}, True),
        ({"matchLabels": {"team": "b"}}, False),
        ({"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchLabels": selector("other")}, False),
    ],
)
def test_being_apart_from_the_clusters_own_members_is_a_wish_only(selecting: dict[str, Any], own: bool) -> None:
    """They serve until the volume is filled: with as many nodes as members no node would be left."""
    elsewhere = term(matchLabels={"app": "noisy"})
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term(**selecting), elsewhere]},
    }
    job = pod(restore(cluster(affinity=affinity, podMetadata={"labels": {"team": "a"}})))
    if not own:
        assert job["affinity"] == affinity
        return
    assert job["affinity"]["nodeAffinity"] == affinity["nodeAffinity"]
    assert job["affinity"]["podAntiAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": [elsewhere],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term(**selecting)}],
    }


def test_images_are_pulled_with_the_secrets_of_both() -> None:
    job = backup(cluster(imagePullSecrets=[{"name": "theirs"}, {"name": "pull"}]))
    assert pod(job)["imagePullSecrets"] == [{"name": "theirs"}, {"name": "pull"}]


def test_a_member_s_memory_limit_holds_for_its_restore() -> None:
    given = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "3Gi"}}
    assert containers(restore(cluster(resources=given)))["unpack"]["resources"] == given
    assert containers(verify(cluster(resources=given)))["etcd"]["resources"] == given


def test_no_secret_is_in_the_manifest_but_by_name() -> None:
    text = json.dumps([make() for make in ALL.values()])
    assert "secretKeyRef" not in text
    assert "envFrom" not in text
