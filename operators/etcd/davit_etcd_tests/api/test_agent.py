"""The agent end to end: real etcd members, etcd's own tools and a real MinIO over TLS."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
import zstandard
from davit.backup.job import CONFIG
from davit.backup.model import MARKER_FILE, VERIFIED_FILE, Blob, Cipher, Marker, Verified
from davit.backup.report import PERMANENT, RETRY, Report
from davit_etcd.agent import maintenance, snapshot
from davit_etcd.agent.errors import MemberLost
from davit_etcd.manifests.jobs import BUMP, Stored, Surviving, backup_job
from davit_tests.api.minio import MinioServer, Proxy
from urllib3.exceptions import HTTPError

from ci.progress import wait_for
from davit_etcd_tests.api.agent_world import REQUEST, Etcd, Jobs, Restored, cluster, ids, keep, version_of

pytestmark = pytest.mark.api
_serial = itertools.count(1)
ID = ids()
CIPHER = Cipher("age-key", "age.key")
LARGE = 24.0
"""MiB, which compress to half: more than one part of an upload."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    with MinioServer(tmp_path_factory.mktemp("minio")) as started:
        yield started


@pytest.fixture
def jobs(server: MinioServer, tmp_path: Path) -> Jobs:
    """With a bucket of the test's own."""
    bucket = f"agent-{os.getpid()}-{next(_serial)}"
    server.client().make_bucket(bucket)
    return Jobs(server, server.store(bucket, "some/prefix"), tmp_path / "jobs", tmp_path / "secrets")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """One member of 3.6 with a few keys; tests may add some."""
    with Etcd(tmp_path_factory.mktemp("small")) as started:
        started.fill()
        yield started


def give_key(jobs: Jobs, identity: Any) -> None:
    file = jobs.secrets / "etc/davit/encryption/age.key"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"# a key\n{identity}\n")


def good(outcome: tuple[Report, int]) -> dict[str, Any]:
    report, code = outcome
    assert (report.ok, code) == (True, 0), report
    return dict(report.facts)


@pytest.mark.parametrize(
    ("made", "target"), [("3.5", "3.5"), ("3.5", "3.6"), ("3.5", "3.7"), ("3.6", "3.6"), ("3.6", "3.7"), ("3.7", "3.7")]
)
def test_every_line_restores_what_older_ones_wrote(jobs: Jobs, tmp_path: Path, made: str, target: str) -> None:
    """Every key is there, the revision is far ahead, and nobody can watch from before."""
    id = next(ID)
    with Etcd(tmp_path / "etcd", made) as etcd:
        etcd.fill()
        put, revision = etcd.keys(), etcd.revision()
        facts = good(jobs.backup(etcd, id))
        assert (facts["revision"], facts["revisionAfter"], facts["etcdVersion"]) == (revision, revision, version_of(made))
        assert facts["clusterID"] == f"{int(etcd.status()['header']['cluster_id']):x}"
    restored = good(jobs.restore(id, target))
    assert (restored["id"], restored["revision"], restored["bump"]) == (id, revision, BUMP)
    assert restored["location"] == f"s3://{jobs.store.bucket}/some/prefix/ns/c/{id}"
    with Restored(jobs, target) as etcd:
        assert etcd.keys() == put
        assert etcd.revision() == revision + BUMP
        with pytest.raises(HTTPError, match="compacted"):
            etcd.post("c-0", "kv/range", {"key": "AA==", "range_end": "AA==", "revision": str(revision)})
        assert f"{int(etcd.status()['header']['cluster_id']):x}" != facts["clusterID"]


@pytest.mark.parametrize(("made", "target"), [("3.7", "3.6"), ("3.6", "3.5")])
def test_a_newer_line_is_refused_before_anything_is_written(jobs: Jobs, tmp_path: Path, made: str, target: str) -> None:
    id = next(ID)
    with Etcd(tmp_path / "etcd", made) as etcd:
        etcd.fill()
        good(jobs.backup(etcd, id))
    report, code = jobs.restore(id, target)
    assert (report.reason, code) == ("VersionTooNew", PERMANENT)
    assert f"made by etcd {version_of(made)}" in report.message
    assert not list((jobs.folder / "volume").iterdir())


@pytest.mark.parametrize("compression", ["zstd", "none"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_an_archive_can_be_read_without_davit(jobs: Jobs, small: Etcd, compression: str, encrypted: bool) -> None:
    """What is inside is the very file that etcd's own tools take."""
    id, identity = next(ID), pyrage.x25519.Identity.generate()
    give_key(jobs, identity)
    facts = good(jobs.backup(small, id, compression=compression, cipher=CIPHER if encrypted else None))
    data = b"".join(jobs.s3.get(jobs.archive(id)))
    assert len(data) == facts["archiveSize"]
    ending = {"zstd": ".db.zst", "none": ".db"}[compression] + (".age" if encrypted else "")
    assert facts["archive"].endswith(ending)
    if encrypted:
        data = pyrage.decrypt(data, [identity])
    if compression == "zstd":
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (facts["snapshotSize"], facts["snapshotSha256"])
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("line", ["3.5", "3.6", "3.7"])
def test_a_verification_compares_hash_revision_and_keys(jobs: Jobs, tmp_path: Path, line: str, encrypted: bool) -> None:
    id, cipher = next(ID), CIPHER if encrypted else None
    give_key(jobs, pyrage.x25519.Identity.generate())
    with Etcd(tmp_path / "etcd", line) as etcd:
        etcd.fill()
        etcd.post("c-0", "kv/compaction", {"revision": "2"})
        made = good(jobs.backup(etcd, id, cipher=cipher))
        keys = etcd.keys()
    facts = good(jobs.verify(id, line, cipher))
    assert (facts["revision"], facts["keys"], facts["hash"]) == (made["revision"], len(keys), made["hash"])
    assert facts["compared"] is True
    assert facts["warnings"] == []
    assert made["compactRevision"] == 2
    record = Verified.parse(jobs.s3.read(f"ns/c/{id}/{VERIFIED_FILE}", 1 << 20))
    assert (record.facts["revision"], record.sha256) == (made["revision"], jobs.marker(id)["archive"]["sha256"])
    good(jobs.restore(Stored(jobs.store, "ns", "c", "latestVerified", cipher), line))


def test_a_verification_refuses_a_hash_that_differs(jobs: Jobs, small: Etcd) -> None:
    id = next(ID)
    good(jobs.backup(small, id))
    forge(jobs, id, lambda marker: marker["facts"].update(hash=marker["facts"]["hash"] + 1))
    report, code = jobs.verify(id)
    assert (report.reason, code) == ("Corrupt", PERMANENT)
    assert "has the hash" in report.message
    assert VERIFIED_FILE not in jobs.objects(id)
    assert "refused.json" in jobs.objects(id)


def test_hashes_from_before_a_compaction_are_not_compared_and_it_says_so(jobs: Jobs, small: Etcd) -> None:
    id = next(ID)
    good(jobs.backup(small, id))
    forge(jobs, id, lambda marker: marker["facts"].update(compactRevision=1))
    facts = good(jobs.verify(id))
    assert facts["compared"] is False
    assert "etcd compacted from revision 1 to" in facts["warnings"][0]


def test_done_again_a_backup_is_found_and_not_made_again(jobs: Jobs, small: Etcd) -> None:
    id = next(ID)
    first = good(jobs.backup(small, id))
    small.fill(seed=2)
    again = good(jobs.backup(None, id))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}


def test_what_earlier_attempts_left_is_cleared_away(jobs: Jobs, small: Etcd) -> None:
    """An archive without a marker, a damaged marker, and an upload that was never ended."""
    id = next(ID)
    key = f"ns/c/{id}/snapshot-0badf00d.db.zst"
    jobs.s3.write(f"{key}.part", b"x")
    jobs.s3.write(f"ns/c/{id}/snapshot-deadbeef.db.zst", b"half")
    jobs.s3.write(f"ns/c/{id}/{MARKER_FILE}", b'{"format": "davit.dev/ba')
    client = jobs.server.client()
    client._create_multipart_upload(jobs.store.bucket, jobs.store.key(key), {})
    assert jobs.s3._client.unfinished(jobs.store.bucket, jobs.store.key(key))
    facts = good(jobs.backup(small, id))
    assert set(jobs.objects(id)) == {facts["archive"], MARKER_FILE}
    assert not jobs.s3._client.unfinished(jobs.store.bucket, jobs.store.key(key))


def test_retention_removes_older_backups_of_the_same_group(jobs: Jobs, small: Etcd) -> None:
    rules = {"retention": keep(keep_last=2)}
    other, *own = (next(ID) for _ in range(4))
    good(jobs.backup(small, other, group="", **rules))
    for id in own[:2]:
        assert good(jobs.backup(small, id, group="schedule:u", **rules))["pruned"] == []
    last = good(jobs.backup(small, own[2], group="schedule:u", **rules))
    assert (last["pruned"], last["stored"]) == ([own[0]], 2)
    assert not jobs.objects(own[0])
    assert jobs.objects(other)


class Killing(Proxy):
    """A way to a member that kills it once so many bytes have come from it."""

    def __init__(self, port: int, after: int, kill: Callable[[], object]) -> None:
        super().__init__(port)
        self._after, self._kill = after, kill
        self.killed = threading.Event()

    def _over(self, count: int, sending: bool) -> bool:
        super()._over(count, sending)
        if self.received > self._after and not self.killed.is_set():
            self.killed.set()
            self._kill()
        return self.killed.is_set()


def test_a_member_that_dies_in_the_middle_is_followed_by_another(jobs: Jobs, tmp_path: Path) -> None:
    """A follower is read from; when it is killed half-way, the other follower, from the beginning."""
    id = next(ID)
    with Etcd(tmp_path / "etcd", size=3) as etcd:
        etcd.fill(LARGE)
        put, leader = etcd.keys(), etcd.leader()
        first, second = (name for name in etcd.names if name != leader)
        way = Killing(etcd.ports[first][0], 6 << 20, lambda: etcd.kill(first))
        with way:
            urls = {**{name: etcd.url(name) for name in etcd.names}, first: f"http://127.0.0.1:{way.port}"}
            facts = good(jobs.backup(etcd, id, members=list(urls.items())))
            assert way.killed.is_set()
        assert facts["member"] == second
        assert set(jobs.objects(id)) == {facts["archive"], MARKER_FILE}
    good(jobs.restore(id))
    with Restored(jobs, "3.6") as etcd:
        assert etcd.keys() == put


def test_a_cut_stream_is_no_backup(jobs: Jobs, tmp_path: Path) -> None:
    id = next(ID)
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.fill(LARGE)
        with Proxy(etcd.ports["c-0"][0]) as way:
            way.cut(received=8 << 20)
            report, code = jobs.backup(etcd, id, members=[("c-0", f"http://127.0.0.1:{way.port}")])
        assert (report.ok, report.reason, code) == (False, "MemberUnreachable", RETRY)
        assert not jobs.objects(id)
        good(jobs.backup(etcd, id))


def test_a_member_that_sends_nothing_more_is_given_up(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "STALL", 1.0)

    class Stalling(Proxy):
        def _over(self, count: int, sending: bool) -> bool:
            super()._over(count, sending)
            if self.received > 6 << 20:
                self.stalled.set()
            return False

    with Etcd(tmp_path / "etcd") as etcd:
        etcd.fill(LARGE)
        with Stalling(etcd.ports["c-0"][0]) as way:
            report, code = jobs.backup(etcd, next(ID), members=[("c-0", f"http://127.0.0.1:{way.port}")])
    assert (report.reason, code) == ("MemberStalled", RETRY)


def test_a_store_that_is_cut_off_leaves_no_backup_and_the_next_attempt_no_remains(
    jobs: Jobs, server: MinioServer, tmp_path: Path
) -> None:
    id = next(ID)

    class Dying(Proxy):
        def _over(self, count: int, sending: bool) -> bool:
            super()._over(count, sending)
            return self.sent > 3 << 20

    with Etcd(tmp_path / "etcd") as etcd, Dying(server.port) as way:
        etcd.fill(LARGE)
        behind = server.store(jobs.store.bucket, jobs.store.prefix, way.endpoint)
        report, code = jobs.backup(etcd, id, store=behind)
        assert (report.reason, code) == ("Unreachable", RETRY)
        assert MARKER_FILE not in jobs.objects(id)
        left = [name.removesuffix(".part") for name in jobs.objects(id)]
        assert len(left) == 1
        key = jobs.store.key(f"ns/c/{id}/{left[0]}")
        assert jobs.s3._client.unfinished(jobs.store.bucket, key)
        facts = good(jobs.backup(etcd, id))
        assert set(jobs.objects(id)) == {facts["archive"], MARKER_FILE}
        assert not jobs.s3._client.unfinished(jobs.store.bucket, key)


def test_when_no_member_answers_each_is_named(jobs: Jobs) -> None:
    report, code = jobs.backup(None, next(ID), members=[("c-0", "http://127.0.0.1:1"), ("c-1", "http://127.0.0.1:2")])
    assert (report.reason, code) == ("NoMember", RETRY)
    assert "c-0" in report.message
    assert "c-1" in report.message


def test_a_follower_that_does_not_catch_up_is_not_read_from(small: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "CATCH_UP", 0.2)
    with maintenance.Member(small.url(), "c-0") as member:
        assert snapshot.known(member, small.revision()).revision == small.revision()
        with pytest.raises(MemberLost, match="and others were at"):
            snapshot.known(member, small.revision() + 1)


# --- restoring from a member that is left over ------------------------------------------------------------------------


def test_a_member_without_a_quorum_can_be_read(jobs: Jobs, tmp_path: Path) -> None:
    with Etcd(tmp_path / "etcd", size=3) as etcd:
        etcd.fill()
        put = etcd.keys()
        revision = etcd.revision("c-2")
        for name in ("c-0", "c-1"):
            etcd.kill(name)
        wait_for(lambda: "a member without a leader" if etcd.status("c-2").get("leader") else None, 60)
        source = Surviving("c-2", etcd.url("c-2"), revision)
        facts = good(jobs.restore(source))
        assert (facts["member"], facts["revision"], facts["bump"]) == ("c-2", revision, BUMP)
        report, code = jobs.restore(Surviving("c-2", etcd.url("c-2"), revision + 1), volume="other")
        assert (report.reason, code) == ("MemberBehind", PERMANENT)
    with Restored(jobs, "3.6") as restored:
        assert restored.keys() == put


# --- what is refused --------------------------------------------------------------------------------------------------


def forge(jobs: Jobs, id: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Another marker, with the right checksum over itself."""
    found = jobs.marker(id)
    change(found)
    del found["checksum"]
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    found["checksum"] = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    jobs.s3.write(f"ns/c/{id}/{MARKER_FILE}", json.dumps(found).encode())


def change(jobs: Jobs, id: str, edit: Callable[[bytearray], bytes | bytearray]) -> None:
    """The archive's bytes."""
    key = jobs.archive(id)
    jobs.s3.write(key, bytes(edit(bytearray(b"".join(jobs.s3.get(key))))))


def repack(jobs: Jobs, id: str, edit: Callable[[bytearray], bytes | bytearray]) -> None:
    """The snapshot inside, with a marker that fits in everything."""
    key = jobs.archive(id)
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(b"".join(jobs.s3.get(key)))
    data = bytes(edit(bytearray(plain)))
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    jobs.s3.write(key, packed)

    def fit(marker: dict[str, Any]) -> None:
        for part, content in (("content", data), ("archive", packed)):
            marker[part].update(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    forge(jobs, id, fit)


def flipped(data: bytearray, at: float = 0.5) -> bytearray:
    data[int(len(data) * at)] ^= 1
    return data


def resealed(data: bytearray) -> bytes:
    """Another database with a trailer that fits."""
    return bytes(data[:-32]) + hashlib.sha256(data[:-32]).digest()


def swap(jobs: Jobs, id: str, other: str) -> None:
    first, second = (b"".join(jobs.s3.get(jobs.archive(one))) for one in (id, other))
    keys = jobs.archive(id), jobs.archive(other)
    jobs.s3.write(keys[0], second)
    jobs.s3.write(keys[1], first)


def swap_at_equal_size(jobs: Jobs, id: str, other: str) -> None:
    """Also where the sizes happen to be equal."""
    data = b"".join(jobs.s3.get(jobs.archive(other)))
    size = jobs.objects(id)[jobs.archive(id).rpartition("/")[2]]
    jobs.s3.write(jobs.archive(id), (data + bytes(size))[:size])


def other_cluster(jobs: Jobs, id: str, _: str) -> None:
    """A good backup of somebody else's, copied here."""
    marker = jobs.marker(id)
    marker["subject"]["name"] = "others"
    forge(jobs, id, lambda found: found.update(marker))


def unmarked(jobs: Jobs, id: str, _: str) -> None:
    jobs.s3.delete(f"ns/c/{id}/{MARKER_FILE}")


def edited(jobs: Jobs, id: str, _: str) -> None:
    text = jobs.s3.read(f"ns/c/{id}/{MARKER_FILE}", 1 << 20)
    jobs.s3.write(f"ns/c/{id}/{MARKER_FILE}", text.replace(b'"engine": "etcd"', b'"engine": "ETCD"'))


Damage = Callable[[Jobs, str, str], object]
CORRUPTION: dict[str, tuple[Damage, str, str]] = {
    "a flipped bit in the archive": (lambda j, i, _: change(j, i, flipped), "Corrupt", "archive"),
    "a flipped bit at its end": (lambda j, i, _: change(j, i, lambda d: flipped(d, 0.999999)), "Corrupt", "archive"),
    "an archive that is cut off": (lambda j, i, _: change(j, i, lambda d: d[:-1000]), "Corrupt", "bytes"),
    "an archive with something behind it": (lambda j, i, _: change(j, i, lambda d: d + b"x"), "Corrupt", "bytes"),
    "an archive that is gone": (lambda j, i, _: j.s3.delete(j.archive(i)), "Corrupt", "is missing"),
    "garbage of the right size": (lambda j, i, _: change(j, i, lambda d: os.urandom(len(d))), "Corrupt", "archive"),
    "swapped archives": (swap, "Corrupt", ""),
    "swapped archives of equal size": (swap_at_equal_size, "Corrupt", "archive"),
    "an edited marker": (edited, "Corrupt", "checksum does not match"),
    "no marker": (unmarked, "Missing", "never completed"),
    "another cluster's backup": (other_cluster, "Foreign", "is that of ns/others"),
    "another engine's backup": (lambda j, i, _: forge(j, i, lambda m: m.update(engine="postgres")), "Foreign", "postgres"),
    "a flipped bit in the snapshot, else all fits": (lambda j, i, _: repack(j, i, flipped), "Corrupt", "checksum that etcd put"),
    "a snapshot without its trailer, else all fits": (
        lambda j, i, _: repack(j, i, lambda d: d[:-32]), "Corrupt", "without the checksum"),
    "half a snapshot, else all fits": (lambda j, i, _: repack(j, i, lambda d: d[: len(d) // 2]), "Corrupt", "checksum"),
    "no database, else all fits": (
        lambda j, i, _: repack(j, i, lambda d: resealed(bytearray(os.urandom(len(d))))), "Corrupt", "no database of etcd's"),
    "a promise of more than it holds": (
        lambda j, i, _: forge(j, i, lambda m: m["facts"].update(revision=10**9)), "Corrupt", "should hold 1000000000"),
    "a release that nobody knows": (lambda j, i, _: forge(j, i, lambda m: m.update(engineVersion="newest")), "Corrupt", "newest"),
    "a later release": (lambda j, i, _: forge(j, i, lambda m: m.update(engineVersion="3.99.0")), "VersionTooNew", "3.99.0"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CORRUPTION)
def test_what_is_not_as_it_was_written_is_refused_and_nothing_is_touched(jobs: Jobs, small: Etcd, kind: str) -> None:
    damage, reason, said = CORRUPTION[kind]
    small.fill(seed=3)
    before, id = next(ID), next(ID)
    good(jobs.backup(small, before))
    good(jobs.restore(before))
    settled = (jobs.folder / "volume/restored.json").read_text()
    small.fill(seed=random_seed())
    good(jobs.backup(small, id))
    damage(jobs, id, before)
    report, code = jobs.restore(id)
    assert (report.reason, code) == (reason, PERMANENT), report.message
    assert said in report.message
    assert (jobs.folder / "volume/restored.json").read_text() == settled
    with Restored(jobs, "3.6") as etcd:
        assert etcd.keys()


def random_seed() -> int:
    return int.from_bytes(os.urandom(3), "big") + 10


@pytest.mark.parametrize("damaged", [False, True])
def test_keys_that_do_not_fit(jobs: Jobs, small: Etcd, damaged: bool) -> None:
    id, right, wrong = next(ID), pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    give_key(jobs, right)
    good(jobs.backup(small, id, cipher=CIPHER))
    source = Stored(jobs.store, "ns", "c", id, CIPHER)
    if damaged:
        change(jobs, id, flipped)
        report, code = jobs.restore(source)
        assert (report.reason, code) == ("Corrupt", PERMANENT)
        return
    give_key(jobs, wrong)
    report, code = jobs.restore(source)
    assert (report.reason, code) == ("WrongKey", PERMANENT)
    assert str(wrong) not in report.message
    report, code = jobs.restore(id)
    assert (report.reason, code) == ("KeyMissing", PERMANENT)
    give_key(jobs, right.to_public())
    report, code = jobs.restore(source)
    assert (report.reason, code) == ("KeyMissing", PERMANENT)
    (jobs.secrets / "etc/davit/encryption/age.key").unlink()
    report, code = jobs.restore(source)
    assert (report.reason, code) == ("KeyMissing", RETRY)
    give_key(jobs, right)
    good(jobs.restore(source))


def test_latest_is_the_newest_that_is_whole(jobs: Jobs, small: Etcd) -> None:
    first, second, third = (next(ID) for _ in range(3))
    for id in (first, second, third):
        good(jobs.backup(small, id))
        forge(jobs, id, lambda m, id=id: m.update(time=f"2026-11-21T12:00:0{(first, second, third).index(id)}Z"))  # type: ignore[misc]
    unmarked(jobs, third, "")
    assert good(jobs.restore("latest"))["id"] == second
    report, code = jobs.restore("latestVerified", volume="other")
    assert (report.reason, code) == ("Missing", PERMANENT)


def test_a_restore_is_done_again_until_etcd_has_started_on_it(jobs: Jobs, small: Etcd) -> None:
    id = next(ID)
    good(jobs.backup(small, id))
    good(jobs.restore(id))
    good(jobs.restore(id))
    with Restored(jobs, "3.6") as etcd:
        etcd.post("c-0", "kv/put", {"key": "YQ==", "value": "YQ=="})
    report, code = jobs.restore(id)
    assert (report.reason, code) == ("VolumeInUse", PERMANENT)
    with Restored(jobs, "3.6") as etcd:
        assert etcd.keys()["a"] == "a"


# --- as a process -----------------------------------------------------------------------------------------------------


def agent(jobs: Jobs, etcd: Etcd, id: str, url: str = "") -> tuple[list[str], dict[str, str], Path]:
    """Words and environment of a backup as a process, and where it reports."""
    root = jobs.secrets / "etc/davit"
    root.mkdir(parents=True, exist_ok=True)
    (root / "store").symlink_to(jobs.server.credentials(jobs.server.root, jobs.server.password))
    (root / "ca").symlink_to(jobs.server.ca)
    job = backup_job(
        cluster(etcd.line), REQUEST, id=id, group="", store=jobs.store, cipher=None, compression="zstd",
        members=[("c-0", url or etcd.url())],
    )  # fmt: skip
    container = job["spec"]["template"]["spec"]["containers"][0]
    report = jobs.secrets / "report"
    words = [sys.executable, *container["command"][1:], "--report", str(report), "--secrets", str(jobs.secrets)]
    config = next(e["value"] for e in container["env"] if e["name"] == CONFIG)
    return words, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), CONFIG: config}, report


def test_as_a_process_it_reports_where_the_kubelet_looks(jobs: Jobs, small: Etcd) -> None:
    id = next(ID)
    words, environment, path = agent(jobs, small, id)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    report = Report.parse(path.read_text())
    assert report is not None
    assert report.ok
    assert Marker.parse(jobs.s3.read(f"ns/c/{id}/{MARKER_FILE}", 1 << 20)).archive == Blob(
        report.facts["archive"], report.facts["archiveSize"], jobs.marker(id)["archive"]["sha256"]
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["msg"] for line in lines if line.get("percent")] == ["reading: done"]
    for secret in (jobs.server.password,):
        assert secret not in done.stderr + done.stdout + path.read_text()


def test_told_to_stop_it_gives_up_its_upload_and_says_so(jobs: Jobs, tmp_path: Path) -> None:
    id = next(ID)
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.fill(2 * LARGE)
        with Proxy(etcd.ports["c-0"][0]) as way:
            words, environment, path = agent(jobs, etcd, id, f"http://127.0.0.1:{way.port}")

            class Gate(threading.Thread):
                def run(self) -> None:
                    wait_for(lambda: "bytes" if way.received < 14 << 20 else None, 60, every=0.001)
                    way.stalled.set()

            gate = Gate()
            gate.start()
            process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
            gate.join()

            def uploading() -> str | None:
                names = [name.removesuffix(".part") for name in jobs.objects(id) if name.endswith(".part")]
                return None if names and _unfinished(jobs, id, names[0]) else "an upload that has begun"

            wait_for(uploading, 60)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
    assert process.returncode == RETRY, said
    report = Report.parse(path.read_text())
    assert report is not None
    assert (report.ok, report.reason) == (False, "Stopped")
    assert not jobs.objects(id)


def _unfinished(jobs: Jobs, id: str, name: str) -> list[Any]:
    return jobs.s3._client.unfinished(jobs.store.bucket, jobs.store.key(f"ns/c/{id}/{name}"))
