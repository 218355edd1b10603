from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from davit.cache import RETRY, Cache
from davit.errors import Blocked, Transient
from davit.kube.kinds import CONFIG_MAP, SECRET
from davit.model import Key, Kind, Manifest
from hypothesis import given
from hypothesis import strategies as st

from davit_tests import faketime

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
A = Key("shop", "a")


def toy(version: int, name: str = "a", **more: object) -> Manifest:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": str(version), **more}}


class Lister:
    """Lists what the test says; may be told something in the middle of it, or fail."""

    def __init__(self, *found: Manifest) -> None:
        self.found: Sequence[Manifest] = found
        self.error: Exception | None = None
        self.entered, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.asked: list[tuple[str, str | None]] = []

    async def each(self, kind: Kind, namespace: str | None, *, names: bool = False) -> AsyncIterator[Manifest]:
        self.asked.append(("metadata" if names else "list", namespace))
        found = [*self.found]
        self.entered.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        for item in found:
            yield item


async def filled(cache: Cache, lister: Lister, kind: Kind = TOY) -> None:
    cache.relisted(kind)
    keeping = asyncio.create_task(cache.keep(lister, (None,)))
    await asyncio.wait_for(cache.filled(), 3)
    keeping.cancel()


async def test_it_is_filled_when_every_kind_was_listed_after_its_watch_began() -> None:
    cache = Cache((TOY,), names=(SECRET,))
    cache.expect({TOY, SECRET})
    cache.note(TOY, None, toy(1))
    assert cache.missing == ("secrets are not listed yet", "toys are not listed yet")
    lister = Lister(toy(1))
    keeping = asyncio.create_task(cache.keep(lister, (None,)))
    cache.relisted(TOY)
    while len(cache.missing) > 1:
        await asyncio.sleep(0)
    assert "secrets" in cache.missing[0]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cache.filled(), 0.01)
    cache.relisted(SECRET)
    await asyncio.wait_for(cache.filled(), 3)
    assert lister.asked == [("list", None), ("metadata", None)]
    keeping.cancel()


async def test_nothing_is_waited_for_of_a_kind_that_is_not_served() -> None:
    cache = Cache((TOY,))
    cache.note(TOY, "ADDED", toy(1))
    cache.expect(())
    await asyncio.wait_for(cache.filled(), 1)
    assert cache.missing == ()
    assert cache.objects(TOY) == {}


async def test_events_are_taken_in_and_old_ones_are_not() -> None:
    cache = Cache((TOY,))
    cache.note(TOY, "ADDED", toy(5))
    cache.note(TOY, "MODIFIED", toy(9))
    cache.note(TOY, "MODIFIED", toy(10, labels={"x": "y"}))
    cache.note(TOY, "MODIFIED", toy(9))
    assert cache.objects(TOY)[A]["metadata"]["labels"] == {"x": "y"}
    cache.note(TOY, "DELETED", toy(9))
    assert A in cache.objects(TOY)
    cache.note(TOY, "DELETED", toy(11))
    assert cache.get(TOY, A) is None


async def test_only_metadata_is_held_where_only_names_are_asked_for() -> None:
    cache = Cache((TOY,), names=(SECRET,))
    full = {**toy(1, labels={"a": "b"}, annotations={"c": "d"}, managedFields=[{}]), "data": {"key": "secret"}}
    cache.note(SECRET, "ADDED", full)
    cache.note(TOY, "ADDED", full)
    assert cache.get(SECRET, A) == {
        "metadata": {"name": "a", "namespace": "shop", "uid": "uid-a", "resourceVersion": "1"},
    }
    assert "managedFields" not in (cache.get(TOY, A) or {})["metadata"]
    assert (cache.get(TOY, A) or {})["data"] == {"key": "secret"}


async def test_a_listing_takes_ghosts_away_and_tells_of_them() -> None:
    cache = Cache((TOY,))
    told: list[tuple[Kind, str]] = []
    cache.vanished = lambda kind, manifest: told.append((kind, manifest["metadata"]["name"]))
    cache.note(TOY, "ADDED", toy(1))
    cache.note(TOY, "ADDED", toy(2, "b"))
    await filled(cache, Lister(toy(2, "b")))
    assert list(cache.objects(TOY)) == [Key("shop", "b")]
    assert told == [(TOY, "a")]


async def test_what_the_watch_says_during_a_listing_wins_when_it_is_newer() -> None:
    cache = Cache((TOY,))
    cache.note(TOY, "ADDED", toy(1, "gone"))
    lister = Lister(toy(1, "gone"), toy(3, "edited"), toy(7, "old"))
    lister.go.clear()
    cache.relisted(TOY)
    keeping = asyncio.create_task(cache.keep(lister, (None,)))
    await lister.entered.wait()
    cache.note(TOY, "DELETED", toy(4, "gone"))
    cache.note(TOY, "ADDED", toy(5, "new"))
    cache.note(TOY, "MODIFIED", toy(6, "edited"))
    cache.note(TOY, "MODIFIED", toy(6, "old"))
    lister.go.set()
    await cache.filled()
    versions = {key.name: found["metadata"]["resourceVersion"] for key, found in cache.objects(TOY).items()}
    assert versions == {"new": "5", "edited": "6", "old": "7"}
    keeping.cancel()


@pytest.mark.parametrize("error", [Transient("away"), Blocked("Forbidden", "no")])
def test_a_failing_listing_empties_nothing_and_is_tried_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        cache = Cache((TOY,))
        cache.note(TOY, "ADDED", toy(1))
        lister = Lister(toy(2))
        lister.error = error
        cache.relisted(TOY)
        keeping = asyncio.create_task(cache.keep(lister, (None,)))
        await asyncio.sleep(0.1)
        assert cache.objects(TOY) == {A: toy(1)}
        assert cache.missing
        lister.error = None
        await asyncio.sleep(RETRY)
        assert cache.objects(TOY) == {A: toy(2)}
        assert not cache.missing
        keeping.cancel()

    faketime.run(scenario())
    assert "could not be listed" in caplog.text


async def test_a_watch_that_lists_anew_during_a_listing_has_another_one_made() -> None:
    cache = Cache((TOY,))
    lister = Lister(toy(1))
    lister.go.clear()
    cache.relisted(TOY)
    keeping = asyncio.create_task(cache.keep(lister, (None,)))
    await lister.entered.wait()
    cache.relisted(TOY)
    lister.found = [toy(2)]
    lister.go.set()
    while len(lister.asked) < 2:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert cache.objects(TOY) == {A: toy(2)}
    keeping.cancel()


async def test_every_namespace_is_listed() -> None:
    cache = Cache((TOY,))
    lister = Lister(toy(1))
    cache.relisted(TOY)
    keeping = asyncio.create_task(cache.keep(lister, ("shop", "bank")))
    await cache.filled()
    assert lister.asked == [("list", "shop"), ("list", "bank")]
    keeping.cancel()


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_the_newest_word_counts_in_whatever_order_it_comes(order: list[int], deletions: set[int]) -> None:
    """Words about one object, of which the watch may repeat and reorder the older ones but ends with the newest."""

    async def scenario() -> None:
        cache = Cache((CONFIG_MAP,))
        for version in (*order, 5):
            gone = version in deletions and version == 5
            cache.note(CONFIG_MAP, "DELETED" if gone else "MODIFIED", toy(version + 1))
        expected = set() if 5 in deletions else {A}
        assert set(cache.objects(CONFIG_MAP)) == expected

    asyncio.run(scenario())
