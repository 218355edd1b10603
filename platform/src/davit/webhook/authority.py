"""Makes what `davit.webhook.certificates` says is due. The only module that imports `cryptography`.

A program: `davit.webhook.maker` runs it. A process that finds the Secret in order reads it with `ssl` (davit.webhook.tls).
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from davit.webhook import maker
from davit.webhook.certificates import AUTHORITY_LIFE, SERVING_LIFE, SKEW, Due, Material, Unusable, blocks


def make(host: str, now: float, what: Due = Due.ALL, before: Material | None = None) -> Material:
    """New material for a server of this name or address; all of it is new where there is no `before`.

    Raises `Unusable` when what was there before can't be read.
    """
    if what is Due.ALL or before is None:
        authority = _Authority.new(now)
        return authority.serve(host, now, [authority.pem], authority)
    try:
        # Whoever served the last certificate may do so for a moment longer.
        signer, last = _Authority.load(before), _issuer(before)
    except (ValueError, TypeError, IndexError) as error:
        raise Unusable(f"it can't be renewed: {type(error).__name__}") from error
    if what is Due.SERVING:
        return signer.serve(host, now, [signer.pem, last], signer)
    successor = _Authority.new(now)
    return signer.serve(host, now, [successor.pem, signer.pem, last], successor)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def new(cls, now: float) -> _Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        # Two authorities must never share a name, or a chain is built with the wrong one.
        name = _name(f"davit admission {x509.random_serial_number():x}")
        builder = _base(name, name, key.public_key(), now, now + AUTHORITY_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(builder.add_extension(_usage(signs=True), critical=True).sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, material: Material) -> _Authority:
        key = load_pem_private_key(material.authority_key, password=None)
        certificate = x509.load_pem_x509_certificate(blocks(material.authorities)[0])
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("the key is not that of the authority")
        return cls(certificate, key)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def serve(self, host: str, now: float, trusted: Iterable[bytes], keep: _Authority) -> Material:
        """A serving certificate signed by this authority; `keep` signs the next."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(now + SERVING_LIFE, self.certificate.not_valid_after_utc.timestamp())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _base(_name("davit admission"), self.certificate.subject, key.public_key(), now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        bundle = b"".join(dict.fromkeys(trusted))
        return Material(bundle, certificate.public_bytes(Encoding.PEM), _pem(keep.key), _pem(key))


def _issuer(material: Material) -> bytes:
    """The authority that signed the serving certificate."""
    issuer = x509.load_pem_x509_certificate(material.certificate).issuer
    for authority in x509.load_pem_x509_certificates(material.authorities):
        if authority.subject == issuer:
            return authority.public_bytes(Encoding.PEM)
    raise ValueError("none of the authorities signed the certificate")


def _base(
    name: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: float, until: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(now - SKEW, UTC))
        .not_valid_after(datetime.fromtimestamp(until, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """To sign certificates, or to serve."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    """Addresses as addresses: Go's TLS tells them apart."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def main() -> None:
    """One question of `maker.make` on standard input, its answer on standard output."""
    asked = json.load(sys.stdin)
    try:
        before = maker.read(asked["before"]) if asked["before"] else None
        answer = maker.written(make(asked["host"], asked["now"], Due[asked["what"]], before))
    except Unusable as error:
        answer = {"unusable": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
