from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from davit.errors import Invalid
from davit.model import Key
from davit_etcd.model import Cluster, Storage
from davit_etcd.validate import validate
from davit_etcd.versions import Version

from davit_etcd_tests import builders
from davit_etcd_tests.builders import cluster


def problems(**spec: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        validate(builders.resource(spec))
    return {problem.field: problem.message for problem in caught.value.problems}


def test_the_least_gets_every_default() -> None:
    found = validate(builders.resource())
    assert found.key == Key("ns", "c")
    assert found.size == 3
    assert found.inputs.version == Version(3, 5, 32)
    assert found.inputs.image == "quay.io/coreos/etcd:v3.5.32"
    assert found.inputs.pod == "{}"
    assert found.inputs.flags == ()
    assert found.storage == Storage(memory=False, size="8Gi", bytes=Decimal(8 << 30), class_name=None, delete_with_cluster=False)
    assert not found.paused
    assert not found.held
    assert json.loads(found.owner)["uid"] == "uid-cr"


def test_memory_is_smaller_and_part_of_the_inputs() -> None:
    found = cluster(storage={"type": "Memory"})
    assert found.storage.memory
    assert found.inputs.memory == found.storage.size == "256Mi"


def test_nulls_and_empty_parts_are_as_if_absent() -> None:
    assert cluster(resources=None, tolerations=[], podMetadata=None, image=None).inputs == cluster().inputs


def test_a_leading_v_is_no_change() -> None:
    assert cluster(version="v3.5.32").inputs == cluster(version="3.5.32").inputs


def test_images_come_from_the_repository_or_the_override() -> None:
    assert validate(builders.resource(), "mirror/etcd").inputs.image == "mirror/etcd:v3.5.32"
    own = cluster(image="mirror/etcd@sha256:0")
    assert own.inputs.image == own.image_of(Version(3, 6, 11)) == "mirror/etcd@sha256:0"
    assert cluster().image_of(Version(3, 6, 11)) == "quay.io/coreos/etcd:v3.6.11"


RESOURCES = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1536Mi"}}


@pytest.mark.parametrize(
    "written",
    [
        {"requests": {"cpu": 1, "memory": "1024Mi"}, "limits": {"memory": "1.5Gi"}},
        {"requests": {"cpu": "1000m", "memory": 1 << 30}, "limits": {"memory": "1572864Ki"}},
        {"requests": {"memory": "1Gi", "cpu": 1.0}, "limits": {"memory": "1610612736"}},
    ],
)
def test_equal_quantities_are_no_change(written: dict[str, Any]) -> None:
    """Or a chart that renders `cpu: 1` where another wrote `cpu: "1"` restarts every member."""
    assert cluster(resources=written).inputs == cluster(resources=RESOURCES).inputs
    assert json.loads(cluster(resources=written).inputs.pod) == {"resources": RESOURCES}


def test_other_parts_of_resources_are_passed_on() -> None:
    given = {"claims": [{"name": "disk", "request": 1}], "limits": {"example.com/disk": 1}}
    wanted = {**given, "limits": {"example.com/disk": "1"}}
    assert json.loads(cluster(resources=given).inputs.pod) == {"resources": wanted}


def test_equal_sizes_of_memory_are_no_change() -> None:
    """The limit of the tmpfs is part of the pod; members in memory would all be replaced."""
    one, other = (cluster(storage={"type": "Memory", "size": size}) for size in ("1Gi", "1024Mi"))
    assert one.inputs == other.inputs
    assert one.inputs.memory == "1Gi"


def test_who_etcd_runs_as_is_part_of_the_inputs_only_where_it_is_left_open() -> None:
    """So that a change rolls through the members one by one, and that the default restarts nobody."""
    fixed, left_open = (validate(builders.resource(), fixed_user=fixed).inputs for fixed in (True, False))
    assert fixed == cluster().inputs
    assert "fixedUser" not in fixed.to_json()
    assert left_open.digest != fixed.digest


def test_typed_fields_become_flags() -> None:
    found = cluster(quota="4Gi", autoCompaction={"retention": "30m"}, etcdOptions={"--heartbeat-interval": "200"})
    assert dict(found.inputs.flags) == {
        "quota-backend-bytes": "4294967296",
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "30m",
        "heartbeat-interval": "200",
    }


@pytest.mark.parametrize(
    ("spec", "field", "remedy"),
    [
        ({"size": -1}, "spec.size", "greater than or equal to 0"),
        ({"size": 8}, "spec.size", "less than or equal to 7"),
        ({"size": "three"}, "spec.size", "integer"),
        ({"size": None}, "spec.size", "integer"),
        ({"size": 0, "storage": {"type": "Memory"}}, "spec.size", "delete the EtcdCluster instead"),
        ({"version": "latest"}, "spec.version", "match pattern"),
        ({"version": "3.3.27"}, "spec.version", "choose a later one"),
        ({"version": "3.8.0"}, "spec.version", "upgrade the operator first"),
        ({"version": "3.5.1"}, "spec.version", "choose 3.5.3 or later"),
        ({"storage": {"type": "Disk"}}, "spec.storage.type", "'PersistentVolumeClaim' or 'Memory'"),
        ({"storage": {"size": "8 GB"}}, "spec.storage.size", "write for example"),
        ({"storage": {"size": "0"}}, "spec.storage.size", "for example 8Gi"),
        ({"storage": {"size": "-1Gi"}}, "spec.storage.size", "for example 8Gi"),
        ({"storage": {"whenDeleted": "Maybe"}}, "spec.storage.whenDeleted", "'Retain' or 'Delete'"),
        ({"quota": "lots"}, "spec.quota", "write for example"),
        ({"quota": "1e999999999"}, "spec.quota", "out of range"),
        ({"quota": 0}, "spec.quota", "more than nothing"),
        ({"autoCompaction": {}}, "spec.autoCompaction.retention", "required"),
        ({"autoCompaction": {"retention": "soon"}}, "spec.autoCompaction.retention", "match pattern"),
        ({"autoCompaction": {"mode": "daily", "retention": "1"}}, "spec.autoCompaction.mode", "'periodic' or 'revision'"),
        ({"resources": "much"}, "spec.resources", "dictionary"),
        ({"resources": {"limits": "1Gi"}}, "spec.resources.limits", "must be a map"),
        ({"resources": {"requests": ["cpu"]}}, "spec.resources.requests", "must be a map"),
        ({"resources": {"limits": {"memory": "1GB"}}}, "spec.resources.limits.memory", "write for example"),
        ({"imagePullSecrets": [{"name": "a"}, {}]}, "spec.imagePullSecrets[1].name", "is missing"),
        ({"podMetadata": {"labels": {"etcd.davit.dev/x": "x"}}}, "spec.podMetadata.labels.etcd.davit.dev/x", "choose"),
        ({"podMetadata": {"annotations": {"etcd.davit.dev/x": "x"}}}, "spec.podMetadata.annotations.etcd.davit.dev/x", "choose"),
        ({"etcdOptions": {"Heartbeat": "1"}}, "spec.etcdOptions.Heartbeat", "heartbeat-interval"),
        ({"etcdOptions": {"quota-backend-bytes": "1"}}, "spec.etcdOptions.quota-backend-bytes", "set spec.quota"),
        ({"etcdOptions": {"auto-compaction-mode": "x"}}, "spec.etcdOptions.auto-compaction-mode", "set spec.autoCompaction.mode"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_remedy(spec: dict[str, Any], field: str, remedy: str) -> None:
    found = problems(**spec)
    assert list(found) == [field]
    assert remedy in found[field]


@pytest.mark.parametrize(
    "flag",
    [
        "name", "--name", "data-dir", "wal-dir", "listen-client-urls", "advertise-client-urls", "initial-cluster",
        "initial-cluster-state", "initial-cluster-token", "initial-advertise-peer-urls", "force-new-cluster",
        "force-new-cluster-bump-amount", "config-file", "discovery", "cert-file", "peer-key-file", "client-cert-auth",
        "trusted-ca-file", "logger", "log-outputs", "log-format", "enable-grpc-gateway", "strict-reconfig-check",
        "unsafe-no-fsync", "max-learners", "experimental-max-learners", "listen-metrics-urls",
    ],
)  # fmt: skip
def test_flags_that_members_hang_on_are_refused(flag: str) -> None:
    assert "remove it" in problems(etcdOptions={flag: "x"})[f"spec.etcdOptions.{flag}"]


@pytest.mark.parametrize("flag", ["heartbeat-interval", "election-timeout", "snapshot-count", "log-level", "max-request-bytes"])
def test_other_flags_pass(flag: str) -> None:
    assert dict(cluster(etcdOptions={flag: "1"}).inputs.flags) == {flag: "1"}


@pytest.mark.parametrize("name", ["a" * 41, "1a", "a-", "A", "a.b"])
def test_names_that_would_not_fit(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate(builders.resource(name=name))
    assert [problem.field for problem in caught.value.problems] == ["metadata.name"]


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(version="3.8.0", quota="x", etcdOptions={"name": "x"})
    assert set(found) == {"spec.version", "spec.quota", "spec.etcdOptions.name"}


def test_the_error_reads_as_one_sentence_per_problem() -> None:
    with pytest.raises(Invalid, match=r"^spec\.quota: .*; spec\.storage\.size: "):
        validate(builders.resource({"quota": "x", "storage": {"size": "y"}}))


# --- an invalid spec over a running cluster --------------------------------------------------------------------------

STATUS = {
    "clusterID": "c1",
    "currentVersion": "3.5.32",
    "members": [{"name": f"c-{n}", "id": f"a{n}", "role": "Follower"} for n in range(3)],
}


def fallback(spec: dict[str, Any], status: dict[str, Any]) -> Cluster | None:
    with pytest.raises(Invalid) as caught:
        validate(builders.resource(spec, status=status))
    found: Cluster | None = caught.value.fallback
    return found


def test_what_runs_is_kept_as_it_is() -> None:
    found = fallback({"version": "9.9.9"}, STATUS)
    assert found is not None
    assert found.held
    assert found.size == 3
    assert found.inputs.version == Version(3, 5, 32)


def test_what_runs_in_memory_is_kept_whatever_the_size_is_called() -> None:
    spec = {"version": "9.9.9", "storage": {"type": "Memory", "size": "1024Mi"}}
    found = fallback(spec, STATUS)
    assert found is not None
    assert found.inputs.memory == "1Gi"


def test_what_runs_is_kept_with_the_user_that_the_platform_gives() -> None:
    with pytest.raises(Invalid) as caught:
        validate(builders.resource({"version": "9.9.9"}, status=STATUS), fixed_user=False)
    assert not caught.value.fallback.inputs.fixed_user


def test_learners_do_not_count_as_wanted() -> None:
    members = [*STATUS["members"], {"name": "c-3", "id": "a3", "role": "Learner"}]
    found = fallback({"version": "9.9.9"}, {**STATUS, "members": members})
    assert found is not None
    assert found.size == 3


@pytest.mark.parametrize("status", [{}, {"clusterID": "c1"}, {"currentVersion": "3.5.32"}])
def test_what_never_ran_is_not_begun_by_a_guess(status: dict[str, Any]) -> None:
    assert fallback({"version": "9.9.9"}, status) is None


def test_an_invalid_spec_does_not_wake_a_hibernated_cluster() -> None:
    found = fallback({"size": 0, "version": "9.9.9"}, STATUS)
    assert found is None or found.size == 0


def test_an_invalid_spec_does_not_stop_a_cluster_whose_members_are_not_in_status() -> None:
    status = {key: value for key, value in STATUS.items() if key != "members"}
    found = fallback({"version": "9.9.9"}, status)
    assert found is None or found.size == 3
