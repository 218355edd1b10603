"""Serving certificates to `ssl`: proved before they are used, changed while connections are open."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from davit.webhook.certificates import Facts, Material, Unusable, blocks

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl` has no name for."""
_ROUNDS = 10
"""More turns than any handshake takes."""


class Identity:
    """What the server shows of itself: `context` is for the listener, `use` changes what new connections see."""

    def __init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Some hardened API servers know no 1.3 (Go's FIPS builds before 1.21), and would pass us over in silence.
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._used: Material | None = None

    def use(self, material: Material) -> bool:
        """Serve with this, which must be proved, from now on; whether it is news."""
        if material == self._used:
            return False
        _load(self.context, material)
        self._used = material
        return True


def prove(material: Material, host: str) -> Facts:
    """Shake hands with ourselves as the API server would; raises `Unusable` when it would not trust us.

    Times are not judged, only told: `davit.webhook.certificates.due` judges them, and our clock may be wrong.
    """
    try:
        client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client.verify_flags |= _NO_CHECK_TIME
        client.load_verify_locations(cadata=material.authorities.decode("ascii"))
        _load(server, material)
        served = _shake_hands(client, server, host)
        return Facts(_end(served), _end(_authority(blocks(material.authorities)[0])))
    except (ssl.SSLError, ValueError, IndexError) as error:
        raise Unusable(str(error)) from error


def _authority(pem: bytes) -> dict[str, Any]:
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    store.load_verify_locations(cadata=pem.decode("ascii"))
    return store.get_ca_certs()[0]


def _end(certificate: dict[str, Any]) -> float:
    return float(ssl.cert_time_to_seconds(certificate["notAfter"]))


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> dict[str, Any]:
    """Both sides in memory; returns the server's certificate as the client saw it."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_ROUNDS):
        if all([_advance(near), _advance(far)]):
            return near.getpeercert() or {}
    raise ValueError("the handshake does not end")


def _advance(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _load(context: ssl.SSLContext, material: Material) -> None:
    with _file(material.certificate + b"\n" + material.key) as path:
        # A password, lest OpenSSL asks a terminal for that of a key that somebody else put there.
        context.load_cert_chain(path, password="")


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A name for what is in memory only: `ssl` reads keys from files, and ours shall never be on a disk."""
    handle = os.memfd_create("davit")
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
