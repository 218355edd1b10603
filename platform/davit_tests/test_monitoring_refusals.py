"""An edition that processes refuse is tried again, ever more seldom."""

from davit.monitoring.refusals import LONGEST_SULK, REMEMBERED, SULK, Refusals


def test_it_is_tried_again_after_twice_as_long_each_time() -> None:
    found, now, waits = Refusals(), 0.0, []
    for _ in range(9):
        found.add("a", "no", now)
        wait = SULK
        while found.of("a", now + wait):
            wait *= 2
        waits.append(wait)
        assert found.of("a", now + min(wait, LONGEST_SULK) - 1) == "no"
        now += wait
    assert waits[:4] == [SULK, 2 * SULK, 4 * SULK, 8 * SULK]
    assert not found.of("a", now - waits[-1] + LONGEST_SULK)


def test_one_that_was_loaded_begins_anew() -> None:
    found = Refusals()
    found.add("a", "no", 0.0)
    found.add("a", "no", SULK)
    found.forget("a")
    assert not found.of("a", SULK)
    found.add("a", "no", 0.0)
    assert not found.of("a", SULK)


def test_the_oldest_are_forgotten() -> None:
    found = Refusals()
    for number in range(REMEMBERED + 1):
        found.add(str(number), "no", 0.0)
    assert not found.of("0", 1.0)
    assert found.of("1", 1.0) == "no"
