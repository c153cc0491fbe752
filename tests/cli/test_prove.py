"""``pyqsim prove``: the table, files, JSON with a witness that overflows, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import main


def test_a_file_and_its_witness(capsys: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(-8, 8, (3, 3, 4, 5)).astype(np.int8)
    np.save(tmp_path / "conv.npy", weights)
    out = tmp_path / "proof.json"
    args = ["prove", str(tmp_path / "conv.npy"), "--input", "u4", "--json", str(out)]
    assert main(args) == 0
    head, _, row = capsys.readouterr().out.splitlines()[:3]
    columns = "layer K N exact any order L1 A2Q+ type order matters"
    assert head.split() == columns.split()
    (proof,) = json.loads(out.read_text())
    needed, witness = proof["steps"][0]["needed"], proof["witness"]
    assert row.split()[:4] == ["conv", "36", "5", str(needed)]
    dp = qs.Datapath(reduce=(qs.Accumulate(witness["bits"], "saturate"),))
    column = weights.reshape(36, 5)[:, [witness["n"]]]
    assert qs.matmul([witness["codes"]], column, dp, events=True)[1].overflows > 0
    assert main([*args, "--bits", str(needed)]) == 0
    assert "never overflow, proven" in capsys.readouterr().out
    assert main([*args, "--bits", str(needed - 1)]) == 1
    assert "not enough" in capsys.readouterr().out


def test_a_network_and_its_channels(capsys: Any) -> None:
    assert main(["prove", "cnn", "--weight-bits", "4", "--tree", "16", "--channels"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:5]] == ["conv1", "conv2", "linear1"]
    assert "channel" in shown


def test_an_archive(capsys: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", first=np.eye(2, dtype=int), second=np.ones((4, 1), int))
    assert main(["prove", str(tmp_path / "w.npz"), "--input=-3..7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[2:4]] == [
        ["first", "2", "2", "4"],
        ["second", "4", "1", "6"],
    ]


def rows(capsys: Any, *words: str) -> list[list[str]]:
    """The lines of every table, without heads."""
    main(["prove", *words])
    lines = capsys.readouterr().out.splitlines()
    return [line.split() for line in lines if line and not line.startswith(("-", "layer", "chan"))]


def test_a_tree_changes_what_is_needed(capsys: Any, tmp_path: Path) -> None:
    """x in 3..5: 50, 20, 70 one after another, 8 bits; pairs are at most 20, then 40, 7 bits."""
    np.save(tmp_path / "w.npy", np.array([[10], [-10], [10], [-10]]))
    words = (str(tmp_path / "w.npy"), "--input", "3..5")
    assert rows(capsys, *words)[0][3] == "8"
    assert rows(capsys, *words, "--tree", "2")[0][3] == "7"


def test_whether_order_matters(capsys: Any, tmp_path: Path) -> None:
    """7 bits hold 63 of 70: saturation depends on the order, wrapping never does."""
    np.save(tmp_path / "w.npy", np.array([[10], [-10], [10], [-10]]))
    words = (str(tmp_path / "w.npy"), "--input", "3..5", "--bits")
    assert rows(capsys, *words, "7")[0][-1] == "yes"
    assert rows(capsys, *words, "7", "--overflow", "wrap")[0][-1] == "no"
    assert rows(capsys, *words, "9")[0][-1] == "no"


def test_every_channel_has_its_line(capsys: Any, tmp_path: Path) -> None:
    """x in -1..7: the smallest and largest sums of two columns, by hand."""
    np.save(tmp_path / "w.npy", np.array([[3, -2], [-1, 10]]))
    found = rows(capsys, str(tmp_path / "w.npy"), "--input=-1..7", "--channels")
    assert [line[:4] for line in found[-2:]] == [["0", "6", "-10", "22"], ["1", "8", "-24", "72"]]


def test_narrower_weights_need_a_narrower_accumulator(capsys: Any) -> None:
    exact = [int(rows(capsys, "mlp", "--weight-bits", bits)[0][3]) for bits in ("4", "8")]
    assert exact[0] < exact[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: np.save(p / "w.npy", np.ones((2, 2))), "integers of two axes"),
        (lambda p: np.save(p / "w.npy", np.ones(3, int)), "integers of two axes"),
        (lambda p: np.save(p / "w.npy", np.ones((3, 0), int)), "output channels last"),
        (lambda p: (p / "w.npy").write_bytes(b"\x93NUMPY nonsense"), "allowed: arrays that"),
        (lambda p: (p / "w.npy").write_bytes(b""), "allowed: arrays that"),
        (lambda p: np.save(p / "w.npy", np.array([[{}]]), allow_pickle=True), "allowed: arrays"),
        (lambda p: None, "No such file"),
    ],
)
def test_refused_files(capsys: Any, tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path)
    assert main(["prove", str(tmp_path / "w.npy")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["u0", "s1", "u17", "7..3", "x8", "8", "..", "u8 "])
def test_refused_inputs(capsys: Any, text: str) -> None:
    with pytest.raises(SystemExit):
        main(["prove", "mlp", "--input", text])
    assert "allowed: u1..u16" in capsys.readouterr().err


def test_refused_name(capsys: Any) -> None:
    assert main(["prove", "resnet"]) == 2
    assert "'resnet', allowed: a .npy or .npz file, or one of" in capsys.readouterr().err
