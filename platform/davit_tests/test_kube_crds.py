from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from davit.errors import Blocked, Rejected, Transient
from davit.kube.crds import CRD, VERSION, established, maintain, reason_to_leave, stamped
from davit.model import Key, Kind, Manifest
from davit.testing.fake_client import FakeClient

from davit_tests import faketime

NAME = "toys.test.davit.dev"
OURS = {"app.kubernetes.io/part-of": "davit"}


def crd(**labels: str) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME, "labels": labels},
        "spec": {"group": "test.davit.dev"},
    }


@pytest.mark.parametrize(
    ("labels", "version", "left"),
    [
        (None, "1.0.0", False),
        ({}, "1.0.0", True),
        ({"app.kubernetes.io/part-of": "kube-prometheus"}, "1.0.0", True),
        (OURS, "1.0.0", False),
        ({**OURS, VERSION: "1.0.0"}, "1.0.0", False),
        ({**OURS, VERSION: "0.9.9"}, "1.0.0", False),
        ({**OURS, VERSION: "1.0.1"}, "1.0.0", True),
        ({**OURS, VERSION: "1.10.0"}, "1.9.0", True),
        ({**OURS, VERSION: "2.0.0-rc.1"}, "2.0.0", False),
        ({**OURS, VERSION: "2.0.0"}, "2.0.0-rc.1", True),
        ({**OURS, VERSION: "v1.0.0"}, "1.0.0", False),
    ],
)
def test_which_crds_are_left_alone(labels: dict[str, str] | None, version: str, left: bool) -> None:
    live = None if labels is None else crd(**labels)
    assert (reason_to_leave(live, version) is not None) is left


def test_the_stamp_is_a_valid_label_and_keeps_the_rest() -> None:
    labels = stamped(crd(a="b"), "1.0.0+dev build")["metadata"]["labels"]
    assert labels == {"a": "b", **OURS, VERSION: "1.0.0_dev_build"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, False),
        ([], False),
        ([{"type": "Established", "status": "False"}], False),
        ([{"type": "NamesAccepted", "status": "True"}], False),
        ([{"type": "Established", "status": "True"}], True),
    ],
)
def test_established(conditions: Any, expected: bool) -> None:
    assert established({"status": {"conditions": conditions}}) is expected


class ApiServer(FakeClient):
    """Establishes a CRD some time after its write, as the real one does."""

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        written = await super().apply(kind, manifest, subresource=subresource, manager=manager)
        asyncio.get_running_loop().call_later(3.0, self._establish)
        return written

    def _establish(self) -> None:
        self.objects[CRD, Key("", NAME)]["status"] = {"conditions": [{"type": "Established", "status": "True"}]}


def test_a_missing_crd_is_made_and_waited_for() -> None:
    async def scenario() -> float:
        client = ApiServer()
        began = faketime.now()
        await maintain(client, [crd()], "1.0.0")
        assert established(client.objects[CRD, Key("", NAME)])
        return faketime.now() - began

    assert 3.0 <= faketime.run(scenario()) <= 4.0


def test_one_that_is_never_established_does_not_hold_the_operator_up(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> float:
        began = faketime.now()
        await maintain(FakeClient(), [crd()], "1.0.0")
        return faketime.now() - began

    assert faketime.run(scenario()) == pytest.approx(30.0)
    assert "not established" in caplog.text


def test_a_strangers_crd_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    client = FakeClient()
    client.put(CRD, crd())
    with caplog.at_level(logging.INFO):
        faketime.run(maintain(client, [crd()], "1.0.0"))
    assert client.writes == []
    assert "not ours" in caplog.text


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (Blocked("Forbidden", "no rights"), "set crds.maintain to false"),
        (Rejected("storedVersions"), "change what it objects to"),
    ],
)
def test_refusals_are_told_with_a_remedy_and_the_next_crd_is_tried(error: Blocked, remedy: str) -> None:
    client = ApiServer()
    client.fail_write(1, before=True, error=error)
    other = {**crd(), "metadata": {"name": "other"}}
    (refusal,) = faketime.run(maintain(client, [other, crd()], "1.0.0"))
    assert set(client.objects) == {(CRD, Key("", NAME))}
    assert refusal.crd == other
    assert str(error) in refusal.why
    assert remedy in refusal.why


def test_what_is_taken_or_left_on_purpose_is_no_refusal() -> None:
    assert faketime.run(maintain(ApiServer(), [crd()], "1.0.0")) == []
    strangers = FakeClient()
    strangers.put(CRD, crd())
    assert faketime.run(maintain(strangers, [crd()], "1.0.0")) == []


def test_an_unreachable_server_is_the_callers_matter() -> None:
    client = FakeClient()
    client.fail_write(1, before=True, error=Transient("away"))
    with pytest.raises(Transient):
        faketime.run(maintain(client, [crd()], "1.0.0"))
