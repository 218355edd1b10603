"""Kubernetes resource quantities (`500m`, `8Gi`, `1e3`), compared by value.

Source: apimachinery pkg/api/resource, "Quantity".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

_SUFFIX = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"),
    "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
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


def normal_quantity(text: str | int | float) -> str:
    """The one spelling of all quantities of equal value: the API server keeps `1024Mi` and `1Gi` apart.

    Of the decimal and the binary spelling the one with the smaller number, so that usual ones stay as they are; finer
    than a nano is rounded up, as the API server does. Raises ValueError as `parse_quantity` does.
    """
    nanos = int((parse_quantity(text) * 10**9).to_integral_value(ROUND_CEILING))
    if not nanos:
        return "0"
    whole, fraction = divmod(nanos, 10**9)
    spellings = [_shortest(nanos, 1000, _DECIMAL)] + ([] if fraction else [_shortest(whole, 1024, _BINARY)])
    number, suffix = min(spellings, key=lambda spelling: abs(spelling[0]))
    return f"{number}{suffix}"


def _shortest(number: int, base: int, suffixes: Sequence[str]) -> tuple[int, str]:
    """The smallest whole number, and which power of the base it is to be multiplied with."""
    power = 0
    while number % base == 0 and power < len(suffixes) - 1:
        number, power = number // base, power + 1
    return number, suffixes[power]


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
