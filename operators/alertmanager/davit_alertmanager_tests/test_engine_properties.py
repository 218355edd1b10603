"""Whatever amtool dislikes, exactly that is left out, and what is published loads."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests.engine_world import BASE, Cluster, generated
from davit_alertmanager_tests.world import base_secret, config

NUMBERS = st.sets(st.integers(0, 11), max_size=5)


def url(number: int) -> str:
    return f"https://hook-{number:02}.example"


def route(first: int) -> dict[str, Any]:
    """To three receivers, the last two in routes below that have a matcher of their own."""
    below = [{"receiver": f"r{n}", "matchers": [{"name": "n", "value": f"match-{n:02}"}]} for n in (first + 1, first + 2)]
    return {"receiver": f"r{first}", "routes": below}


def team(first: int) -> dict[str, Any]:
    receivers = [{"name": f"r{n}", "webhookConfigs": [{"url": url(n)}]} for n in range(first, first + 3)]
    return {"route": route(first), "receivers": receivers}


@given(NUMBERS, NUMBERS)
@settings(max_examples=12, deadline=None)
def test_exactly_the_bad_parts_are_left_out(hooks: set[int], routes: set[int]) -> None:
    asyncio.run(exactly(hooks, {number for number in routes if number % 3}))


async def exactly(hooks: set[int], routes: set[int]) -> None:
    bad = [url(number) for number in hooks] + [f"match-{number:02}" for number in routes]
    cluster = Cluster(base_secret(BASE), *(config(f"team-{first}", **team(first)) for first in (0, 3, 6, 9)))
    cluster.checker.says = lambda document: next((f"{word} is bad" for word in bad if word in document), None)
    await cluster.settle()
    text = generated(cluster.client)
    assert not [word for word in bad if word in text]
    for first in (0, 3, 6, 9):
        mine = range(first, first + 3)
        reachable = {n for n in mine if n not in hooks and n not in routes}
        if reachable:
            assert [n for n in mine if url(n) in text] == [n for n in mine if n not in hooks], (first, hooks, routes)
        if not (hooks | routes) & set(mine):
            assert f"team-{first}" not in {one["name"] for one in cluster.status().get("quarantined", ())}
    assert cluster.condition("ConfigLive")["status"] == "True"
