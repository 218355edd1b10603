"""URLs, templates of URLs and addresses, judged as Alertmanager's loader judges them. Pure.

Sources: Alertmanager config/common/url.go; Go net/url `Parse` and net `SplitHostPort`.
"""

from __future__ import annotations

import re

from davit.monitoring.http import Unusable

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:[^\x00-\x20\x7f\"<>\\^`{|}\[\]/?#@:]|%[0-9A-Fa-f]{2})*")
_EXAMPLE = "write for example https://example.com/hook"


def url_problem(text: str) -> str:
    """Why a text is no HTTP or HTTPS URL, empty when it is one; the text itself is not told, since it may be a secret."""
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        return f"is not a URL: remove the control characters, {_EXAMPLE}"
    scheme, colon, rest = text.partition("#")[0].partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return f"is not a URL: it has no scheme, {_EXAMPLE}"
    if scheme.lower() not in ("http", "https"):
        return f"has the scheme {scheme}: use http or https"
    if not rest.startswith("//"):
        return f"has no host: {_EXAMPLE}"
    authority = re.split(r"[/?]", rest[2:], maxsplit=1)[0]
    path = rest[2 + len(authority) :].partition("?")[0]
    if _ESCAPE.search(path) or (text.count("#") and _ESCAPE.search(text.partition("#")[2])):
        return "is not a URL: write a percent sign as %25"
    return _authority_problem(authority)


def _authority_problem(authority: str) -> str:
    user, _, host = authority.rpartition("@")
    if not authority:
        return f"has no host: {_EXAMPLE}"
    if _ESCAPE.search(user) or re.search(r"[\s\"<>\\^`{|}\[\]]", user):
        return "is not a URL: percent-encode the user name and password in it"
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        if not bracket:
            return "is not a URL: close the bracket of the IPv6 address"
    else:
        name, colon, port = host.partition(":")
        port = colon + port
        if not _HOST.fullmatch(name):
            return f"is not a URL: the host holds characters that no host has, {_EXAMPLE}"
    return "" if re.fullmatch(r"(?::[0-9]*)?", port) else "is not a URL: the port must be a number"


def template_problem(text: str) -> str:
    """Why a text is no template, as far as can be told without its functions; empty when it may be one."""
    rest = text
    while "{{" in rest:
        rest = rest.partition("{{")[2]
        if "}}" not in rest:
            return "is not a template: an action that begins with {{ has no }}"
        rest = rest.partition("}}")[2]
    return ""


def template_url_problem(text: str) -> str:
    """Why a text is neither a URL nor a template of one, empty when it is."""
    return template_problem(text) if "{{" in text else url_problem(text)


def check_url(text: str | None, path: str) -> None:
    """Raises `Unusable` for what is given and no URL."""
    if text and (problem := url_problem(text)):
        raise Unusable(path, problem)


def check_template_url(text: str | None, path: str) -> None:
    """Raises `Unusable` for what is given and neither a URL nor a template of one."""
    if text and (problem := template_url_problem(text)):
        raise Unusable(path, problem)


def check_address(text: str, path: str) -> None:
    """Raises `Unusable` for what is no host:port."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    inner = host[1:-1] if bracketed else host
    if not colon or not port or (":" in inner and not bracketed) or set("[]") & set(inner) or set("[]") & set(port):
        raise Unusable(path, f"{text!r} is not an address: write host:port, such as smtp.example.com:587")
