"""The sampler tells when it saw nothing."""

from __future__ import annotations

import threading

import pytest

from e2e.support.errors import Unreachable
from e2e.support.sampling import Sampler


class Counting(Sampler):
    every = 0.001

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.seen = error, threading.Event()

    def look(self) -> None:
        self.seen.set()
        if self.error:
            raise self.error


def test_it_looks_until_the_end() -> None:
    with Counting() as sampler:
        assert sampler.seen.wait(5)


def test_one_that_died_is_told() -> None:
    with pytest.raises(AssertionError, match="Counting died after 0 looks"), Counting(KeyError("x")) as sampler:
        assert sampler.seen.wait(5)


def test_an_api_server_that_was_away_all_the_time_is_told() -> None:
    with pytest.raises(AssertionError, match="never saw anything"), Counting(Unreachable("away")) as sampler:
        assert sampler.seen.wait(5)


def test_it_hides_no_failure_of_the_test() -> None:
    with pytest.raises(ValueError, match="the test's"), Counting(KeyError("x")):
        raise ValueError("the test's")
