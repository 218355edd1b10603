"""Certificates: who they name, and that a node joining later is signed by the same authority."""

from __future__ import annotations

from pathlib import Path

import yaml
from cryptography import x509

from ci.cluster import pki
from ci.cluster.controlplane import API_SERVER_NAMES, write_keys
from ci.cluster.flags import Flags


def names(pem: bytes) -> set[str]:
    """Alternative names and addresses of a certificate."""
    cert = x509.load_pem_x509_certificate(pem)
    found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(a) for a in found.get_values_for_type(x509.IPAddress)}
    return addresses | set(found.get_values_for_type(x509.DNSName))


def test_addresses_are_not_dns_names() -> None:
    pair = pki.new_authority("ca").issue("x", hosts=["node1", "172.30.0.2"])
    value = x509.load_pem_x509_certificate(pair.cert).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert value.value.get_values_for_type(x509.DNSName) == ["node1"]
    assert names(pair.cert) == {"node1", "172.30.0.2"}


def test_subject_carries_user_and_groups() -> None:
    pair = pki.new_authority("ca").issue("system:node:node1", ("system:nodes",))
    subject = x509.load_pem_x509_certificate(pair.cert).subject
    assert subject.rfc4514_string() == "CN=system:node:node1,O=system:nodes"


def test_control_plane_keys_and_kubeconfig(tmp_path: Path) -> None:
    flags = Flags(tmp_path, "127.0.0.1", 7443, 1, 2)
    write_keys(flags)
    assert names((flags.pki / "apiserver.crt").read_bytes()) == set(API_SERVER_NAMES)
    config = yaml.safe_load((flags.pki / "admin.conf").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7443"
    assert (flags.pki / "admin.conf").stat().st_mode & 0o777 == 0o600
    assert (flags.pki / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (flags.pki / "done").exists()


def test_a_read_back_authority_signs_for_the_same_root(tmp_path: Path) -> None:
    authority = pki.new_authority("ca")
    pki.write_pair(tmp_path, "ca", authority.pair)
    again = pki.load_authority(tmp_path / "ca.key", tmp_path / "ca.crt")
    leaf = x509.load_pem_x509_certificate(again.issue("x").cert)
    leaf.verify_directly_issued_by(authority.cert)
