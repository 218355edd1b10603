"""Exactly the bad parts are found, and few questions are asked."""

import math
from collections.abc import Sequence

from davit.monitoring.proof import culprits
from hypothesis import given
from hypothesis import strategies as st


class Product:
    """Refuses some parts, and some pairs of parts."""

    def __init__(self, bad: set[int], pairs: set[tuple[int, int]] = frozenset()) -> None:  # type: ignore[assignment]
        self.bad = bad
        self.pairs = pairs
        self.asked = 0

    async def ask(self, parts: Sequence[int]) -> str | None:
        self.asked += 1
        for part in parts:
            if part in self.bad:
                return f"{part} is bad"
        for first, second in self.pairs:
            if first in parts and second in parts:
                return f"{second} clashes with {first}"
        return None


@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=4))
async def test_exactly_the_bad_parts_are_found(count: int, bad: set[int]) -> None:
    bad = {part for part in bad if part < count}
    product = Product(bad)
    assert await culprits(list(range(count)), product.ask) == {part: f"{part} is bad" for part in bad}
    assert product.asked <= 1 + len(bad) * 2 * (math.ceil(math.log2(count)) if count > 1 else 1)


async def test_one_question_when_all_is_well() -> None:
    product = Product(set())
    assert await culprits(list(range(1000)), product.ask) == {}
    assert product.asked == 1


async def test_of_two_that_clash_the_later_one_goes() -> None:
    product = Product(set(), {(3, 7)})
    assert await culprits(list(range(10)), product.ask) == {7: "7 clashes with 3"}
