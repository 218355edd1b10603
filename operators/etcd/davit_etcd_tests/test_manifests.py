from __future__ import annotations

import json
from typing import Any

import pytest
from davit.model import Manifest
from davit_etcd.manifests import member_of_url, peer_url, services
from davit_etcd.manifests.disruption_budget import disruption_budget
from davit_etcd.manifests.stateful_set import stateful_set
from davit_etcd.manifests.volume import requested, volume
from davit_etcd.model import CLUSTER_ID_ANNOTATION, CLUSTER_UID_ANNOTATION, DIGEST_ANNOTATION, ROLE_LABEL, Cluster, Member, Record
from davit_etcd.validate import validate

from davit_etcd_tests import builders
from davit_etcd_tests.builders import cluster, snapshot

VERSIONS = ["3.4.34", "3.5.10", "3.5.32", "3.6.11", "3.7.0"]
SPECS: list[dict[str, Any]] = [
    {},
    {"storage": {"type": "Memory"}},
    {"resources": {"limits": {"memory": "1Gi"}}, "podMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}},
]


def made(record: Record, domain: Cluster | None = None, replicas: int = 1) -> Manifest:
    return stateful_set(domain or cluster(), "c-1", record, replicas)


def pod(record: Record | None = None, **spec: Any) -> Manifest:
    domain = cluster(**spec)
    template: Manifest = made(record or Record(domain.inputs, "established"), domain)["spec"]["template"]
    return template


def flags(manifest: Manifest) -> dict[str, str]:
    args = manifest["spec"]["containers"][0]["args"]
    found = dict(arg.removeprefix("--").split("=", 1) for arg in args)
    assert len(found) == len(args)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("spec", SPECS)
def test_every_pod_passes_pod_security_restricted(spec: dict[str, Any], version: str) -> None:
    """Kubernetes documentation, "Pod Security Standards", restricted; and our own rules on top."""
    body = pod(version=version, **spec)["spec"]
    assert not body.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert body["automountServiceAccountToken"] is False
    assert body["securityContext"]["runAsNonRoot"] is True
    assert body["securityContext"]["runAsUser"] > 0
    assert body["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {next(iter(volume.keys() - {"name"})) for volume in body["volumes"]} <= {"emptyDir", "persistentVolumeClaim"}
    for container in body["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert not context.get("privileged")
        assert container["resources"]
        assert not any("hostPort" in port for port in container["ports"])


def test_the_user_can_be_left_to_the_platform() -> None:
    """OpenShift gives each namespace its own range of users and groups, and refuses others."""
    domain = validate(builders.resource(), fixed_user=False)
    context = pod(Record(domain.inputs, "established"))["spec"]["securityContext"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("version", VERSIONS)
def test_probes_never_ask_for_quorum_to_live_and_need_no_shell(version: str) -> None:
    container = pod(version=version)["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert set(container[probe]) == {"httpGet", "periodSeconds", "timeoutSeconds", "failureThreshold"}
    alive = container["livenessProbe"]["httpGet"]["path"]
    ready = container["readinessProbe"]["httpGet"]["path"]
    if version == "3.5.10":
        assert (alive, ready) == ("/version", "/health?exclude=NOSPACE")
    else:
        assert (alive, ready) == ("/livez", "/readyz")
    patience = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
    assert patience >= 1800


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("3.4.34", {"logger": "zap", "experimental-initial-corrupt-check": "true"}, "feature-gates"),
        ("3.5.32", {"experimental-initial-corrupt-check": "true"}, "feature-gates"),
        ("3.6.11", {"feature-gates": "InitialCorruptCheck=true"}, "experimental-initial-corrupt-check"),
        ("3.7.0", {"feature-gates": "InitialCorruptCheck=true"}, "experimental-initial-corrupt-check"),
    ],
)
def test_flags_fit_the_release(version: str, has: dict[str, str], has_not: str) -> None:
    found = flags(pod(version=version))
    assert has.items() <= found.items()
    assert has_not not in found
    assert "logger" in found if version == "3.4.34" else "logger" not in found


def test_gates_of_the_user_come_beside_ours() -> None:
    assert (
        flags(pod(version="3.6.11", etcdOptions={"feature-gates": "X=true"}))["feature-gates"]
        == "InitialCorruptCheck=true,X=true"
    )
    own = {"feature-gates": "InitialCorruptCheck=false"}
    assert flags(pod(version="3.6.11", etcdOptions=own))["feature-gates"] == "InitialCorruptCheck=false"
    off = {"experimental-initial-corrupt-check": "false"}
    assert flags(pod(version="3.5.32", etcdOptions=off))["experimental-initial-corrupt-check"] == "false"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_established_member_can_never_begin_again(version: str) -> None:
    """With an empty disk it must not find its own name in the list, whatever the user's flags are."""
    domain = cluster(version=version, etcdOptions={"heartbeat-interval": "200"})
    found = flags(pod(Record(domain.inputs, "established", ("c-0", "c-1")), version=version))
    assert found["initial-cluster-state"] == "existing"
    assert "c-1" not in found["initial-cluster"]
    assert ".invalid:" in found["initial-cluster"]
    assert "initial-cluster-token" not in found


def test_the_first_members_share_one_list_and_token() -> None:
    domain = cluster()
    record = Record(domain.inputs, "new", ("c-0", "c-1", "c-2"))
    both = [flags(stateful_set(domain, name, record, 1)["spec"]["template"]) for name in ("c-0", "c-1")]
    shared = [
        {key: found[key] for key in ("initial-cluster", "initial-cluster-token", "initial-cluster-state")} for found in both
    ]
    assert shared[0] == shared[1]
    assert shared[0]["initial-cluster-state"] == "new"
    assert shared[0]["initial-cluster-token"] == "ns-c-uid-cr"
    urls = [f"{name}={peer_url(domain, name)}" for name in record.peers]
    assert shared[0]["initial-cluster"] == ",".join(urls)
    assert {found["name"] for found in both} == {"c-0", "c-1"}
    for found in both:
        assert f"{found['name']}={found['initial-advertise-peer-urls']}" in found["initial-cluster"]


def test_a_joining_member_finds_itself_among_the_existing() -> None:
    found = flags(pod(Record(cluster().inputs, "join", ("c-0", "c-1"))))
    assert found["initial-cluster-state"] == "existing"
    assert "c-1=http://c-1-0.c-peers.ns.svc:2380" in found["initial-cluster"].split(",")


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("3.5.33", {"experimental-corrupt-check-time": "1h", "experimental-initial-corrupt-check": "false"}, "feature-gates"),
        ("3.6.14", {"corrupt-check-time": "1h", "feature-gates": "InitialCorruptCheck=false"}, "experimental-corrupt-check-time"),
        (
            "3.7.0",
            {"corrupt-check-time": "1h", "feature-gates": "InitialCorruptCheck=false"},
            "experimental-initial-corrupt-check",
        ),
    ],
)
def test_what_people_wrote_is_said_in_the_words_of_the_release(version: str, has: dict[str, str], has_not: str) -> None:
    written = {"experimental-corrupt-check-time": "1h", "experimental-initial-corrupt-check": "false"}
    given = flags(pod(version=version, etcdOptions=written))
    assert has.items() <= given.items()
    assert has_not not in given


def test_no_flag_of_the_user_replaces_one_of_ours() -> None:
    plain, opted = flags(pod()), flags(pod(etcdOptions={"heartbeat-interval": "200"}, quota="4Gi"))
    assert plain.items() <= opted.items()


def test_nothing_of_the_operators_version_is_in_a_template() -> None:
    import davit_etcd

    text = json.dumps(pod())
    assert f'"{davit_etcd.__version__}"' not in text
    assert "app.kubernetes.io/version" not in text


def test_the_set_revives_one_pod_and_never_rolls_by_itself() -> None:
    record = Record(cluster().inputs, "established")
    spec = made(record)["spec"]
    assert spec["replicas"] == 1
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    assert "volumeClaimTemplates" not in spec
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert ROLE_LABEL not in spec["selector"]["matchLabels"]
    assert made(record, replicas=0)["spec"]["replicas"] == 0


def test_the_template_depends_on_nothing_but_record_and_identity() -> None:
    """Or an edit of size, pause or storage would restart members."""
    record = Record(cluster().inputs, "established")
    grown = cluster(size=5, paused=True, storage={"size": "16Gi"}, etcdOptions={"heartbeat-interval": "9"})
    assert made(record)["spec"]["template"] == made(record, grown)["spec"]["template"]


def test_a_learner_gets_no_clients() -> None:
    domain = cluster()
    learner = pod(Record(domain.inputs, "join", ("c-0", "c-1"), voter=False))["metadata"]["labels"]
    voter = pod(Record(domain.inputs, "established"))["metadata"]["labels"]
    chosen = services.client(domain)["spec"]["selector"]
    assert chosen.items() <= voter.items()
    assert not chosen.items() <= learner.items()
    assert services.peers(domain)["spec"]["selector"].items() <= learner.items()


def test_members_find_each_other_before_they_are_ready() -> None:
    spec = services.peers(cluster())["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True


def test_reserved_labels_of_the_user_never_win() -> None:
    given: dict[str, Any] = {"podMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    head = pod(**given)["metadata"]
    assert head["labels"]["team"] == "a"
    assert head["annotations"]["note"] == "b"
    assert head["annotations"][DIGEST_ANNOTATION] == cluster(**given).inputs.digest


@pytest.mark.parametrize(("voters", "size", "least"), [(0, 3, 2), (1, 3, 2), (3, 1, 2), (5, 5, 3), (3, 0, 2), (7, 3, 4)])
def test_the_budget_keeps_a_quorum_of_what_there_is_and_will_be(voters: int, size: int, least: int) -> None:
    spec = disruption_budget(cluster(size=size), voters)["spec"]
    assert spec["minAvailable"] == least
    assert spec["selector"]["matchLabels"][ROLE_LABEL] == "voter"


def test_claims_outlive_the_cluster_unless_told_otherwise() -> None:
    kept = volume(cluster(), Member("c-1"), "", "8Gi")
    assert "ownerReferences" not in kept["metadata"]
    goes = volume(cluster(storage={"whenDeleted": "Delete"}), Member("c-1"), "", "8Gi")
    assert [ref["uid"] for ref in goes["metadata"]["ownerReferences"]] == ["uid-cr"]


def test_claims_say_whose_data_they_hold() -> None:
    fresh = volume(cluster(), Member("c-1"), "", "8Gi")["metadata"]["annotations"]
    assert fresh == {CLUSTER_UID_ANNOTATION: "uid-cr"}
    formed = volume(cluster(), Member("c-1"), "c9", "8Gi")["metadata"]["annotations"]
    assert formed[CLUSTER_ID_ANNOTATION] == "c9"


def test_a_foreign_claim_is_not_made_ours_before_it_is_adopted() -> None:
    domain = cluster()
    (member,) = snapshot(domain, {"formed": False, "members": {"c-1": {"owner": "uid-before"}}}).members
    assert volume(domain, member, "", "8Gi")["metadata"]["annotations"][CLUSTER_UID_ANNOTATION] == "uid-before"
    assert volume(domain, member, "c9", "8Gi")["metadata"]["annotations"][CLUSTER_UID_ANNOTATION] == "uid-cr"


def test_what_can_not_change_in_a_claim_is_left_as_it_is() -> None:
    domain = cluster()
    (member,) = snapshot(domain, {"members": {"c-1": {}}}).members
    assert member.volume is not None
    member.volume["spec"] |= {"storageClassName": "slow", "accessModes": ["ReadWriteOncePod"], "volumeName": "pv-1"}
    found = volume(cluster(storage={"storageClassName": "fast"}), member, "c1", "8Gi")["spec"]
    assert found["storageClassName"] == "slow"
    assert found["accessModes"] == ["ReadWriteOncePod"]
    assert requested({"spec": found}) == "8Gi"


@pytest.mark.parametrize(
    ("url", "member"),
    [
        ("http://c-1-0.c-peers.ns.svc:2380", "c-1"),
        ("http://c-12-0.c-peers.ns.svc:2380", "c-12"),
        ("https://c-1-0.c-peers.ns.svc:2380", None),
        ("http://c-1-0.c-peers.other.svc:2380", None),
        ("http://c-1-0.d-peers.ns.svc:2380", None),
        ("http://c-x-0.c-peers.ns.svc:2380", None),
        ("http://c-1-1.c-peers.ns.svc:2380", None),
        ("http://10.0.0.1:2380", None),
        ("", None),
    ],
)
def test_members_are_known_by_their_peer_url(url: str, member: str | None) -> None:
    assert member_of_url(cluster(), url) == member
