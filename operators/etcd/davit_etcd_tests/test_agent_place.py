"""What may be done on a volume, and what is left after every way to be interrupted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from davit_etcd.agent.errors import AgentError
from davit_etcd.agent.place import Place

MIB = 1024 * 1024


def unpacked(place: Place, content: str = "data") -> None:
    """What etcd's tool leaves."""
    for name in ("snap/db", "wal/0.wal"):
        file = place.unpacked / "member" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def settled(volume: Path, content: str = "data") -> Place:
    place = Place(str(volume))
    place.claim()
    place.prepare(0, 0)
    place.remember({"facts": {"revision": 5}})
    unpacked(place, content)
    place.settle()
    return place


def test_what_was_unpacked_becomes_the_data_and_nothing_else_stays(tmp_path: Path) -> None:
    place = settled(tmp_path)
    assert (place.data / "member/snap/db").read_text() == "data"
    assert place.data.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "restored.json"]


def test_it_can_be_done_again_as_long_as_etcd_has_not_started(tmp_path: Path) -> None:
    settled(tmp_path)
    assert (settled(tmp_path, "again").data / "member/snap/db").read_text() == "again"


@pytest.mark.parametrize("touched", ["member/wal/0.wal", "member/wal/0.tmp"])
def test_data_on_which_etcd_has_started_is_left_alone(tmp_path: Path, touched: str) -> None:
    place = settled(tmp_path)
    (place.data / touched).write_text("written by etcd")
    for attempt in (place.claim, place.settle):
        with pytest.raises(AgentError, match="etcd has already started") as raised:
            attempt()
        assert (raised.value.reason, raised.value.permanent) == ("VolumeInUse", True)
    assert (place.data / touched).read_text() == "written by etcd"


def test_data_that_nobody_restored_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data/member").mkdir(parents=True)
    with pytest.raises(AgentError, match="no restore put there"):
        Place(str(tmp_path)).claim()


def test_an_empty_folder_and_what_a_file_system_brings_are_no_data(tmp_path: Path) -> None:
    for name in ("data", "lost+found"):
        (tmp_path / name).mkdir()
    settled(tmp_path)


def test_a_crash_between_record_and_rename_is_taken_up_by_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(tmp_path, "first")
    place = Place(str(tmp_path))
    place.prepare(0, 0)
    place.remember({"facts": {}})
    unpacked(place, "second")
    rename = Path.rename

    def dies(self: Path, target: Path) -> Path:
        if self == place.unpacked:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        place.settle()
    monkeypatch.undo()
    assert not place.data.exists()
    assert (settled(tmp_path, "third").data / "member/snap/db").read_text() == "third"


def test_settling_nothing_is_an_error(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.prepare(0, 0)
    with pytest.raises(AgentError, match="holds no data of a member"):
        place.settle()
    with pytest.raises(AgentError, match=r"fetched\.json can't be read"):
        place.remembered()


def test_remains_of_an_earlier_attempt_are_removed(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.prepare(0, 0).write_text("half")
    unpacked(place)
    path = place.prepare(0, 0)
    assert not path.exists()
    assert not place.unpacked.exists()


def free(monkeypatch: pytest.MonkeyPatch, **mib: int) -> None:
    """What is free on a folder by its name, in MiB."""

    class Usage:
        def __init__(self, free: int) -> None:
            self.free = free
            self.total = 1000 * MIB

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(mib[Path(folder).name] * MIB))


def test_the_download_needs_room_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    free(monkeypatch, volume=299)
    with pytest.raises(AgentError) as raised:
        Place(str(volume)).prepare(100 * MIB, 100 * MIB)
    assert raised.value.reason == "VolumeTooSmall"
    assert raised.value.permanent
    assert raised.value.message == (
        "the snapshot has 100 MiB and needs 300 MiB on the volume, which has 299 MiB free: make it larger"
    )
    free(monkeypatch, volume=300)
    assert Place(str(volume)).prepare(100 * MIB, 100 * MIB) == volume / "restore/snapshot.db"


def test_a_part_of_the_nodes_own_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    free(monkeypatch, volume=399)
    with pytest.raises(AgentError, match="has 299 MiB to spare beside the 10% that must stay free") as raised:
        Place(str(volume)).prepare(100 * MIB, 100 * MIB, shared=True)
    assert (raised.value.reason, raised.value.permanent) == ("NodeDiskFull", False)
    free(monkeypatch, volume=400)
    Place(str(volume)).prepare(100 * MIB, 100 * MIB, shared=True)


def test_where_the_volume_is_tight_the_download_goes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, scratch = tmp_path / "volume", tmp_path / "scratch"
    volume.mkdir()
    scratch.mkdir()
    free(monkeypatch, volume=200, scratch=200)
    place = Place(str(volume), str(scratch))
    place.prepare(100 * MIB, 100 * MIB).write_text("snapshot")
    assert place.download.read_text() == "snapshot"
    assert (scratch / "snapshot.db").read_text() == "snapshot"
    place.remember({"facts": {}})
    unpacked(place)
    place.settle()
    assert not list(scratch.iterdir())
    shutil.rmtree(place.data)
    free(monkeypatch, volume=200, scratch=199)
    with pytest.raises(AgentError, match="needs 200 MiB on the volume, which has 200 MiB free, and 99 MiB beside it"):
        place.prepare(100 * MIB, 100 * MIB)
