"""Encryption in the format of age, so that `age -d` reads a backup too. X25519 keys only.

Source: the specification of age, age-encryption.org/v1. Keys never stand in a message; recipients, which are public, do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrage

from davit.backup.errors import Corrupt, KeyMissing, WrongKey
from davit.backup.model import CIPHER_FOLDER, Cipher
from davit.backup.pipe import Channel, Source, close, threaded

_AHEAD = 1024 * 1024
_IDENTITY = "AGE-SECRET-KEY-1"
_RECIPIENT = "age1"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a key file holds. `recipients`: the public keys that a backup is encrypted for, those of the identities too.

    readers: the recipients for which there is an identity, so that their backups can be read.
    """

    recipients: tuple[str, ...]
    readers: tuple[str, ...]

    @property
    def can_read(self) -> bool:
        """Whether any backup can be read with them."""
        return bool(self.readers)


def load(cipher: Cipher, folder: str = CIPHER_FOLDER) -> str:
    """The text of the mounted key file; raises KeyMissing."""
    try:
        return (Path(folder) / cipher.key).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(
            f"Secret {cipher.secret} is missing, or has no readable key {cipher.key}: put an age key there.",
            permanent=False,
        ) from error


def keys(text: str) -> Keys:
    """The keys in a file of age identities and recipients, one a line, `#` before comments; raises KeyMissing."""
    recipients, readers = [], []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        public = _public(word, number)
        recipients.append(public)
        if word.startswith(_IDENTITY):
            readers.append(public)
    if not recipients:
        raise KeyMissing("The key file holds no key: put an age identity (AGE-SECRET-KEY-1...) or recipient (age1...) there.")
    return Keys(tuple(dict.fromkeys(recipients)), tuple(dict.fromkeys(readers)))


def encrypt(chunks: Iterator[bytes], recipients: Sequence[str]) -> Iterator[bytes]:
    """The chunks as one age file that any of the recipients can read."""
    parsed = [_recipient(recipient) for recipient in recipients]
    if not parsed:
        raise KeyMissing("There is no recipient to encrypt for.")

    def work(channel: Channel) -> None:
        source = Source(chunks)
        try:
            pyrage.encrypt_io(source, channel, parsed)
        except BaseException:
            if source.error is not None:
                raise source.error from None
            raise
        finally:
            close(chunks)

    return threaded(work, _AHEAD)


def decrypt(chunks: Iterator[bytes], text: str) -> Iterator[bytes]:
    """What an age file holds, by the identities in a key file; raises WrongKey, and Corrupt for what is no whole age file.

    Every chunk was authenticated, but only the end shows that none is missing.
    """
    identities = list(_identities(text))

    def work(channel: Channel) -> None:
        source = Source(chunks)
        try:
            pyrage.decrypt_io(source, channel, identities)
        except BaseException as error:
            if source.error is not None:
                raise source.error from None
            if isinstance(error, pyrage.DecryptError | OSError | ValueError):
                raise _refused(error) from None
            raise

    return threaded(work, _AHEAD)


def check(recipients: Iterable[str], text: str | None) -> None:
    """Raise KeyMissing or WrongKey where a backup for these recipients can't be read with a key file; None is no file."""
    wanted = tuple(recipients)
    if not wanted:
        return
    if text is None:
        raise KeyMissing(
            f"The backup is encrypted for {', '.join(wanted)}: name the Secret with that age identity in encryption."
        )
    found = keys(text)
    if not found.can_read:
        raise KeyMissing(
            "The key file holds recipients only: to read a backup, put the age identity (AGE-SECRET-KEY-1...) there."
        )
    if not set(found.readers) & set(wanted):
        raise WrongKey(
            f"The backup is encrypted for {', '.join(wanted)}, and the given identity is that of {', '.join(found.readers)}."
        )


def _refused(error: BaseException) -> Corrupt | WrongKey:
    if "No matching keys" in str(error):
        return WrongKey("None of the given age identities opens the backup.")
    return Corrupt("The encrypted archive is damaged or cut off: age refuses it.")


def _public(word: str, line: int) -> str:
    try:
        if word.startswith(_IDENTITY):
            return str(pyrage.x25519.Identity.from_str(word).to_public())
        if word.startswith(_RECIPIENT):
            return str(pyrage.x25519.Recipient.from_str(word))
    except (pyrage.IdentityError, pyrage.RecipientError):
        pass
    raise KeyMissing(
        f"Line {line} of the key file is no age key: write AGE-SECRET-KEY-1... or age1..., as age-keygen makes them."
    )


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise KeyMissing(f"{text!r} is no age recipient.") from error


def _identities(text: str) -> Iterator[pyrage.x25519.Identity]:
    if not keys(text).can_read:
        raise KeyMissing("The key file holds no age identity (AGE-SECRET-KEY-1...), and only that reads a backup.")
    for line in text.splitlines():
        if line.strip().startswith(_IDENTITY):
            yield pyrage.x25519.Identity.from_str(line.strip())
