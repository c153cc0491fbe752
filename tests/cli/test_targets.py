"""``pyqsim targets``: the table, one target, identification from a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import main


def test_table_holds_every_target(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By its group on the screen, by its name in the file."""
    assert main(["targets", "--json", str(tmp_path / "t.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split("  ")[0] for line in lines[2:]}
    assert {qs.targets.get(name).group for name in qs.targets.names()} <= shown
    names = [one["name"] for one in json.loads((tmp_path / "t.json").read_text())]
    assert names == qs.targets.names()


def test_details_hold_steps_and_pitfalls(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order in which the machine takes them."""
    assert main(["targets", "fbgemm-acc16"]) == 0
    text = capsys.readouterr().out
    sums = [line for line in text.splitlines() if line.startswith("sum")]
    assert [line.split("  ")[-1].strip() for line in sums] == [
        "Accumulate(bits=16, overflow=SATURATE, group=2)",
        "Accumulate(bits=16, overflow=SATURATE, group=128)",
        "Accumulate(bits=32)",
    ]
    target = qs.targets.get("fbgemm-acc16")
    for shown in (target.source, *target.pitfalls, target.notes, target.status):
        assert shown in text


def test_identify_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """0 where a target fits, 1 where none does, 2 where the file is none."""
    path, report = tmp_path / "seen.npz", tmp_path / "found.json"
    np.savez(path, a=[[255, 255]], b=[[127], [127]], out=[[32767]])
    assert main(["targets", "--identify", str(path), "--json", str(report)]) == 0
    assert "x86-vpmaddubsw" in capsys.readouterr().out
    found = json.loads(report.read_text())
    assert "x86-vpmaddubsw" in found["consistent"]
    assert found["refuted"]["ort-vnni"]["computed"] == 64770
    np.savez(path, a=[[255, 255]], b=[[127], [127]], out=[[5]])
    assert main(["targets", "--identify", str(path)]) == 1
    assert "no target" in capsys.readouterr().out
    np.savez(path, a=[[255, 255]], b=[[127], [127]])
    assert main(["targets", "--identify", str(path)]) == 2
    assert main(["targets", "no-such-target"]) == 2
    assert main(["targets", "vta", "--identify", str(path)]) == 2
