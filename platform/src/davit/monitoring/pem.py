"""Whether certificates and keys are such: a bad one would keep a whole configuration from loading. Pure.

Sources: RFC 7468 for PEM; X.690 for DER; RFC 5280, 5915, 5958 and 8017 for where the public key stands.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
import ssl
from collections.abc import Iterator

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_SEQUENCE, _INTEGER, _BITS, _OCTETS, _EXPLICIT_1 = 0x30, 0x02, 0x03, 0x04, 0xA1
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")


@functools.lru_cache(maxsize=1024)
def certificate_problem(text: str) -> str:
    """Why the text is no certificate in PEM, empty when it is one."""
    first = next((label for label, _ in _blocks(text)), "")
    if first != "CERTIFICATE":
        return "it holds no certificate in PEM: store one that begins with -----BEGIN CERTIFICATE-----"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "the certificate in it can't be read: store it anew, whole and in PEM"
    return ""


@functools.lru_cache(maxsize=1024)
def pair_problem(certificate: str, key: str) -> str:
    """Why a client can't present the certificate with the key, empty when it can or when that can't be told."""
    if problem := certificate_problem(certificate):
        return f"the certificate: {problem}"
    private = next(((label, der) for label, der in _blocks(key) if label.endswith("PRIVATE KEY")), None)
    if private is None:
        return "the key: it holds no private key in PEM: store one that begins with -----BEGIN PRIVATE KEY-----"
    if private[0].startswith("ENCRYPTED") or "Proc-Type:" in key:
        return "the key: it is encrypted: store it without a passphrase"
    try:
        wanted = _public_of_certificate(next(der for label, der in _blocks(certificate) if label == "CERTIFICATE"))
        given = _public_of_key(*private)
    except (ValueError, IndexError, StopIteration):
        return "the key: it can't be read: store it anew, whole and in PEM"
    if wanted and given and wanted != given:
        return "the key does not belong to the certificate: store both of one pair"
    return ""


def _blocks(text: str) -> Iterator[tuple[str, bytes]]:
    """The blocks with their labels; one whose content is not base64 is passed over."""
    label, lines = "", list[str]()
    for line in text.splitlines():
        if found := _BEGIN.fullmatch(line.strip()):
            label, lines = found[1], []
        elif label and line.strip() == f"-----END {label}-----":
            content = _decoded(lines)
            if content is not None:
                yield label, content
            label = ""
        elif ":" not in line:
            lines.append(line.strip())


def _decoded(lines: list[str]) -> bytes | None:
    try:
        return base64.b64decode("".join(lines), validate=True)
    except binascii.Error:
        return None


def _read(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of a DER sequence's content; raises ValueError or IndexError for what isn't DER."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("truncated")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def _sequence(data: bytes) -> list[tuple[int, bytes]]:
    (tag, content), *_ = _read(data)
    if tag != _SEQUENCE:
        raise ValueError("not a sequence")
    return _read(content)


def _public_of_certificate(der: bytes) -> bytes:
    """The RSA modulus or the EC point, empty for other kinds of key."""
    fields = _read(_sequence(der)[0][1])
    spki = next(_read(content) for tag, content in fields if tag == _SEQUENCE and _is_spki(content))
    algorithm, bits = _read(spki[0][1])[0][1], spki[1][1][1:]
    return _number(_sequence(bits)[0][1]) if algorithm == _RSA else bits if algorithm == _EC else b""


def _is_spki(content: bytes) -> bool:
    parts = _read(content)
    return len(parts) == 2 and parts[0][0] == _SEQUENCE and parts[1][0] == _BITS


def _public_of_key(label: str, der: bytes) -> bytes:
    """The same of a private key, empty also when an EC key doesn't carry its point."""
    parts = _sequence(der)
    if label == "RSA PRIVATE KEY":
        return _number(parts[1][1])
    if label == "EC PRIVATE KEY":
        return next((_read(content)[0][1][1:] for tag, content in parts if tag == _EXPLICIT_1), b"")
    algorithm, inner = _read(parts[1][1])[0][1], parts[2][1]
    names = {_RSA: "RSA PRIVATE KEY", _EC: "EC PRIVATE KEY"}
    return _public_of_key(names[algorithm], inner) if algorithm in names else b""


def _number(content: bytes) -> bytes:
    return content.lstrip(b"\0")
