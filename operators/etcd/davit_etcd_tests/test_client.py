"""The answers are real ones of 3.5.33 and 3.7.0, shortened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from davit_etcd.client import EtcdClient, EtcdError, client_address
from davit_etcd.model import EtcdMember, Hash, Member

from davit_etcd_tests.fake_etcd import gateway

STATUS = {
    "header": {"cluster_id": "10144879847569953045", "member_id": "12428976124636271536", "revision": "7", "raft_term": "2"},
    "version": "3.5.33",
    "dbSize": "20480",
    "leader": "12428976124636271536",
    "raftIndex": "9",
    "raftTerm": "2",
    "raftAppliedIndex": "8",
    "errors": ["memberID:777 alarm:NOSPACE "],
}
OLD_ERROR = {"error": "etcdserver: {0}", "code": 9, "message": "etcdserver: {0}"}
NEW_ERROR = {"code": 9, "message": "etcdserver: {0}"}


@pytest.fixture
async def client() -> AsyncIterator[EtcdClient]:
    found = EtcdClient(timeout=1.0)
    yield found
    await found.close()


def refusal(shape: dict[str, Any], text: str, code: int = 400) -> tuple[int, dict[str, Any]]:
    return code, {key: value.replace("{0}", text) if isinstance(value, str) else value for key, value in shape.items()}


async def test_numbers_come_as_texts(client: EtcdClient) -> None:
    async with gateway({"maintenance/status": STATUS}) as etcd:
        found = await client.status(etcd.url)
    assert found.id == found.leader == f"{12428976124636271536:x}"
    assert found.cluster_id == f"{10144879847569953045:x}"
    assert (found.version, found.revision, found.raft_index, found.raft_applied_index, found.db_size) == (
        "3.5.33",
        7,
        9,
        8,
        20480,
    )
    assert found.errors == ("memberID:777 alarm:NOSPACE ",)
    assert not found.learner


async def test_zeros_and_falsehoods_are_left_out(client: EtcdClient) -> None:
    async with gateway({"maintenance/status": {"header": {"member_id": "5"}, "version": "3.5.33"}}) as etcd:
        found = await client.status(etcd.url)
    assert (found.id, found.leader, found.revision, found.db_size, found.errors) == ("5", "", 0, 0, ())


async def test_lists_members_whether_they_have_started_or_not(client: EtcdClient) -> None:
    listed = {"members": [{"ID": "16", "name": "c-0", "peerURLs": ["http://a:2380"], "clientURLs": ["http://a:2379"]},
                          {"ID": "255", "peerURLs": ["http://b:2380"], "isLearner": True}]}  # fmt: skip
    async with gateway({"cluster/member/list": listed}) as etcd:
        assert await client.members(etcd.url, linearizable=True) == (
            EtcdMember("10", "c-0", ("http://a:2380",), False),
            EtcdMember("ff", "", ("http://b:2380",), True),
        )
        assert etcd.bodies("cluster/member/list") == [{"linearizable": True}]


async def test_alarms_say_whose_they_are(client: EtcdClient) -> None:
    raised = {"alarms": [{"memberID": "777", "alarm": "NOSPACE"}, {"alarm": "CORRUPT"}]}
    async with gateway({"maintenance/alarm": raised}) as etcd:
        assert await client.alarms(etcd.url) == (("309", "NOSPACE"), ("", "CORRUPT"))
    async with gateway({"maintenance/alarm": {}}) as etcd:
        assert await client.alarms(etcd.url) == ()


async def test_disarms_one_member(client: EtcdClient) -> None:
    async with gateway({"maintenance/alarm": {}}) as etcd:
        await client.disarm(etcd.url, "309")
        assert etcd.bodies("maintenance/alarm") == [{"action": "DEACTIVATE", "alarm": "CORRUPT", "memberID": "777"}]


async def test_asks_for_the_version_that_the_cluster_speaks(client: EtcdClient) -> None:
    async with gateway({"version": {"etcdserver": "3.6.14", "etcdcluster": "3.5.0"}}) as etcd:
        assert await client.cluster_version(etcd.url) == "3.5.0"
    async with gateway({"version": "not json"}) as etcd:
        assert await client.cluster_version(etcd.url) == ""


async def test_what_a_member_of_36_tells_besides(client: EtcdClient) -> None:
    told = STATUS | {"storageVersion": "3.5.0", "downgradeInfo": {"enabled": True, "targetVersion": "3.5.0"}}
    async with gateway({"maintenance/status": told}) as etcd:
        found = await client.status(etcd.url)
    assert (found.storage_version, found.downgrade) == ("3.5.0", "3.5.0")
    for info in ({}, {"targetVersion": "3.5.0"}):
        async with gateway({"maintenance/status": STATUS | {"downgradeInfo": info}}) as etcd:
            assert (await client.status(etcd.url)).downgrade == ""


@pytest.mark.parametrize("shape", [OLD_ERROR, NEW_ERROR])
async def test_going_back_is_asked_for_told_and_taken_back(client: EtcdClient, shape: dict[str, Any]) -> None:
    path = "maintenance/downgrade"
    async with gateway({path: {"header": {}, "version": "3.6"}}) as etcd:
        assert await client.validate_downgrade(etcd.url, "3.5") == ""
        await client.enable_downgrade(etcd.url, "3.5")
        await client.cancel_downgrade(etcd.url)
        assert etcd.bodies(path) == [
            {"action": "VALIDATE", "version": "3.5"},
            {"action": "ENABLE", "version": "3.5"},
            {"action": "CANCEL"},
        ]
    async with gateway({path: refusal(shape, "invalid downgrade target version")}) as etcd:
        assert await client.validate_downgrade(etcd.url, "3.4") == "etcdserver: invalid downgrade target version"
        with pytest.raises(EtcdError, match="invalid downgrade target version"):
            await client.enable_downgrade(etcd.url, "3.4")
    async with gateway({path: refusal(shape, "cluster has a downgrade job in progress")}) as etcd:
        assert await client.validate_downgrade(etcd.url, "3.5") == ""
        await client.enable_downgrade(etcd.url, "3.5")
    async with gateway({path: refusal(shape, "no inflight downgrade job")}) as etcd:
        await client.cancel_downgrade(etcd.url)
    async with gateway({path: refusal(shape, "request timed out", 503)}) as etcd:
        with pytest.raises(EtcdError, match="timed out"):
            await client.validate_downgrade(etcd.url, "3.5")


async def test_reads_with_a_quorum_only(client: EtcdClient) -> None:
    async with gateway({"kv/range": {"header": {}}}) as etcd:
        await client.read(etcd.url)
        (body,) = etcd.bodies("kv/range")
        assert not body.get("serializable")
    async with gateway({"kv/range": (503, {"code": 14, "message": "etcdserver: request timed out"})}) as etcd:
        with pytest.raises(EtcdError, match="request timed out"):
            await client.read(etcd.url)


async def test_hashes_by_the_new_path_or_the_old(client: EtcdClient) -> None:
    reply = {"hash": 4294967295, "compact_revision": "5", "hash_revision": "9"}
    async with gateway({"maintenance/hashkv": reply}) as etcd:
        assert await client.hash_kv(etcd.url, 9) == Hash(4294967295, 5)
        assert etcd.asked == [("maintenance/hashkv", {"revision": "9"})]
    async with gateway({"maintenance/hash": {"hash": 7, "compact_revision": "-1"}}) as etcd:
        assert await client.hash_kv(etcd.url, 9) == Hash(7, -1)
    refused = refusal(NEW_ERROR, "mvcc: required revision is a future revision")
    async with gateway({"maintenance/hashkv": refused, "maintenance/hash": (404, "404 page not found")}) as etcd:
        with pytest.raises(EtcdError):
            await client.hash_kv(etcd.url, 99)


@pytest.mark.parametrize("shape", [OLD_ERROR, NEW_ERROR], ids=["3.5", "3.6"])
class TestRefusals:
    async def test_what_is_done_already_is_done(self, client: EtcdClient, shape: dict[str, Any]) -> None:
        answers = {
            "cluster/member/add": refusal(shape, "Peer URLs already exists"),
            "cluster/member/promote": refusal(shape, "can only promote a learner member"),
            "cluster/member/remove": refusal(shape, "member not found", 404),
        }
        async with gateway(answers) as etcd:
            await client.add_learner(etcd.url, "http://c:2380")
            await client.promote(etcd.url, "ff")
            await client.remove(etcd.url, "ff")

    async def test_what_is_not_done_is_told_in_etcds_words(self, client: EtcdClient, shape: dict[str, Any]) -> None:
        answers = {
            "cluster/member/add": refusal(shape, "too many learner members in cluster"),
            "cluster/member/promote": refusal(shape, "can only promote a learner member which is in sync with leader"),
            "cluster/member/remove": refusal(shape, "re-configuration failed due to not enough started members"),
            "maintenance/transfer-leadership": refusal(shape, "not leader"),
        }
        async with gateway(answers) as etcd:
            with pytest.raises(EtcdError, match="too many learner members"):
                await client.add_learner(etcd.url, "http://c:2380")
            with pytest.raises(EtcdError, match="in sync with leader"):
                await client.promote(etcd.url, "ff")
            with pytest.raises(EtcdError, match="not enough started members"):
                await client.remove(etcd.url, "ff")
            with pytest.raises(EtcdError, match="not leader"):
                await client.move_leader(etcd.url, "ff")

    async def test_a_member_that_is_unknown_is_not_promoted(self, client: EtcdClient, shape: dict[str, Any]) -> None:
        async with gateway({"cluster/member/promote": refusal(shape, "member not found", 404)}) as etcd:
            with pytest.raises(EtcdError, match="member not found"):
                await client.promote(etcd.url, "ff")


async def test_requests_carry_numbers_as_texts(client: EtcdClient) -> None:
    paths = ("cluster/member/add", "cluster/member/promote", "cluster/member/remove", "maintenance/transfer-leadership")
    async with gateway({path: {} for path in paths}) as etcd:
        await client.add_learner(etcd.url, "http://c:2380")
        await client.promote(etcd.url, "ac7c7f58e0a75970")
        await client.remove(etcd.url, "ac7c7f58e0a75970")
        await client.move_leader(etcd.url, "ac7c7f58e0a75970")
        assert [body for _, body in etcd.asked] == [
            {"peerURLs": ["http://c:2380"], "isLearner": True},
            {"ID": str(int("ac7c7f58e0a75970", 16))},
            {"ID": str(int("ac7c7f58e0a75970", 16))},
            {"targetID": str(int("ac7c7f58e0a75970", 16))},
        ]


@pytest.mark.parametrize("answer", [(500, "no gateway here"), (502, "<html>"), (500, "[1]"), (503, {})])
async def test_a_proxys_answer_is_an_error_too(client: EtcdClient, answer: tuple[int, Any]) -> None:
    async with gateway({"maintenance/status": answer}) as etcd:
        with pytest.raises(EtcdError):
            await client.status(etcd.url)


async def test_nobody_there_is_an_error(client: EtcdClient) -> None:
    async with gateway() as etcd:
        url = etcd.url
    with pytest.raises(EtcdError, match="Connect"):
        await client.status(url)


@pytest.mark.parametrize(("address", "url"), [("10.0.0.5", "http://10.0.0.5:2379"), ("fd00::5", "http://[fd00::5]:2379")])
def test_members_are_reached_by_their_pods_address(address: str, url: str) -> None:
    member = replace(Member("c-0"), pod={"status": {"podIP": address}})
    assert client_address(member) == url
