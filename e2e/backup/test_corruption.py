"""Backups that are not what they should be: each is refused in place with a reason, and the cluster takes no notice."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyrage
import zstandard

from e2e.support import etcd, traffic
from e2e.support.backups import Backup, Restore, restore_phase
from e2e.support.cluster import EtcdCluster
from e2e.support.kube import Json
from e2e.support.settings import Settings
from e2e.support.store import PREFIX, Store, folder, put_secret


@dataclass(frozen=True)
class Copy:
    """A copy of the good backup below a prefix of its own, in the folder of the same resource."""

    store: Store
    below: str
    """Ends with a slash."""

    @property
    def marker(self) -> str:
        """Key of the commit marker."""
        return f"{self.below}backup.json"

    @property
    def archive(self) -> str:
        """Key of the archive."""
        return next(key for key in self.store.sizes(self.below) if not key.endswith(".json"))

    def forge(self, change: Callable[[Json], None]) -> None:
        """Change the marker and put the right checksum over it, as whoever can write to the store could."""
        marker = self.store.read_json(self.marker)
        del marker["checksum"]
        change(marker)
        compact = json.dumps(marker, sort_keys=True, separators=(",", ":")).encode()
        marker["checksum"] = f"sha256:{hashlib.sha256(compact).hexdigest()}"
        self.store.write(self.marker, json.dumps(marker, indent=2, sort_keys=True).encode() + b"\n")

    def repack(self, change: Callable[[bytearray], None]) -> None:
        """Change the snapshot inside, with an archive and a marker that fit it."""
        snapshot = bytearray(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(self.store.read(self.archive))).read())
        change(snapshot)
        packed = zstandard.ZstdCompressor().compress(bytes(snapshot))
        self.store.write(self.archive, packed)
        self.forge(
            lambda marker: marker.update(archive=blob(marker["archive"], packed), content=blob(marker["content"], snapshot))
        )


def blob(old: Json, data: bytes | bytearray) -> Json:
    """Size and hash of other contents under the old name."""
    return {**old, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def flip(data: bytearray, at: int) -> None:
    """Turn over a byte."""
    data[at] ^= 0xFF


def without_hash(data: bytearray) -> None:
    """As a snapshot is that was read until nothing seemed to remain."""
    del data[-32:]


def halve(data: bytearray) -> None:
    """The first half only."""
    del data[len(data) // 2 :]


def other_engine(marker: Json) -> None:
    """Not etcd's."""
    marker["engine"] = "postgres"


def later_release(marker: Json) -> None:
    """Of an etcd that is ahead of the cluster."""
    marker["engineVersion"] = "3.99.0"
    marker["facts"]["etcdVersion"] = "3.99.0"


def other_resource(marker: Json) -> None:
    """Of another cluster."""
    marker["subject"]["name"] = "another"


def of_another_backup(copy: Copy, other: str) -> None:
    """The archive of another backup of the same cluster under this one's name."""
    archive = next(key for key in copy.store.sizes(other) if not key.endswith(".json"))
    copy.store.write(copy.archive, copy.store.read(archive))


Damage = Callable[[Copy, str], Any]
REASONS: dict[str, tuple[str, ...]] = {
    "archive: one byte turned over": ("Corrupt",),
    "archive: cut in half": ("Corrupt",),
    "archive: empty": ("Corrupt",),
    "archive: gone": ("Corrupt", "Missing"),
    "archive: of another backup": ("Corrupt",),
    "marker: one digit changed": ("Corrupt",),
    "marker: cut in half": ("Corrupt",),
    "marker: never written": ("Corrupt", "Missing"),
    "snapshot: one byte turned over, all else made to fit": ("Corrupt",),
    "snapshot: without its own hash, all else made to fit": ("Corrupt",),
    "snapshot: cut in half, all else made to fit": ("Corrupt",),
    "of another engine": ("Foreign",),
    "of another cluster": ("Foreign",),
    "of a later release": ("VersionTooNew",),
}
DAMAGE: dict[str, Damage] = {
    "archive: one byte turned over": lambda c, _: c.store.flip(c.archive, c.store.sizes(c.archive)[c.archive] // 2),
    "archive: cut in half": lambda c, _: c.store.truncate(c.archive, c.store.sizes(c.archive)[c.archive] // 2),
    "archive: empty": lambda c, _: c.store.write(c.archive, b""),
    "archive: gone": lambda c, _: c.store.delete(c.archive),
    "archive: of another backup": of_another_backup,
    "marker: one digit changed": lambda c, _: c.store.write(
        c.marker, c.store.read(c.marker).replace(b'"size": ', b'"size": 1', 1)
    ),
    "marker: cut in half": lambda c, _: c.store.truncate(c.marker, len(c.store.read(c.marker)) // 2),
    "marker: never written": lambda c, _: c.store.delete(c.marker),
    "snapshot: one byte turned over, all else made to fit": lambda c, _: c.repack(lambda data: flip(data, len(data) // 2)),
    "snapshot: without its own hash, all else made to fit": lambda c, _: c.repack(
        lambda data: data.__delitem__(slice(-32, None))
    ),
    "snapshot: cut in half, all else made to fit": lambda c, _: c.repack(halve),
    "of another engine": lambda c, _: c.forge(other_engine),
    "of another cluster": lambda c, _: c.forge(other_resource),
    "of a later release": lambda c, _: c.forge(later_release),
}


def test_every_corruption_is_refused_and_nothing_is_touched(cluster: EtcdCluster, objects: Store) -> None:
    """From copies of one good backup, one after the other into the same cluster, with a writer throughout; the good one works."""
    assert set(REASONS) == set(DAMAGE)
    cluster.create(1, objectStore=objects.spec(), safetyBackup=False)
    etcd.put(cluster, planted="before")
    good = Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="2m").succeeded()
    etcd.put(cluster, planted="after")
    other = Backup(cluster.sandbox, "two").create(cluster=cluster.name, deadline="2m").succeeded()
    before = pods(cluster), cluster.claims()
    wrong: list[str] = []
    with traffic.running(cluster) as flow:
        for number, (what, damage) in enumerate(DAMAGE.items()):
            prefix = f"damaged/{number}"
            copied = copy_of(objects, good, prefix)
            damage(copied, folder(other["location"]))
            restore = Restore(cluster.sandbox, f"damaged-{number}").create(**in_place(cluster, objects, prefix, good["id"]))
            ended = restore.ended(180)
            if ended["phase"] != "Failed" or restore.why(ended) not in REASONS[what]:
                wrong.append(f"{what}: {ended['phase']} {restore.why(ended)}: {ended.get('message')}")
            cluster.sandbox.note(f"{what}: {restore.why(ended)}: {ended.get('message')}")
            cluster.until("nothing of it is left", cluster.claims, lambda claims: claims == before[1], 60)
        flow.flow()
    assert not wrong, "\n".join(wrong)
    assert (pods(cluster), cluster.claims()) == before
    assert etcd.get(cluster, "planted") == "after"

    copy_of(objects, good, "whole")
    Restore(cluster.sandbox, "whole").create(**in_place(cluster, objects, "whole", good["id"])).succeeded(240)
    assert etcd.get(cluster, "planted") == "before", "the copy that nobody damaged is a good backup"


def pods(cluster: EtcdCluster) -> dict[str, tuple[str, int]]:
    """Uid and restarts of its pods."""
    return {
        name: (pod["metadata"]["uid"], sum(status["restartCount"] for status in pod["status"]["containerStatuses"]))
        for name, pod in cluster.pods().items()
    }


def copy_of(store: Store, good: Json, prefix: str) -> Copy:
    """The backup below another prefix."""
    below = folder(good["location"])
    target = prefix + below.removeprefix(PREFIX)
    store.copy(below, target)
    return Copy(store, target)


def in_place(cluster: EtcdCluster, store: Store, prefix: str, id: str) -> Json:
    """The spec of an EtcdRestore."""
    return {
        "cluster": cluster.name,
        "confirm": cluster.name,
        "source": {"objectStore": store.spec(prefix=prefix), "id": id},
        "deadline": "3m",
    }


def test_the_wrong_key_and_none_are_told_apart(cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """An encrypted backup opens with its own key only; nothing is left of the clusters that were not made of it."""
    right, wrong = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    put_secret(cluster.sandbox, "right", {"age.key": f"{right}\n"})
    put_secret(cluster.sandbox, "wrong", {"age.key": f"{wrong}\n"})
    cluster.create(1, objectStore=objects.spec(), encryption={"secretName": "right"}, safetyBackup=False)
    etcd.put(cluster, planted="before")
    status = Backup(cluster.sandbox, "sealed").create(cluster=cluster.name, deadline="2m").succeeded()
    etcd.put(cluster, planted="after")
    source = {"objectStore": objects.spec(), "id": status["id"]}
    spec = {"cluster": cluster.name, "confirm": cluster.name, "deadline": "2m"}
    cases = {"wrong": ("WrongKey",), "absent": ("KeyMissing",)}
    for secret, reasons in cases.items():
        sealed = {**source, "encryption": {"secretName": secret}}
        Restore(cluster.sandbox, f"with-{secret}").create(**spec, source=sealed).failed(*reasons, seconds=150)
        assert etcd.get(cluster, "planted") == "after"
    Restore(cluster.sandbox, "with-right").create(**spec, source={**source, "encryption": {"secretName": "right"}}).succeeded(180)
    assert etcd.get(cluster, "planted") == "before"


def test_a_new_cluster_of_a_corrupt_backup_never_serves(cluster: EtcdCluster, objects: Store, settings: Settings) -> None:
    """bootstrap.fromBackup: it says why, and starts no empty cluster in the data's place; with a good backup it goes on."""
    cluster.create(1, objectStore=objects.spec())
    etcd.put(cluster, planted="before")
    good = Backup(cluster.sandbox, "one").create(cluster=cluster.name, deadline="2m").succeeded()
    bad = copy_of(objects, good, "damaged")
    objects.flip(bad.archive, -1)
    copy = EtcdCluster(cluster.sandbox, settings.version, "copy")
    source = {"objectStore": objects.spec(prefix="damaged"), "name": cluster.name, "id": good["id"]}
    copy.create(1, ready=False, bootstrap={"fromBackup": source})
    stalled = copy.wait_condition("Stalled", "True", seconds=180)
    assert "corrupt" in f"{stalled['reason']} {stalled['message']}".lower()
    assert not copy.pods()
    assert not copy.status().get("clusterID")
    copy.edit(bootstrap={"fromBackup": {"objectStore": objects.spec(), "name": cluster.name, "id": good["id"]}})
    copy.wait_ready(seconds=180)
    assert etcd.get(copy, "planted") == "before"
    assert restore_phase(copy) == "Succeeded"
