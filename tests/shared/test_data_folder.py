"""Who holds a data folder, and whether they can be asked."""

from pathlib import Path

import pytest

from shared.data_folder import DataFolder, FolderInUse, Serving

SERVING = Serving("http://127.0.0.1:8700", "local")


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    holder = DataFolder(tmp_path)
    holder.acquire()
    with pytest.raises(FolderInUse, match="in use by another process"):
        DataFolder(tmp_path).acquire()
    holder.release()
    DataFolder(tmp_path).acquire()


def test_it_is_served_while_its_holder_can_be_asked(tmp_path: Path) -> None:
    holder, other = DataFolder(tmp_path), DataFolder(tmp_path)
    assert not other.is_served()
    holder.acquire()
    assert not other.is_served()
    holder.announce(SERVING)
    assert other.is_served()
    assert other.serving() == SERVING
    holder.release()
    assert not other.is_served()


def test_what_a_killed_process_announced_is_served_by_nobody(tmp_path: Path) -> None:
    killed = DataFolder(tmp_path)
    killed.acquire()
    killed.announce(SERVING)
    announced = (tmp_path / "serving.json").read_text()
    killed.release()
    (tmp_path / "serving.json").write_text(announced)

    assert not DataFolder(tmp_path).is_served()
    DataFolder(tmp_path).acquire()
