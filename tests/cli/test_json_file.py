"""JSON files are written wholly or not at all."""

import json

import pytest

from pyqsim.cli.json_file import check_writable, write_json


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": [2, None]})
    assert json.loads(path.read_text()) == {"a": [2, None]}
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("content", [float("nan"), object()], ids=["nan", "object"])
def test_a_failure_leaves_the_old_file(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"a": content})
    assert path.read_text() == "old"


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_text("old")

    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyqsim.cli.json_file.os.replace", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {})
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_permissions_are_kept(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    write_json(path, {})
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_could_not_be_written_is_refused_at_once(tmp_path):
    check_writable(tmp_path / "new.json")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError):
        check_writable(tmp_path / "no" / "new.json")
