"""A random of each object's own under its digests: status and processes show them, and they stand for texts with secrets.

Without it, who knows all of a text but a short password could try passwords until the digest fits.
"""

from __future__ import annotations

import re
import secrets

from davit.model import Manifest

ANNOTATION = "davit.dev/salt"
"""Of the Secret that holds the text, so that the digests of it stay what they are when the operator restarts."""
_FORM = re.compile(r"[0-9a-f]{32}")


def fresh() -> str:
    """A new one."""
    return secrets.token_hex(16)


def salt_of(secret: Manifest | None) -> str:
    """The one in a Secret, empty when there is none."""
    found = ((secret or {}).get("metadata", {}).get("annotations") or {}).get(ANNOTATION, "")
    return found if _FORM.fullmatch(found) else ""
