from __future__ import annotations

import pytest
from davit_etcd.agent.choice import NEAR, Candidate, ranked
from davit_etcd.agent.wire import Header, Status

LEADER = 1


def member(
    name: str, id_: int, revision: int = 100, *, leader: int = LEADER, learner: bool = False, errors: tuple[str, ...] = ()
) -> Candidate:
    return Candidate(name, f"http://{name}", Status(Header(7, id_, revision, 2), "3.6.14", 0, 0, leader, 0, errors, learner))


def names(*candidates: Candidate) -> list[str]:
    return [one.name for one in ranked(candidates)]


def test_a_follower_before_the_leader_that_has_more_to_do() -> None:
    assert names(member("c-0", 1), member("c-1", 2), member("c-2", 3)) == ["c-1", "c-2", "c-0"]


def test_the_follower_that_is_ahead_comes_first() -> None:
    assert names(member("c-0", 1, 120), member("c-1", 2, 110), member("c-2", 3, 115)) == ["c-2", "c-1", "c-0"]


def test_a_follower_that_is_far_behind_comes_after_the_leader() -> None:
    behind = member("c-1", 2, 5000 - NEAR - 1)
    assert names(member("c-0", 1, 5000), behind) == ["c-0", "c-1"]
    assert names(member("c-0", 1, 5000), member("c-1", 2, 5000 - NEAR)) == ["c-1", "c-0"]


def test_never_a_learner() -> None:
    assert names(member("c-0", 1), member("c-1", 2, learner=True)) == ["c-0"]
    assert names(member("c-1", 2, learner=True)) == []


@pytest.mark.parametrize("alarm", ["memberID:2 alarm:CORRUPT ", "alarm:CORRUPT memberID:2"])
def test_never_a_member_that_differs_from_the_others(alarm: str) -> None:
    """Every member lists the alarms of all."""
    assert names(member("c-0", 1, errors=(alarm,)), member("c-1", 2, errors=(alarm,))) == ["c-0"]


def test_a_full_quota_is_no_reason() -> None:
    errors = ("memberID:2 alarm:NOSPACE ",)
    assert names(member("c-0", 1, errors=errors), member("c-1", 2, errors=errors)) == ["c-1", "c-0"]


def test_a_member_without_a_leader_comes_last_even_if_it_is_ahead() -> None:
    assert names(member("c-0", 1, 100), member("c-1", 2, 200, leader=0)) == ["c-0", "c-1"]


def test_without_any_leader_the_one_that_is_ahead() -> None:
    assert names(member("c-0", 1, 100, leader=0), member("c-1", 2, 200, leader=0)) == ["c-1", "c-0"]
