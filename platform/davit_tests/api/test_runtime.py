from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from davit.errors import Transient
from davit.kube.crds import CRD, VERSION
from davit.kube.http import Connection, KubeClient
from davit.kube.kinds import CONFIG_MAP
from davit.lease import LEASE
from davit.model import Key, Kind, Manifest

from ci.cluster.controlplane import ControlPlane
from davit_tests.api.operator import Operator, wait_until
from davit_tests.api.people import NAMESPACE, person, toy_crd

pytestmark = pytest.mark.api

OURS = {"app.kubernetes.io/part-of": "davit"}


def toy(kind: Kind, namespace: str, name: str = "bear", **metadata: Any) -> Manifest:
    return {
        "apiVersion": kind.api_version,
        "kind": "Toy",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"colour": "red"},
    }


def child(namespace: str, name: str, toy: str) -> Manifest:
    labels = {"part-of": "toys", "toy": toy}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": labels}}


async def crd_of(client: KubeClient, kind: Kind) -> Manifest:
    found = await client.get(CRD, Key("", f"toys.{kind.group}"))
    assert found is not None
    return found


def spec_fields(crd: Manifest) -> set[str]:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return set(schema["properties"]["spec"].get("properties", {}))


async def test_what_happens_to_a_resource_and_its_children_wakes_it(
    client: KubeClient, operator: Operator, namespace: str, toys: Kind
) -> None:
    operator.start_ready(fields=["colour"])
    bear = f"{namespace}/bear"
    created = await client.create(toys, toy(toys, namespace))
    operator.wait_for_pass(bear, {"colour": "red"})
    await client.replace(toys, {**created, "spec": {"colour": "blue"}})
    operator.wait_for_pass(bear, {"colour": "blue"})

    seen = len(operator.passes())
    await client.create(CONFIG_MAP, {**child(namespace, "stranger", "bear"), "metadata": {"name": "x", "namespace": namespace}})
    part = await client.create(CONFIG_MAP, child(namespace, "part", "bear"))
    operator.wait_for_pass(bear, after=seen)
    seen = len(operator.passes())
    assert await client.delete(CONFIG_MAP, Key(namespace, "part"), uid=part["metadata"]["uid"])
    operator.wait_for_pass(bear, after=seen)
    await client.create(CONFIG_MAP, child(namespace, "orphan", "nobody"))
    operator.wait_for_pass(f"{namespace}/nobody", None)

    assert await client.delete(toys, Key(namespace, "bear"), uid=created["metadata"]["uid"])
    operator.wait_for_pass(bear, None)
    assert {one["leads"] for one in operator.passes()} == {True}
    ours = {one["pass"] for one in operator.passes() if one["pass"].startswith(f"{namespace}/")}
    assert ours == {bear, f"{namespace}/nobody"}
    assert operator.complaints() == []
    text = operator.probe("metrics")[1]
    assert "davit_leader 1.0" in text
    assert 'davit_kube_requests_total{code="200",verb="watch"}' in text


async def test_kopf_leaves_no_trace_on_objects(client: KubeClient, operator: Operator, namespace: str, toys: Kind) -> None:
    operator.start_ready(fields=["colour"])
    foreign = "kopf.zalando.org/KopfFinalizerMarker"
    created = await client.create(toys, toy(toys, namespace, finalizers=[foreign]))
    await client.create(CONFIG_MAP, child(namespace, "part", "bear"))
    operator.wait_for_pass(f"{namespace}/bear")
    seen = len(operator.passes())
    assert await client.delete(toys, Key(namespace, "bear"), uid=created["metadata"]["uid"])
    operator.wait_for_pass(f"{namespace}/bear", after=seen)
    await client.create(toys, toy(toys, namespace, "later"))
    operator.wait_for_pass(f"{namespace}/later")

    marked = await client.get(toys, Key(namespace, "bear"))
    later = await client.get(toys, Key(namespace, "later"))
    part = await client.get(CONFIG_MAP, Key(namespace, "part"))
    assert marked is not None
    assert marked["metadata"]["finalizers"] == [foreign]
    for found in (marked, later, part):
        assert found is not None
        assert "annotations" not in found["metadata"]
        assert len(found["metadata"]["managedFields"]) == 1
    assert later is not None
    assert "finalizers" not in later["metadata"]
    assert "status" not in later


async def test_a_crd_that_comes_later_is_noticed_and_one_that_goes_too(
    client: KubeClient, operator: Operator, namespace: str, toys: Kind
) -> None:
    operator.start("--maintain-crds", "false")
    name = f"toys.{toys.group}"
    wait_until(lambda: f"{name} is not served" in operator.probe("readyz")[1], "the missing CRD is not named")
    assert operator.probe("healthz") == (200, "ok")
    made = await client.create(CRD, toy_crd(toys, "colour"))
    wait_until(lambda: operator.probe("readyz") == (200, "ok"), "the CRD was not noticed")
    await client.create(toys, toy(toys, namespace))
    operator.wait_for_pass(f"{namespace}/bear", {"colour": "red"})

    await client.delete(CRD, Key("", name), uid=made["metadata"]["uid"])
    wait_until(lambda: f"{name} is not served" in operator.probe("readyz")[1], "the CRD's end was not noticed")
    await recreate(client, toy_crd(toys, "colour"))
    wait_until(lambda: operator.probe("readyz") == (200, "ok"), "the new CRD was not noticed")
    await client.create(toys, toy(toys, namespace, "later"))
    operator.wait_for_pass(f"{namespace}/later")
    assert operator.process.poll() is None


async def recreate(client: KubeClient, crd: Manifest) -> None:
    deadline = time.monotonic() + 30.0
    while True:
        try:
            await client.create(CRD, crd)
            return
        except Transient:
            assert time.monotonic() < deadline


async def test_the_crd_is_kept_current_and_never_taken_back(client: KubeClient, operator: Operator, toys: Kind) -> None:
    operator.start_ready(fields=["colour"], version="1.0.0")
    first = await crd_of(client, toys)
    assert spec_fields(first) == {"colour"}
    assert first["metadata"]["labels"] == {**OURS, VERSION: "1.0.0"}
    assert operator.stop()[0] == 0

    operator.start_ready(fields=["colour", "size"], version="1.1.0")
    upgraded = await crd_of(client, toys)
    assert spec_fields(upgraded) == {"colour", "size"}
    assert upgraded["metadata"]["uid"] == first["metadata"]["uid"]
    assert operator.stop()[0] == 0

    operator.start_ready(fields=["colour"], version="1.0.0")
    assert await crd_of(client, toys) == upgraded
    assert "a newer operator (1.1.0) wrote it" in operator.logged()
    assert operator.stop()[0] == 0

    operator.start_ready(fields=["colour", "size"], version="1.1.0")
    assert await crd_of(client, toys) == upgraded


async def test_a_crd_that_the_api_server_refuses_is_tried_again_and_the_one_that_is_served_does_meanwhile(
    client: KubeClient, operator: Operator, namespace: str, toys: Kind
) -> None:
    """An older version of the kind was stored once, and is not in the release's CRD; the remedy is to migrate its objects."""
    theirs = toy_crd(toys, "colour", labels=OURS)
    (version,) = theirs["spec"]["versions"]
    theirs["spec"]["versions"] = [{**version, "storage": False}, {**version, "name": "v0"}]
    await client.create(CRD, theirs)
    operator.start_ready(fields=["colour", "size"])
    await client.create(toys, toy(toys, namespace))
    operator.wait_for_pass(f"{namespace}/bear", {"colour": "red"})
    told = f"the CRD toys.{toys.group} stays as it is: apply customresourcedefinitions"
    (line,) = operator.complaints()
    assert line.startswith(told)
    assert "status.storedVersions" in line
    assert spec_fields(await crd_of(client, toys)) == {"colour"}

    live = await crd_of(client, toys)
    stored = [{**one, "storage": one["name"] == "v1"} for one in live["spec"]["versions"]]
    await client.replace(CRD, {**live, "spec": {**live["spec"], "versions": stored}})
    head = {"apiVersion": CRD.api_version, "kind": CRD.kind, "metadata": {"name": live["metadata"]["name"]}}
    await client.apply(CRD, {**head, "status": {"storedVersions": ["v1"]}}, subresource="status")
    wait_until(lambda: "was written" in operator.logged(), f"not tried again\n{operator.logged()}")
    assert spec_fields(await crd_of(client, toys)) == {"colour", "size"}


async def test_somebody_elses_crd_is_left_as_it_is(client: KubeClient, operator: Operator, toys: Kind) -> None:
    await client.create(CRD, toy_crd(toys, "theirs"))
    operator.start_ready(fields=["ours"])
    assert spec_fields(await crd_of(client, toys)) == {"theirs"}
    assert "is not ours" in operator.logged()


async def test_without_the_wish_no_crd_is_touched(client: KubeClient, operator: Operator, toys: Kind) -> None:
    await client.create(CRD, toy_crd(toys, "theirs", labels=OURS))
    operator.start_ready("--maintain-crds", "false", fields=["ours"])
    assert spec_fields(await crd_of(client, toys)) == {"theirs"}


async def test_a_namespaced_operator_needs_rights_in_its_namespaces_only(
    control_plane: ControlPlane, client: KubeClient, operator: Operator, namespace: str, toys: Kind, tmp_path: Path
) -> None:
    await client.create(CRD, toy_crd(toys, "colour"))
    elsewhere = f"{namespace}-else"
    await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}})
    rights = [
        (toys.group, "toys", "get,list,watch"),
        ("", "configmaps", "list,watch"),
        ("coordination.k8s.io", "leases", "get,create,update"),
    ]
    operator.kubeconfig = await person(control_plane, client, namespace, rights, tmp_path)
    operator.start_ready("--namespaces", namespace, timings={"resync": 1.0})
    await client.create(toys, toy(toys, elsewhere))
    await client.create(toys, toy(toys, namespace))
    operator.wait_for_pass(f"{namespace}/bear", {"colour": "red"})
    seen = len(operator.passes())
    operator.wait_for_pass(f"{namespace}/bear", after=seen)
    assert {one["pass"] for one in operator.passes()} == {f"{namespace}/bear"}
    (problem,) = operator.complaints()
    assert problem.startswith(f"the CRD toys.{toys.group} stays as it is: get customresourcedefinitions")
    assert operator.stop()[0] == 0


async def test_a_watch_that_is_forbidden_is_told_by_the_readiness_probe(
    control_plane: ControlPlane, client: KubeClient, operator: Operator, namespace: str, toys: Kind, tmp_path: Path
) -> None:
    await client.create(CRD, toy_crd(toys, "colour"))
    rights = [(toys.group, "toys", "get,list,watch"), ("coordination.k8s.io", "leases", "get,create,update")]
    operator.kubeconfig = await person(control_plane, client, namespace, rights, tmp_path)
    operator.start("--namespaces", namespace)
    await client.create(toys, toy(toys, namespace))
    operator.wait_for_pass(f"{namespace}/bear")
    pending = f"the watch of configmaps in namespace {namespace} is not established"
    wait_until(lambda: operator.probe("readyz") == (503, pending), "the forbidden watch is not told")
    assert operator.probe("healthz") == (200, "ok")


async def test_a_watch_that_dies_silently_fails_the_liveness_probe_and_a_quiet_one_does_not(
    client: KubeClient, operator: Operator, namespace: str, toys: Kind
) -> None:
    operator.start_ready(fields=["colour"], timings={"server": 1, "client": 3.0, "dead": 5.0})
    quiet_until = time.monotonic() + 8.0
    while time.monotonic() < quiet_until:
        assert operator.probe("healthz") == (200, "ok")
        time.sleep(0.2)
    operator.signal(signal.SIGUSR1)
    wait_until(lambda: operator.probe("healthz")[0] == 503, "the dead watch is not told")
    text = operator.probe("healthz")[1]
    assert text.startswith("the watch of toys in all namespaces is dead: no request for ")
    assert "configmaps" not in text
    await client.create(toys, toy(toys, namespace))
    await client.create(CONFIG_MAP, child(namespace, "part", "other"))
    operator.wait_for_pass(f"{namespace}/other")
    assert f"{namespace}/bear" not in {one["pass"] for one in operator.passes()}


async def test_sigterm_ends_it_cleanly_and_the_standby_takes_over(
    client: KubeClient, operator: Operator, namespace: str, toys: Kind, tmp_path: Path
) -> None:
    operator.start_ready(fields=["colour"])
    standby = Operator(operator.kubeconfig, namespace, toys, tmp_path / "standby")
    try:
        standby.start_ready(fields=["colour"])
        await client.create(toys, toy(toys, namespace))
        operator.wait_for_pass(f"{namespace}/bear")
        assert standby.passes() == []
        assert "davit_leader 0.0" in standby.probe("metrics")[1]
        code, seconds = operator.stop()
        assert (code, seconds < 5.0) == (0, True), operator.logged()
        assert operator.out.read_text().endswith('{"closed": true}\n')
        assert operator.lines()[-1]["msg"] == "stopped"
        standby.wait_for_pass(f"{namespace}/bear", {"colour": "red"})
        lease = await client.get(LEASE, Key(namespace, "davit-toy"))
        assert lease is not None
        assert lease["spec"]["leaseTransitions"] == 1
    finally:
        standby.kill()


async def test_a_restarted_container_takes_the_lease_over_from_itself(
    client: KubeClient, operator: Operator, namespace: str
) -> None:
    """Killed without a chance to give it back; a pod of the same name but another uid would wait."""
    pod = ("--pod", "toy-1", "--pod-uid", "f7e6")
    operator.start_ready(*pod)
    wait_until(lambda: "davit_leader 1.0" in operator.probe("metrics")[1], "it does not lead")
    operator.kill()
    operator.start_ready(*pod)
    wait_until(lambda: "davit_leader 1.0" in operator.probe("metrics")[1], "it does not lead again")
    assert "which ran in this pod and has ended" in operator.logged()
    assert "not leading" not in operator.logged()
    lease = await client.get(LEASE, Key(namespace, "davit-toy"))
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 1
    assert operator.stop()[0] == 0


async def test_a_stolen_lease_ends_the_process(client: KubeClient, operator: Operator, namespace: str) -> None:
    operator.start_ready()
    wait_until(lambda: "davit_leader 1.0" in operator.probe("metrics")[1], "it does not lead")
    await steal(client, Key(namespace, "davit-toy"))
    assert operator.process.wait(30) == 1
    assert "thief holds it" in operator.logged()


async def steal(client: KubeClient, key: Key) -> None:
    while True:
        lease = await client.get(LEASE, key)
        assert lease is not None
        try:
            await client.replace(LEASE, {**lease, "spec": {**lease["spec"], "holderIdentity": "thief"}})
            return
        except Transient:
            continue


def test_no_cluster_at_all_is_said_in_one_line(operator: Operator, tmp_path: Path) -> None:
    operator.kubeconfig = tmp_path / "missing"
    operator.start()
    assert operator.process.wait(30) == 1
    assert operator.lines()[-1]["msg"].startswith("ending: no way to the API server: ")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """One of its own, to be stopped."""
    with ControlPlane(tmp_path / "plane", controllers=False) as found:
        yield found


async def test_watches_survive_a_restart_of_the_api_server(plane: ControlPlane, toys: Kind, tmp_path: Path) -> None:
    client = Connection.load(str(plane.kubeconfig)).client("davit-test")
    operator = Operator(plane.kubeconfig, "default", toys, tmp_path / "operator")
    try:
        operator.start_ready(fields=["colour"], patience=120.0)
        created = await client.create(toys, toy(toys, "default"))
        operator.wait_for_pass("default/bear", {"colour": "red"})
        plane.processes.stop("apiserver")
        time.sleep(3.0)
        assert operator.probe("healthz") == (200, "ok")
        plane.start()
        await client.replace(toys, {**created, "spec": {"colour": "blue"}})
        operator.wait_for_pass("default/bear", {"colour": "blue"})
        await client.create(CONFIG_MAP, child("default", "part", "other"))
        operator.wait_for_pass("default/other")
        assert operator.process.poll() is None
        assert operator.probe("readyz") == (200, "ok")
    finally:
        operator.kill()
        await client.close()


@pytest.mark.parametrize("how", ["refused", "hanging"])
async def test_it_ends_in_time_without_an_api_server(plane: ControlPlane, toys: Kind, tmp_path: Path, how: str) -> None:
    operator = Operator(plane.kubeconfig, "default", toys, tmp_path / "operator")
    server = plane.processes.record("apiserver")
    assert server is not None
    try:
        operator.start_ready(fields=["colour"], patience=120.0)
        if how == "refused":
            plane.processes.stop("apiserver")
        else:
            server.signal(signal.SIGSTOP)
        time.sleep(3.0)
        code, seconds = operator.stop()
        assert (code, seconds < 5.0) == (0, True), (seconds, operator.logged())
    finally:
        operator.kill()
        if how == "hanging":
            server.signal(signal.SIGCONT)


async def test_it_starts_before_the_api_server(plane: ControlPlane, toys: Kind, tmp_path: Path) -> None:
    client = Connection.load(str(plane.kubeconfig)).client("davit-test")
    operator = Operator(plane.kubeconfig, "default", toys, tmp_path / "operator")
    plane.processes.stop("apiserver")
    try:
        operator.start(fields=["colour"])
        wait_until(lambda: operator.probe("healthz") == (200, "ok"), "not alive")
        plane.start()
        wait_until(lambda: operator.probe("readyz") == (200, "ok"), f"not ready: {operator.probe('readyz')}")
        await client.create(toys, toy(toys, "default"))
        operator.wait_for_pass("default/bear", {"colour": "red"})
    finally:
        operator.kill()
        await client.close()
