"""A small certificate authority for clusters that live for hours."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class Pair:
    """A key and certificate in PEM."""

    key: bytes
    cert: bytes


@dataclass(frozen=True)
class Authority:
    """Signs certificates; `pem` is what others trust."""

    key: ec.EllipticCurvePrivateKey
    cert: x509.Certificate

    @property
    def pair(self) -> Pair:
        """Key and certificate as PEM."""
        return Pair(key_pem(self.key), self.cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, user: str, groups: Sequence[str] = (), hosts: Sequence[str] = ()) -> Pair:
        """A certificate for a client (user, groups), a server (hosts), or both."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = base(subject(user, groups), self.cert.subject, key.public_key())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if hosts:
            builder = builder.add_extension(alternative_names(hosts), critical=False)
        cert = builder.sign(self.key, hashes.SHA256())
        return Pair(key_pem(key), cert.public_bytes(serialization.Encoding.PEM))


def new_authority(name: str) -> Authority:
    """A self-signed root."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = subject(name)
    builder = base(own, own, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def load_authority(key: Path, cert: Path) -> Authority:
    """Read back what `write_pair` wrote, to sign for a node that joins later."""
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return Authority(loaded, x509.load_pem_x509_certificate(cert.read_bytes()))


def subject(user: str, groups: Sequence[str] = ()) -> x509.Name:
    """Kubernetes reads the user from CN and groups from O."""
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def base(name: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    """What every certificate has; valid from an hour ago, because clocks jump."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


def alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    """Addresses as addresses, the rest as names: Go's TLS checks them apart."""
    return x509.SubjectAlternativeName([general_name(host) for host in hosts])


def general_name(host: str) -> x509.GeneralName:
    """One entry."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as the SEC1 PEM that every Kubernetes component reads."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, for checking service-account tokens."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def kubeconfig(server: str, ca: bytes, user: Pair) -> dict[str, Any]:
    """A self-contained kubeconfig, so that it can be copied anywhere."""
    cluster = {"server": server, "certificate-authority-data": b64(ca)}
    keys = {"client-certificate-data": b64(user.cert), "client-key-data": b64(user.key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "davit", "cluster": cluster}],
        "users": [{"name": "davit", "user": keys}],
        "contexts": [{"name": "davit", "context": {"cluster": "davit", "user": "davit"}}],
        "current-context": "davit",
    }


def b64(data: bytes) -> str:
    """As kubeconfig's -data fields want it."""
    return base64.b64encode(data).decode()


def write_pair(folder: Path, name: str, pair: Pair) -> None:
    """NAME.key and NAME.crt; the key for our eyes only."""
    write_private(folder / f"{name}.key", pair.key)
    (folder / f"{name}.crt").write_bytes(pair.cert)


def write_private(path: Path, data: bytes) -> None:
    """Create with mode 0600 from the start."""
    path.touch(mode=0o600)
    path.write_bytes(data)


def write_kubeconfig(path: Path, server: str, ca: bytes, user: Pair) -> None:
    """Put a kubeconfig in place at once: a reader never sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    write_private(aside, yaml.safe_dump(kubeconfig(server, ca, user)).encode())
    aside.rename(path)
