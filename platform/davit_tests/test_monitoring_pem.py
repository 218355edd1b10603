"""Certificates and keys that would keep a configuration from loading are found before it is written."""

from __future__ import annotations

import datetime
import functools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from davit.monitoring.pem import certificate_problem, pair_problem

PRIVATE = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
FORMATS = {"PKCS #8": serialization.PrivateFormat.PKCS8, "traditional": serialization.PrivateFormat.TraditionalOpenSSL}


@functools.cache
def key_of(kind: str, number: int) -> PRIVATE:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 1024 + 64 * number)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else ed25519.Ed25519PrivateKey.generate()


def certificate_of(key: PRIVATE) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=3650))
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def text_of(key: PRIVATE, form: str = "PKCS #8", secret: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, FORMATS[form], encryption).decode()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_pair_is_one(kind: str, form: str) -> None:
    key = key_of(kind, 1)
    assert pair_problem(certificate_of(key), text_of(key, form)) == ""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_key_of_another_certificate_is_found(kind: str, form: str) -> None:
    assert "does not belong" in pair_problem(certificate_of(key_of(kind, 1)), text_of(key_of(kind, 2), form))


def test_a_key_that_can_not_be_compared_is_taken() -> None:
    key = key_of("Ed25519", 1)
    assert pair_problem(certificate_of(key), text_of(key)) == ""


def test_a_chain_and_text_around_it_are_a_certificate() -> None:
    chain = "leaf:\n" + certificate_of(key_of("EC", 1)) + "issuer:\n" + certificate_of(key_of("EC", 2))
    assert certificate_problem(chain) == ""


def test_a_curve_before_the_key_does_not_hide_it() -> None:
    key = key_of("EC", 1)
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert pair_problem(certificate_of(key), parameters + text_of(key, "traditional")) == ""


@pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused_with_what_to_store(text: str) -> None:
    assert "-----BEGIN CERTIFICATE-----" in certificate_problem(text)


def test_a_key_is_no_certificate() -> None:
    assert "no certificate in PEM" in certificate_problem(text_of(key_of("EC", 1)))


def test_a_certificate_with_a_hole_in_it_is_refused() -> None:
    lines = certificate_of(key_of("EC", 1)).splitlines()
    assert "can't be read" in certificate_problem("\n".join([*lines[:3], *lines[4:]]))


def test_an_encrypted_key_is_refused() -> None:
    key = key_of("EC", 1)
    for form in FORMATS:
        assert "passphrase" in pair_problem(certificate_of(key), text_of(key, form, b"secret"))


def test_a_key_with_a_hole_in_it_is_refused() -> None:
    lines = text_of(key_of("RSA", 1)).splitlines()
    assert "it can't be read" in pair_problem(certificate_of(key_of("RSA", 1)), "\n".join([*lines[:3], *lines[5:]]))


def test_the_wrong_half_of_a_pair_is_named() -> None:
    key = key_of("EC", 1)
    assert pair_problem("x", text_of(key)).startswith("the certificate:")
    assert pair_problem(certificate_of(key), certificate_of(key)).startswith("the key:")


def test_no_secret_keeps_the_operator_busy() -> None:
    assert certificate_problem("-----BEGIN CERTIFICATE-----\n" * 40_000)
