"""Make a StatefulSet anew, once it is sure that its successor will be taken: until then its pods are somebody's."""

from __future__ import annotations

from davit.kube.client import Client
from davit.kube.failures import Conflict
from davit.kube.kinds import STATEFUL_SET
from davit.model import Key
from davit.monitoring.rollout import Orphan


async def orphan(client: Client, namespace: str, order: Orphan) -> None:
    """Delete it and leave its pods; raises what the API server says against the successor, and then nothing is deleted."""
    try:
        # The API server looks at the content (validation, admission) before it finds the name taken.
        await client.create(STATEFUL_SET, order.successor)
    except Conflict:
        await client.delete(STATEFUL_SET, Key(namespace, order.name), uid=order.uid, orphan=True)
