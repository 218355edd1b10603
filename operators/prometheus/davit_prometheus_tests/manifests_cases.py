"""Specs that between them use every field that reaches the pods."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CONTEXT: Json = {"securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 2000}}
TLS: Json = {
    "keySecret": {"name": "web", "key": "tls.key"},
    "cert": {"secret": {"name": "web", "key": "tls.crt"}},
    "client_ca": {"configMap": {"name": "clients", "key": "ca.crt"}},
}
CLAIM: Json = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "10Gi"}}}}}

CASES: dict[str, Json] = {
    "default": {},
    "kube-prometheus": {
        **CONTEXT,
        "version": "v3.13.1",
        "replicas": 2,
        "podMetadata": {"labels": {"app.kubernetes.io/component": "prometheus"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "resources": {"requests": {"memory": "400Mi"}},
        "serviceAccountName": "prometheus-k8s",
        "enableFeatures": [],
        "storage": CLAIM,
        "retention": "10d",
        "retentionSize": "8GB",
    },
    "two-forty-five": {
        **CONTEXT,
        "version": "v2.45.0",
        "retention": "3d",
        "enableFeatures": ["exemplar-storage", "memory-snapshot-on-shutdown"],
        "enableRemoteWriteReceiver": True,
        "remoteWriteReceiverMessageVersions": ["V1.0", "V2.0"],
        "runtime": {"goGC": 50},
        "allowOverlappingBlocks": True,
        "walCompression": True,
    },
    "flags": {
        **CONTEXT,
        "version": "v3.4.1",
        "enableAdminAPI": True,
        "enableFeatures": ["a"],
        "enableOTLPReceiver": True,
        "enableRemoteWriteReceiver": True,
        "remoteWriteReceiverMessageVersions": ["V1.0", "V2.0"],
        "externalUrl": "https://prometheus.example/p",
        "routePrefix": "/p/",
        "logLevel": "debug",
        "logFormat": "json",
        "retentionSize": "10GB",
        "rules": {"alert": {"forOutageTolerance": "2h", "forGracePeriod": "5m", "resendDelay": "2m"}},
        "query": {"lookbackDelta": "10m", "maxSamples": 1000, "maxConcurrency": 3, "timeout": "1m"},
        "walCompression": False,
        "web": {"pageTitle": "Title", "maxConnections": 100},
        "runtime": {"goGC": 50},
        "maximumStartupDurationSeconds": 1000,
        "additionalArgs": [{"name": "storage.tsdb.no-lockfile"}, {"name": "storage.tsdb.wal-segment-size", "value": "64MB"}],
    },
    "remote-write-two": {
        **CONTEXT,
        "version": "v2.54.1",
        "remoteWrite": [{"url": "http://a/"}, {"url": "http://b/", "messageVersion": "V2.0"}],
        "enableFeatures": ["b"],
        "enableOTLPReceiver": True,
    },
    "xor2": {
        **CONTEXT,
        "version": "v3.13.0",
        "tsdb": {"chunkEncoding": {"floats": "Xor2"}},
        "enableOTLPReceiver": False,
        "otlp": {},
    },
    "tls": {**CONTEXT, "web": {"tlsConfig": TLS, "httpConfig": {"http2": False}}, "routePrefix": "/x"},
    "local": {**CONTEXT, "listenLocal": True, "routePrefix": "/x", "portName": "http"},
    "thanos-delayed": {
        **CONTEXT,
        "version": "v3.13.1",
        "logLevel": "warn",
        "logFormat": "json",
        "imagePullPolicy": "Always",
        "storage": CLAIM,
        "tsdb": {"outOfOrderTimeWindow": "10m"},
        "thanos": {
            "version": "v0.42.2",
            "objectStorageConfig": {"name": "bucket", "key": "bucket.yaml"},
            "tracingConfig": {"name": "traces", "key": "tracing.yaml"},
            "logLevel": "debug",
            "minTime": "2h",
            "readyTimeout": "10m",
            "getConfigInterval": "30s",
            "getConfigTimeout": "5s",
            "grpcServerTlsConfig": {
                "certFile": "/c", "keyFile": "/k", "caFile": "/ca", "minVersion": "TLS13",
                "cipherSuites": ["x", "y"], "curves": ["z"],
            },
            "resources": {"requests": {"cpu": "100m"}},
            "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
            "additionalArgs": [{"name": "min-time-shift", "value": "1h"}],
        },
        "volumes": [{"name": "extra", "emptyDir": {}}],
    },
    "thanos-off": {
        **CONTEXT,
        "version": "v2.55.0",
        "tsdb": {"outOfOrderTimeWindow": "10m"},
        "thanos": {
            "version": "v0.36.0",
            "objectStorageConfig": {"name": "unused", "key": "x"},
            "objectStorageConfigFile": "/bucket.yaml",
            "tracingConfigFile": "/tracing.yaml",
            "tracingConfig": {"name": "unused", "key": "x"},
            "blockSize": "1h",
            "listenLocal": True,
            "grpcServerTlsConfig": {"minVersion": "TLS12", "curves": ["z"]},
        },
        "web": {"tlsConfig": TLS},
    },
    "thanos-queries-only": {**CONTEXT, "thanos": {"baseImage": "own.io/thanos", "tag": "x", "grpcListenLocal": True}},
    "no-compaction": {**CONTEXT, "disableCompaction": True, "thanos": {"image": "thanos:1", "httpListenLocal": True}},
    "mounts": {
        **CONTEXT,
        "secrets": ["etcd.certs", "other"],
        "configMaps": ["A_b"],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x"}],
        "queryLogFile": "query.log",
        "scrapeFailureLogFile": "scrape.log",
        "storage": {"emptyDir": {"medium": "Memory"}, "disableMountSubPath": True},
    },
    "claims": {
        **CONTEXT,
        "queryLogFile": "query.log",
        "storage": {
            "volumeClaimTemplate": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "mine", "labels": {"a": "b"}, "annotations": {"c": "d"}},
                "spec": {
                    "storageClassName": "fast",
                    "accessModes": ["ReadWriteMany"],
                    "volumeMode": "Filesystem",
                    "resources": {"requests": {"storage": "1Gi"}},
                    "selector": {"matchLabels": {"e": "f"}},
                },
            }
        },
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    },
    "ephemeral": {
        **CONTEXT,
        "scrapeFailureLogFile": "/elsewhere/scrape.log",
        "storage": {
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            }
        },
    },
    "scheduling": {
        **CONTEXT,
        "replicas": 3,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}},
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
        "nodeSelector": {"a": "b"},
        "schedulerName": "own",
        "priorityClassName": "high",
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a", "b"]}],
        "dnsPolicy": "None",
        "dnsConfig": {
            "nameservers": ["1.1.1.1"],
            "searches": ["x"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        },
        "enableServiceLinks": False,
        "hostUsers": False,
        "imagePullSecrets": [{"name": "pull"}],
        "imagePullPolicy": "IfNotPresent",
        "minReadySeconds": 30,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}},
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "serviceName": "own",
        "podMetadata": {"labels": {"a": "b", "app.kubernetes.io/name": "x"}, "annotations": {"c": "d"}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"a": "b"}},
            },
            {
                "maxSkew": 1, "topologyKey": "y", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2,
                "additionalLabelSelectors": "OnResource", "labelSelector": {"matchLabels": {"a": "b"}},
            },
            {"maxSkew": 1, "topologyKey": "n", "whenUnsatisfiable": "ScheduleAnyway", "additionalLabelSelectors": "OnShard"},
        ],
    },
    "host-network": {**CONTEXT, "hostNetwork": True, "updateStrategy": {"type": "OnDelete"}},
    "shards": {
        **CONTEXT,
        "shards": 3,
        "shardingStrategy": {"mode": "Topology", "topology": {"values": ["a", "b"]}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
    },
    "patched": {
        **CONTEXT,
        "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
        "containers": [
            {
                "name": "prometheus",
                "env": [{"name": "A", "value": "b"}],
                "resources": {"limits": {"cpu": "2"}},
                "volumeMounts": [{"name": "n", "mountPath": "/n"}],
                "readinessProbe": {"failureThreshold": 9},
                "livenessProbe": {"exec": {"command": ["true"]}},
                "securityContext": {"readOnlyRootFilesystem": False},
                "ports": [{"name": "more", "containerPort": 1}],
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
            },
            {"name": "side", "image": "side:1", "ports": [{"containerPort": 8080}]},
            {"name": "config-reloader", "resources": {"limits": {"memory": "100Mi"}}},
        ],
        "initContainers": [
            {"name": "first", "image": "first:1", "command": ["true"]},
            {"name": "init-config-reloader", "resources": {"limits": {"memory": "100Mi"}}},
        ],
        "volumes": [{"name": "n", "emptyDir": {}}],
    },
}  # fmt: skip

AGENTS: dict[str, Json] = {
    "agent": {**CONTEXT, "version": "v3.5.0", "replicas": 2, "shards": 2, "storage": CLAIM, "walCompression": False},
    "agent-two": {
        **CONTEXT,
        "version": "v2.53.0",
        "walCompression": True,
        "runtime": {"goGC": 50},
        "scrapeFailureLogFile": "x.log",
    },
}
