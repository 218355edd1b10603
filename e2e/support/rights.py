"""Rights that were granted and not used: the operator's roles beside the API server's audit log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from e2e.support.kinds import Kind
from e2e.support.kube import Json, Kube, dig

GROUP = "rbac.authorization.k8s.io"
ROLE = Kind(GROUP, "v1", "Role", "roles")
ROLE_BINDING = Kind(GROUP, "v1", "RoleBinding", "rolebindings")
CLUSTER_ROLE = Kind(GROUP, "v1", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(GROUP, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False)

READS = frozenset({"get", "list", "watch"})
DECISION = "authorization.k8s.io/decision"
CREATED = 201


@dataclass(frozen=True, order=True)
class Right:
    """`resource` with its API group and subresource, such as `apps/statefulsets`, `pods` or `pods/log`."""

    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def unused(rules: Iterable[Json], entries: Iterable[Json], user: str) -> set[Right]:
    """What the rules grant and the user did not do, names of objects aside.

    A log that holds no read of the user's is one that leaves reads out (our local cluster's): then they are not judged.
    """
    given, seen = granted(rules), used(entries, user)
    if not any(right.verb in READS for right in seen):
        given = {right for right in given if right.verb not in READS}
    return given - seen


def granted(rules: Iterable[Json]) -> set[Right]:
    """Each rule as single rights; a `*` stays what it is, which nobody ever uses."""
    return {
        Right(_resource(group, resource), verb)
        for rule in rules
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for verb in rule["verbs"]
    }


def used(entries: Iterable[Json], user: str) -> set[Right]:
    """What the user asked for and was allowed, whatever came of it; entries are those of an audit log."""
    mine = (entry for entry in entries if dig(entry, "user", "username") == user)
    return {right for entry in mine if _allowed(entry) for right in _rights(entry)}


def _allowed(entry: Json) -> bool:
    return bool((entry.get("annotations") or {}).get(DECISION, "allow") == "allow")


def _rights(entry: Json) -> Iterator[Right]:
    reference = entry.get("objectRef") or {}
    if not reference.get("resource"):
        return
    below = "/".join(part for part in (reference["resource"], reference.get("subresource")) if part)
    resource = _resource(reference.get("apiGroup", ""), below)
    yield Right(resource, entry["verb"])
    # Server-side apply to a name that is free: the API server asks for both rights and writes down one.
    if entry["verb"] == "patch" and dig(entry, "responseStatus", "code") == CREATED:
        yield Right(resource, "create")


def _resource(group: str, resource: str) -> str:
    return f"{group}/{resource}" if group else resource


def rules_of(kube: Kube, namespace: str, account: str) -> list[Json]:
    """The rules of all roles that are bound to a service account by name."""
    rules: list[Json] = []
    for binding in (*kube.all(CLUSTER_ROLE_BINDING), *kube.all(ROLE_BINDING)):
        subjects = [(s["kind"], s.get("namespace"), s["name"]) for s in binding.get("subjects") or ()]
        if ("ServiceAccount", namespace, account) in subjects:
            kind = CLUSTER_ROLE if binding["roleRef"]["kind"] == CLUSTER_ROLE.kind else ROLE
            rules += kube.read(kind, binding["metadata"].get("namespace"), binding["roleRef"]["name"]).get("rules") or []
    return rules
