"""A salt is kept with the text that it is for."""

import pytest
from davit.monitoring.salt import ANNOTATION, fresh, salt_of


def test_it_is_read_back_and_no_two_are_alike() -> None:
    salt = fresh()
    assert salt_of({"metadata": {"annotations": {ANNOTATION: salt}}}) == salt
    assert fresh() != salt


@pytest.mark.parametrize(
    "secret", [None, {"metadata": {}}, {"metadata": {"annotations": None}}, {"metadata": {"annotations": {ANNOTATION: "a"}}}]
)
def test_without_one_there_is_none(secret: dict[str, object] | None) -> None:
    assert salt_of(secret) == ""
