"""URLs as Go reads them; the cases were tried on net/url itself, of Go 1.26."""

from __future__ import annotations

import contextlib

import pytest
from davit.monitoring import urls
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    ("http://a", "http", "a"), ("HTTP://A:80/b?c=%zz#d", "http", "A:80"), ("unix:///var/run/docker.sock", "unix", ""),
    ("a", "", ""),
    ("//a/b", "", "a"), ("mailto:a%", "mailto", ""), ("http://u:p@a", "http", "a"), ("http://[::1]:80/", "http", "[::1]:80"),
    ("http://[fe80::1%25en0]/", "http", "[fe80::1%25en0]"), ("http://a:/", "http", "a:"), ("", "", ""), ("?a:b", "", ""),
    ("http://é/", "http", "é"), ("http://%80/", "http", "%80"), ("/a:b", "", ""), ("a/b:c", "", ""),
    ("http://a:99999", "http", "a:99999"), ("http://a]b", "http", "a]b"), ("tcp://a:1,b:2", "tcp", "a:1,b:2"),
    ("http://[::ffff:1.2.3.4]", "http", "[::ffff:1.2.3.4]"), ("http://a#\n", "http", "a"), ("http://%25a", "http", "%25a"),
]  # fmt: skip
BAD = [
    ":", "://a", "http://a b", "http://a/%", "http://a/%zz", "http://a:b", "http://a:80b", "http://[::1", "http://u\\@a", "http://%41/",
    "1a:b", "http://a\x7f", "\n", "http://a/#%", "http://{a}", "http://a^b", "%", "http://a:80:80", "http://::1", "https://a:1:",
    "http://[a]", "http://[]", "http://[1.2.3.4]", "http://[v1.a]", "http://[fe80::1%eth0]", "http://[fe80::1%25]", "http://a[b",
    "http://[::1]x", "tcp://a:b,c:1:d",
]  # fmt: skip


@pytest.mark.parametrize(("text", "scheme", "host"), GOOD)
def test_a_url_has_its_scheme_and_host(text: str, scheme: str, host: str) -> None:
    parsed = urls.parse(text)
    assert (parsed.scheme, parsed.host) == (scheme, host)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_url_is_told(text: str) -> None:
    with pytest.raises(urls.NotAUrl):
        urls.parse(text)


@given(st.text())
def test_no_text_is_too_strange_to_be_judged(text: str) -> None:
    with contextlib.suppress(urls.NotAUrl):
        assert urls.parse(text).scheme == urls.parse(text).scheme.lower()
