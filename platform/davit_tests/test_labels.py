from __future__ import annotations

from davit.kube.labels import owner_reference, selector, standard
from davit.model import Kind
from davit.testing.builders import resource

KIND = Kind("example.org", "v1", "Example", "examples")


def test_what_selects_is_part_of_all_labels() -> None:
    found = standard("etcd", "main", "davit-etcd-operator")
    assert selector("etcd", "main").items() <= found.items()
    assert found["app.kubernetes.io/managed-by"] == "davit-etcd-operator"


def test_no_label_changes_with_the_operators_version() -> None:
    assert "app.kubernetes.io/version" not in standard("etcd", "main", "davit-etcd-operator")


def test_owners_control_and_are_known_by_uid() -> None:
    assert owner_reference(resource(KIND, "main", uid="u1")) == {
        "apiVersion": "example.org/v1",
        "kind": "Example",
        "name": "main",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
