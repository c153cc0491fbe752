"""``pyqsim compare``: errors of formats on numbers from a file or from the networks."""

import json
import math
import pickle
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import main
from pyqsim.cli.compare import compare
from pyqsim.cli.compare_model import built_in
from pyqsim.diagnostics import compare_models
from pyqsim.formats import PiecewiseLinear

X = np.random.default_rng(3).normal(size=(40, 6))


@pytest.fixture
def npy(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    return str(path)


def by_name(path):
    return {one["name"]: one for one in json.loads(path.read_text())["formats"]}


@pytest.mark.parametrize("axis", [None, 1])
def test_numbers_are_those_of_quantize(npy, tmp_path, axis, capsys):
    path = tmp_path / "report.json"
    options = [] if axis is None else ["--axis", str(axis)]
    assert main(["compare", npy, "--bits", "5", "--json", str(path), *options]) == 0
    found = by_name(path)["APoT"]
    error = qs.quantize(X, qs.APoT(5), axis).real() - X
    assert found["mse"] == pytest.approx(np.mean(error**2), rel=1e-12)
    assert found["normalized_mse"] == pytest.approx(np.mean(error**2) / np.mean(X**2), rel=1e-12)
    assert found["max_error"] == np.abs(error).max()
    assert found["sqnr_db"] == pytest.approx(-10 * math.log10(found["normalized_mse"]), rel=1e-9)
    assert f"{found['sqnr_db']:.2f}" in capsys.readouterr().out


def test_sorted_by_error(npy, tmp_path):
    path = tmp_path / "report.json"
    assert main(["compare", npy, "--json", str(path)]) == 0
    errors = [one["mse"] for one in json.loads(path.read_text())["formats"]]
    assert errors == sorted(errors)
    assert len(errors) >= 10


def test_tensors_of_their_own_scales_and_one_sum_of_errors():
    tensors = [X, 1000 * X[:3]]
    (found,) = [one for one in compare(tensors, 4, None, None)[0] if one.name == "Affine"]
    errors = [qs.quantize(x, qs.Affine(4, narrow=True)).real() - x for x in tensors]
    noise = sum((e**2).sum() for e in errors)
    assert found.mse == pytest.approx(noise / sum(x.size for x in tensors), rel=1e-12)
    assert found.max_error == max(np.abs(e).max() for e in errors)


def test_exact_numbers(tmp_path, capsys):
    path = tmp_path / "ints.npy"
    np.save(path, np.arange(-7, 8))
    assert main(["compare", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].split() == ["Affine", "exact", "0", "0", "0.000e+00"]


def test_formats_of_several_planes(npy, tmp_path, capsys):
    path = tmp_path / "report.json"
    assert main(["compare", npy, "--bits", "5", "--json", str(path)]) == 0
    found = by_name(path)
    error = qs.quantize(X, PiecewiseLinear(4)).real() - X
    assert found["PiecewiseLinear"]["mse"] == pytest.approx(np.mean(error**2), rel=1e-12)
    assert "BitPlanes" in found
    assert "Planes-digits: skipped: " in capsys.readouterr().out


def test_a_method_that_some_formats_do_not_take(npy, tmp_path):
    path = tmp_path / "report.json"
    assert main(["compare", npy, "--method", "max", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert "method='max'" in report["skipped"]["BitPlanes"]
    assert "APoT" in by_name(path)


def test_only_zeros(tmp_path, capsys):
    path = tmp_path / "zeros.npy"
    np.save(path, np.zeros(4, np.float32))
    assert main(["compare", str(path)]) == 0


def test_the_weights_of_the_networks(capsys):
    assert main(["compare", "--bits", "3", "--method", "percentile"]) == 0
    assert "63,984 weights of the built-in networks" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--axis", "0"]], ids=["one scale", "channels"])
def test_picture(npy, tmp_path, options):
    pytest.importorskip("matplotlib")
    path = tmp_path / "levels.svg"
    assert main(["compare", npy, "--plot", str(path), *options]) == 0
    text = path.read_text()
    assert text.startswith("<?xml")


def test_without_matplotlib(npy, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["compare", npy, "--plot", "x.png"]) == 2
    assert "pip install 'pyqsim[plot]'" in capsys.readouterr().err


def write(path, content):
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    else:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([1.0, math.nan]), "[1]=nan, allowed: finite numbers"),
        (np.array([[math.inf]]), "[0, 0]=inf, allowed: finite numbers"),
        (np.zeros((0, 3)), "shape=(0, 3), allowed: at least one number"),
        (np.array([1j]), "dtype=complex128, allowed: float16, float32"),
        (np.array(["a"]), "dtype=<U1, allowed: float16, float32"),
        (np.array([{}], dtype=object), "allowed: an .npy file"),
        (pickle.dumps([1]), "allowed: an .npy file"),
        (b"", "allowed: an .npy file"),
        (b"\x93NUMPY\x01\x00", "allowed: an .npy file"),
    ],
    ids=["nan", "inf", "empty", "complex", "text", "object", "pickle", "nothing", "cut"],
)
def test_files_that_cannot_be_taken(tmp_path, capsys, content, message):
    path = tmp_path / "x.npy"
    write(path, content)
    assert main(["compare", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert message in shown.err


def test_several_arrays(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", X, X)
    assert main(["compare", str(tmp_path / "x.npz")]) == 2
    assert "several arrays, allowed: an .npy file, which holds one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--axis", "2"], "axis=2"),
        (["--method", "guess"], "method='guess', allowed: "),
    ],
    ids=["axis", "method"],
)
def test_options_that_do_not_fit(npy, capsys, options, message):
    assert main(["compare", npy, *options]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert message in shown.err


def test_axis_without_a_file_and_no_file(capsys):
    assert main(["compare", "--axis", "0"]) == 2
    assert main(["compare", "no/such.npy"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "--axis 0, allowed: with a FILE.npy" in lines[0]
    assert "No such file" in lines[1]


def test_targets_on_a_layer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """1 where two differ, 0 where none do, 2 where the call makes no sense."""
    path, report = tmp_path / "layer.npz", tmp_path / "matrix.json"
    np.savez(path, a=[[255, 255]], b=[[127], [127]], bias=0)
    names = ["--targets", "ort-vnni", "ort-avx2-u8s8", "torch-x86"]
    assert main(["compare", str(path), *names, "--json", str(report)]) == 1
    text = capsys.readouterr().out
    assert "saturation: ort-avx2-u8s8, sum step 0, 16 bits" in text
    found = json.loads(report.read_text())
    assert [one["differing"] for one in found["differences"]] == [1, 0, 1]
    assert found["differences"][0]["values"] == [64770, 32767]
    assert main(["compare", "--targets", "ort-vnni", "torch-x86", "--net", "mlp:linear2"]) == 0
    assert main(["compare", "--targets", "ort-vnni", "torch-x86"]) == 0
    assert main(["compare", "--targets", "ort-vnni", "vta", "--net", "cnn:conv1"]) == 0
    assert "vta cannot take the layer: " in capsys.readouterr().out
    for wrong in (
        ["compare", "--net", "mlp:linear1"],
        ["compare", *names, "--net", "mlp:linear9"],
        ["compare", *names, "--net", "vgg:conv1"],
        ["compare", *names, "--axis", "0"],
        ["compare", str(path), *names, "--net", "mlp:linear1"],
    ):
        assert main(wrong) == 2, wrong


def test_targets_on_a_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What compare_models finds, as text and JSON; 0 where no two differ."""
    report = tmp_path / "matrix.json"
    names = ["ort-vnni", "ort-avx2-u8s8", "vta"]
    assert main(["compare", "--targets", *names, "--net", "mlp", "--json", str(report)]) == 1
    text = capsys.readouterr().out
    network, x = built_in("mlp")
    found = compare_models(network, x, [qs.targets.get(name) for name in names])
    assert json.loads(report.read_text())["differences"] == [
        json.loads(json.dumps(asdict(one))) for one in found.differences
    ]
    (one,) = found.differences
    assert one.place is not None
    assert f"first in {one.place[0]} at {one.place[1]}: {one.values}" in text
    assert f"{one.predictions} of 20 predictions differ" in text
    (line,) = [line for line in text.splitlines() if line.startswith("linear2")]
    same = found.layers[1].matrix.differences[0]
    assert [int(n) for n in line.split()[1:]] == [640, one.layers["linear2"], same.differing]
    assert "linear1: " in text
    assert "sum step 0, 16 bits" in text
    assert "vta cannot take the network: " in text
    assert main(["compare", "--targets", "ort-vnni", "torch-x86", "--net", "cnn"]) == 0
    assert main(["compare", "--targets", "ort-vnni", "--net", "vgg"]) == 2
