"""`python -m ci.demo`: install the bundle by Helm, apply the samples, wait until they serve, say how to use them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from typing import Any
from urllib.parse import quote

from pyhelm3 import Client

from ci import demo_store
from ci.errors import main_guard
from ci.paths import KUBECONFIG, REPO
from ci.progress import step, wait_for
from ci.shell import run
from ci.tools.build import ensure, path

NAMESPACE = "davit-demo"
SYSTEM = "davit-system"
KEY, VALUE = "davit/hello", "it serves"
CRDS = ("etcdclusters", "etcdbackups", "etcdbackupschedules", "etcdrestores")
MADE_HERE = {"davit.dev/demo": "backup"}


def main() -> None:
    """Each step may be repeated."""
    helm, kubectl = _tools()
    with step("install Davit by Helm"):
        asyncio.run(_install(helm))
    with step("an object store over TLS") as said:
        talk = partial(_kubectl, kubectl)
        demo_store.apply(talk, demo_store.namespace(NAMESPACE))
        demo_store.start(talk, kubectl, NAMESPACE, said)
    with step("apply docs/samples") as said:
        # An operator that was there before brings new kinds itself, when it is upgraded.
        wait_for(lambda: _unserved(kubectl), 60, said)
        _kubectl(kubectl, "apply", "--server-side", "-n", NAMESPACE, "-f", str(REPO / "docs/samples"))
    with step("etcd cluster sample ready") as said:
        wait_for(lambda: _unready(kubectl), 180, said)
    with step("write and read through etcd"):
        _etcdctl(kubectl, "put", KEY, VALUE)
        if VALUE not in _etcdctl(kubectl, "get", KEY):
            raise RuntimeError("etcd did not give back what was written")
    with step("a backup, restored into a throw-away member") as said:
        name = _backup(kubectl)
        wait_for(lambda: _unverified(kubectl, name), 180, said)
    with step("Prometheus and Alertmanager samples ready") as said:
        wait_for(lambda: _unready(kubectl, "prometheuses") or _unready(kubectl, "alertmanagers"), 180, said)
    with step("every etcd member is scraped") as said:
        wait_for(lambda: _unscraped(kubectl), 60, said)
    with step("kill a member: an alert reaches Alertmanager") as said:
        wait_for(lambda: "still firing since the start" if _alerts(kubectl) else None, 90, said)
        _kubectl(kubectl, "delete", "pod", "-n", NAMESPACE, "--grace-period=0", "--force", _member(kubectl))
        wait_for(lambda: None if _alerts(kubectl) else "no alert in Alertmanager yet", 60, said)
    print(_usage(kubectl))


def _tools() -> tuple[str, str]:
    ensure(("helm4", "kubernetes"))
    return str(path("helm4")), str(path("kubernetes", "kubectl"))


async def _install(helm: str) -> None:
    client = Client(executable=helm, kubeconfig=KUBECONFIG)
    chart = await client.get_chart(REPO / "charts/davit")
    await client.install_or_upgrade_release("davit", chart, namespace=SYSTEM, create_namespace=True, wait=True, timeout="180s")


def _unserved(kubectl: str) -> str | None:
    found = _kubectl(kubectl, "api-resources", "--api-group=etcd.davit.dev", "--no-headers", "-o", "name").split()
    missing = [name for name in CRDS if f"{name}.etcd.davit.dev" not in found]
    return f"the kinds {', '.join(missing)}" if missing else None


def _unready(kubectl: str, kind: str = "etcdclusters") -> str | None:
    found = json.loads(_kubectl(kubectl, "get", kind, "-n", NAMESPACE, "sample", "-o", "json"))
    conditions = {c["type"]: c for c in found.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "the operator has not looked yet"})
    return None if ready["status"] == "True" else f"{kind}: {ready['message']}"


def _backup(kubectl: str) -> str:
    """A new one in the place of an earlier run's; what that left in the store stays there."""
    label = ",".join(f"{key}={value}" for key, value in MADE_HERE.items())
    _kubectl(kubectl, "delete", "etcdbackups", "-n", NAMESPACE, "-l", label)
    name = time.strftime("hello-%Y%m%d-%H%M%S", time.gmtime())
    manifest = {
        "apiVersion": "etcd.davit.dev/v1",
        "kind": "EtcdBackup",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": MADE_HERE},
        "spec": {"cluster": "sample", "verify": "restore", "deadline": "5m"},
    }
    _kubectl(kubectl, "create", "-f", "-", stdin=json.dumps(manifest))
    return name


def _unverified(kubectl: str, name: str) -> str | None:
    """What is missing; a backup that failed never comes right, so that is an error."""
    status = json.loads(_kubectl(kubectl, "get", "etcdbackup", "-n", NAMESPACE, name, "-o", "json")).get("status", {})
    phase, message = status.get("phase", "Pending"), status.get("message", "the operator has not looked yet")
    if phase == "Failed":
        raise RuntimeError(f"EtcdBackup {name} failed: {message}")
    return None if phase == "Succeeded" and status.get("verified", {}).get("time") else f"{phase}: {message}"


def _unscraped(kubectl: str) -> str | None:
    reply = _through(kubectl, "prometheus-sample:9090", 'api/v1/query?query=sum(up{pod=~"sample-.*"})')
    found = [int(float(one["value"][1])) for one in reply["data"]["result"]]
    return None if found == [3] else f"{found[0] if found else 0} of 3 members answer"


def _alerts(kubectl: str) -> list[str]:
    """The names of the alerts that Alertmanager has."""
    return [alert["labels"]["alertname"] for alert in _through(kubectl, "alertmanager-sample:9093", "api/v2/alerts")]


def _through(kubectl: str, service: str, path: str) -> Any:
    """Ask a Service by way of the API server, which works from anywhere."""
    raw = f"/api/v1/namespaces/{NAMESPACE}/services/{service}/proxy/{path}"
    return json.loads(_kubectl(kubectl, "get", "--raw", quote(raw, safe="/?=:&")))


def _member(kubectl: str) -> str:
    """The pod of the member that leads."""
    return _kubectl(kubectl, "get", "etcdclusters", "-n", NAMESPACE, "sample", "-o", "jsonpath={.status.leader}") + "-0"


def _etcdctl(kubectl: str, *words: str) -> str:
    return _kubectl(kubectl, "exec", "-n", NAMESPACE, _member(kubectl), "--", "etcdctl", *words)


def _kubectl(kubectl: str, *words: str, stdin: str | None = None) -> str:
    return run(kubectl, "--kubeconfig", KUBECONFIG, *words, stdin=stdin)


def _usage(kubectl: str) -> str:
    table = _kubectl(kubectl, "get", "etcdclusters,prometheuses,alertmanagers,podmonitors,prometheusrules", "-n", NAMESPACE)
    backups = _kubectl(kubectl, "get", "etcdbackups,etcdbackupschedules", "-n", NAMESPACE)
    return f"""
{table}
{backups}
Davit runs. Some things to try:

  export KUBECONFIG={KUBECONFIG} PATH=$PATH:{kubectl.rsplit("/", 1)[0]}
  kubectl -n {NAMESPACE} get etcd,pods                              # what is there
  kubectl -n {NAMESPACE} exec sample-0-0 -- etcdctl get {KEY}       # read
  kubectl -n {NAMESPACE} scale etcd sample --replicas=5             # grow
  kubectl -n {NAMESPACE} delete pod sample-1-0                      # watch it heal: kubectl -n {NAMESPACE} get etcd -w
  kubectl -n {NAMESPACE} patch etcd sample --type merge -p '{{"spec":{{"version":"3.5.33"}}}}'   # upgrade
  kubectl -n {NAMESPACE} port-forward svc/prometheus-sample 9090     # then look at http://localhost:9090
  kubectl -n {NAMESPACE} get prom,am,podmonitors,promrules -o wide   # what is scraped, and what is not and why
  kubectl -n {NAMESPACE} get etcdbackups -o wide                     # where the backups are
  kubectl explain etcdcluster.spec                                  # all that can be asked for
  make down                                                         # and nothing is left"""


if __name__ == "__main__":
    sys.exit(main_guard(main))
