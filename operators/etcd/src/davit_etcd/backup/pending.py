"""Which EtcdBackups have not ended, and of which clusters: an EtcdCluster's change wakes those that wait for it."""

from __future__ import annotations

from davit.model import Key, Manifest


class Pending:
    """Filled by the passes over EtcdBackups, asked by the watch table; all in one event loop."""

    def __init__(self) -> None:
        self._clusters: dict[Key, Key] = {}

    def open(self, backup: Key, cluster: Key) -> None:
        """It has not ended."""
        self._clusters[backup] = cluster

    def ended(self, backup: Key) -> Key | None:
        """It ended or is gone; returns its cluster if it was open here before, so that it is counted once."""
        return self._clusters.pop(backup, None)

    def of(self, cluster: Manifest) -> tuple[Key, ...]:
        """The open EtcdBackups of an EtcdCluster."""
        key = Key(cluster["metadata"]["namespace"], cluster["metadata"]["name"])
        return tuple(backup for backup, of in self._clusters.items() if of == key)
