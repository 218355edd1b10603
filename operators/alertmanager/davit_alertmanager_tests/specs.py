"""Specs of Alertmanagers that use every field."""

from __future__ import annotations

from davit_alertmanager_tests.world import Json

CONTEXT: Json = {
    "version": "0.33.1",
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
    "automountServiceAccountToken": True,
}
"""What prometheus-operator leaves to the user: with it, both make the same."""
SERVER_TLS: Json = {
    "cert": {"configMap": {"name": "certs", "key": "server.crt"}},
    "keySecret": {"name": "keys", "key": "server.key"},
    "client_ca": {"secret": {"name": "ca", "key": "ca.crt"}},
    "clientAuthType": "RequireAndVerifyClientCert",
    "minVersion": "TLS12",
    "maxVersion": "TLS13",
    "cipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    "preferServerCipherSuites": True,
    "curvePreferences": ["X25519"],
}
GO_FILES: Json = {
    "certFile": "/c", "cert": {}, "keyFile": "/k", "keySecret": {"key": ""}, "clientCAFile": "/a", "client_ca": {},
}  # fmt: skip
"""A selector that is not set, as clients in Go send it, is one without a name."""
CLIENT_TLS: Json = {
    "ca": {"secret": {"name": "ca", "key": "ca.crt"}},
    "cert": {"secret": {"name": "keys", "key": "client.crt"}},
    "keySecret": {"name": "keys", "key": "client.key"},
    "serverName": "member",
    "insecureSkipVerify": False,
}
TERM: Json = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}

CASES: dict[str, Json] = {
    "default": {},
    "three": {"replicas": 3},
    "none": {"replicas": 0},
    "negative": {"replicas": -1},
    "forced cluster": {"forceEnableClusterMode": True, "additionalPeers": ["far:9094", "away:9094"]},
    "flags": {
        "replicas": 2,
        "retention": "48h",
        "externalUrl": "https://alerts.example.com/am",
        "routePrefix": "/am",
        "logLevel": "debug",
        "logFormat": "json",
        "enableFeatures": ["classic-mode", "receiver-name-in-metrics"],
        "clusterAdvertiseAddress": "1.2.3.4:9094",
        "clusterGossipInterval": "200ms",
        "clusterPushpullInterval": "60s",
        "clusterPeerTimeout": "15s",
        "clusterLabel": "all",
        "minReadySeconds": 30,
        "web": {"getConcurrency": 5, "timeout": 0},
        "limits": {"maxSilences": 100, "maxPerSilenceBytes": "10KB"},
        "additionalArgs": [{"name": "alerts.gc-interval", "value": "5m"}, {"name": "no-x"}],
    },
    "default levels": {"logLevel": "info", "logFormat": "logfmt", "minReadySeconds": 0},
    "own delay": {"minReadySeconds": 10, "additionalArgs": [{"name": "dispatch.start-delay", "value": "1s"}]},
    "empty label": {"clusterLabel": ""},
    "local": {"listenLocal": True},
    "port": {"portName": "http", "routePrefix": "/a//b/"},
    "image": {"image": "example.com/am@sha256:abc"},
    "digest": {"baseImage": "example.com/am", "sha": "abc", "tag": "v1"},
    "own repository": {"baseImage": "example.com/am", "version": "0.31.0"},
    "tag": {"tag": "v0.33.1-x"},
    "version only": {"version": "v0.28.1"},
    "metadata": {"podMetadata": {"labels": {"a": "b", "alertmanager": "other"}, "annotations": {"c": "d"}}},
    "scheduling": {
        "nodeSelector": {"disk": "fast"},
        "schedulerName": "mine",
        "priorityClassName": "high",
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}},
    },
    "on delete": {"updateStrategy": {"type": "OnDelete"}},
    "pod": {
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "pull"}],
        "serviceAccountName": "am",
        "serviceName": "mine",
        "enableServiceLinks": False,
        "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["one"]}],
        "hostUsers": False,
        "terminationGracePeriodSeconds": 0,
        "dnsPolicy": "Default",
        "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x"], "options": [{"name": "ndots", "value": "2"}]},
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
    },
    "host network": {"hostNetwork": True},
    "own memory": {"resources": {"requests": {"memory": "64Mi"}}},
    "files": {"secrets": ["one", "two.dots"], "configMaps": ["templates"], "volumes": [{"name": "v", "emptyDir": {}}],
              "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    "claim": {
        "storage": {
            "volumeClaimTemplate": {
                "metadata": {"name": "data", "labels": {"a": "b"}},
                "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}},
            }
        },
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
    },
    "claim without a name": {
        "storage": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteMany"], "selector": {"matchLabels": {"a": "b"}}}}}
    },
    "empty directory": {"storage": {"emptyDir": {"medium": "Memory"}}},
    "ephemeral": {"storage": {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}, "disableMountSubPath": True}},
    "web": {
        "web": {"tlsConfig": SERVER_TLS, "httpConfig": {"http2": True, "headers": {"xFrameOptions": "Deny"}}},
    },
    "web of files, as Go writes it": {"web": {"tlsConfig": GO_FILES}},
    "cluster tls": {"replicas": 3, "clusterTLS": {"server": SERVER_TLS, "client": CLIENT_TLS}},
    "cluster tls of files": {
        "replicas": 3,
        "clusterTLS": {"server": {"certFile": "/c", "keyFile": "/k", "clientCAFile": "/a"}, "client": CLIENT_TLS},
    },
    "cluster tls of files, as Go writes it": {"replicas": 3, "clusterTLS": {"server": GO_FILES, "client": CLIENT_TLS}},
    "sidecar": {"containers": [{"name": "proxy", "image": "proxy", "ports": [{"name": "p", "containerPort": 8443}]}]},
    "init": {"initContainers": [{"name": "first", "image": "busybox"}]},
    "changed": {"containers": [{"name": "alertmanager", "env": [{"name": "X", "value": "y"}], "args": ["--only"]}]},
    "reloader": {"containers": [{"name": "config-reloader", "resources": {"limits": {"cpu": "1"}}}]},
}  # fmt: skip
