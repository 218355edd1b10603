"""A StatefulSet goes only when its successor is sure to come."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Rejected, Transient
from davit.kube.failures import Conflict
from davit.kube.kinds import STATEFUL_SET
from davit.model import Key, Kind, Manifest
from davit.monitoring.renewal import orphan
from davit.monitoring.rollout import Orphan
from davit.testing.fake_client import FakeClient

KEY = Key("shop", "set")


class Api(FakeClient):
    """Says of a create what it is told to."""

    def __init__(self, answer: Exception | None) -> None:
        super().__init__()
        self.answer = answer

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        if self.answer is not None:
            raise self.answer
        return await super().create(kind, manifest)


def stateful_set(**spec: Any) -> Manifest:
    metadata = {"name": KEY.name, "namespace": KEY.namespace}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def order(client: FakeClient) -> Orphan:
    live = client.put(STATEFUL_SET, stateful_set(serviceName="a"))
    return Orphan(KEY.name, live["metadata"]["uid"], "its serviceName can't be changed", stateful_set(serviceName="b"))


async def test_it_goes_when_only_its_name_is_against_the_successor() -> None:
    client = Api(Conflict("already exists"))
    await orphan(client, KEY.namespace, order(client))
    assert (STATEFUL_SET, KEY) not in client.objects


@pytest.mark.parametrize("answer", [Rejected("spec: Forbidden"), Transient("no answer")])
async def test_it_stays_while_its_successor_is_not_sure(answer: Exception) -> None:
    client = Api(answer)
    with pytest.raises(type(answer)):
        await orphan(client, KEY.namespace, order(client))
    assert client.objects[STATEFUL_SET, KEY]["spec"] == {"serviceName": "a"}


async def test_one_that_went_meanwhile_is_made() -> None:
    client = Api(None)
    wanted = order(client)
    client.remove(STATEFUL_SET, KEY)
    await orphan(client, KEY.namespace, wanted)
    assert client.objects[STATEFUL_SET, KEY]["spec"] == {"serviceName": "b"}
