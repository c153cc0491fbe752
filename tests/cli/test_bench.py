"""``pyqsim bench``: every result compared, everything said in the file, the chart drawn."""

import json
import sys

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import bench, main, workloads

PNG = b"\x89PNG\r\n\x1a\n"
SMALL = ["bench", "--quick", "--size", "5", "6", "7"]


def test_table_file_and_picture(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    path, picture = tmp_path / "bench.json", tmp_path / "bench.png"
    assert main([*SMALL, "--json", str(path), "--plot", str(picture)]) == 0
    shown = capsys.readouterr()
    assert picture.read_bytes().startswith(PNG)
    found = json.loads(path.read_text())
    assert found["size"] == [5, 6, 7]
    assert found["environment"]["compiler"] in shown.out
    names = [one.name for one in workloads.WORKLOADS]
    assert [speed["name"] for speed in found["speeds"]] == names
    table = shown.out.split("\n\n")[1].splitlines()
    assert len({len(line) for line in table}) == 1
    assert {one.products(5, 6, 7) for one in workloads.WORKLOADS} == {210, 3 * 210}
    for line, speed, workload in zip(table[2:], found["speeds"], workloads.WORKLOADS, strict=True):
        assert line.startswith(speed["name"])
        assert (speed["outputs"], speed["differences"]) == (30, 0)
        assert speed["gmacs"] == pytest.approx(workload.products(5, 6, 7) / speed["seconds"] / 1e9)
        assert speed["kernel"]
    assert shown.err.splitlines() == [
        f"{speed['name']}: {speed['gmacs']:.4g} GMAC/s" for speed in found["speeds"]
    ]


def test_a_wrong_result_is_not_timed(capsys, monkeypatch):
    """A plan that adds one to one output, but for the reference."""
    real = bench.plan

    def wrong_plan(b, datapath, *, kernel="auto", isa="auto"):
        made = real(b, datapath, kernel=kernel, isa=isa)
        if kernel == "reference":
            return made

        class Wrong:
            explain = made.explain

            def __call__(self, a, *, out, threads):
                made(a, out=out, threads=threads)
                out[2, 3] += 1

        return Wrong()

    monkeypatch.setattr(bench, "plan", wrong_plan)
    assert main(SMALL) == 1
    shown = capsys.readouterr()
    assert shown.out.count("1 outputs DIFFER") == len(workloads.WORKLOADS)
    assert "1 of 30 outputs DIFFER" in shown.err
    assert "GMAC/s" not in shown.err


def test_without_matplotlib(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main([*SMALL, "--plot", str(tmp_path / "x.png")]) == 2
    assert "pip install 'pyqsim[plot]'" in capsys.readouterr().err


def test_an_instruction_set_that_is_not_here(capsys, monkeypatch):
    monkeypatch.setattr(bench._native, "isa_available", lambda isa: isa in ("auto", "portable"))
    assert main([*SMALL, "--isa", "avx2"]) == 2
    assert "--isa avx2, allowed: portable" in capsys.readouterr().err


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda one: one.name)
def test_operands(workload):
    """The same ones at every call, over the full range, and the oracle agrees with the kernels."""
    a, b = workload.operands(3, 4, 24)
    again = workload.operands(3, 4, 24)
    for operand, other in zip((a, b), again, strict=True):
        codes, others = (getattr(one, "codes", one) for one in (operand, other))
        np.testing.assert_array_equal(codes, others)
        assert len(np.unique(codes)) > 1
    ours = qs.matmul(a, b, workload.datapath)
    np.testing.assert_array_equal(ours, qs.testing.oracle.matmul(a, b, workload.datapath))
