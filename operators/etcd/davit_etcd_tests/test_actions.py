from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.kinds import PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from davit.model import Action, Key, Kind, Manifest
from davit.testing.fake_client import Crash, FakeClient, Write
from davit_etcd.actions import execute
from davit_etcd.commands import (
    AddLearner,
    DeletePod,
    Disarm,
    DiscardMember,
    ExpandVolume,
    GoBack,
    LabelVoter,
    MoveLeader,
    Promote,
    RemoveMember,
    StayUp,
)
from davit_etcd.manifests import OPERATOR
from davit_etcd.model import ROLE_LABEL, Member

from davit_etcd_tests import builders
from davit_etcd_tests.fake_members import FakeEtcd

THREE: dict[str, Any] = {"c-0": {}, "c-1": {}, "c-2": {}}
LEADER = "http://10.0.0.0:2379"


class Stage:
    def __init__(self, observed: dict[str, Any] | None = None) -> None:
        self.domain = builders.cluster(storage={"size": "16Gi"})
        self.snapshot = builders.snapshot(self.domain, observed or {"members": THREE})
        self.kube, self.etcd = FakeClient(OPERATOR), FakeEtcd()
        for member in self.snapshot.members:
            for kind, manifest in parts(member):
                if manifest is not None:
                    self.kube.put(kind, manifest)
            if member.endpoint is not None:
                self.etcd.endpoints[f"http://10.0.0.{member.ordinal}:2379"] = member.endpoint

    async def act(self, action: Action) -> None:
        await execute(action, self.domain, self.snapshot, self.kube, self.etcd)

    @property
    def deleted(self) -> list[Write]:
        return [write for write in self.kube.writes if write.verb == "delete"]


def parts(member: Member) -> tuple[tuple[Kind, Manifest | None], ...]:
    return (STATEFUL_SET, member.stateful_set), (PERSISTENT_VOLUME_CLAIM, member.volume), (POD, member.pod)


GONE = [
    Write("delete", "StatefulSet", "c-2"),
    Write("delete", "Pod", "c-2-0"),
    Write("delete", "PersistentVolumeClaim", "data-c-2"),
]


async def test_membership_is_asked_of_the_leader() -> None:
    stage = Stage()
    await stage.act(AddLearner("c-3", "m"))
    await stage.act(Promote("c-2", "a2", "m"))
    await stage.act(MoveLeader("a1", "m"))
    await stage.act(Disarm("dead", "m"))
    await stage.act(GoBack("3.5", "m"))
    assert stage.etcd.calls == [
        ("add_learner", LEADER, "http://c-3-0.c-peers.ns.svc:2380"),
        ("promote", LEADER, "a2"),
        ("move_leader", LEADER, "a1"),
        ("disarm", LEADER, "dead"),
        ("enable_downgrade", LEADER, "3.5"),
    ]
    assert stage.kube.writes == []


async def test_who_was_told_to_go_back_is_told_not_to() -> None:
    stage = Stage({"members": {"c-0": {}, "c-1": {"downgrade": "3.5.0"}, "c-2": {"downgrade": "3.5.0"}}})
    await stage.act(StayUp("m"))
    assert stage.etcd.calls == [("cancel_downgrade", "http://10.0.0.1:2379")]


async def test_a_refused_change_of_membership_is_tried_again_soon() -> None:
    stage = Stage()
    stage.etcd.refuse = {"add_learner", "promote"}
    for action in (AddLearner("c-3", "m"), Promote("c-2", "a2", "m")):
        with pytest.raises(Transient) as caught:
            await stage.act(action)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after < 1


async def test_nobody_healthy_means_later() -> None:
    stage = Stage({"members": {"c-0": {"leader": False}, "c-1": {"etcd": "learner"}}, "leader": ""})
    with pytest.raises(Transient, match="no healthy member"):
        await stage.act(AddLearner("c-2", "m"))


async def test_a_member_leaves_etcd_before_its_objects_go_and_its_set_before_the_rest() -> None:
    stage = Stage()
    await stage.act(RemoveMember("c-2", "a2", "m", "R"))
    assert stage.etcd.calls == [("remove", LEADER, "a2")]
    assert stage.deleted == GONE


async def test_nothing_is_deleted_where_etcd_refuses() -> None:
    stage = Stage()
    stage.etcd.refuse = {"remove"}
    with pytest.raises(Transient):
        await stage.act(RemoveMember("c-2", "a2", "m", "R"))
    assert stage.kube.writes == []


async def test_the_leaders_own_removal_is_asked_of_another() -> None:
    stage = Stage()
    await stage.act(RemoveMember("c-0", "a0", "m", "R"))
    assert stage.etcd.calls == [("remove", "http://10.0.0.1:2379", "a0")]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("before", [True, False])
async def test_discarding_survives_a_crash_anywhere(number: int, before: bool) -> None:
    stage = Stage()
    stage.kube.fail_write(number, before=before)
    with pytest.raises(Crash):
        await stage.act(DiscardMember("c-2", "m"))
    await stage.act(DiscardMember("c-2", "m"))
    left = {key.name for _, key in stage.kube.objects}
    assert left == {"c-0", "c-0-0", "data-c-0", "c-1", "c-1-0", "data-c-1"}


async def test_a_successor_under_the_same_name_is_not_hit() -> None:
    stage = Stage()
    for kind, key in ((STATEFUL_SET, "c-2"), (POD, "c-2-0"), (PERSISTENT_VOLUME_CLAIM, "data-c-2")):
        stage.kube.objects[kind, Key("ns", key)]["metadata"]["uid"] = "successor"
    await stage.act(DiscardMember("c-2", "m"))
    await stage.act(DeletePod("c-2", "pod-c-2", "m", "R"))
    assert stage.deleted == []


async def test_discarding_what_is_gone_is_nothing() -> None:
    stage = Stage()
    await stage.act(DiscardMember("c-9", "m"))
    assert stage.kube.writes == []


async def test_restarting_deletes_one_pod() -> None:
    stage = Stage()
    await stage.act(DeletePod("c-1", "pod-c-1", "m", "R"))
    assert stage.deleted == [Write("delete", "Pod", "c-1-0")]


async def test_a_voter_is_marked() -> None:
    stage = Stage({"members": {"c-0": {}, "c-1": {"labelled": False}}})
    await stage.act(LabelVoter("c-1", "m"))
    labels = stage.kube.objects[POD, Key("ns", "c-1-0")]["metadata"]["labels"]
    assert labels[ROLE_LABEL] == "voter"
    assert len(labels) > 1


async def test_a_claim_grows_and_keeps_what_it_is() -> None:
    stage = Stage({"members": {"c-0": {"size": "8Gi"}}})
    before = dict(stage.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-0")]["metadata"]["annotations"])
    await stage.act(ExpandVolume("c-0", "16Gi", "m"))
    claim = stage.kube.objects[PERSISTENT_VOLUME_CLAIM, Key("ns", "data-c-0")]
    assert claim["spec"]["resources"]["requests"]["storage"] == "16Gi"
    assert before.items() <= claim["metadata"]["annotations"].items()
