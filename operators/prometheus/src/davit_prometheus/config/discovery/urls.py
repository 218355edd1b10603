"""What Go's net/url takes for a URL, and so what Prometheus loads. Pure. Source: net/url `Parse`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"\u0080-\U0010ffff]|%[89A-Fa-f][0-9A-Fa-f])*\Z")


class NotAUrl(ValueError):
    """The text is no URL; the message says why."""


@dataclass(frozen=True, slots=True)
class Url:
    """The parts that are judged; `host` with its port."""

    scheme: str
    host: str


def parse(text: str) -> Url:
    """Scheme and host of a URL, either empty when absent; raises `NotAUrl`."""
    rest, _, fragment = text.partition("#")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in rest):
        raise NotAUrl("it has control characters")
    _check_escapes(fragment)
    if rest.startswith(":"):
        raise NotAUrl("the scheme is missing")
    found = _SCHEME.match(rest)
    scheme = found[0][:-1].lower() if found else ""
    rest = rest[found.end() :] if found else rest
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            raise NotAUrl("its first part has a colon: begin it with a scheme such as http://")
        _check_escapes("" if scheme else rest)
        return Url(scheme, "")
    host = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        host, rest = _host(authority), slash + path
    _check_escapes(rest)
    return Url(scheme, host)


def _host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    if at:
        if not _USER.match(user):
            raise NotAUrl("the user name has characters that must be percent-encoded")
        _check_escapes(user)
    if host.startswith("["):
        address, bracket, port = host.rpartition("]")
        if not bracket:
            raise NotAUrl("the host lacks its closing ]")
        literal, _, zone = address.partition("%25")
        _check_escapes(zone)
        host_text = literal
    else:
        name, colon, number = host.rpartition(":")
        host_text, port = (name, colon + number) if colon else (host, "")
    if not re.fullmatch(r"(:[0-9]*)?", port):
        raise NotAUrl(f"{port.removeprefix(':')!r} is no port")
    if not _HOST.match(host_text):
        raise NotAUrl(f"{host_text!r} is no host name")
    return host


def _check_escapes(text: str) -> None:
    if _BAD_ESCAPE.search(text):
        raise NotAUrl("it has a % that begins no escape: write %25")
