"""What the plan of an upgrade, of going back and of taking back rests on, tried on real releases of etcd."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

import pytest
from davit_etcd.client import EtcdError
from davit_etcd.versions import FRESH_SNAPSHOT

from davit_etcd_tests.api.processes import Trio, trio, until

pytestmark = pytest.mark.api

STEPS = [("3.5", "3.6"), ("3.6", "3.7")]


async def lowered(cluster: Trio, line: str) -> None:
    """Told to go back, and ready for it."""
    assert await cluster.etcd.validate_downgrade(cluster.members[0].url, line) == ""
    await cluster.etcd.enable_downgrade(cluster.members[0].url, line)
    await cluster.etcd.enable_downgrade(cluster.members[1].url, line)
    await cluster.speaks(line)
    assert {status.downgrade for status in await cluster.statuses()} == {f"{line}.0"}


@pytest.mark.parametrize(("lower", "higher"), STEPS)
async def test_goes_back_one_line_and_up_again(tmp_path: Path, lower: str, higher: str) -> None:
    async with trio(tmp_path) as cluster:
        await cluster.start(higher)
        for number in range(20):
            await cluster.put(f"k{number}")
        await lowered(cluster, lower)
        for member in cluster.members:
            await cluster.restart(member, lower)
        await cluster.put("after")
        await cluster.speaks(lower)
        for member in cluster.members:
            await cluster.restart(member, higher)
            # Who goes up again at once is faster than etcd, which needs seconds to see that all had gone back.
            if any(status.downgrade for status in await cluster.statuses()):
                await cluster.etcd.cancel_downgrade(member.url)
        await cluster.speaks(higher)
        for member in cluster.members:
            assert await cluster.keys(member) == 21
        assert {status.downgrade for status in await cluster.statuses()} == {""}


@pytest.mark.parametrize(("lower", "higher"), STEPS)
async def test_going_back_is_taken_back_half_way(tmp_path: Path, lower: str, higher: str) -> None:
    async with trio(tmp_path) as cluster:
        await cluster.start(higher)
        await lowered(cluster, lower)
        first, *others = cluster.members
        for member in others:
            await cluster.restart(member, lower)
        # Only a member of the later release can be asked: see actions.execute.
        await cluster.etcd.cancel_downgrade(first.url)
        await cluster.etcd.cancel_downgrade(first.url)
        for member in others:
            await cluster.restart(member, higher)
        await cluster.speaks(higher)


@pytest.mark.parametrize(("line", "target"), [("3.6", "3.4"), ("3.7", "3.5"), ("3.6", "3.6"), ("3.6", "3.7")])
async def test_etcd_refuses_to_go_elsewhere(tmp_path: Path, line: str, target: str) -> None:
    async with trio(tmp_path) as cluster:
        await cluster.start(line)
        url = cluster.members[0].url
        assert "invalid downgrade target version" in await cluster.etcd.validate_downgrade(url, target)
        with pytest.raises(EtcdError, match="invalid downgrade target version"):
            await cluster.etcd.enable_downgrade(url, target)


@pytest.mark.parametrize(("lower", "higher"), STEPS)
async def test_a_member_goes_back_until_the_cluster_speaks_the_later_protocol(tmp_path: Path, lower: str, higher: str) -> None:
    """What taking back an upgrade rests on; once it is too late the old release refuses, and the new one goes on."""
    async with trio(tmp_path) as cluster:
        await cluster.start(lower)
        first, *others = cluster.members
        if lower == "3.6":
            for member in cluster.members:
                await cluster.restart(member, lower, FRESH_SNAPSHOT)
        await cluster.put("a")
        await cluster.restart(first, higher)
        await cluster.put("b")
        await cluster.restart(first, lower)
        await cluster.put("c")
        for member in (first, *others):
            await cluster.restart(member, higher)
        await cluster.speaks(higher)
        await first.stop()
        await first.start(lower)
        assert await first.ended() != 0
        await cluster.restart(first, higher)
        assert await cluster.keys(first) == 3


async def test_36_does_not_start_on_data_of_the_v2_api_and_35_comes_back(tmp_path: Path) -> None:
    """3.6 itself makes the check of `etcdutl check v2store` as it starts, and leaves the data as they are."""
    async with trio(tmp_path) as cluster:
        await cluster.start("3.5", {"enable-v2": "true"})
        first = cluster.members[0]
        request = urllib.request.Request(f"{first.url}/v2/keys/foo", b"value=bar", method="PUT")

        def write() -> bool:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == 201)

        await until("a key by the v2 API", lambda: asyncio.to_thread(write))
        await cluster.restart(first, "3.5")
        await first.stop()
        await first.start("3.6")
        assert await first.ended() != 0
        assert "v2 WAL for stage" in first.log.read_text() or "content in v2store" in first.log.read_text()
        await cluster.restart(first, "3.5")
