"""Results as a table: medians side by side, and the ratio. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Result:
    """One thing measured several times; `peer` empty where the peer can't do it at all."""

    what: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    unit: str = "s"
    remark: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's; below 1 is better for times."""
        if not self.ours or not self.peer or not median(self.peer):
            return None
        return median(self.ours) / median(self.peer)


def row(result: Result) -> tuple[str, ...]:
    """Its cells: what, ours, the peer's, the ratio, how often, a remark."""
    ratio = result.ratio
    return (
        result.what,
        _middle(result.ours, result.unit),
        _middle(result.peer, result.unit),
        f"{ratio:.2f}" if ratio is not None else "",
        str(len(result.ours)),
        result.remark,
    )


def table(results: Sequence[Result], peer: str) -> str:
    """A markdown table that is also readable in a terminal."""
    head = ("", "Davit", peer, "ratio", "n", "")
    rows = [head, *(row(result) for result in results)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(head))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |" for cells in rows]
    return "\n".join([lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]])


def _middle(values: Sequence[float], unit: str) -> str:
    """The median, with the range where there is one."""
    if not values:
        return "-"
    spread = f" ({_number(min(values))}-{_number(max(values))})" if len(values) > 1 else ""
    return _number(median(values)) + (f" {unit}" if unit else "") + spread


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
