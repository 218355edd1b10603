from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from davit.errors import Invalid, Problem
from davit.model import Key, Kind, Manifest
from davit.webhook.review import COUNT, LENGTH, Review, Verdict, allow, deny, exempt, readable, reviewer, unknown

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")


def toy(*parts: str, **metadata: Any) -> Manifest:
    return {"metadata": {"name": "bear", "namespace": "shop", **metadata}, "spec": {"parts": list(parts)}}


def review(new: Manifest, old: Manifest | None = None, operation: str = "") -> Review:
    return Review(TOY, operation or ("CREATE" if old is None else "UPDATE"), Key("shop", "bear"), new, old)


async def check(manifest: Manifest) -> Iterable[str]:
    """Parts that begin with `bad` are problems, those that begin with `odd` give a warning."""
    parts = manifest["spec"]["parts"]
    bad = [Problem(f"spec.parts[{n}]", f"{part} is bad: use wood") for n, part in enumerate(parts) if part.startswith("bad")]
    if bad:
        raise Invalid(*bad)
    return [f"{part} is ignored" for part in parts if part.startswith("odd")]


def judged(new: Manifest, old: Manifest | None = None) -> Verdict:
    return asyncio.run(_judged(new, old))


async def _judged(new: Manifest, old: Manifest | None) -> Verdict:
    return await reviewer(check)(review(new, old))


def test_a_good_object_comes_in_with_its_warnings() -> None:
    assert judged(toy("wood", "odd")) == allow(["odd is ignored"])


def test_a_denial_names_every_field_and_its_remedy() -> None:
    verdict = judged(toy("wood", "bad", "worse", "bad two"))
    assert not verdict.allowed
    assert verdict.message == "spec.parts[1]: bad is bad: use wood; spec.parts[3]: bad two is bad: use wood"
    assert [problem.field for problem in verdict.problems] == ["spec.parts[1]", "spec.parts[3]"]


def test_one_of_two_faults_may_be_mended_and_the_other_is_told() -> None:
    assert judged(toy("wood", "bad"), toy("bad one", "bad")) == allow(
        ["spec.parts[1]: bad is bad: use wood (as before this edit)"]
    )


def test_an_object_that_was_wrong_before_may_change_elsewhere() -> None:
    assert judged(toy("bad", "wood", "steel"), toy("bad", "wood")).allowed


def test_a_fault_counts_as_the_same_when_its_item_moves() -> None:
    assert judged(toy("bad"), toy("wood", "steel", "bad")).allowed


def test_a_further_fault_is_denied_whether_new_or_one_more_of_the_same() -> None:
    worse = judged(toy("bad", "bad new"), toy("bad"))
    assert not worse.allowed
    assert worse.message == "spec.parts[1]: bad new is bad: use wood"
    assert worse.warnings == ("spec.parts[0]: bad is bad: use wood (as before this edit)",)
    assert not judged(toy("bad", "bad"), toy("bad")).allowed


def test_a_good_object_may_not_be_made_bad() -> None:
    assert not judged(toy("bad"), toy("wood")).allowed


def test_an_invalid_without_problems_is_a_denial() -> None:
    async def empty(_: Manifest) -> Iterable[str]:
        raise Invalid

    assert not asyncio.run(_with(empty)).allowed


async def _with(check: Any) -> Verdict:
    verdict: Verdict = await reviewer(check)(review(toy()))
    return verdict


def test_what_a_check_breaks_with_is_not_taken_for_a_verdict() -> None:
    async def broken(_: Manifest) -> Iterable[str]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(_with(broken))


@pytest.mark.parametrize(
    ("asked", "nothing_to_judge"),
    [
        (review(toy("bad")), False),
        (review(toy("bad"), toy("wood")), False),
        (review(toy("bad", labels={"a": "b"}), toy("bad")), True),
        (review(toy("bad", finalizers=[]), toy("bad", finalizers=["x"])), True),
        (review(toy("bad", deletionTimestamp="2026-01-01T00:00:00Z"), toy("wood")), True),
        (replace(review(toy("bad"), toy("wood")), subresource="status"), True),
        (review({"metadata": {}}, toy("bad"), "DELETE"), True),
        (review({"metadata": {}}, {"metadata": {}}), True),
    ],
)
def test_only_a_changed_spec_is_judged(asked: Review, nothing_to_judge: bool) -> None:
    assert exempt(asked) is nothing_to_judge


def test_warnings_fit_a_header_and_a_person() -> None:
    long = "x" * 1000
    assert readable([long]) == ("x" * (LENGTH - 1) + "…",)
    assert readable(["a\n  b\tc\x00\x1b[31m", "same", "same", " "]) == ("a b c [31m", "same")
    many = readable(f"warning {number}" for number in range(40))
    assert len(many) == COUNT
    assert many[:2] == ("warning 0", "warning 1")
    assert many[-1] == "and 29 more: the resource's status has them all"
    assert len(readable(str(number) for number in range(COUNT))) == COUNT


def test_a_denial_of_many_problems_stays_readable() -> None:
    problems = [Problem(f"spec.parts[{number}]", "bad") for number in range(100)]
    verdict = deny(Invalid(*problems))
    assert len(verdict.problems) == COUNT
    assert verdict.problems[-1] == Problem("spec.parts[11]", "this and 88 more: correct the ones above first")
    assert len(deny(Invalid(*problems[:COUNT])).problems) == COUNT


def test_unknown_fields_become_warnings_with_a_remedy() -> None:
    assert unknown(["spec.colour"]) == ("spec.colour: unknown field, it is kept but has no effect: check its name and place",)
