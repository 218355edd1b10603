"""Durations and sizes as Prometheus writes them."""

from __future__ import annotations

import pytest
from davit.monitoring.units import parse_byte_size, parse_duration, parse_go_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("15ms", 15),
        ("1m", 60_000),
        ("1h30m", 5_400_000),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ("292y", 9_208_512_000_000),
    ],
)
def test_durations_are_counted(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "5 m", "1m1h", "1.5h", "-1s", "1M", "٥m", "1m\n", "293y"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "1d", "1w"])
def test_days_are_no_go_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_go_duration(text)


def test_hours_are_a_go_duration() -> None:
    assert parse_go_duration("1h5ms") == 3_600_005


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1B", 1), ("1KB", 1024), ("1KiB", 1024), ("1.5MB", 1_572_864), (".5GB", 536_870_912), ("7EB", 7 * 2**60)],
)
def test_sizes_are_powers_of_two(text: str, size: int) -> None:
    assert parse_byte_size(text) == size


@pytest.mark.parametrize("text", ["", "1", "1kb", "1 MB", "-1B", "8EB", "1.B"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_byte_size(text)
