"""Every benchmark runs in its quick form, checks its results and writes its file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("bench_*.py"))


def test_there_are_benchmarks():
    assert len(BENCHMARKS) >= 2


@pytest.mark.parametrize("program", BENCHMARKS, ids=lambda path: path.stem)
def test_quick(program, tmp_path):
    path = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, program, "--quick", "--json", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert found["benchmark"] == program.stem
    assert found["settings"]["quick"] is True
    environment = found["environment"]
    for name, version in environment["peers"].items():
        assert f"{name} {version or 'not installed'}" in done.stdout
    assert environment["compiler"] in done.stdout
    ours = [entry for entry in found["entries"] if entry["ours"]]
    assert ours
    for entry in ours:
        assert entry["timing"], entry["note"]
        assert entry["outputs"] > 0, entry
        assert entry["work"] in done.stdout
    for entry in found["entries"]:
        assert (entry["timing"] is None) <= bool(entry["note"]), entry


def test_the_readme_names_every_benchmark():
    readme = (BENCHMARKS[0].parents[1] / "README.md").read_text()
    assert [one.name for one in BENCHMARKS if f"`{one.name}`" not in readme] == []
