from __future__ import annotations

from typing import Any

import pytest

from e2e.support.rights import Right, granted, unused, used

ME = "system:serviceaccount:davit-system:operator"
RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "delete"]},
    {"apiGroups": ["etcd.davit.dev"], "resources": ["etcdclusters/status"], "verbs": ["patch", "update"]},
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "resourceNames": ["x"], "verbs": ["create", "patch"]},
    {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
]


def entry(verb: str, resource: str, group: str = "", user: str = ME, code: int = 200, **more: Any) -> dict[str, Any]:
    """As the API server writes it: no apiGroup for the core group."""
    resource, _, subresource = resource.partition("/")
    reference = {"resource": resource, "name": "x", "namespace": "n"}
    reference |= {"apiGroup": group} if group else {}
    reference |= {"subresource": subresource} if subresource else {}
    return {
        "verb": verb,
        "user": {"username": user},
        "objectRef": reference,
        "responseStatus": {"code": code},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        **more,
    }


def said(rights: set[Right]) -> list[str]:
    return sorted(map(str, rights))


def test_rules_are_taken_apart() -> None:
    assert said(granted(RULES)) == [
        "create apps/statefulsets", "delete pods", "delete services", "get pods", "get services",
        "patch apps/statefulsets", "patch etcd.davit.dev/etcdclusters/status", "update etcd.davit.dev/etcdclusters/status",
    ]  # fmt: skip


def test_what_was_asked_and_allowed_is_used_whatever_came_of_it() -> None:
    log = [
        entry("delete", "pods", code=404),
        entry("patch", "etcdclusters/status", "etcd.davit.dev"),
        entry("get", "services", user="somebody"),
        entry("get", "pods", annotations={"authorization.k8s.io/decision": "forbid"}, code=403),
        {"verb": "get", "user": {"username": ME}, "requestURI": "/apis"},
    ]
    assert said(used(log, ME)) == ["delete pods", "patch etcd.davit.dev/etcdclusters/status"]


@pytest.mark.parametrize(("code", "rights"), [(200, ["patch services"]), (201, ["create services", "patch services"])])
def test_an_apply_that_makes_the_object_needs_two_rights(code: int, rights: list[str]) -> None:
    assert said(used([entry("patch", "services", code=code)], ME)) == rights


def test_what_is_granted_and_not_used_is_told() -> None:
    log = [
        entry("get", "pods"),
        entry("delete", "pods"),
        entry("get", "services"),
        entry("patch", "statefulsets", "apps", code=201),
        entry("patch", "etcdclusters/status", "etcd.davit.dev"),
        entry("watch", "nodes"),
    ]
    assert said(unused(RULES, log, ME)) == ["delete services", "update etcd.davit.dev/etcdclusters/status"]


def test_a_subresource_or_another_group_is_another_right() -> None:
    log = [entry("update", "etcdclusters", "etcd.davit.dev"), entry("delete", "pods/eviction"), entry("patch", "statefulsets")]
    assert "update etcd.davit.dev/etcdclusters/status" in said(unused(RULES, log, ME))
    assert "delete pods" in said(unused(RULES, log, ME))
    assert "patch apps/statefulsets" in said(unused(RULES, log, ME))


def test_reads_are_not_judged_by_a_log_that_leaves_them_out() -> None:
    assert "get services" not in said(unused(RULES, [entry("delete", "pods")], ME))
    assert "get services" in said(unused(RULES, [entry("get", "pods"), entry("delete", "pods")], ME))


def test_a_wildcard_is_never_used_up() -> None:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    assert said(unused(rules, [entry("get", "pods")], ME)) == ["* */*"]
