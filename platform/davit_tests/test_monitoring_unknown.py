"""Fields that a user wrote and nobody reads are found, wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest
from davit.monitoring.types import HTTPAuth, Items, LabelSelector, NativeHistogramConfig, Object, Spec
from davit.monitoring.unknown import unknown_fields


class Whole(Spec):
    client: HTTPAuth | None = None
    selectors: dict[str, LabelSelector] | None = None
    lists: Items[Items[LabelSelector]] | None = None
    pod: Object | None = None
    histograms: NativeHistogramConfig | None = None


@pytest.mark.parametrize(
    ("raw", "unknown"),
    [
        ({}, ()),
        ({"client": None, "more": None}, ("spec.more",)),
        ({"client": {"proxyURL": "a", "proxyUrl": "b"}}, ("spec.client.proxyURL",)),
        ({"client": {"proxyConnectHeader": {"X": [{"name": "a", "kee": "b"}]}}}, ("spec.client.proxyConnectHeader.X[0].kee",)),
        ({"selectors": {"a": {"matchLabel": {}}}}, ("spec.selectors.a.matchLabel",)),
        ({"lists": [[{"x": 1}], []]}, ("spec.lists[0][0].x",)),
        ({"pod": {"anything": {"goes": 1}}}, ()),
        ({"histograms": {"convertClassicHistogramsToNHCB": True, "convertClassicHistogramsToNhcb": True}},
         ("spec.histograms.convertClassicHistogramsToNhcb",)),
        ({"client": "no object", "lists": 5}, ()),
        ("no object", ()),
    ],
)  # fmt: skip
def test_unknown_fields_are_named_with_their_place(raw: Any, unknown: tuple[str, ...]) -> None:
    assert unknown_fields(Whole, raw) == unknown
