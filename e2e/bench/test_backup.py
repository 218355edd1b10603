"""The arithmetic of the backup benchmark. No cluster."""

from __future__ import annotations

import pytest

from e2e.bench.backup import bytes_of, gap_within, seconds
from e2e.support.history import History, Op


@pytest.mark.parametrize(("text", "wanted"), [("1.5s", 1.5), ("2m3s", 123.0), ("1h0m0.25s", 3600.25), ("40ms", 0.04)])
def test_durations(text: str, wanted: float) -> None:
    assert seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize(("text", "wanted"), [("7", 7), ("2Ki", 2048), ("1.5Mi", 1572864), ("1G", 1e9)])
def test_quantities(text: str, wanted: float) -> None:
    assert bytes_of(text) == wanted


def test_a_gap_is_of_its_own_window() -> None:
    """Acknowledged at 1, 2, 5 and 9 s of a monotonic clock that began at 100 s of the wall clock."""
    ops = tuple(
        Op("set", seq, "put", "k", "v", int(at * 1e9) - 1, int(at * 1e9), revision=seq + 2) for seq, at in enumerate((1, 2, 5, 9))
    )
    history = History(ops, begin=0, begin_wall=int(100e9))
    assert gap_within(history, 101.0, 105.0) == pytest.approx(3.0)
    assert gap_within(history, 105.0, 109.0) == pytest.approx(4.0)
    assert gap_within(history, 106.0, 108.0) == pytest.approx(2.0), "no write at all: the whole window"
