"""The Thanos sidecar: one answer of both replicas, and blocks in an object store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci.images.table import THANOS
from e2e.support import images, monitors, store
from e2e.support import prometheus as prom
from e2e.support.kinds import POD, SERVICE_MONITOR
from e2e.support.kube import Json, pod_ready
from e2e.support.process import Process
from e2e.support.prometheus import Prometheus
from e2e.support.sandbox import HELPER, USER, Sandbox
from e2e.support.store import BUCKET, CA, Store
from e2e.support.wait import until
from e2e.support.witness import Witness

SECRET, KEY = "thanos-store", "objstore.yaml"
QUERY_PORT = 10912


@pytest.fixture
def sidecar(sandbox: Sandbox, objects: Store) -> Json:
    """Parts of a Prometheus' spec: a sidecar with a store over TLS, and blocks of a minute."""
    images.load("thanos")
    config = {
        "bucket": BUCKET,
        "endpoint": f"minio.{sandbox.namespace}.svc:9000",
        "access_key": objects.login.key,
        "secret_key": objects.login.secret,
        "http_config": {"tls_config": {"ca_file": "/etc/store/ca.crt"}},
    }
    store.put_secret(sandbox, SECRET, {KEY: json.dumps({"type": "S3", "config": config})})
    return {
        "thanos": {
            "version": THANOS.partition(":")[2],
            "objectStorageConfig": {"name": SECRET, "key": KEY},
            "volumeMounts": [{"name": "store-ca", "mountPath": "/etc/store", "readOnly": True}],
        },
        "volumes": [{"name": "store-ca", "secret": {"secretName": CA}}],
        "additionalArgs": [{"name": f"storage.tsdb.{end}-block-duration", "value": "1m"} for end in ("min", "max")],
    }


def test_both_replicas_answer_as_one_and_their_blocks_are_uploaded(
    prometheus: Prometheus, sidecar: Json, objects: Store, witness: Witness
) -> None:
    """A querier that finds the sidecars by the governing Service drops the replicas' label; edits restart nothing."""
    box = prometheus.sandbox
    witness.tell(witness_level=7)
    job = monitors.service_monitor(box, "m")
    prometheus.create(replicas=2, **sidecar)
    prometheus.until_all("both scrape", lambda one: prom.query(one, "witness_level"), count=2, seconds=90)
    query = querier(box)
    replicas = {f"prometheus-main-{number}" for number in range(2)}
    apart = answers(query, "both replicas answer", 2, dedup="false")
    assert {one["metric"]["prometheus_replica"] for one in apart} == replicas
    (one,) = answers(query, "they answer as one", 1, dedup="true")
    assert one["value"][1] == "7"
    assert one["metric"].items() >= {"prometheus": f"{box.namespace}/main", "job": "witness"}.items()
    assert "prometheus_replica" not in one["metric"]

    before = prometheus.uids()
    monitors.service_monitor(box, "m", {"port": "metrics", "params": {"after": ["edit"]}})
    prometheus.until_all("an edit is live", lambda one: prom.jobs(one)[job].get("params") == {"after": ["edit"]}, count=2)
    monitors.wait_status(box, SERVICE_MONITOR, "m", "says who takes it", lambda found: "main" in monitors.bindings(box, found))

    def uploaded() -> dict[str, Json]:
        metas = (objects.read_json(key) for key in objects.sizes() if key.endswith("/meta.json"))
        return {meta["thanos"]["labels"]["prometheus_replica"]: meta for meta in metas}

    found = prometheus.until("both have uploaded a block", uploaded, lambda seen: set(seen) == replicas, seconds=300)
    for meta in found.values():
        assert meta["thanos"]["labels"]["prometheus"] == f"{box.namespace}/main"
        assert meta["thanos"]["source"] == "sidecar"
    assert prometheus.uids() == before


def querier(box: Sandbox) -> Process:
    """Thanos' own, which asks every sidecar behind `prometheus-operated`."""
    own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "query",
        "image": THANOS,
        "args": [
            "query",
            f"--http-address=0.0.0.0:{QUERY_PORT}",
            "--grpc-address=127.0.0.1:10911",
            f"--endpoint=dnssrv+_grpc._tcp.prometheus-operated.{box.namespace}.svc",
            "--store.sd-dns-interval=1s",
            "--query.replica-label=prometheus_replica",
        ],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": QUERY_PORT}, "periodSeconds": 1},
        "securityContext": own,
    }
    security = {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "automountServiceAccountToken": False}
    metadata = {"name": "query", "namespace": box.namespace, "labels": HELPER}
    box.kube.create(POD, {"metadata": metadata, "spec": {**spec, "terminationGracePeriodSeconds": 1}})
    until(
        "the querier is ready",
        lambda: box.kube.get(POD, box.namespace, "query"),
        lambda found: found is not None and pod_ready(found),
        deadline=box.seconds(60),
    )
    return Process(box.kube, box.namespace, "query", QUERY_PORT)


def answers(query: Process, what: str, count: int, **how: Any) -> list[Json]:
    """Series of the witness, once there are so many."""

    def ask() -> list[Json]:
        found: list[Json] = query.json("/api/v1/query", query="witness_level", **how)["data"]["result"]
        return found

    return until(what, ask, lambda found: len(found) == count, deadline=60)
