from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit_prometheus.manifests.stateful_set import ignored, problems

from davit_prometheus_tests.manifests_cases import AGENTS, CASES
from davit_prometheus_tests.manifests_made import flags, instance, made

EVERY = [pytest.param(spec, False, id=name) for name, spec in CASES.items()]
EVERY += [pytest.param(spec, True, id=name) for name, spec in AGENTS.items()]


@pytest.mark.parametrize(
    ("spec", "wanted", "unwanted"),
    [
        ({"version": "2.45.0"}, {"web.console.templates": ["/etc/prometheus/consoles"]}, "agent"),
        ({"version": "3.0.0"}, {"storage.tsdb.retention.time": ["24h"]}, "web.console.templates"),
        ({"version": "3.0.0-rc.1"}, {"web.route-prefix": ["/"]}, "enable-feature"),
        ({"version": "3.10.0", "retention": "5d"}, {"storage.tsdb.retention.time": ["5d"]}, "storage.tsdb.retention.size"),
        ({"version": "3.10.0", "retentionSize": "1GB"}, {"storage.tsdb.retention.size": ["1GB"]}, "storage.tsdb.retention.time"),
        ({"version": "3.11.0", "retention": "5d", "retentionSize": "1GB"}, {}, "storage.tsdb.retention.time"),
        ({"version": "3.11.0", "retentionSize": "1GB"}, {}, "storage.tsdb.retention.size"),
        (
            {"version": "2.54.0", "walCompression": False},
            {"no-storage.tsdb.wal-compression": [""]},
            "storage.tsdb.wal-compression",
        ),
        ({"logLevel": "info", "logFormat": "logfmt"}, {}, "log.level"),
        ({"query": {"maxSamples": 0, "lookbackDelta": ""}}, {}, "query.max-samples"),
        ({"otlp": {}}, {"web.enable-otlp-receiver": [""]}, "enable-feature"),
        ({"otlp": {}, "enableOTLPReceiver": False}, {}, "web.enable-otlp-receiver"),
    ],
)
def test_flags_fit_the_release(spec: dict[str, Any], wanted: dict[str, list[str]], unwanted: str) -> None:
    found = flags(made(spec))
    assert {name: found.get(name) for name in wanted} == wanted
    assert unwanted not in found


@pytest.mark.parametrize(
    ("spec", "features"),
    [
        ({"version": "2.53.0"}, ["expand-external-labels"]),
        ({"version": "2.53.0", "enableFeatures": ["expand-external-labels", "x"]}, ["expand-external-labels,x"]),
        ({"version": "3.0.0", "enableFeatures": ["x", "y"]}, ["x,y"]),
        ({"version": "2.53.0", "enableOTLPReceiver": True}, ["otlp-write-receiver", "expand-external-labels"]),
        ({"version": "2.46.0", "enableOTLPReceiver": True}, ["expand-external-labels"]),
        (
            {"version": "2.54.0", "remoteWrite": [{"url": "x", "messageVersion": "V2.0"}] * 2},
            ["metadata-wal-records", "expand-external-labels"],
        ),
        ({"version": "3.3.0", "remoteWrite": [{"url": "x", "messageVersion": "V2.0"}]}, ["metadata-wal-records"]),
        ({"version": "3.4.0", "remoteWrite": [{"url": "x", "messageVersion": "V2.0"}]}, []),
        ({"version": "3.13.0", "tsdb": {"chunkEncoding": {"floats": "Xor2"}}}, ["xor2-encoding"]),
        (
            {"version": "3.13.0", "tsdb": {"chunkEncoding": {"floats": "Xor2"}}, "enableFeatures": ["xor2-encoding"]},
            ["xor2-encoding"],
        ),
        ({"version": "3.12.0", "tsdb": {"chunkEncoding": {"floats": "Xor2"}}}, []),
        ({"version": "3.5.0", "listenLocal": True}, ["auto-reload-config"]),
        ({"version": "2.53.0", "listenLocal": True}, ["expand-external-labels"]),
    ],
)
def test_features_add_up(spec: dict[str, Any], features: list[str]) -> None:
    assert flags(made(spec)).get("enable-feature", []) == features


def test_every_remote_write_protocol_has_a_flag_of_its_own() -> None:
    """Prometheus 3.13.2 does not start on both in one flag."""
    spec = {"enableRemoteWriteReceiver": True, "remoteWriteReceiverMessageVersions": ["V1.0", "V2.0"]}
    wanted = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]
    assert flags(made(spec))["web.remote-write-receiver.accepted-protobuf-messages"] == wanted


def test_remote_write_two_on_an_old_release_takes_no_other_flag_away() -> None:
    """As it does in prometheus-operator 0.93 below 2.54."""
    spec = {
        "version": "2.53.0",
        "remoteWrite": [{"url": "x", "messageVersion": "V2.0"}],
        "enableFeatures": ["x"],
        "logFormat": "json",
    }
    found = flags(made(spec))
    assert "x" in found["enable-feature"]
    assert found["log.format"] == ["json"]


@pytest.mark.parametrize("version", ["2.53.0", "3.5.0"])
def test_an_agent_is_told_so_in_the_words_of_its_release(version: str) -> None:
    found = flags(made({"version": version, "walCompression": True}, agent=True))
    assert ("agent" in found) == (version == "3.5.0")
    assert ("agent" in found.get("enable-feature", [])) == (version == "2.53.0")
    assert found["storage.agent.path"] == ["/prometheus"]
    assert found["storage.agent.wal-compression"] == [""]
    assert not [name for name in found if name.startswith(("storage.tsdb", "rules", "query"))]


def test_the_process_can_always_be_reloaded_by_the_operator() -> None:
    assert "web.enable-lifecycle" in flags(made())
    assert "web.enable-lifecycle" in flags(made({"reloadStrategy": "ProcessSignal"}))
    local = flags(made({"listenLocal": True}))
    assert local["config.auto-reload-interval"] == ["1s"]
    assert "config.auto-reload" not in local
    assert flags(made({"version": "3.12.0", "listenLocal": True}))["config.auto-reload"] == [""]
    assert local["web.listen-address"] == ["127.0.0.1:9090"]


def test_flags_of_ours_alone_give_way_to_the_users() -> None:
    """prometheus-operator accepts these, so we do."""
    given = [{"name": "web.enable-lifecycle"}, {"name": "enable-feature", "value": "mine"}]
    found = flags(made({"version": "2.53.0", "reloadStrategy": "ProcessSignal", "additionalArgs": given}))
    assert found["web.enable-lifecycle"] == [""]
    assert found["enable-feature"] == ["expand-external-labels", "mine"]
    slower = [{"name": "config.auto-reload-interval", "value": "1m"}]
    assert flags(made({"listenLocal": True, "additionalArgs": slower}))["config.auto-reload-interval"] == ["1m"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"additionalArgs": [{"name": "x"}, {"name": "config.file", "value": "y"}]}, "spec.additionalArgs[1].name"),
        ({"additionalArgs": [{"name": "no-web.enable-lifecycle"}]}, "spec.additionalArgs[0].name"),
        (
            {"walCompression": True, "additionalArgs": [{"name": "no-storage.tsdb.wal-compression"}]},
            "spec.additionalArgs[0].name",
        ),
        ({"enableFeatures": ["a"], "additionalArgs": [{"name": "enable-feature", "value": "b"}]}, "spec.additionalArgs[0].name"),
        ({"thanos": {"additionalArgs": [{"name": "grpc-address", "value": "x"}]}}, "spec.thanos.additionalArgs[0].name"),
        ({"thanos": {"version": "main"}}, "spec.thanos.version"),
        ({"web": {"tlsConfig": {"keyFile": "/k"}}}, "spec.web.tlsConfig.cert"),
    ],
)
def test_what_can_not_be_obeyed_names_its_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        instance(spec)
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(("spec", "agent"), EVERY)
def test_good_specs_have_no_problems(spec: dict[str, Any], agent: bool) -> None:
    assert problems(instance(spec, agent=agent)) == ()


def test_what_has_no_effect_is_told() -> None:
    said = ignored(instance({**CASES["two-forty-five"], "containers": [{"name": "config-reloader"}]}))
    assert said == (
        "spec.remoteWriteReceiverMessageVersions is ignored by Prometheus 2.45.0: needs 2.54.0",
        "spec.allowOverlappingBlocks is ignored by Prometheus 2.45.0: gone since 2.39.0",
        "spec.containers[0] has no effect: Davit reloads without a reloader container",
    )
    assert ignored(instance(CASES["thanos-off"])) == (
        "spec.thanos.grpcServerTlsConfig.minVersion is ignored by Thanos 0.36.0: needs 0.37.0",
        "spec.thanos.grpcServerTlsConfig.curves is ignored by Thanos 0.36.0: needs 0.42.0",
    )
    assert ignored(instance({"version": "2.53.0", "listenLocal": True})) == (
        "reloading with spec.listenLocal is ignored by Prometheus 2.53.0: needs 3.0.0",
    )
    assert ignored(instance()) == ()
