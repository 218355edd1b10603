"""The parts of the monitoring harness that need no cluster."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
import yaml

from e2e.bench.monitoring import content, jobs_with
from e2e.support import monitors, peer
from e2e.support import prometheus as prom
from e2e.support.instance import Instance
from e2e.support.kube import Json
from e2e.support.sandbox import Sandbox
from e2e.support.settings import NotConfigured, pair
from e2e.support.witness import basic

BOX = Sandbox(None, "mine", "image")  # type: ignore[arg-type]


def test_two_versions_or_a_refusal() -> None:
    assert pair({}, "X", "v1, v2") == ("v1", "v2")
    with pytest.raises(NotConfigured, match="X="):
        pair({"X": "v1"}, "X", "v1,v2")


def test_upstreams_enums_with_a_lone_equals_sign_are_read() -> None:
    assert yaml.load("enum: [=, '!=']", peer._Loader) == {"enum": ["=", "!="]}


def test_secrets_are_unpacked_whoever_wrote_them() -> None:
    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    secret = {"data": {"a": encoded(b"plain"), "b": encoded(gzip.compress(b"packed"))}}
    assert content(secret).split() == ["plain", "packed"]
    assert content({}) == ""


def test_jobs_with_a_mark_count_once_each() -> None:
    one = "- job_name: a\n  params: {x: [m1]}\n"
    text = f"{one}- job_name: 'b'\n  x: m2\n{one}- job_name: \"c\"\n  x: m1\n"
    assert jobs_with("m1", text) == {"a", "c"}


def test_bindings_of_strangers_do_not_count() -> None:
    found = {"bindings": [{"name": "main", "namespace": "mine", "n": 1}, {"name": "main", "namespace": "other", "n": 2}]}
    assert monitors.bindings(BOX, found)["main"]["n"] == 1


def test_status_is_live_only_for_its_own_generation() -> None:
    def resource(seen: int, live: str) -> Json:
        conditions = [{"type": t, "status": "True", "observedGeneration": seen} for t in ("ConfigLive", "Ready", "Available")]
        config = {"observedGeneration": seen, "digest": "d", "live": live}
        return {"metadata": {"generation": 2}, "status": {"conditions": conditions, "config": config}}

    one = Instance(BOX, "v1")
    assert one.is_live(resource(2, "d"))
    assert not one.is_live(resource(1, "d"))
    assert not one.is_live(resource(2, "c"))
    assert not one.is_live(None)


class Told:
    """A process that answers what the test wants."""

    namespace = "mine"

    def __init__(self) -> None:
        self.stamp, self.yaml, self.fetched = "1", "", 0
        self.kube = self

    def json(self, path: str) -> Any:
        if path.endswith("runtimeinfo"):
            return {"data": {"startTime": "0", "lastConfigTime": self.stamp}}
        self.fetched += 1
        return {"data": {"yaml": self.yaml}}

    def all(self, kind: object, namespace: str) -> list[Json]:
        return [{"data": {"jobs-0-abc.yaml": base64.b64encode(b"marker").decode()}}, {}]


def test_configuration_is_fetched_only_when_it_was_loaded_anew() -> None:
    process = Told()
    reader = prom.Reader(process, "marker")  # type: ignore[arg-type]
    assert not reader()
    reader._fetched -= 10
    assert not reader()
    assert process.fetched == 1
    process.stamp, process.yaml = "2", "scrape_configs:\n- job_name: marker\n"
    assert reader()


def test_jobs_in_further_files_are_found_in_the_secrets_that_hold_them() -> None:
    process = Told()
    process.yaml = "scrape_config_files:\n- /etc/prometheus/config/jobs-0-abc.yaml\n- /etc/prometheus/config/digest-1.*\n"
    assert prom.Reader(process, "marker")()  # type: ignore[arg-type]
    process.yaml = process.yaml.replace("abc", "other")
    assert not prom.Reader(process, "marker")()  # type: ignore[arg-type]


def test_login_as_a_header() -> None:
    assert basic("user", "right") == "Basic dXNlcjpyaWdodA=="
