"""Mutual TLS between the members of the cluster: the file, its Secret, and where both are mounted. Pure.

Source: Alertmanager docs/https.md; paths are those of prometheus-operator 0.93 pkg/alertmanager/clustertlsconfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Manifest
from davit.monitoring import emit, web, workload
from davit.monitoring.pods import Mounted

from davit_alertmanager.manifests import CLUSTER_TLS_DIR, cluster_tls_secret, metadata
from davit_alertmanager.model import Instance, Json

CONFIG_FILE = "cluster-tls-config.yaml"
_VOLUME = "cluster-tls-config"
_SERVER, _CLIENT = "server_tls", "client_tls"


def cluster_tls_config(given: Mapping[str, Any] | None) -> bytes:
    """The file for a spec.clusterTLS, empty without one."""
    if given is None:
        return b""
    config: Json = {
        "tls_server_config": web.server_tls(given.get("server") or {}, f"{CLUSTER_TLS_DIR}/{_SERVER}"),
        "tls_client_config": _client(given.get("client") or {}),
    }
    return emit.text(config).encode()


def _client(given: Mapping[str, Any]) -> Json:
    found = web.certificates(given, "ca")
    files = (("key_file", found.key), ("cert_file", found.cert), ("ca_file", found.ca))
    section: Json = {name: f"{CLUSTER_TLS_DIR}/{_CLIENT}/{asset.file}" for name, asset in files if asset}
    for field, name in (("serverName", "server_name"), ("insecureSkipVerify", "insecure_skip_verify")):
        if field in given:
            section[name] = given[field]
    return section


def mounted(instance: Instance) -> Mounted:
    """The volume of the file and its certificates; none without spec.clusterTLS."""
    given = instance.spec.get("clusterTLS")
    if given is None:
        return Mounted()
    file: Json = {"secret": {"name": cluster_tls_secret(instance), "items": [{"key": CONFIG_FILE, "path": CONFIG_FILE}]}}
    server = web.certificates(given.get("server") or {}).sources(_SERVER)
    client = web.certificates(given.get("client") or {}, "ca").sources(_CLIENT)
    return Mounted(
        ({"name": _VOLUME, "projected": {"sources": [file, *server, *client]}},),
        ({"name": _VOLUME, "mountPath": CLUSTER_TLS_DIR, "readOnly": True},),
    )


def cluster_tls_config_secret(instance: Instance) -> Manifest | None:
    """The Secret of the file; None without spec.clusterTLS."""
    given = instance.spec.get("clusterTLS")
    if given is None:
        return None
    return workload.secret(metadata(instance, cluster_tls_secret(instance)), {CONFIG_FILE: cluster_tls_config(given)})
