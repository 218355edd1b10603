"""The judge is judged: a good history passes, every planted fault is found. No cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2e.support.history import History, Invalid, Op, parse
from e2e.support.oracle import Final, judge


def put(seq: int, key: str, value: str, revision: int, at: int, *, client: str = "w", error: str = "") -> Op:
    """A put that was called at `at` and returned 5 later."""
    return Op(client, seq, "put", key, value, at, at + 5, revision, cluster="" if error else "c1", error=error)


def get(seq: int, key: str, value: str | None, mod_revision: int, revision: int, at: int) -> Op:
    """A get by the reader."""
    return Op("r", seq, "get", key, value, at, at + 5, revision, mod_revision, "c1")


GOOD = (
    put(0, "a", "a0", 2, 10),
    get(0, "a", "a0", 2, 2, 20),
    put(1, "b", "b1", 3, 30),
    put(2, "a", "a2", 4, 40),
    get(1, "a", "a2", 4, 4, 50),
    get(2, "missing", None, 0, 4, 60),
)
FINAL: Final = {"a": ("a2", 4), "b": ("b1", 3)}


def rules(ops: tuple[Op, ...], final: Final = FINAL) -> set[str]:
    """Which rules are broken."""
    return {violation.rule for violation in judge(History(ops), final)}


def changed(position: int, **fields: object) -> tuple[Op, ...]:
    """The good history with one operation changed."""
    ops = list(GOOD)
    ops[position] = replace(ops[position], **fields)  # type: ignore[arg-type]
    return tuple(ops)


def test_a_good_history_passes() -> None:
    assert rules(GOOD) == set()


def test_lost_write_of_a_key_never_written_again() -> None:
    assert rules(GOOD, {"a": ("a2", 4)}) == {"lost write"}


def test_lost_overwrite_shows_the_value_before() -> None:
    assert rules(GOOD, {**FINAL, "a": ("a0", 2)}) == {"lost write"}


def test_changed_value_at_the_acknowledged_revision() -> None:
    assert rules(GOOD, {**FINAL, "b": ("other", 3)}) == {"changed write"}


def test_value_that_nobody_wrote() -> None:
    assert rules(GOOD, {**FINAL, "b": ("stranger", 9)}) == {"foreign value"}


def test_unknown_write_may_be_there() -> None:
    ops = (*GOOD, put(3, "b", "b3", 0, 70, error="timed out"))
    assert rules(ops, {**FINAL, "b": ("b3", 5)}) == set()
    assert rules(ops) == set()


def test_unknown_write_of_a_new_key_may_be_absent() -> None:
    assert rules((*GOOD, put(3, "c", "c3", 0, 70, error="timed out"))) == set()


def test_superseding_value_must_have_its_own_revision() -> None:
    assert rules(GOOD, {**FINAL, "a": ("a0", 4)}) >= {"changed write"}
    assert rules(GOOD, {**FINAL, "a": ("a2", 7)}) == {"foreign value"}


def test_stale_read() -> None:
    assert rules(changed(4, value="a0", mod_revision=2)) == {"stale read"}


def test_stale_read_of_nothing() -> None:
    assert rules(changed(1, value=None, mod_revision=0)) == {"stale read"}


def test_read_beside_a_write_may_see_either() -> None:
    beside = (put(0, "a", "a0", 2, 10), put(1, "a", "a1", 3, 20))
    for value, mod_revision, revision in (("a0", 2, 2), ("a1", 3, 3)):
        assert rules((*beside, get(0, "a", value, mod_revision, revision, 22)), {"a": ("a1", 3)}) == set()


def test_read_of_a_value_from_the_future() -> None:
    ops = (put(0, "a", "a0", 2, 10), get(0, "a", "a1", 3, 3, 20), put(1, "a", "a1", 3, 40))
    assert "foreign read" in rules(ops, {"a": ("a1", 3)})


def test_read_of_a_value_that_nobody_wrote() -> None:
    assert "foreign read" in rules(changed(1, value="stranger"))


def test_read_of_another_value_at_a_known_revision() -> None:
    ops = (put(0, "a", "a0", 2, 10), put(1, "a", "a1", 3, 20), get(0, "a", "a0", 3, 3, 30))
    assert rules(ops, {"a": ("a1", 3)}) == {"changed read"}


def test_unknown_write_may_be_read_later() -> None:
    ops = (*GOOD, put(3, "a", "a3", 0, 70, error="timed out"), get(3, "a", "a3", 5, 5, 90))
    assert rules(ops, {**FINAL, "a": ("a3", 5)}) == set()


def test_repeated_revision_after_the_store_was_set_back() -> None:
    ops = (put(0, "a", "a0", 2, 10), put(1, "b", "b1", 2, 20))
    assert "repeated revision" in rules(ops, {"a": ("a0", 2), "b": ("b1", 2)})


def test_revision_that_goes_back_in_real_time_between_clients() -> None:
    ops = (put(0, "a", "a0", 9, 10), put(0, "b", "b0", 3, 20, client="v"))
    assert rules(ops, {"a": ("a0", 9), "b": ("b0", 3)}) == {"backward revision"}


def test_read_at_an_older_store_revision_than_was_seen() -> None:
    assert "backward revision" in rules(changed(5, revision=3))


def test_client_that_sees_the_store_go_back() -> None:
    ops = (get(0, "x", None, 0, 9, 10), get(1, "x", None, 0, 3, 20))
    assert "backward client" in rules(ops, {})


def test_second_cluster_under_the_same_name() -> None:
    assert "another cluster" in rules(changed(4, cluster="c2"))


@pytest.mark.parametrize("position", [0, 2, 3])
def test_every_single_acknowledged_write_is_looked_for(position: int) -> None:
    distinct = tuple(replace(op, key=f"{op.key}{op.seq}") if op.op == "put" else op for op in GOOD if op.op == "put")
    whole = {op.key: (str(op.value), op.revision) for op in distinct}
    assert rules(distinct, whole) == set()
    lost = distinct[position if position == 0 else position - 1].key
    assert rules(distinct, {key: value for key, value in whole.items() if key != lost}) == {"lost write"}


LOG = (
    '{"op":"begin","wall_ns":1,"call_ns":0}',
    '{"client":"w","seq":0,"op":"put","key":"a","value":"1","call_ns":1000000000,"return_ns":2000000000,"cluster":"c","revision":2}',
    '{"client":"w","seq":1,"op":"put","key":"b","value":"2","call_ns":3000000000,"return_ns":4000000000,"error":"late"}',
    '{"client":"w","seq":2,"op":"put","key":"c","value":"3","call_ns":5000000000,"return_ns":6500000000,"revision":3}',
    '{"op":"end","counts":{"w":3},"call_ns":7000000000}',
)


def test_log_lines_become_operations() -> None:
    history = parse(LOG)
    history.complete()
    assert [op.revision for op in history.writes] == [2, 3]
    assert [op.cluster for op in history.ops] == ["c", "", "c"]
    assert history.failed_writes == 1
    assert history.gap == pytest.approx(4.5)


def test_gap_counts_from_the_beginning_and_to_the_end() -> None:
    assert parse((*LOG[:2], '{"op":"end","counts":{"w":1},"call_ns":9000000000}')).gap == pytest.approx(7.0)


def test_log_with_a_hole_proves_nothing() -> None:
    with pytest.raises(Invalid, match="first lost is 1"):
        parse((LOG[0], LOG[1], LOG[3], LOG[4])).complete()


def test_log_without_an_end_proves_nothing() -> None:
    with pytest.raises(Invalid, match="no end"):
        parse(LOG[:-1]).complete()


def test_torn_last_line_is_left_out() -> None:
    assert len(parse((*LOG[:3], LOG[3][:40])).ops) == 2
