"""What fetch, etcd's own tool and settle do on one volume, and when it may be done again.

<volume>/data             the member's data, once settled
<volume>/restored.json    what settle put there, to tell whether etcd has touched it since
<volume>/restore/         snapshot.db, fetched.json, data (from etcd's tool), old (settled before, never started)
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from davit_etcd.agent.errors import AgentError

Json = dict[str, Any]

HEADROOM = 0.10
"""Of a node's disk: with less the kubelet evicts pods (Kubernetes documentation, "Node-pressure Eviction")."""


class Place:
    """The volume; `scratch` is a folder on another one, empty for none."""

    def __init__(self, volume: str, scratch: str = "") -> None:
        self.volume = Path(volume)
        self.scratch = Path(scratch) if scratch else None
        self.data = self.volume / "data"
        self.work = self.volume / "restore"
        self.unpacked = self.work / "data"
        self.download = self.work / "snapshot.db"
        self._restored = self.volume / "restored.json"
        self._fetched = self.work / "fetched.json"

    def claim(self) -> None:
        """Raise `AgentError` where the volume holds data that is not ours to replace."""
        if not self.data.exists() or not any(self.data.iterdir()):
            return
        try:
            found = json.loads(self._restored.read_text())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found is None:
            raise AgentError("VolumeInUse", f"{self.data} holds data that no restore put there: it is left alone", permanent=True)
        if found != _files(self.data):
            raise AgentError(
                "VolumeInUse", f"etcd has already started on the data in {self.data}: it is left alone", permanent=True
            )

    def prepare(self, size: int, log: int, *, shared: bool = False) -> Path:
        """Where to download so many bytes to; `log` are those that the member's log needs besides its data;
        shared: the volume is the node's own disk, as the scratch folder always is, of which a part stays free.

        Remains of earlier attempts are removed. etcd's tool copies the file, so it needs room twice, or a scratch folder.
        Raises `AgentError` where there is too little.
        """
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        if self.scratch:
            shutil.rmtree(self.scratch / "snapshot.db", ignore_errors=True)
            (self.scratch / "snapshot.db").unlink(missing_ok=True)
        free = _spare(self.volume) if shared else _free(self.volume)
        if free >= 2 * size + log:
            return self.download
        if self.scratch and free >= size + log and _spare(self.scratch) >= size:
            self.download.symlink_to(self.scratch / "snapshot.db")
            return self.scratch / "snapshot.db"
        least = size + log if self.scratch else 2 * size + log
        elsewhere = f", and {_mib(_spare(self.scratch))} MiB beside it" if self.scratch else ""
        if shared:
            raise AgentError(
                "NodeDiskFull",
                f"the snapshot has {_mib(size)} MiB and needs {_mib(least)} MiB of the node's disk, which has {_mib(free)} MiB "
                f"to spare beside the {HEADROOM:.0%} that must stay free: make room, or have the pod run on another node",
            )
        raise AgentError(
            "VolumeTooSmall",
            f"the snapshot has {_mib(size)} MiB and needs {_mib(least)} MiB on the volume, which has {_mib(free)} MiB free"
            f"{elsewhere}: make it larger",
            permanent=True,
        )

    def remember(self, content: Json) -> None:
        """Say what was fetched, for the containers that come after."""
        _write(self._fetched, content)

    def remembered(self) -> Json:
        """What was fetched."""
        try:
            found = json.loads(self._fetched.read_text())
        except (OSError, ValueError) as error:
            raise AgentError("NothingFetched", f"{self._fetched} can't be read: {error}") from error
        return dict(found)

    def settle(self) -> None:
        """Make what etcd's tool made the member's data, in one step; raises `AgentError` where there is none.

        The record is written before, so that a crash between them leaves either no data or data with its record.
        """
        self.claim()
        if not (self.unpacked / "member" / "snap" / "db").is_file():
            raise AgentError("NothingUnpacked", f"{self.unpacked} holds no data of a member")
        _flush(self.unpacked)
        self.unpacked.chmod(0o700)
        if self.data.exists():
            self.data.rename(self.work / "old")
        _write(self._restored, {"files": _files(self.unpacked)})
        self.unpacked.rename(self.data)
        for folder in (self.work, self.volume):
            _fsync(folder)
        shutil.rmtree(self.work, ignore_errors=True)
        if self.scratch:
            with suppress(OSError):
                (self.scratch / "snapshot.db").unlink(missing_ok=True)


def _files(folder: Path) -> dict[str, list[int]]:
    """Size and time of change of every file: etcd changes some as soon as it starts."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            found[str(path.relative_to(folder))] = [stat.st_size, stat.st_mtime_ns]
    return found


def _write(path: Path, content: Json) -> None:
    aside = path.with_name(path.name + ".new")
    aside.write_text(json.dumps(content))
    _fsync(aside)
    aside.rename(path)
    _fsync(path.parent)


def _flush(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _fsync(path)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _spare(folder: Path) -> int:
    """Free bytes but for those that a node's disk must keep: the kubelet evicts pods when it gets full."""
    usage = shutil.disk_usage(folder)
    return max(0, usage.free - int(usage.total * HEADROOM))


def _mib(size: int) -> int:
    return -(-size // (1024 * 1024))
