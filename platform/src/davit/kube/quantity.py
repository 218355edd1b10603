"""Kubernetes resource quantities (`500m`, `8Gi`, `1e3`), compared by value.

Source: apimachinery pkg/api/resource, "Quantity".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_SUFFIX = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"),
    "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_DIGITS = 30
"""More digits or a higher power of ten than any quantity has; without a bound a short text could mean a huge number."""
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")


def parse_quantity(text: str | int | float) -> Decimal:
    """The value of a quantity in its base unit; raises ValueError for what the API server would refuse."""
    found = _QUANTITY.match(str(text))
    if not found:
        raise ValueError(f"{text!r} is not a quantity: write for example 500m, 2 or 8Gi")
    number, exponent, suffix = found.groups()
    if len(number) > _DIGITS or abs(int(exponent or 0)) > _DIGITS:
        raise ValueError(f"{str(text)[:40]!r} is out of range for a quantity")
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _SUFFIX[suffix or ""])


def same_quantity(one: Any, other: Any) -> bool:
    """Whether both are quantities of equal value, however written (the API server rewrites `0.5` as `500m`)."""
    if not isinstance(one, str | int | float) or not isinstance(other, str | int | float):
        return False
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    try:
        return parse_quantity(one) == parse_quantity(other)
    except ValueError:
        return False
