"""What Go's net/url takes for a URL, and so what Prometheus loads. Pure. Source: net/url `Parse` of Go 1.26."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"\u0080-\U0010ffff]|%25|%[89A-Fa-f][0-9A-Fa-f])*\Z")


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
        host, rest = _host(authority, scheme), slash + path
    _check_escapes(rest)
    return Url(scheme, host)


def _host(authority: str, scheme: str) -> str:
    user, at, host = authority.rpartition("@")
    if at:
        if not _USER.match(user):
            raise NotAUrl("the user name has characters that must be percent-encoded")
        _check_escapes(user)
    if host.startswith("["):
        address, bracket, port = host[1:].rpartition("]")
        if not bracket:
            raise NotAUrl("the host lacks its closing ]")
        _check_address(address)
    else:
        if "[" in host:
            raise NotAUrl(f"{host!r} is no host name")
        # A list of hosts, each with its port, is for the schemes of databases.
        start = host.find(":") if scheme in ("http", "https") else host.rfind(":")
        name, port = (host[:start], host[start:]) if start >= 0 else (host, "")
        if not _HOST.match(name):
            raise NotAUrl(f"{name!r} is no host name")
    if not re.fullmatch(r"(:[0-9]*)?", port):
        raise NotAUrl(f"{port.removeprefix(':')!r} is no port")
    return host


def _check_address(text: str) -> None:
    """What is in brackets must be an IPv6 address, perhaps with a zone."""
    address, escaped, zone = text.partition("%25")
    _check_escapes(zone)
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise NotAUrl(f"{address!r} is no IPv6 address") from None
    if "%" in address or (escaped and not zone):
        raise NotAUrl(f"{text!r} is no IPv6 address")


def _check_escapes(text: str) -> None:
    if _BAD_ESCAPE.search(text):
        raise NotAUrl("it has a % that begins no escape: write %25")
