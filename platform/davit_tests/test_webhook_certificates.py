from __future__ import annotations

import itertools
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from davit.errors import Transient
from davit.webhook import authority, maker
from davit.webhook.certificates import DAY, Due, Facts, Material, Unusable, blocks, due
from davit.webhook.tls import Identity, prove

HOST = "hooks.davit.svc"
NOW = float(int(time.time()))


def leaf(material: Material) -> x509.Certificate:
    return x509.load_pem_x509_certificate(material.certificate)


def authorities(material: Material) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(block) for block in blocks(material.authorities)]


def test_what_is_made_is_trusted_for_its_host_and_for_no_other() -> None:
    made = authority.make(HOST, NOW)
    facts = prove(made, HOST)
    assert facts == Facts(NOW + 90 * DAY, NOW + 3650 * DAY)
    with pytest.raises(Unusable, match=r"Hostname mismatch"):
        prove(made, "other.davit.svc")
    assert prove(authority.make("127.0.0.1", NOW), "127.0.0.1") == facts


def test_certificates_say_what_they_are_for() -> None:
    made = authority.make(HOST, NOW)
    (root,) = authorities(made)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    serving = leaf(made).extensions
    assert not serving.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(serving.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    for certificate in (root, leaf(made)):
        assert certificate.not_valid_before_utc.timestamp() == NOW - 3600.0
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_no_private_key_is_ever_shown() -> None:
    made = authority.make(HOST, NOW)
    assert "PRIVATE" not in repr(made)


@pytest.mark.parametrize(
    ("serving", "root", "what"),
    [
        (90, 3650, None),
        (31, 3650, None),
        (29, 3650, Due.SERVING),
        (-5, 3650, Due.SERVING),
        (90, 364, Due.AUTHORITY),
        (-5, 364, Due.AUTHORITY),
        (20, 29, Due.ALL),
        (-5, -5, Due.ALL),
    ],
)
def test_all_is_renewed_well_before_it_ends(serving: float, root: float, what: Due | None) -> None:
    assert due(Facts(NOW + serving * DAY, NOW + root * DAY), NOW) is what


def test_a_renewed_certificate_is_trusted_by_who_trusts_the_authority() -> None:
    first = authority.make(HOST, NOW)
    second = authority.make(HOST, NOW + 61 * DAY, Due.SERVING, first)
    assert second.authorities == first.authorities
    assert second.authority_key == first.authority_key
    assert second.key != first.key
    assert prove(second, HOST).serving_until == NOW + 151 * DAY


def test_a_new_authority_is_trusted_long_before_it_serves() -> None:
    """At each step, what any replica may still serve is trusted by the bundle of before and by that of after."""
    first = authority.make(HOST, NOW)
    later = NOW + 3290 * DAY
    steps = [authority.make(HOST, later - 50 * DAY, Due.SERVING, first)]
    for number, what in enumerate((Due.AUTHORITY, Due.SERVING, Due.SERVING)):
        steps.append(authority.make(HOST, later + 60 * DAY * number, what, steps[-1]))
    for before, after in itertools.pairwise(steps):
        prove(replace(before, authorities=after.authorities), HOST)
        prove(replace(after, authorities=before.authorities), HOST)
    assert [len(blocks(step.authorities)) for step in steps] == [1, 2, 2, 1]
    new = authorities(steps[1])[0]
    assert authorities(steps[-1]) == [new]
    assert leaf(steps[1]).issuer == authorities(first)[0].subject
    assert leaf(steps[2]).issuer == new.subject


def test_a_certificate_never_outlives_its_authority() -> None:
    first = authority.make(HOST, NOW)
    assert prove(authority.make(HOST, NOW + 3600 * DAY, Due.SERVING, first), HOST).serving_until == NOW + 3650 * DAY


def test_a_clock_that_is_wrong_makes_nothing_unusable() -> None:
    assert due(prove(authority.make(HOST, NOW + 20 * DAY), HOST), NOW) is None
    assert due(prove(authority.make(HOST, NOW - 200 * DAY), HOST), NOW) is Due.SERVING


def broken() -> dict[str, Material]:
    good, other = authority.make(HOST, NOW), authority.make(HOST, NOW)
    return {
        "another key": replace(good, key=other.key),
        "another authority": replace(good, authorities=other.authorities),
        "no key": replace(good, key=b""),
        "an encrypted key": replace(good, key=ENCRYPTED),
        "no certificate": replace(good, certificate=b"-----BEGIN CERTIFICATE-----"),
        "no authority": replace(good, authorities=b""),
        "bytes": replace(good, authorities=b"\xff\xfe"),
    }


ENCRYPTED = b"""-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,2B0A6A1E3A3A0C8E0E2F1D4C5B6A7988

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END EC PRIVATE KEY-----
"""


@pytest.mark.parametrize("fault", broken())
def test_material_that_would_not_be_trusted_is_never_served(fault: str) -> None:
    with pytest.raises(Unusable):
        prove(broken()[fault], HOST)


@pytest.mark.parametrize(
    "spoilt", [{"authority_key": b"junk"}, {"certificate": b"junk"}, {"authority_key": ENCRYPTED}, {"authorities": b""}]
)
def test_what_cannot_be_renewed_is_said_to_be_so(spoilt: dict[str, bytes]) -> None:
    good = authority.make(HOST, NOW)
    with pytest.raises(Unusable, match="can't be renewed"):
        authority.make(HOST, NOW, Due.SERVING, replace(good, **spoilt))
    with pytest.raises(Unusable, match="can't be renewed"):
        authority.make(HOST, NOW, Due.AUTHORITY, replace(good, authority_key=authority.make(HOST, NOW).authority_key))


def test_the_same_material_is_no_news() -> None:
    identity, made = Identity(), authority.make(HOST, NOW)
    assert identity.use(made)
    assert not identity.use(replace(made))
    assert identity.use(authority.make(HOST, NOW))


def test_an_operator_that_makes_certificates_never_loads_cryptography() -> None:
    code = (
        "import sys, time, davit.webhook.serving; from davit.webhook import maker, tls; "
        f"made = maker.make({HOST!r}, time.time()); tls.prove(made, {HOST!r}); "
        "print(any(name.startswith('cryptography') for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, check=True, text=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


def test_a_process_of_its_own_renews_what_there_is() -> None:
    first = maker.make(HOST, NOW)
    second = maker.make(HOST, NOW + 61 * DAY, Due.SERVING, first)
    assert second.authorities == first.authorities
    assert prove(second, HOST).serving_until == NOW + 151 * DAY
    with pytest.raises(Unusable, match="can't be renewed"):
        maker.make(HOST, NOW, Due.SERVING, replace(first, authority_key=b"junk"))


def test_a_process_that_gives_no_certificate_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Transient, match=r"no certificate could be made: -m davit\.webhook\.authority ended with 1: $"):
        maker.make(HOST, NOW)
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with pytest.raises(Transient, match="FileNotFoundError"):
        maker.make(HOST, NOW)
