from __future__ import annotations

import pytest
from davit_etcd.versions import Version, corrupting, has_livez, refuse_upgrade


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


@pytest.mark.parametrize(
    ("lowest", "target"),
    [
        ("3.5.32", "3.5.32"),
        ("3.5.3", "3.5.32"),
        ("3.5.32", "3.5.3"),  # a patch release may be taken back
        ("3.4.0", "3.5.3"),
        ("3.5.32", "3.6.11"),
        ("3.6.11", "3.7.0"),
        ("3.6.14", "3.7.0"),
    ],
)
def test_allows(lowest: str, target: str) -> None:
    assert refuse_upgrade(Version.parse(lowest), Version.parse(target)) is None


@pytest.mark.parametrize(
    ("lowest", "target", "why", "remedy"),
    [
        ("3.6.11", "3.5.32", "downgrade", "3.6.11 or later"),
        ("3.4.34", "3.6.11", "skips", "3.5"),
        ("3.5.32", "3.7.0", "skips", "3.6"),
        ("3.5.31", "3.6.11", "needs every member at 3.5.32", "3.5.32 first"),
        ("3.6.10", "3.7.0", "needs every member at 3.6.11", "3.6.11 first"),
        ("3.5.32", "4.0.0", "skips", "3.6"),
    ],
)
def test_refuses_and_says_what_to_do(lowest: str, target: str, why: str, remedy: str) -> None:
    said = refuse_upgrade(Version.parse(lowest), Version.parse(target))
    assert said is not None
    assert why in said
    assert remedy in said


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
