from __future__ import annotations

from typing import Any

import pytest
from davit.kube import events
from davit.model import Manifest, Notice

UNIX = 1_795_000_000.25


def regarding(**metadata: Any) -> Manifest:
    return {
        "apiVersion": "etcd.davit.dev/v1",
        "kind": "EtcdCluster",
        "metadata": {"name": "orders", "namespace": "shop", "uid": "u1", "resourceVersion": "7", **metadata},
    }


def event(notice: Notice, about: Manifest | None = None, unix: float = UNIX) -> Manifest:
    return events.manifest(about or regarding(), notice, "davit-etcd", "davit-etcd-0", unix)


def test_the_whole_event() -> None:
    found = event(Notice("MemberLost", "orders-1 is gone", warning=True))
    name = found["metadata"].pop("name")
    assert name.startswith("orders.")
    assert found == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "shop"},
        "eventTime": "2026-11-18T11:06:40.250000Z",
        "reportingController": "davit-etcd",
        "reportingInstance": "davit-etcd-0",
        "action": "MemberLost",
        "reason": "MemberLost",
        "regarding": {
            "apiVersion": "etcd.davit.dev/v1",
            "kind": "EtcdCluster",
            "name": "orders",
            "namespace": "shop",
            "uid": "u1",
            "resourceVersion": "7",
        },
        "note": "orders-1 is gone",
        "type": "Warning",
    }


def test_a_repeat_in_the_window_has_the_same_name_and_anything_else_another() -> None:
    notice = Notice("MemberLost", "x")
    name = event(notice)["metadata"]["name"]
    assert event(notice, unix=UNIX + 1)["metadata"]["name"] == name
    others = [
        event(notice, unix=UNIX + events.WINDOW),
        event(Notice("MemberLost", "y")),
        event(Notice("MemberLost", "x", warning=True)),
        event(notice, regarding(uid="u2")),
    ]
    names = {other["metadata"]["name"] for other in others}
    assert len(names) == 4
    assert name not in names


def test_a_cluster_scoped_object_is_announced_in_default() -> None:
    about = regarding()
    del about["metadata"]["namespace"]
    found = event(Notice("X", "y"), about)
    assert found["metadata"]["namespace"] == "default"
    assert "namespace" not in found["regarding"]


@pytest.mark.parametrize("text", ["x" * 2000, "ü" * 2000, "a" + "ü" * 2000])
def test_a_long_note_is_cut_to_what_the_server_takes(text: str) -> None:
    note = event(Notice("X", text))["note"]
    assert 1022 <= len(note.encode()) <= 1024
    assert text.startswith(note)


def test_names_stay_within_their_limit() -> None:
    assert len(event(Notice("X", "y"), regarding(name="n" * 253))["metadata"]["name"]) <= 253


def test_memory_drops_repeats_for_the_window() -> None:
    memory = events.Memory()
    notice = Notice("X", "y")
    assert memory.is_news(regarding(), notice, 0.0)
    assert not memory.is_news(regarding(), notice, events.WINDOW - 1)
    assert memory.is_news(regarding(), notice, events.WINDOW)
    assert not memory.is_news(regarding(), notice, events.WINDOW + 1)
    assert memory.is_news(regarding(uid="u2"), notice, events.WINDOW + 1)
    assert memory.is_news(regarding(), Notice("X", "z"), events.WINDOW + 1)


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = events.Memory()
    for number in range(events.CAPACITY + 5):
        assert memory.is_news(regarding(), Notice("X", str(number)), 0.0)
    assert len(memory._said) == events.CAPACITY
    assert memory.is_news(regarding(), Notice("X", "0"), 1.0)
    assert not memory.is_news(regarding(), Notice("X", str(events.CAPACITY)), 1.0)
