"""Carries out the commands of backups and schedules against Kubernetes."""

from __future__ import annotations

import json

from davit.kube.client import Client
from davit.model import Action

from davit_etcd.actions import create_once
from davit_etcd.backup.commands import Remove
from davit_etcd.commands import Create


async def execute(action: Action, kube: Client) -> None:
    """Carry out one action."""
    match action:
        case Create(kind=kind, manifest=text):
            await create_once(kube, kind, json.loads(text))
        case Remove(kind=kind, key=key, uid=uid):
            await kube.delete(kind, key, uid=uid)
