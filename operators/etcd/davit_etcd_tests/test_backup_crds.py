"""The schemas of backups, schedules and restores, by the same rules as that of EtcdClusters."""

from __future__ import annotations

from typing import Any

import pytest
from davit.crd import Crd, manifest
from davit_etcd.api.backups import BACKUP_CRD, SCHEDULE_CRD
from davit_etcd.api.restores import RESTORE_CRD

from davit_etcd_tests.test_crd import nodes

CRDS = (BACKUP_CRD, SCHEDULE_CRD, RESTORE_CRD)
pytestmark = pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind.kind)


def version(crd: Crd) -> dict[str, Any]:
    (found,) = manifest(crd)["spec"]["versions"]
    return dict(found)


def schema(crd: Crd) -> dict[str, dict[str, Any]]:
    return dict(nodes(version(crd)["schema"]["openAPIV3Schema"]))


def test_only_one_default_for_ever(crd: Crd) -> None:
    defaults = {path: node["default"] for path, node in schema(crd).items() if "default" in node}
    assert defaults == {".status": {"observedGeneration": -1}}


def test_every_list_says_how_it_merges(crd: Crd) -> None:
    lists = {path: node for path, node in schema(crd).items() if node.get("type") == "array"}
    assert lists
    for path, node in lists.items():
        assert node["x-kubernetes-list-type"] in ("atomic", "map", "set"), path


def test_every_field_is_explained(crd: Crd) -> None:
    for path, node in schema(crd).items():
        if path.count(".") >= 1 and "[]" not in path and path not in (".apiVersion", ".kind", ".metadata"):
            assert node.get("description"), path


def test_fields_of_the_spec_are_bounded(crd: Crd) -> None:
    """Without bounds the API server refuses the rules as too dear."""
    for path, node in schema(crd).items():
        if not path.startswith(".spec") or "[]" in path or "enum" in node:
            continue
        if node.get("type") == "string" or node.get("x-kubernetes-int-or-string"):
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path


def test_columns_point_at_fields(crd: Crd) -> None:
    known = schema(crd)
    for column in version(crd)["additionalPrinterColumns"]:
        path = column["jsonPath"].split("[", 1)[0]
        assert path in known or path == ".metadata.creationTimestamp", path


def test_it_has_a_status_of_its_own(crd: Crd) -> None:
    assert version(crd)["subresources"] == {"status": {}}
    assert manifest(crd)["spec"]["scope"] == "Namespaced"
