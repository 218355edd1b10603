"""Names and durations in the API of backups: what is refused also where the CRD that is installed does not check it."""

from __future__ import annotations

from typing import Any

import pytest
from davit.backup import catalog
from davit.backup.api import LONGEST_DEADLINE, CertificateAuthority, CredentialsSecret, Deadline, Encryption, RestoreSource
from davit.crd import Model
from pydantic import TypeAdapter, ValidationError

ODD = ("../x", "a/b", "..", ".", "", "A", "a_b", "-a", "a-", "a\n", "a b", "a..b", "%2e%2e")
KEYS = ("../x", "a/b", "..", ".", "", "..data", "a\n", "a b")


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    ("model", "field"),
    [
        (CredentialsSecret, "name"),
        (CertificateAuthority, "name"),
        (Encryption, "secretName"),
        (RestoreSource, "backup"),
        (RestoreSource, "namespace"),
        (RestoreSource, "name"),
    ],
)
def test_no_name_leads_elsewhere(model: type[Model], field: str, name: str) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({field: name})
    (error,) = raised.value.errors()
    assert error["loc"] == (field,)
    assert not name or "write lower-case letters, digits and -" in error["msg"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("model", "given"), [(CertificateAuthority, {"name": "a"}), (Encryption, {"secretName": "a"})])
def test_no_key_leads_elsewhere(model: type[Model], given: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match="key"):
        model.model_validate({**given, "key": key})


def test_names_as_kubernetes_has_them_are_taken() -> None:
    assert (
        RestoreSource.model_validate({"backup": "orders-1.daily", "namespace": "a-1", "name": "b.c"}).backup == "orders-1.daily"
    )
    for key in ("age.key", ".age", "AGE_KEY-1", "a..b"):
        assert Encryption.model_validate({"secretName": "a", "key": key}).key == key


@pytest.mark.parametrize("text", ["72h0m1s", "73h", "8760h", "9" * 31 + "h"])
def test_a_deadline_has_an_end(text: str) -> None:
    with pytest.raises(ValidationError, match="at most 72h, write for example 30m"):
        TypeAdapter(Deadline).validate_python(text)


def test_nothing_is_taken_for_abandoned_that_may_still_be_written() -> None:
    assert TypeAdapter(Deadline).validate_python("72h") == "72h"
    assert catalog.ABANDONED >= 2 * LONGEST_DEADLINE
