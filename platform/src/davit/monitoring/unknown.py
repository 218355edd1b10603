"""Fields that a user wrote and our models do not know: they have no effect, and status says so. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel


def unknown_fields(model: type[BaseModel], raw: Any, path: str = "spec") -> tuple[str, ...]:
    """Paths such as `spec.endpoints[0].typo` of what is in `raw` and not in the model, in the order of writing."""
    return tuple(_unknown(model, raw, path))


def _unknown(model: type[BaseModel], raw: Any, path: str) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        return
    known = _fields(model)
    for name, value in raw.items():
        if name not in known:
            yield f"{path}.{name}"
        elif value is not None:
            yield from _below(known[name], value, f"{path}.{name}")


def _below(annotation: Any, value: Any, path: str) -> Iterator[str]:
    """Descend through the lists and maps of an annotation to the models in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _unknown(annotation, value, path)
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _below(arguments[0], value, path)
    elif origin is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(arguments[0], item, f"{path}[{index}]")
    elif origin is dict and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _below(arguments[1], item, f"{path}.{key}")
    elif origin is not None and origin not in (list, dict):
        for argument in arguments:
            yield from _below(argument, value, path)


@functools.cache
def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}
