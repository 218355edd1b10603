"""One entry of prometheus.yaml at a time: what is wrong with it hurts nothing but it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import TypeVar

from davit.kube.quantity import parse_quantity
from davit.monitoring.assets import Assets
from davit.monitoring.faults import Fault
from davit.monitoring.http import Context, Unusable
from davit.monitoring.types import RelabelConfig
from davit.monitoring.versions import Gate

from davit_prometheus.config import relabeling
from davit_prometheus.model import TLS_ASSETS, Json, Scope

T = TypeVar("T")
_NANO = Decimal("1e-9")


@dataclass(slots=True)
class Section:
    """Collects what the top level of one Prometheus is made of."""

    scope: Scope
    assets: Assets
    gate: Gate
    faults: list[Fault] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def entry(self, path: str, render: Callable[[Context], T]) -> T | None:
        """What `render` makes, or None and a fault; TLS assets of an entry that is left out are not mounted."""
        context = Context(self.gate, self.assets, self.scope.namespace, TLS_ASSETS)
        try:
            rendered = render(context)
        except Unusable as error:
            self.faults.append(Fault(error.path, error.message))
            return None
        except ValueError as error:
            self.faults.append(Fault(path, str(error)))
            return None
        self.files.update(context.files)
        return rendered

    def fault(self, path: str, message: str) -> None:
        """Say what is left out."""
        self.faults.append(Fault(path, message))


def steps(scope: Scope, configs: Sequence[RelabelConfig], path: str) -> list[Json]:
    """Relabeling that the version takes; raises `Unusable`."""
    relabeling.check(configs, path, scope.version, relabeling.names_of(scope))
    return relabeling.render(configs)


def fraction(text: str | int | float) -> float:
    """The float that a client written in Go makes of a quantity: 0.3 becomes 3 x 0.1, digits below a nano round up.

    Source: apimachinery pkg/api/resource, `ParseQuantity` and `AsApproximateFloat64`.
    """
    exact = parse_quantity(text)
    sign, digits, exponent = exact.as_tuple()
    if not isinstance(exponent, int) or exponent < -9:
        sign, digits, exponent = exact.quantize(_NANO, rounding=ROUND_UP).as_tuple()
    base = float(int("".join(map(str, digits))) * (-1 if sign else 1))
    return base * float(f"1e{exponent}") if exponent else base
