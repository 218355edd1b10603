"""`AdmissionReview` of admission.k8s.io/v1 in and out. Pure.

Source: the Kubernetes page "Dynamic Admission Control", and k8s.io/api/admission/v1.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from davit.model import Key, Kind, Manifest
from davit.webhook.review import Review, Verdict, readable

Json = dict[str, Any]

API_VERSION = "admission.k8s.io/v1"
_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")


class Refused(Exception):
    """Not a request that this path answers; without a `uid` there is nobody to answer to."""

    def __init__(self, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Request:
    """A review, and the uid by which its answer is known."""

    uid: str
    review: Review


def decode(body: bytes, kinds: Collection[Kind]) -> Request:
    """Read a request about one of these kinds; raises `Refused`."""
    request = _request(body)
    uid = _text(request, "uid")
    if not uid:
        raise Refused("request.uid is missing")
    kind = _kind(request, kinds, uid)
    operation = _text(request, "operation")
    if operation not in _OPERATIONS:
        raise Refused(f"request.operation is {operation!r}, not one of {', '.join(_OPERATIONS)}", uid)
    subject = _manifest(request, "object", operation in ("CREATE", "UPDATE"), uid)
    old = _manifest(request, "oldObject", operation == "UPDATE", uid)
    review = Review(
        kind=kind,
        operation=operation,
        key=_key(request, subject or old or {}),
        object=subject or {"metadata": {}},
        old=old,
        subresource=_text(request, "subResource"),
        user=_text(_part(request, "userInfo"), "username"),
        dry_run=request.get("dryRun") is True,
    )
    return Request(uid, review)


def encode(uid: str, verdict: Verdict, review: Review | None = None) -> Json:
    """The answer; a denial is an Invalid (422), as the API server's own, so that no client takes it for missing rights."""
    response: Json = {"uid": uid, "allowed": verdict.allowed}
    if not verdict.allowed:
        response["status"] = _status(verdict, review)
    if warnings := readable(verdict.warnings):
        response["warnings"] = list(warnings)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def refusal(refused: Refused) -> Json:
    """The answer to what should not have been asked here."""
    status = {"status": "Failure", "code": HTTPStatus.BAD_REQUEST.value, "reason": "BadRequest", "message": str(refused)}
    response = {"uid": refused.uid, "allowed": False, "status": status}
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _status(verdict: Verdict, review: Review | None) -> Json:
    status: Json = {
        "status": "Failure",
        "code": HTTPStatus.UNPROCESSABLE_ENTITY.value,
        "reason": "Invalid",
        "message": verdict.message or "no reason was given",
    }
    if review is not None and verdict.problems:
        causes = [{"reason": "FieldValueInvalid", "field": one.field, "message": one.message} for one in verdict.problems]
        name, group, kind = review.key.name, review.kind.group, review.kind.kind
        status["details"] = {"name": name, "group": group, "kind": kind, "causes": causes}
    return status


def _request(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not JSON") from error
    if not isinstance(found, dict) or found.get("kind") != "AdmissionReview" or found.get("apiVersion") != API_VERSION:
        raise Refused(f"the body is not an AdmissionReview of {API_VERSION}")
    if not isinstance(found.get("request"), dict):
        raise Refused("request is missing")
    return _part(found, "request")


def _kind(request: Mapping[str, Any], kinds: Collection[Kind], uid: str) -> Kind:
    asked = _part(request, "kind")
    found = (_text(asked, "group"), _text(asked, "version"), _text(asked, "kind"))
    for kind in kinds:
        if (kind.group, kind.version, kind.kind) == found:
            return kind
    group, version, name = found
    known = ", ".join(f"{kind.kind} of {kind.api_version}" for kind in kinds)
    raise Refused(f"request.kind is {name!r} of {group}/{version}; this path reviews {known}", uid)


def _manifest(request: Mapping[str, Any], field: str, needed: bool, uid: str) -> Manifest | None:
    found = request.get(field)
    if found is None and not needed:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise Refused(f"request.{field} is not an object with metadata", uid)
    return found


def _key(request: Mapping[str, Any], manifest: Manifest) -> Key:
    """The object's own, for at a creation with generateName the request has no name."""
    metadata = _part(manifest, "metadata")
    namespace = _text(metadata, "namespace") or _text(request, "namespace")
    return Key(namespace, _text(metadata, "name") or _text(request, "name"))


def _part(found: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    part = found.get(field)
    return part if isinstance(part, dict) else {}


def _text(found: Mapping[str, Any], field: str) -> str:
    text = found.get(field)
    return text if isinstance(text, str) else ""
