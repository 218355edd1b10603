"""Parts of a resource to models, one by one, so that a bad one is told by its path and spoils nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from davit.monitoring.http import Unusable
from davit.monitoring.parse import problems
from davit.monitoring.pods import without_nulls
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], raw: Any, path: str) -> M:
    """The model of a part; raises `Unusable` that names the first wrong field."""
    if not isinstance(raw, Mapping):
        raise Unusable(path, "must be an object with fields")
    try:
        return model.model_validate(without_nulls(raw))
    except ValidationError as error:
        first = problems(error, path)[0]
        raise Unusable(first.field, first.message) from None


def entries(raw: Any, path: str) -> list[tuple[str, Any]]:
    """The items of a list with their paths, none for an absent list; raises `Unusable` for anything else."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise Unusable(path, "must be a list")
    return [(f"{path}[{index}]", item) for index, item in enumerate(raw)]
