"""The value sets that everything is rendered with: every switch is on in one and off in another."""

from __future__ import annotations

import json
from typing import Any

DIGEST = "sha256:" + "0123456789abcdef" * 4

SELECTOR = "team=storage,env in (dev, test)"

_EVERYTHING: dict[str, Any] = {
    "global": {"imageRegistry": "mirror.example.com:5000", "imagePullSecrets": ["shared", {"name": "own"}]},
    "imagePullSecrets": ["own"],
    "replicas": 2,
    "commonLabels": {"team": "storage"},
    "podLabels": {"pod": "label"},
    "podAnnotations": {"pod": "annotation"},
    "serviceAccount": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
    "podDisruptionBudget": {"minAvailable": "50%"},
    "metrics": {
        "service": {"annotations": {"e": "f"}},
        "serviceMonitor": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "interval": "30s",
            "scrapeTimeout": "10s",
            "relabelings": [{"action": "labeldrop", "regex": "pod"}],
            "metricRelabelings": [{"action": "labeldrop", "regex": "le"}],
        },
    },
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "apiServerTo": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        "dnsTo": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "extraEgress": [{"ports": [{"port": 4317}]}],
    },
    "priorityClassName": "system-cluster-critical",
    "runtimeClassName": "gvisor",
    "hostUsers": False,
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "extraArgs": ["--debug"],
    "extraEnv": [{"name": "HTTP_PROXY", "value": "http://proxy"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "one", "namespace": '{{ include "etcd-operator.namespace" . }}'},
        },
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: two-{{ .Release.Name }}\n",
    ],
}


def _operator(chart: str, own: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The value sets that all operators' charts have, each with what this one adds to it."""
    shared: dict[str, dict[str, Any]] = {
        "default": {},
        "everything": json.loads(json.dumps(_EVERYTHING).replace("etcd-operator", chart)),
        "namespaces": {"scope": "namespaces", "namespaces": ["team", "blue", "green"], "networkPolicy": {"enabled": True}},
        "release": {"scope": "release", "namespaceOverride": "elsewhere"},
        "namespace-admin": {"scope": "release", "crds": {"maintain": False}},
        "no-rbac": {"rbac": {"create": False}, "serviceAccount": {"create": False}},
        "openshift": {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}},
        "digest": {"image": {"digest": DIGEST, "tag": "9.9.9"}, "tests": {"enabled": False}},
        "names": {"nameOverride": "short", "strategy": {"type": "Recreate"}, "replicas": 0},
    }
    return {name: {**values, **own.get(name, {})} for name, values in shared.items()}


_NO_ADMISSION = {"admission": {"enabled": False}}
_ACCOUNTS = {"prometheusRole": {"serviceAccounts": [{"name": "prometheus", "namespace": "monitoring"}]}}

CASES: dict[str, dict[str, dict[str, Any]]] = {
    "etcd-operator": _operator("etcd-operator", {"openshift": {"members": {"fixedUser": False}}}),
    "prometheus-operator": _operator(
        "prometheus-operator",
        {
            "everything": {"instanceSelector": SELECTOR, **_ACCOUNTS},
            "namespace-admin": _NO_ADMISSION,
            "names": {**_NO_ADMISSION, "prometheusRole": {"create": False}},
        },
    ),
    "alertmanager-operator": _operator(
        "alertmanager-operator",
        {"everything": {"instanceSelector": SELECTOR}, "namespace-admin": _NO_ADMISSION, "names": _NO_ADMISSION},
    ),
    "davit": {
        "default": {},
        "off": {"etcd": {"enabled": False}, "prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
        "registry": {
            "global": {"imageRegistry": "mirror.example.com", "imagePullSecrets": [{"name": "mirror"}]},
            "etcd": {"replicas": 2, "scope": "release"},
            "alertmanager": {"enabled": False},
        },
    },
    "etcd-cluster": {
        "default": {},
        "full": {
            "name": "db",
            "namespaceOverride": "elsewhere",
            "commonLabels": {"team": "storage"},
            "annotations": {"note": "yes"},
            "keepOnUninstall": True,
            "spec": {
                "size": 5,
                "version": "3.5.21",
                "storage": {"size": "20Gi", "storageClassName": "fast", "whenDeleted": "Delete"},
                "resources": {"requests": {"cpu": 1}},
                "etcdOptions": {"heartbeat-interval": "200"},
                "quota": 8589934592,
                "tolerations": [{"operator": "Exists"}],
            },
        },
        "newer-field": {"spec": {"fieldOfTheFuture": {"deep": [1, 2]}}},
    },
    "monitoring": {
        "default": {},
        "prometheus": {"alertmanager": {"enabled": False}, "prometheus": {"discovery": "namespace"}},
        "alertmanager": {"prometheus": {"enabled": False}},
        "full": {
            "name": "watch",
            "namespaceOverride": "elsewhere",
            "commonLabels": {"team": "storage"},
            "annotations": {"note": "yes"},
            "keepOnUninstall": True,
            "prometheus": {
                "discovery": "none",
                "serviceAccount": {"create": False, "name": "theirs"},
                "spec": {
                    "version": "2.53.3",
                    "retention": "15d",
                    "storage": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "50Gi"}}}}},
                    "alerting": {"alertmanagers": []},
                    "fieldOfTheFuture": {"deep": [1, 2]},
                },
            },
        },
    },
    "app-with-etcd": {
        "default": {},
        "operator": {"operator": {"enabled": True}, "global": {"imageRegistry": "mirror.example.com"}},
        "cluster": {"etcd": {"create": False, "existing": {"cluster": "db", "namespace": "data"}}},
        "endpoints": {
            "etcd": {
                "create": False,
                "existing": {"endpoints": ["https://a:2379", "https://b:2379"], "tlsSecret": "etcd-client"},
            }
        },
        "config-map": {"etcd": {"create": False, "existing": {"configMap": "etcd"}}},
        "everything": {
            "replicas": 1,
            "commonLabels": {"team": "web"},
            "podLabels": {"pod": "label"},
            "podAnnotations": {"pod": "annotation"},
            "imagePullSecrets": ["own"],
            "image": {"digest": DIGEST},
            "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "extraEnv": [{"name": "A", "value": "b"}],
            "etcd": {"keepOnUninstall": True, "name": "data", "spec": {"size": 1, "storage": {"type": "Memory"}}},
            "app": {"prefix": "/visits/"},
            "tests": {"enabled": False},
        },
    },
}
"""Chart, case, values."""

PAIRS = [(chart, case) for chart, cases in CASES.items() for case in cases]
