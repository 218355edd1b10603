"""Owners of a shared Service are looked at cheaply, and seen all the same."""

from typing import Any

import pytest
from davit.errors import Invalid, Problem
from davit.kube.kinds import SERVICE
from davit.model import Manifest
from davit.monitoring.sharing import Sharers, settled
from davit.testing.fake_client import FakeClient

MANAGER = "davit-test"


def service(*owners: str, port: int = 9090, labels: dict[str, str] | None = None) -> Manifest:
    references = [{"apiVersion": "v1", "kind": "Prometheus", "name": one, "uid": f"uid-{one}"} for one in owners]
    metadata = {"name": "shared", "namespace": "shop", "labels": labels or {"a": "b"}, "ownerReferences": references}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"name": "web", "port": port}]}}


@pytest.mark.parametrize(
    ("wanted", "same"),
    [
        (service("a", "b"), True),
        (service("b", "a"), True),
        (service("a"), False),
        (service("a", "b", "c"), False),
        (service("a", "b", port=9091), False),
        (service("a", "b", labels={"a": "c"}), False),
        (service("a", "b", labels={"c": "d"}), False),
    ],
)
async def test_it_is_settled_if_and_only_if_nothing_would_change(wanted: Manifest, same: bool) -> None:
    client = FakeClient(MANAGER)
    live = await client.apply(SERVICE, service("a", "b"))
    assert settled(wanted, live, MANAGER) == same
    again = await client.apply(SERVICE, wanted)
    assert settled(wanted, again, MANAGER)
    assert not settled(wanted, again, "somebody else")
    assert not settled(wanted, None, MANAGER)


def test_each_is_validated_once_for_a_generation() -> None:
    asked: list[Any] = []

    def validate(resource: Manifest) -> str:
        asked.append(resource["spec"])
        if resource["spec"] == "bad":
            raise Invalid(Problem("spec", "is bad"))
        return str(resource["spec"])

    def one(spec: str, generation: int, uid: str = "u") -> Manifest:
        return {"metadata": {"uid": uid, "generation": generation}, "spec": spec}

    found = Sharers(validate)
    assert [found.of(one("good", 1)) for _ in range(3)] == ["good"] * 3
    assert [found.of(one("bad", 2)) for _ in range(3)] == ["good"] * 3
    assert found.of(one("better", 3)) == "better"
    assert found.of(one("bad", 1, "other")) is None
    assert asked == ["good", "bad", "better", "bad"]
    found.keep({"u"})
    found.of(one("better", 3))
    found.of(one("good", 1, "other"))
    assert asked[4:] == ["good"]
