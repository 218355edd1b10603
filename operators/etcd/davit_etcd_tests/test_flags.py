from __future__ import annotations

import pytest
from davit_etcd import flags
from davit_etcd.flags import refused, speaks_v2, translated
from davit_etcd.versions import Version
from hypothesis import given
from hypothesis import strategies as st

LINES = [(3, 4), (3, 5), (3, 6), (3, 7)]


@pytest.mark.parametrize(
    ("written", "line", "told"),
    [
        ({"heartbeat-interval": "200"}, (3, 7), {"heartbeat-interval": "200"}),
        ({"experimental-corrupt-check-time": "1h"}, (3, 5), {"experimental-corrupt-check-time": "1h"}),
        ({"experimental-corrupt-check-time": "1h"}, (3, 6), {"corrupt-check-time": "1h"}),
        ({"corrupt-check-time": "1h"}, (3, 5), {"experimental-corrupt-check-time": "1h"}),
        ({"corrupt-check-time": "2h", "experimental-corrupt-check-time": "1h"}, (3, 7), {"corrupt-check-time": "2h"}),
        ({"experimental-initial-corrupt-check": "false"}, (3, 6), {"feature-gates": "InitialCorruptCheck=false"}),
        (
            {"experimental-enable-lease-checkpoint": "true", "feature-gates": "AllAlpha=false"},
            (3, 7),
            {"feature-gates": "LeaseCheckpoint=true,AllAlpha=false"},
        ),
        # What is written as a gate wins.
        (
            {"experimental-enable-lease-checkpoint": "true", "feature-gates": "LeaseCheckpoint=false"},
            (3, 7),
            {"feature-gates": "LeaseCheckpoint=false"},
        ),
        ({"feature-gates": "LeaseCheckpoint=true,AllAlpha=true"}, (3, 5), {"experimental-enable-lease-checkpoint": "true"}),
        ({"experimental-backend-bbolt-freelist-type": "map"}, (3, 5), {"backend-bbolt-freelist-type": "map"}),
        # No equivalent: left out of a step, refused of a spec.
        ({"enable-v2": "true"}, (3, 6), {}),
        ({"warning-unary-request-duration": "1s"}, (3, 5), {}),
        ({"socket-reuse-port": "true"}, (3, 4), {}),
        ({"v2-deprecation": "not-yet"}, (3, 6), {}),
        ({"v2-deprecation": "write-only"}, (3, 6), {"v2-deprecation": "write-only"}),
        ({"unheard-of": "1"}, (3, 7), {"unheard-of": "1"}),
    ],
)
def test_speaks_the_words_of_a_line(written: dict[str, str], line: tuple[int, int], told: dict[str, str]) -> None:
    assert translated(written, line) == told


@pytest.mark.parametrize(
    ("written", "version", "remedy"),
    [
        ({"enable-v2": "true"}, "3.6.14", "move what clients keep"),
        ({"debug": "true"}, "3.5.33", "log-level"),
        ({"v2-deprecation": "not-yet"}, "3.7.0", "remove it"),
        ({"feature-gates": "AllAlpha=true"}, "3.5.33", "AllAlpha"),
        ({"warning-unary-request-duration": "1s"}, "3.5.33", "later version"),
        ({"snapshot-catchup-entries": "1"}, "3.4.39", "later version"),
    ],
)
def test_refuses_what_has_no_equivalent_and_says_what_to_do(written: dict[str, str], version: str, remedy: str) -> None:
    ((name, why),) = refused(written, Version.parse(version))
    assert name in written
    assert remedy in why


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ({"enable-v2": "true"}, "3.5.33"),
        ({"experimental-corrupt-check-time": "1h"}, "3.7.0"),
        ({"feature-gates": "LeaseCheckpoint=true"}, "3.5.33"),
        ({"unheard-of": "1"}, "3.7.0"),
    ],
)
def test_refuses_nothing_that_can_be_said(written: dict[str, str], version: str) -> None:
    assert list(refused(written, Version.parse(version))) == []


NAMES = sorted({*flags.GATES, *flags.REMOVED, *flags.ADDED, *(name for old, new, _ in flags.RENAMED for name in (old, new))})


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["true", "1h"]), max_size=6), st.sampled_from(LINES))
def test_said_once_it_stays_said(written: dict[str, str], line: tuple[int, int]) -> None:
    once = translated(written, line)
    assert translated(once, line) == once
    assert list(refused(once, Version(*line, 0))) == []


def test_knows_who_speaks_v2() -> None:
    assert speaks_v2({"enable-v2": "true"})
    assert speaks_v2({"experimental-enable-v2v3": "/v2"})
    assert not speaks_v2({"enable-v2": "false"})
    assert not speaks_v2({})
