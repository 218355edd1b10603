"""The Secrets that the pods of an Alertmanager read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from davit.model import Manifest
from davit.monitoring import web, workload
from davit.monitoring.salt import ANNOTATION as SALT

from davit_alertmanager.manifests import WEB_DIR, config_secret, metadata, tls_secret, web_secret
from davit_alertmanager.model import CONFIG_FILE, Instance

_ROOM = 1_048_576 - 50_000
"""Bytes of names and contents in one Secret of TLS assets."""


def config(instance: Instance, text: str, beside: Mapping[str, bytes], salt: str = "") -> Manifest:
    """The configuration; `beside` are the other keys of the user's Secret, such as templates, mounted in the same place.

    salt: under the digest.
    """
    files = {name: content for name, content in beside.items() if name != CONFIG_FILE}
    head = metadata(instance, config_secret(instance), annotations={SALT: salt} if salt else None)
    return workload.secret(head, {CONFIG_FILE: text.encode(), **files})


def tls_assets(instance: Instance, files: Mapping[str, bytes]) -> list[Manifest]:
    """The TLS assets of all receivers, at least one Secret; as upstream spreads them."""
    shards: list[dict[str, bytes]] = [{}]
    size = 0
    for name in sorted(files):
        weight = len(name) + len(files[name])
        if size + weight > _ROOM:
            shards.append({})
            size = 0
        size += weight
        shards[-1][name] = files[name]
    return [workload.secret(metadata(instance, tls_secret(instance, index)), shard) for index, shard in enumerate(shards)]


def web_config(instance: Instance) -> Manifest:
    """There even for plain HTTP, so that TLS can be switched on without another volume."""
    files = {web.CONFIG_FILE: web.web_config(instance.spec.get("web"), WEB_DIR)}
    return workload.secret(metadata(instance, web_secret(instance)), files)
