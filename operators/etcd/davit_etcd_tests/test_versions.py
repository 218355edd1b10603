from __future__ import annotations

import pytest
from davit_etcd.versions import NEWEST_LINE, OLDEST, Version, corrupting, downgrade_target, has_livez, refuse_change, route


@pytest.mark.parametrize(("text", "shown"), [("3.5.21", "3.5.21"), ("v3.5.21", "3.5.21"), ("3.6.0-rc.1", "3.6.0-rc.1")])
def test_parses(text: str, shown: str) -> None:
    assert str(Version.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "3.5", "3.5.x", "3.5.1+git", "latest", "3.5.1 ", "3.5.1-"])
def test_refuses_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"3\.5\.21"):
        Version.parse(text)


def test_orders_by_number_and_pre_releases_before_their_release() -> None:
    texts = ["3.4.34", "3.5.9", "3.5.10", "3.6.0-alpha.0", "3.6.0-rc.1", "3.6.0", "3.6.1"]
    versions = [Version.parse(text) for text in texts]
    assert sorted(versions, key=str) != versions
    assert sorted(versions) == versions
    assert Version.parse("v3.5.9") == Version.parse("3.5.9")
    assert Version.parse("3.6.0") >= Version.parse("3.6.0-rc.1")


def versions(*texts: str) -> tuple[Version, ...]:
    return tuple(Version.parse(text) for text in texts)


@pytest.mark.parametrize(
    ("lowest", "target", "steps"),
    [
        ("3.5.32", "3.5.32", ()),
        ("3.5.3", "3.5.32", ("3.5.32",)),
        ("3.5.32", "3.5.3", ("3.5.3",)),  # a patch release may be taken back
        ("3.4.0", "3.5.3", ("3.5.3",)),
        ("3.5.32", "3.6.11", ("3.6.11",)),
        ("3.5.16", "3.6.14", ("3.5.33", "3.6.14")),  # the gate's release of the same line first
        ("3.5.31", "3.6.5", ("3.5.33", "3.6.5")),
        ("3.6.10", "3.7.0", ("3.6.14", "3.7.0")),
        ("3.6.14", "3.7.0", ("3.7.0",)),
        ("3.4.23", "3.6.14", ("3.5.33", "3.6.14")),
        ("3.4.23", "3.7.0", ("3.5.33", "3.6.14", "3.7.0")),
        ("3.5.16", "3.7.1", ("3.5.33", "3.6.14", "3.7.1")),
        ("3.6.14", "3.5.33", ("3.5.33",)),
    ],
)
def test_the_way_from_one_release_to_another(lowest: str, target: str, steps: tuple[str, ...]) -> None:
    (before,), (wanted,) = versions(lowest), versions(target)
    assert route(before, wanted) == versions(*steps)
    assert refuse_change((before,), wanted) is None


def test_every_step_of_every_way_is_allowed_by_itself() -> None:
    known = versions(
        "3.4.0", "3.4.39", "3.5.3", "3.5.31", "3.5.32", "3.5.40", "3.6.0", "3.6.10", "3.6.11", "3.6.20", "3.7.0", "3.7.9"
    )
    for before in known:
        for wanted in (version for version in known if version > before):
            at = before
            for step in route(before, wanted):
                assert refuse_change((at,), step, one_image=True) is None, (before, wanted, at, step)
                at = step
            assert at == wanted


def test_steps_can_be_taken_from_every_line_to_the_newest() -> None:
    line = OLDEST
    for step in route(line, Version(*NEWEST_LINE, 0)):
        assert step.line in {line.line, (line.major, line.minor + 1)}
        line = step
    assert line.line == NEWEST_LINE


@pytest.mark.parametrize(
    ("running", "target", "why", "remedy"),
    [
        (("3.5.32",), "3.4.39", "no way for", "3.5.32 or later"),
        (("3.7.0",), "3.5.33", "more than one minor", "a 3.6 release first"),
        (("3.6.14", "3.7.0"), "3.5.33", "more than one minor", "a 3.6 release first"),
        (("3.5.32",), "4.0.0", "another major", "4.0.0"),
    ],
)
def test_refuses_and_says_what_to_do(running: tuple[str, ...], target: str, why: str, remedy: str) -> None:
    said = refuse_change(versions(*running), Version.parse(target))
    assert said is not None
    assert why in said
    assert remedy in said


@pytest.mark.parametrize(
    ("lowest", "target", "why", "remedy"),
    [
        ("3.4.34", "3.6.11", "skips", "3.5.33 first"),
        ("3.5.32", "3.7.0", "skips", "3.6.14 first"),
        ("3.5.31", "3.6.11", "needs every member at 3.5.32", "3.5.33 first"),
        ("3.6.10", "3.7.0", "needs every member at 3.6.11", "3.6.14 first"),
    ],
)
def test_one_image_can_not_be_stepped(lowest: str, target: str, why: str, remedy: str) -> None:
    said = refuse_change(versions(lowest), Version.parse(target), one_image=True)
    assert said is not None
    assert why in said
    assert remedy in said
    assert "spec.image" in said


def test_half_way_up_the_way_back_is_open_without_a_word_to_etcd() -> None:
    running = versions("3.5.33", "3.6.14")
    assert refuse_change(running, Version.parse("3.5.33")) is None
    assert downgrade_target(running, Version.parse("3.5.33")) == ""
    assert downgrade_target(versions("3.6.14"), Version.parse("3.5.33")) == "3.5"
    assert downgrade_target((), Version.parse("3.5.33")) == ""


@pytest.mark.parametrize(
    ("text", "bad"), [("3.4.34", False), ("3.5.0", True), ("3.5.2", True), ("3.5.3", False), ("3.6.0", False)]
)
def test_knows_the_releases_that_corrupt_data(text: str, bad: bool) -> None:
    assert corrupting(Version.parse(text)) is bad


@pytest.mark.parametrize(
    ("text", "served"),
    [("3.4.28", False), ("3.4.29", True), ("3.5.10", False), ("3.5.11", True), ("3.6.0", True), ("3.7.0", True)],
)
def test_knows_who_serves_livez(text: str, served: bool) -> None:
    assert has_livez(Version.parse(text)) is served
