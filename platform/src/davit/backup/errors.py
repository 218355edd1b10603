"""Every way in which a store or a backup can fail its reader, each with what a person can do about it. Pure.

StoreError
├── AccessDenied        the key pair is wrong, or has too few rights
├── BucketMissing       the bucket does not exist
├── CredentialsMissing  the Secret with the key pair, or the CA's, is not there or has not that key
├── WrongClock          this node's clock and the store's differ by too much
├── StoreFull           no room, or a quota is reached
├── TooSlow             the store asks to slow down, or did not answer in time
├── Unreachable         no connection, or one that broke
├── CertificateRefused  the store's TLS certificate is not trusted
├── Missing             no such object, or no such backup
├── Corrupt             what is stored is not what was written
├── Foreign             it is another resource's, engine's or release's
├── KeyMissing          no key of the encryption is given, or it is none of age's
└── WrongKey            the backup was encrypted for another key
"""

from __future__ import annotations


class StoreError(Exception):
    """What went wrong; `reason` is CamelCase for a condition, the message holds the remedy and never a secret.

    `permanent` ones stay as they are until a person acts: trying again is useless.
    """

    reason = "StoreFailed"
    permanent = False

    def __init__(self, message: str, *, permanent: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if permanent is not None:
            self.permanent = permanent


class AccessDenied(StoreError):
    """The store knows the key pair and refuses, or does not know it."""

    reason = "AccessDenied"
    permanent = True


class BucketMissing(StoreError):
    """There is no such bucket; Davit never makes one."""

    reason = "BucketMissing"
    permanent = True


class CredentialsMissing(StoreError):
    """A mounted Secret or ConfigMap is not there, or lacks a key; it may still be on its way."""

    reason = "CredentialsMissing"


class WrongClock(StoreError):
    """The store refuses the time in a signature."""

    reason = "WrongClock"


class StoreFull(StoreError):
    """The store has no room, or the bucket's quota is reached."""

    reason = "StoreFull"


class TooSlow(StoreError):
    """The store wants fewer requests, or took longer than the time limit."""

    reason = "TooSlow"


class Unreachable(StoreError):
    """No connection to the store, or it broke and did not come back."""

    reason = "Unreachable"


class CertificateRefused(StoreError):
    """The store's certificate is not one to trust."""

    reason = "CertificateRefused"
    permanent = True


class Missing(StoreError):
    """The object or backup that was asked for is not in the store."""

    reason = "Missing"
    permanent = True


class Corrupt(StoreError):
    """The bytes are not those that were written."""

    reason = "Corrupt"
    permanent = True


class Foreign(StoreError):
    """A good backup, but not of what is to be restored."""

    reason = "Foreign"
    permanent = True


class KeyMissing(StoreError):
    """An age key is needed, and there is none that could be used."""

    reason = "KeyMissing"
    permanent = True


class WrongKey(StoreError):
    """None of the given age identities opens the backup."""

    reason = "WrongKey"
    permanent = True
