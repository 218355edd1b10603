"""What is said of a resource when it is applied: refused when it can't work anywhere, warned about when it can't work fully.

By the object alone: an AlertmanagerConfig is judged as an Alertmanager of the default version would, one that has every
global setting, and what it refers to may come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from davit.model import Manifest
from davit.monitoring.assets import Unseen
from davit.monitoring.faults import refuse
from davit.monitoring.http import Context
from davit.webhook.registration import Endpoint
from davit.webhook.review import reviewer, unknown

from davit_alertmanager import validate
from davit_alertmanager.api import v1alpha1, v1beta1
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.config import contribute
from davit_alertmanager.config.client import SUPPORT
from davit_alertmanager.config.globals import global_section
from davit_alertmanager.config.shapes import shapes
from davit_alertmanager.model import TLS_ASSETS, Facts, Instance

KINDS = (v1alpha1.ALERTMANAGER_CONFIG, v1beta1.ALERTMANAGER_CONFIG)
_SECRETS = Unseen(b"https://slack.com/api/chat.postMessage")
"""In place of all Secrets, which are not looked at: they could be sounded out. Some must hold a URL, and one this URL."""
_FOLLOWS = ("is left out, see above", "none of its receivers can be used")
"""What is said of a part because of another one."""


def endpoints(ours: Callable[[Manifest], bool] = lambda resource: True) -> tuple[Endpoint, ...]:
    """A row for each resource; Alertmanagers that are not `ours` are another operator's, which may mean what ours refuses."""

    async def check(manifest: Manifest) -> Iterable[str]:
        return await check_alertmanager(manifest) if ours(manifest) else ()

    return Endpoint((ALERTMANAGER,), reviewer(check)), Endpoint(KINDS, reviewer(check_config))


async def check_alertmanager(manifest: Manifest) -> Iterable[str]:
    """As the operator will judge it, and whether every global setting can be rendered."""
    instance = validate.validate(manifest)
    context = Context(instance.scope.gate(), _SECRETS, instance.scope.namespace, TLS_ASSETS, SUPPORT)
    _, faults = global_section(context, instance.scope.globals)
    refuse(faults)
    return (*unknown(instance.unknown), *instance.ignored)


async def check_config(manifest: Manifest) -> Iterable[str]:
    """Whether all of it can be rendered."""
    known = Facts("null", frozenset(shapes("global")))
    found = contribute(_anybody().scope, known, manifest, _SECRETS)
    follows = [fault for fault in found.faults if any(said in fault.message for said in _FOLLOWS)]
    refuse([fault for fault in found.faults if fault not in follows] or follows)
    return found.ignored


def _anybody() -> Instance:
    """An Alertmanager of the default version."""
    metadata = {"name": "any", "namespace": "any", "uid": "any", "generation": 1}
    return validate.validate(
        {"apiVersion": ALERTMANAGER.api_version, "kind": ALERTMANAGER.kind, "metadata": metadata, "spec": {}}
    )
