from __future__ import annotations

import base64

import pytest
import yaml
from davit_prometheus.manifests import thanos

from davit_prometheus_tests.manifests_cases import CASES, TLS
from davit_prometheus_tests.manifests_made import container, flags, instance, made, mount, pod


@pytest.mark.parametrize(
    ("prometheus", "sidecar", "mode"),
    [("3.9.0", "v0.41.0", "delayed"), ("3.8.1", "v0.41.0", "off"), ("3.9.0", "v0.40.0", "off"), ("3.13.1", None, "delayed")],
)
def test_blocks_are_uploaded_before_they_are_compacted(prometheus: str, sidecar: str | None, mode: str) -> None:
    given = {"objectStorageConfig": {"name": "b", "key": "k"}} | ({"version": sidecar} if sidecar else {})
    manifest = made({"version": prometheus, "thanos": given, "tsdb": {"outOfOrderTimeWindow": "1h"}})
    found, side = flags(manifest), flags(manifest, "thanos-sidecar")
    assert ("storage.tsdb.delay-compact-file.path" in found) == (mode == "delayed")
    assert ("shipper.ignore-unequal-block-size" in side) == (mode == "delayed")
    assert found.get("storage.tsdb.max-block-duration") == (["2h"] if mode == "off" else None)
    assert "no-storage.tsdb.allow-overlapping-compaction" in found
    assert side["objstore.config"] == ["$(OBJSTORE_CONFIG)"]
    assert mount(manifest, "prometheus-k8s-db", "thanos-sidecar") == mount(manifest, "prometheus-k8s-db")


def test_a_sidecar_that_only_answers_queries_leaves_compaction_alone() -> None:
    manifest = made({"thanos": {}, "tsdb": {"outOfOrderTimeWindow": "1h"}})
    assert not [name for name in flags(manifest) if "block-duration" in name or "compact" in name]
    assert "objstore.config" not in flags(manifest, "thanos-sidecar")
    assert not [one for one in container(manifest, "thanos-sidecar")["volumeMounts"] if one["name"] == "prometheus-k8s-db"]


def test_the_sidecar_reaches_prometheus_by_its_scheme_and_prefix() -> None:
    found = flags(made({"thanos": {}, "routePrefix": "/x", "web": {"tlsConfig": TLS}}), "thanos-sidecar")
    assert found["prometheus.url"] == ["https://localhost:9090/x"]
    assert flags(made({"thanos": {}}), "thanos-sidecar")["prometheus.url"] == ["http://localhost:9090/"]
    secret = thanos.client_secret(instance({"thanos": {}}))
    (content,) = (yaml.safe_load(base64.b64decode(data)) for data in secret["data"].values())
    assert content == {"tls_config": {"insecure_skip_verify": True}}
    assert found["prometheus.http-client-file"] == [f"/etc/thanos/config/{next(iter(secret['data']))}"]


def test_files_of_the_sidecar_win_over_secrets_which_are_then_not_read() -> None:
    """A Secret that is named in vain and missing would keep the pod from starting."""
    manifest = made(CASES["thanos-off"])
    found = flags(manifest, "thanos-sidecar")
    assert (found["objstore.config-file"], found["tracing.config-file"]) == (["/bucket.yaml"], ["/tracing.yaml"])
    assert container(manifest, "thanos-sidecar")["env"] == []
    named = container(made(CASES["thanos-delayed"]), "thanos-sidecar")["env"]
    assert [one["valueFrom"]["secretKeyRef"]["name"] for one in named] == ["bucket", "traces"]


def test_a_thanos_without_client_files_gets_none() -> None:
    manifest = made({"thanos": {"version": "v0.23.0"}})
    assert "prometheus.http-client-file" not in flags(manifest, "thanos-sidecar")
    assert not [one for one in pod(manifest)["volumes"] if "thanos" in one["name"]]
