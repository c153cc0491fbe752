"""``pyqsim formats``: the table, one format, its picture."""

import json
import sys

import pytest

from pyqsim.cli import main
from pyqsim.formats.catalogue import CATALOGUE

PNG = b"\x89PNG\r\n\x1a\n"


def rows(text):
    """First column to the other ones."""
    return [line.split() for line in text.splitlines() if line and line[0].isalpha()]


def test_the_table_is_aligned_and_complete(capsys, tmp_path):
    path = tmp_path / "formats.json"
    assert main(["formats", "--json", str(path)]) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert len(lines) == len(CATALOGUE) + 2
    assert len({len(line) for line in lines}) == 1
    assert ["APoT", "5", "31", "1", "-48..48", "6", "15", "24"] in [line.split() for line in lines]
    found = json.loads(path.read_text())
    assert [one["format"] for one in found] == list(map(str, CATALOGUE))
    piecewise = next(one for one in found if one["format"].startswith("PiecewiseLinear(bits=4"))
    assert piecewise["accumulator_bits"] == [21, 21, 19]
    assert piecewise["product_limit"] == [1785, 1785, 255]
    assert piecewise["levels"] == 2**5 - 3


def test_k(capsys):
    assert main(["formats", "--k", "4608"]) == 0
    shown = capsys.readouterr().out
    assert "sum of 4,608" in shown
    assert ["APoT", "5", "31", "1", "-48..48", "6", "15", "27"] in rows(shown)


def test_one_format(capsys, tmp_path):
    path = tmp_path / "apot.json"
    assert main(["formats", "apot", "--bits", "4", "--k", "64", "--json", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "APoT(bits=4, base_bits=2, signed=True)" in shown
    assert ["1101", "-6", "-0.6"] in map(str.split, shown.splitlines())
    assert "largest product     2,550\n" in shown
    codes = json.loads(path.read_text())["codes"]
    assert sorted(code["pattern"] for code in codes) == [f"{c:04b}" for c in range(16)]
    assert [code["value"] for code in codes] == sorted(code["value"] for code in codes)


def test_a_long_list_is_shortened_on_the_screen_only(capsys, tmp_path):
    path = tmp_path / "int8.json"
    assert main(["formats", "Affine", "--bits", "8", "--json", str(path)]) == 0
    assert "191 more" in capsys.readouterr().out
    assert len(json.loads(path.read_text())["codes"]) == 255


@pytest.mark.parametrize(
    "name", ["APoT", "PiecewiseLinear-repo", "Planes-digits", "Affine-unsigned"]
)
def test_picture(capsys, tmp_path, name):
    pytest.importorskip("matplotlib")
    path = tmp_path / "levels.png"
    assert main(["formats", name, "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(PNG)


def test_without_matplotlib(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = tmp_path / "levels.png"
    assert main(["formats", "APoT", "--plot", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "pyqsim: error: --plot needs matplotlib: pip install 'pyqsim[plot]'\n"
    assert not path.exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["float8"], "format 'float8', allowed: Binary, "),
        (["Ternary", "--bits", "5"], "Ternary of 5 bits, allowed: 2"),
        (["PowerOfTwo", "--bits", "16"], "bits=16, allowed: 2..6"),
        (["--bits", "4"], "--bits, allowed: with a FORMAT"),
        (["--plot", "x.png"], "--plot, allowed: with a FORMAT"),
        (["APoT", "--plot", "x.bmp"], "--plot x.bmp, allowed: a name ending in .png"),
        (["APoT", "--plot", "no/such/x.png"], "No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_line(capsys, argv, message):
    assert main(["formats", *argv]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert message in shown.err
