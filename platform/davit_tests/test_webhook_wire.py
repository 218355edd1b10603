from __future__ import annotations

import json
from typing import Any

import pytest
from davit.errors import Invalid, Problem
from davit.model import Key, Kind
from davit.webhook.review import Verdict, allow, deny
from davit.webhook.wire import Refused, decode, encode, refusal

ALPHA = Kind("test.davit.dev", "v1alpha1", "Toy", "toys")
BETA = Kind("test.davit.dev", "v1beta1", "Toy", "toys")
OBJECT = {"metadata": {"name": "bear", "namespace": "shop"}, "spec": {"colour": "red"}}


def asked(**changed: Any) -> bytes:
    request: dict[str, Any] = {
        "uid": "u1",
        "kind": {"group": "test.davit.dev", "version": "v1beta1", "kind": "Toy"},
        "resource": {"group": "test.davit.dev", "version": "v1beta1", "resource": "toys"},
        "operation": "CREATE",
        "name": "",
        "namespace": "shop",
        "userInfo": {"username": "alice", "groups": ["staff"]},
        "object": OBJECT,
        "oldObject": None,
        "dryRun": True,
        "options": None,
        **changed,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def test_a_request_is_read_with_the_version_that_it_is_in() -> None:
    found = decode(asked(), (ALPHA, BETA))
    assert found.uid == "u1"
    assert found.review.kind == BETA
    assert found.review.key == Key("shop", "bear")
    assert (found.review.object, found.review.old) == (OBJECT, None)
    assert (found.review.user, found.review.dry_run, found.review.subresource) == ("alice", True, "")


def test_an_update_carries_both_and_a_deletion_the_old_one() -> None:
    update = decode(asked(operation="UPDATE", oldObject=OBJECT, subResource="status"), (BETA,)).review
    assert (update.old, update.subresource) == (OBJECT, "status")
    gone = decode(asked(operation="DELETE", object=None, oldObject=OBJECT), (BETA,)).review
    assert (gone.operation, gone.key, gone.object) == ("DELETE", Key("shop", "bear"), {"metadata": {}})
    named = decode(asked(operation="DELETE", object=None, name="bear"), (BETA,)).review
    assert named.key == Key("shop", "bear")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an AdmissionReview"),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1"}', "of admission.k8s.io/v1"),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}', "request is missing"),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {}}', "request.uid is missing"),
        (asked(uid=7), "request.uid is missing"),
    ],
)
def test_what_is_no_review_is_refused_without_an_answer_to_send(body: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        decode(body, (BETA,))
    assert caught.value.uid == ""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": {"group": "", "version": "v1", "kind": "Pod"}}, r"request.kind is 'Pod' of /v1; this path reviews Toy of "),
        ({"kind": None}, "request.kind"),
        ({"kind": {"group": "test.davit.dev", "version": "v2", "kind": "Toy"}}, "test.davit.dev/v2"),
        ({"operation": "GUESS"}, "request.operation is 'GUESS'"),
        ({"object": None}, "request.object is not an object"),
        ({"object": {"metadata": None}}, "request.object"),
        ({"operation": "UPDATE"}, "request.oldObject"),
        ({"oldObject": "text"}, "request.oldObject"),
    ],
)
def test_a_broken_request_is_answered_with_what_is_wrong(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        decode(asked(**changed), (BETA,))
    response = refusal(caught.value)["response"]
    assert (response["uid"], response["allowed"], response["status"]["code"]) == ("u1", False, 400)
    assert response["status"]["message"] == str(caught.value)


def test_a_denial_is_an_invalid_with_its_causes() -> None:
    review = decode(asked(), (BETA,)).review
    verdict = deny(Invalid(Problem("spec.colour", "red is sold out: use blue")), ["odd\nthing"])
    response = encode("u1", verdict, review)["response"]
    assert response == {
        "uid": "u1",
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 422,
            "reason": "Invalid",
            "message": "spec.colour: red is sold out: use blue",
            "details": {
                "name": "bear",
                "group": "test.davit.dev",
                "kind": "Toy",
                "causes": [{"reason": "FieldValueInvalid", "field": "spec.colour", "message": "red is sold out: use blue"}],
            },
        },
        "warnings": ["odd thing"],
    }


def test_an_answer_echoes_the_uid_and_says_no_more_than_it_must() -> None:
    assert encode("u2", allow()) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u2", "allowed": True},
    }
    assert encode("u3", Verdict(False))["response"]["status"]["message"] == "no reason was given"
