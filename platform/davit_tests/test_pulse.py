from __future__ import annotations

from davit.pulse import Pulse


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_silence_is_death_and_requests_are_life() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.expect({"/pods": "pods", "/jobs": "jobs"})
    clock.now += 360.0
    assert pulse.dead(360.0) is None
    pulse.sent("/pods")
    clock.now += 1.0
    assert pulse.dead(360.0) == "the watch of jobs is dead: no request for 361 s"
    clock.now += 360.0
    assert pulse.dead(360.0) == (
        "the watch of pods is dead: no request for 361 s\nthe watch of jobs is dead: no request for 721 s"
    )


def test_nothing_expected_is_nothing_wrong() -> None:
    assert Pulse().dead(0.0) is None
    assert Pulse().pending() is None


def test_requests_that_are_not_let_in_are_alive_but_pending() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.expect({"/pods": "pods", "/jobs": "jobs"})
    clock.now += 1000.0
    pulse.sent("/pods")
    pulse.sent("/jobs")
    pulse.established("/jobs")
    assert pulse.dead(360.0) is None
    assert pulse.pending() == "the watch of pods is not established"
    pulse.established("/pods")
    assert pulse.pending() is None


def test_begun_anew_the_count_begins_anew_and_others_are_forgotten() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.expect({"/pods": "pods", "/gone": "gone"})
    pulse.established("/pods")
    clock.now += 1000.0
    pulse.expect({"/pods": "pods"})
    assert pulse.dead(360.0) is None
    assert pulse.pending() is None
    pulse.sent("/discovery")
    assert pulse.dead(-1.0) == "the watch of pods is dead: no request for 0 s"
