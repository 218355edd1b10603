"""What a Prometheus pod mounts: its data, configuration, rules, certificates and what the spec names. Pure."""

from __future__ import annotations

import posixpath

from davit.monitoring import pods, web, workload
from davit.monitoring.pods import Mounted

from davit_prometheus.manifests import (
    CONFIG_DIR,
    CONFIG_KEY,
    LOG_DIR,
    RULE_CONFIG_MAPS,
    WEB_DIR,
    config_secret,
    rules_config_map,
    scrape_secrets,
    tls_secret,
    web_secret,
)
from davit_prometheus.model import RULES, TLS_ASSETS, Instance, Json, Scope


def storage(scope: Scope, spec: Json) -> workload.Storage:
    """The data: its volume's name is what the names of the PersistentVolumeClaims begin with."""
    return workload.storage(spec.get("storage"), f"{scope.prefix}-db", "prometheus-db")


def mounted(instance: Instance, spec: Json, shard: int, data: Json, *, rule_config_maps: int, tls_secrets: int) -> Mounted:
    """Everything but the data's volume, and all mounts; `data` is the mount of the data."""
    scope = instance.scope
    (_, web_files) = web.mounted(spec.get("web"), WEB_DIR, web_secret(scope))
    given = Mounted(mounts=(data, *(spec.get("volumeMounts") or ())))
    files = _config(scope, shard) + _certificates(scope, tls_secrets) + given + pods.given_files(spec, "/etc/prometheus")
    rules = Mounted() if scope.agent else _rules(scope, rule_config_maps)
    return files + _logs(spec) + rules + web_files


def _config(scope: Scope, shard: int) -> Mounted:
    """One directory from several Secrets, so that a configuration may be larger than one Secret."""
    item = {"key": CONFIG_KEY, "path": CONFIG_KEY}
    first: Json = {"secret": {"name": config_secret(scope, shard), "items": [item]}}
    more: list[Json] = [{"secret": {"name": name, "optional": True}} for name in scrape_secrets(scope, shard)]
    return Mounted(
        ({"name": "config", "projected": {"sources": [first, *more]}},),
        ({"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},),
    )


def _certificates(scope: Scope, secrets: int) -> Mounted:
    sources = [{"secret": {"name": tls_secret(scope, index), "optional": True}} for index in range(max(1, secrets))]
    return Mounted(
        ({"name": "tls-assets", "projected": {"sources": sources}},),
        ({"name": "tls-assets", "mountPath": TLS_ASSETS, "readOnly": True},),
    )


def _rules(scope: Scope, config_maps: int) -> Mounted:
    names = [rules_config_map(scope, index) for index in range(max(RULE_CONFIG_MAPS, config_maps))]
    return Mounted(
        tuple({"name": name, "configMap": {"name": name, "optional": True}} for name in names),
        tuple({"name": name, "mountPath": f"{RULES}/{name}", "readOnly": True} for name in names),
    )


def _logs(spec: Json) -> Mounted:
    """Log files without a directory go to a volume of their own: the root file system is read-only."""
    files = (spec.get("queryLogFile"), spec.get("scrapeFailureLogFile"))
    if not any(file and not posixpath.dirname(posixpath.normpath(file)) for file in files):
        return Mounted()
    return Mounted(({"name": "log-file", "emptyDir": {}},), ({"name": "log-file", "mountPath": LOG_DIR},))
