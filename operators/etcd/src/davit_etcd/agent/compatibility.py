"""Which release can restore what another has written. Pure."""

from __future__ import annotations

from davit_etcd.versions import Version


def refuse_restore(made: Version, target: Version) -> str | None:
    """Why etcd `target` can't restore a snapshot that a member of release `made` wrote; None when it can.

    Tried with real members of 3.4.23, 3.5.16, 3.5.33, 3.6.14 and 3.7.0 in all pairs: a later release reads the snapshots
    of every earlier one, also when it skips some, for no log and no other member comes with a snapshot. 3.6 stops at those
    of 3.7 (`version "3.7.0" is not supported`); 3.4 and 3.5 start on those of later releases only because they don't look.
    """
    if made.line > target.line:
        line = f"{made.major}.{made.minor}"
        return f"the backup was made by etcd {made}, which {target} can't read: restore with {line} or later"
    return None
