"""Fixtures: the cluster from a kubeconfig, the operator by `helm install`, a namespace of its own for each test."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.support import kubectl, release, store
from e2e.support.cluster import EtcdCluster
from e2e.support.helm import Helm, find
from e2e.support.installation import COMPONENT, PRODUCTS, Installation
from e2e.support.kinds import NAMESPACE
from e2e.support.kube import Kube
from e2e.support.kubectl import Kubectl
from e2e.support.logs import Follower, unexpected
from e2e.support.sandbox import LABEL, Sandbox
from e2e.support.settings import REPO, NotConfigured, Settings, load
from e2e.support.store import Faults, Store
from e2e.support.wait import until

MARKERS = (
    "ci: the slice that every change runs",
    "serial: stops, kills or upgrades the operator that all tests share; not with -n",
    "expected_log(*patterns): errors in the operator's log that the test provokes",
    "e2e: needs a cluster; every test that takes the settings fixture has it by itself",
)
DEADLINE = 900
"""Seconds for one test, as a net below the deadlines of its waits."""

reports = pytest.StashKey[dict[str, pytest.TestReport]]()


def pytest_configure(config: pytest.Config) -> None:
    """Markers are declared here, so that the suite can be run with any pytest configuration."""
    # Its warnings of every retry would drown the report when the API server is away.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of the shared operator must not run beside others: refuse rather than fail at random."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    for item in items:
        if "settings" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(DEADLINE))
        if workers > 1 and item.get_closest_marker("serial") and not config.option.markexpr:
            raise pytest.UsageError('run `-m "not serial" -n 2` and then `-m serial`: serial tests stop the shared operator')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep the reports for the fixtures, which save evidence of a failed test."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    item.stash.setdefault(reports, {})[report.when] = report
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests measured; nothing of it is asserted."""
    facts = [
        (report.nodeid, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "note" and report.when == "call"
    ]
    if facts:
        terminalreporter.section("measured")
        for nodeid, fact in facts:
            terminalreporter.write_line(f"{nodeid.removeprefix('e2e/')}: {fact}")


@pytest.fixture(scope="session")
def settings() -> Settings:
    """What the environment says; without a cluster the run fails, it never skips."""
    try:
        return load()
    except NotConfigured as missing:
        pytest.exit(str(missing), returncode=4)


@pytest.fixture(scope="session")
def kube(settings: Settings) -> Kube:
    """The API server."""
    return Kube(settings.kubeconfig)


@pytest.fixture(scope="session")
def helm(settings: Settings) -> Helm:
    """Helm 4."""
    return Helm(find(settings.helm), settings.kubeconfig)


@pytest.fixture(scope="session")
def operators(settings: Settings, kube: Kube, helm: Helm, testrun_uid: str) -> Iterator[dict[str, Installation]]:
    """All operators through `helm install`, once for all workers of a run; by product."""
    found = {product: Installation(kube, settings.namespace, settings.patience, product) for product in PRODUCTS}
    with _once(f"installed-{testrun_uid}") as first:
        if first:
            _as_the_chart_says(found, helm, settings)
        for operator in found.values():
            if operator.exists():
                operator.wait_ready()
    yield found
    _wait_for_namespaces(kube, settings)
    if settings.mode == "remove" and not os.environ.get("PYTEST_XDIST_WORKER"):
        release.uninstall(helm, settings)


@pytest.fixture(scope="session")
def installation(operators: dict[str, Installation]) -> Installation:
    """The etcd operator."""
    return operators["etcd"]


@pytest.fixture(scope="session")
def operator_log(settings: Settings, kube: Kube, operators: dict[str, Installation]) -> Iterator[Follower]:
    """The log of all replicas and restarts of all operators during the session."""
    follower = Follower(kube, settings.namespace, COMPONENT)
    follower.start()
    yield follower
    follower.stop()


@pytest.fixture
def sandbox(
    request: pytest.FixtureRequest,
    settings: Settings,
    kube: Kube,
    installation: Installation,
    operator_log: Follower,
    record_property: Callable[[str, object], None],
) -> Iterator[Sandbox]:
    """A namespace for the test; afterwards the operator's log is judged, and evidence of a failure is kept."""
    image = settings.traffic_image or installation.image
    mark = operator_log.mark()
    box = Sandbox.create(kube, request.node.name, image, settings.patience, lambda text: record_property("note", text))
    yield box
    marker = request.node.get_closest_marker("expected_log")
    lines = operator_log.since(mark)
    errors = unexpected(lines, box.namespace, marker.args if marker else ())
    failed = any(report.failed for report in request.node.stash.get(reports, {}).values())
    if failed or errors:
        folder = settings.artifacts / request.node.name.replace("/", "_")
        shutil.rmtree(folder, ignore_errors=True)
        box.dump(folder, [f"{line.pod} {line.text}" for line in lines])
    box.delete()
    if errors:
        shown = "\n".join(f"{line.pod}: {line.text[:1500]}" for line in errors[:10])
        pytest.fail(f"{len(errors)} unexpected errors in the operator's log:\n{shown}", pytrace=False)


@pytest.fixture
def cluster(sandbox: Sandbox, settings: Settings) -> EtcdCluster:
    """An EtcdCluster named `db`, not made yet."""
    return EtcdCluster(sandbox, settings.version)


@pytest.fixture(scope="session")
def kubectl_program(settings: Settings) -> Kubectl:
    """kubectl."""
    return Kubectl(kubectl.find(), settings.kubeconfig)


@pytest.fixture
def objects(sandbox: Sandbox, kubectl_program: Kubectl, settings: Settings) -> Iterator[Store]:
    """An object store that runs, with a bucket, and in Secrets a user of it with the least rights."""
    with store.running(sandbox, kubectl_program, settings.store_image) as running:
        yield running


@pytest.fixture
def faults(objects: Store) -> Faults:
    """A proxy in front of the store, that lets all pass until it is told otherwise."""
    return store.proxied(objects)


@pytest.fixture
def restored_operator(restored_operators: dict[str, Installation]) -> Installation:
    """For tests that stop, scale or replace the etcd operator: afterwards it is as the chart says again."""
    return restored_operators["etcd"]


@pytest.fixture
def restored_operators(operators: dict[str, Installation], settings: Settings, helm: Helm) -> Iterator[dict[str, Installation]]:
    """The same for all operators, by product."""
    yield operators
    _as_the_chart_says(operators, helm, settings)


def _as_the_chart_says(operators: dict[str, Installation], helm: Helm, settings: Settings) -> None:
    """One replica each of the release's own version, whatever was there before."""
    for operator in operators.values():
        if operator.exists():
            # Helm would find the replicas in another owner's hands, unless they are what it wants.
            operator.scale(1, wait=False)
    if settings.mode != "installed":
        release.install(helm, settings)
    for operator in operators.values():
        if operator.exists():
            operator.renew()


@contextmanager
def _once(name: str) -> Iterator[bool]:
    """Under a lock between workers, whether nobody has done it in this run."""
    folder = REPO / ".davit" / "e2e-run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done: Path = folder / name
        yield not done.exists()
        for old in folder.glob("installed-*"):
            old.unlink()
        done.touch()


def _wait_for_namespaces(kube: Kube, settings: Settings) -> None:
    """Deleted namespaces must go, and nothing of the operator's may hold them."""
    until(
        "the tests' namespaces that were deleted are gone",
        lambda: [ns["metadata"]["name"] for ns in kube.all(NAMESPACE, labels={LABEL: "true"}) if _leaving(ns)],
        lambda names: not names,
        deadline=300 * settings.patience,
    )


def _leaving(namespace: dict[str, dict[str, object]]) -> bool:
    return "deletionTimestamp" in namespace["metadata"]
