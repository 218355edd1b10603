"""The standard labels and owner references of everything an operator makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSTANCE = "app.kubernetes.io/instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
NAME = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
COMPONENT = "app.kubernetes.io/component"


def selector(product: str, instance: str) -> dict[str, str]:
    """The labels that never change and so may stand in a selector."""
    return {NAME: product, INSTANCE: instance}


def standard(product: str, instance: str, operator: str) -> dict[str, str]:
    """All labels of a child; no version, so that an operator upgrade changes nothing."""
    return {**selector(product, instance), MANAGED_BY: operator, PART_OF: "davit"}


def owner_reference(owner: Mapping[str, Any]) -> dict[str, Any]:
    """A controller reference, so that the garbage collector removes the child with its owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled_by(manifest: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether the owner is the controller of the object, by uid: names are re-used, uids never."""
    references = manifest["metadata"].get("ownerReferences", [])
    return any(ref.get("controller") and ref["uid"] == owner["metadata"]["uid"] for ref in references)
