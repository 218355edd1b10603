"""One pure builder per Kubernetes object of a Prometheus. Names, labels and paths are prometheus-operator's.

An existing StatefulSet of prometheus-operator 0.93 can be taken over in place: what can't change in it (selector,
serviceName, podManagementPolicy, claim templates) and the names of its claims come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from davit.kube import labels
from davit.monitoring import workload

from davit_prometheus.model import Instance, Json, Scope

WEB_PORT, GRPC_PORT, THANOS_HTTP_PORT = 9090, 10901, 10902
NAME_LABEL = "operator.prometheus.io/name"
MODE_LABEL = "operator.prometheus.io/mode"
SHARD_LABEL = "operator.prometheus.io/shard"

CONFIG_DIR = "/etc/prometheus/config"
CONFIG_KEY = "prometheus.yaml"
WEB_DIR = "/etc/prometheus/web_config"
STORAGE_DIR = "/prometheus"
LOG_DIR = "/var/log/prometheus"
SCRAPE_SECRETS = 8
"""How many Secrets a configuration can overflow into; each pod watches all of them, and another number is another template."""
RULE_CONFIG_MAPS = 3
"""The fewest that are mounted, so that rules can grow without a restart."""


def stateful_set_name(scope: Scope, shard: int) -> str:
    """Name of a shard's StatefulSet."""
    return scope.prefix if shard == 0 else f"{scope.prefix}-shard-{shard}"


def config_secret(scope: Scope, shard: int) -> str:
    """Name of the Secret with a shard's configuration, in the key `CONFIG_KEY`."""
    return stateful_set_name(scope, shard)


def scrape_secrets(scope: Scope, shard: int) -> tuple[str, ...]:
    """Names of the Secrets for what the configuration Secret has no room for: each key is a file in `CONFIG_DIR`."""
    return tuple(f"{config_secret(scope, shard)}-scrape-{index}" for index in range(SCRAPE_SECRETS))


def tls_secret(scope: Scope, index: int) -> str:
    """Name of a Secret with TLS assets."""
    return f"{scope.prefix}-tls-assets-{index}"


def rules_config_map(scope: Scope, index: int) -> str:
    """Name of a ConfigMap with rule files, and of the directory below `model.RULES` where it is mounted."""
    return f"{scope.prefix}-rulefiles-{index}"


def web_secret(scope: Scope) -> str:
    """Name of the Secret with the web configuration."""
    return f"{scope.prefix}-web-config"


def governing_service_name(scope: Scope) -> str:
    """Name of the headless Service that all Prometheus objects of a namespace share."""
    return "prometheus-agent-operated" if scope.agent else "prometheus-operated"


def product(scope: Scope) -> str:
    """The value of app.kubernetes.io/name."""
    return "prometheus-agent" if scope.agent else "prometheus"


def selector(scope: Scope) -> dict[str, str]:
    """What selects the pods of all shards."""
    chosen = {
        labels.MANAGED_BY: workload.MANAGED_BY,
        labels.NAME: product(scope),
        labels.INSTANCE: scope.name,
        NAME_LABEL: scope.name,
    }
    return chosen if scope.agent else {**chosen, "prometheus": scope.name}


def shard_selector(scope: Scope, shard: int) -> dict[str, str]:
    """What selects the pods of one shard: immutable in its StatefulSet."""
    return {**selector(scope), SHARD_LABEL: str(shard)}


def child_labels(scope: Scope) -> dict[str, str]:
    """The labels by which all children of one Prometheus are found; a Prometheus and an agent may share a name."""
    return {NAME_LABEL: scope.name, MODE_LABEL: "agent" if scope.agent else "server"}


def metadata(
    instance: Instance,
    name: str,
    more: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Json:
    """Metadata of a child that goes with its Prometheus; `more` are labels under those that it is found by."""
    chosen = {**(more or {}), **child_labels(instance.scope)}
    return workload.head(name, instance.key.namespace, [json.loads(instance.owner)], chosen, annotations)
