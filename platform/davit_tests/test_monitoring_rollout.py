"""What can't be changed is told, and what pods say of themselves is passed on."""

from typing import Any

import pytest
from davit.monitoring.rollout import counts, growth, guards, listed, unchangeable, why_not_running, with_dropped


def stateful_set(size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    claim = {"metadata": {"name": "db"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "set", "generation": 2},
        "spec": {"serviceName": "s", "selector": {"matchLabels": {"a": "b"}}, "volumeClaimTemplates": [claim], **spec},
    }


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (stateful_set(), ""),
        (stateful_set("1024Mi"), ""),
        (stateful_set("2Gi"), "the size in its volumeClaimTemplates can't be changed"),
        (stateful_set(serviceName="t"), "its serviceName can't be changed"),
        (stateful_set(volumeClaimTemplates=[]), "its volumeClaimTemplates can't be changed"),
    ],
)
def test_what_can_not_be_changed_is_told(wanted: dict[str, Any], why: str) -> None:
    assert unchangeable(wanted, stateful_set()) == why


def test_an_amount_that_the_api_server_drops_is_no_drift() -> None:
    def live(amount: int | None = None, *, applied: bool = True) -> dict[str, Any]:
        rolling = {"partition": 0} if amount is None else {"maxUnavailable": amount}
        fields: dict[str, Any] = {"f:rollingUpdate": {"f:maxUnavailable": {}}} if applied else {"f:type": {}}
        entry = {"manager": "m", "operation": "Apply", "fieldsV1": {"f:spec": {"f:updateStrategy": fields}}}
        found = stateful_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
        return {**found, "metadata": {**found["metadata"], "managedFields": [entry]}}

    dropped = with_dropped(live(), 2)
    assert dropped["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}}
    assert {**dropped, "spec": 0} == {**live(), "spec": 0}
    for one, wanted in ((live(), None), (live(1), 2), (live(applied=False), 2), (stateful_set(), 2)):
        assert with_dropped(one, wanted) == one


def test_only_smaller_volumes_of_the_set_grow() -> None:
    def volume(name: str, size: str) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"resources": {"requests": {"storage": size}}}}

    volumes = [volume("db-set-0", "1Gi"), volume("db-set-1", "5Gi"), volume("db-other-0", "1Gi")]
    assert [(one.claim, one.size) for one in growth([stateful_set("2Gi")], volumes)] == [("db-set-0", "2Gi")]


def test_a_guard_of_somebody_else_is_seen() -> None:
    budget = {"kind": "PodDisruptionBudget", "spec": {"selector": {"matchLabels": {"a": "b"}}}}
    policy = {"kind": "NetworkPolicy", "spec": {"podSelector": {}}}
    assert guards(budget, {"a": "b", "c": "d"})
    assert not guards(budget, {"c": "d"})
    assert guards(policy, {"c": "d"})


def test_replicas_of_an_old_generation_do_not_count() -> None:
    status = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 0}
    live = {**stateful_set(), "status": status}
    assert counts(live, 3) == {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1, "unavailableReplicas": 2}
    stale = {**live, "status": {**status, "observedGeneration": 1}}
    assert counts(stale, 3) == {"replicas": 3, "updatedReplicas": 0, "availableReplicas": 0, "unavailableReplicas": 3}
    assert counts(None, 1)["unavailableReplicas"] == 1


def test_a_pod_says_itself_why_it_does_not_run() -> None:
    waiting = {
        "name": "c",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"message": "bad\nflag"}},
    }
    pod = {"metadata": {"name": "p"}, "status": {"containerStatuses": [waiting]}}
    assert why_not_running([pod]) == "; pod p: container c: CrashLoopBackOff: bad flag"
    condition = {"type": "PodScheduled", "status": "False", "message": "no node"}
    assert (
        why_not_running([{"metadata": {"name": "p"}, "status": {"conditions": [condition]}}])
        == "; pod p is not scheduled: no node"
    )
    assert why_not_running([{"metadata": {"name": "p"}, "status": {"phase": "Running"}}]) == ""


def test_many_names_are_counted() -> None:
    assert listed(["b", "a"]) == "pods a, b"
    assert listed(["a"]) == "pod a"
    assert listed(list("edcba")) == "pods a, b, c and 2 more"
