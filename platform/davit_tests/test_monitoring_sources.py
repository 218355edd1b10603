from __future__ import annotations

import base64
from typing import Literal

import pytest
from davit.cache import Cache
from davit.errors import Transient
from davit.kube.kinds import CONFIG_MAP, SECRET
from davit.model import Key, Kind, Manifest
from davit.monitoring.assets import Ref
from davit.monitoring.sources import Sources, content, source
from davit.testing.fake_client import FakeClient


def ref(name: str = "login", key: str = "user", kind: Literal["Secret", "ConfigMap"] = "Secret") -> Ref:
    return Ref(kind, "shop", name, key)


class World:
    def __init__(self) -> None:
        self.client = FakeClient()
        self.index = Cache((), names=(SECRET, CONFIG_MAP))
        self.sources = Sources(self.client, self.index)
        self.reads: list[Key] = []
        whole = self.client.get

        async def get(kind: Kind, key: Key) -> Manifest | None:
            self.reads.append(key)
            return await whole(kind, key)

        self.client.get = get  # type: ignore[method-assign]

    def put(self, name: str = "login", kind: Kind = SECRET, *, seen: bool = True, **data: str) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() if kind == SECRET else value for key, value in data.items()}
        found = self.client.put(kind, {"metadata": {"name": name, "namespace": "shop"}, "data": encoded})
        if seen:
            self.index.note(kind, "MODIFIED", found)


async def test_each_object_is_read_once_until_it_changes() -> None:
    world = World()
    world.put(user="me", password="x")
    refs = (ref(), ref(key="password"), ref(key="absent"), ref("nobody"))
    for _ in range(2):
        assert await world.sources.fetch(refs) == {ref(): b"me", ref(key="password"): b"x"}
    assert world.reads == [Key("shop", "login")]
    before = world.sources.stamp(refs)
    world.put(user="you")
    assert world.sources.stamp(refs) != before
    assert await world.sources.fetch(refs) == {ref(): b"you"}
    assert len(world.reads) == 2


async def test_a_secret_that_vanishes_is_no_longer_there() -> None:
    world = World()
    world.put(user="me")
    await world.sources.fetch([ref()])
    before = world.sources.stamp([ref()])
    found = world.client.objects[SECRET, Key("shop", "login")]
    world.index.note(SECRET, "DELETED", {**found, "metadata": {**found["metadata"], "resourceVersion": "99"}})
    assert world.sources.stamp([ref()]) != before
    assert await world.sources.fetch([ref()]) == {}


async def test_one_that_is_gone_before_the_watch_says_so_is_not_there_either() -> None:
    world = World()
    world.put(user="me")
    world.client.remove(SECRET, Key("shop", "login"))
    assert await world.sources.fetch([ref()]) == {}


async def test_content_newer_than_the_index_is_read_again_when_the_index_follows() -> None:
    world = World()
    world.put(user="old")
    world.put(user="new", seen=False)
    assert await world.sources.fetch([ref()]) == {ref(): b"new"}
    found = world.client.objects[SECRET, Key("shop", "login")]
    world.index.note(SECRET, "MODIFIED", found)
    assert await world.sources.fetch([ref()]) == {ref(): b"new"}


async def test_what_nobody_uses_is_forgotten() -> None:
    world = World()
    world.put(user="me")
    world.put("other", user="you")
    await world.sources.fetch([ref(), ref("other")])
    world.sources.keep([source(ref())])
    await world.sources.fetch([ref(), ref("other")])
    assert world.reads.count(Key("shop", "login")) == 1
    assert world.reads.count(Key("shop", "other")) == 2


async def test_a_read_that_fails_fails_the_whole_and_forgets_nothing() -> None:
    world = World()
    world.put(user="me")
    await world.sources.fetch([ref()])
    world.put("other", user="you")
    whole = world.client.get

    async def broken(kind: Kind, key: Key) -> Manifest | None:
        raise Transient("away")

    world.client.get = broken  # type: ignore[method-assign]
    with pytest.raises(Transient):
        await world.sources.fetch([ref(), ref("other")])
    world.client.get = whole  # type: ignore[method-assign]
    assert await world.sources.fetch([ref(), ref("other")]) == {ref(): b"me", ref("other"): b"you"}


def test_both_halves_of_a_config_map_are_read() -> None:
    binary = base64.b64encode(b"\xff").decode()
    assert content({"kind": "ConfigMap", "data": {"a": "é"}, "binaryData": {"b": binary}}) == {"a": "é".encode(), "b": b"\xff"}
    assert content({"kind": "Secret"}) == {}
    assert content({"kind": "ConfigMap", "data": None}) == {}
