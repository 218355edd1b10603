"""The arithmetic of the benchmark's table. No cluster."""

from __future__ import annotations

from e2e.bench.report import Result, row, table


def test_medians_and_their_ratio() -> None:
    assert row(Result("x", (3.0, 1.0, 2.0), (4.0, 4.0, 4.0))) == ("x", "2 s (1-3)", "4 s (4-4)", "0.50", "3", "")


def test_what_the_peer_can_not_do_has_no_ratio() -> None:
    assert row(Result("x", (1.25,))) == ("x", "1.25 s", "-", "", "1", "")


def test_nothing_is_divided_by_zero() -> None:
    assert Result("x", (1.0,), (0.0,)).ratio is None


def test_the_table_is_markdown() -> None:
    lines = table([Result("memory", (61.2,), unit="MB")], "bare").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert set(lines[1]) == {"|", "-"}
    assert "61.2 MB" in lines[2]
