"""Vectors: files hold the same numbers, are verified, remade byte for byte, and read by RTL."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import main
from pyqsim.targets import IntegerRange
from pyqsim.testing import oracle, vectors
from pyqsim.testing.random_data import DataRanges
from pyqsim.testing.vectors import FORMATS, Recipe, VectorFileError

INT8 = np.dtype("int8")
EXAMPLES = Path(__file__).parents[1] / "examples"
MAC = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
REQUANTIZED = qs.Datapath(
    reduce=(qs.Accumulate(16, "saturate", group=4), qs.Accumulate(20, "saturate", start="bias")),
    output=(
        qs.Requantize(qs.requantize.DoubleRounding()),
        qs.AddZeroPoint(),
        qs.Clamp(-128, 127),
    ),
)
FLOAT = qs.Datapath(
    product=qs.Multiply("fold"),
    output=(
        qs.CorrectZeroPoints(32),
        qs.Requantize(qs.requantize.FloatScale()),
        qs.AddZeroPoint(),
        qs.Clamp(0, 255),
    ),
)
SHIFTED = qs.Datapath(
    product=qs.Shift(drop=2),
    reduce=(qs.Accumulate(40),),
    output=(qs.Requantize(qs.requantize.ShiftOnly("half_even", 8)),),
)
RECIPES = {
    "mac": Recipe(MAC, INT8, INT8, (2, 2, 8), trace=True),
    "requantized": Recipe(REQUANTIZED, qs.Affine(8), qs.Affine(4), (3, 2, 9), calls=5, trace=True),
    "float": Recipe(FLOAT, qs.Affine(8, signed=False), qs.Affine(8), (2, 3, 7), calls=9, seed=3),
    "ranges": Recipe(MAC, IntegerRange(0, 2), IntegerRange(-1, 1), (2, 2, 5), calls=4),
    "data in ranges": Recipe(
        qs.targets.get("arm-rshrn-32").datapath,
        IntegerRange(-(2**63), 2**63 - 1),
        IntegerRange(1, 1),
        (2, 1, 1),
        calls=5,
        ranges=DataRanges(shifts=IntegerRange(-32, -1)),
    ),
    "shifted": Recipe(SHIFTED, np.dtype("uint8"), qs.LogQuant(3, signed=True), (1, 4, 6)),
}


@pytest.fixture(params=RECIPES)
def recipe(request):
    return RECIPES[request.param]


def test_every_format_holds_the_same_numbers(recipe, tmp_path):
    made = vectors.make(recipe)
    for name in FORMATS:
        folder = tmp_path / name
        vectors.write(folder, made, [name])
        back = vectors.read(folder)
        assert back.arrays.keys() == made.arrays.keys()
        for key, array in made.arrays.items():
            assert back.arrays[key].dtype == array.dtype
            assert np.array_equal(back.arrays[key], array), (name, key)
        assert (back.recipe.datapath, back.parameters) == (recipe.datapath, made.parameters)
        assert vectors.verify(folder) == []


def test_outputs_are_the_oracles(recipe):
    made = vectors.make(recipe)
    for number, call in enumerate(vectors.calls_of(made)):
        expected = oracle.matmul(call.a, call.b, call.datapath, **call.data)
        assert made.arrays["out"][number].tolist() == expected.tolist()


def test_the_trace_is_every_partial_sum():
    """Against a loop of Python integers."""
    made = vectors.make(RECIPES["mac"]).arrays
    low, high = -(2**15), 2**15 - 1
    overflowed = 0
    for c, i, j in np.ndindex(made["out"].shape):
        total = 0
        for t in range(8):
            exact = total + int(made["a"][c, i, t]) * int(made["b"][c, t, j])
            total = min(max(exact, low), high)
            overflowed += exact != total
            assert made["accumulators"][c, i, j, t] == total
    assert made["accumulators"].shape == (16, 2, 2, 8)
    assert overflowed > 5


def test_traces_of_groups_have_a_value_for_every_addition_and_group():
    made = vectors.make(RECIPES["requantized"]).arrays
    assert made["accumulators"].shape[-1] == 9 + 3  # nine terms, three groups of at most four


def test_hex_is_twos_complement_of_the_stated_width(tmp_path):
    made = vectors.make(RECIPES["requantized"])
    vectors.write(tmp_path, made)
    words = json.loads((tmp_path / "description.json").read_text())["arrays"]
    assert (words["a"]["bits"], words["b"]["bits"], words["out"]["bits"]) == (8, 4, 32)
    lines = (tmp_path / "b.hex").read_text().split()
    assert [int(line, 16) for line in lines] == [int(v) % 16 for v in made.arrays["b"].flat]
    assert all(len(line) == 1 for line in lines)
    assert all(len(line) == 8 for line in (tmp_path / "out.hex").read_text().split())


def test_made_again_the_bytes_are_the_same(recipe, tmp_path):
    for folder in ("one", "two"):
        names = vectors.write(tmp_path / folder, vectors.make(replace(recipe)))
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    other = vectors.make(replace(recipe, seed=recipe.seed + 1))
    assert not np.array_equal(other.arrays["a"], vectors.make(recipe).arrays["a"])


@pytest.mark.parametrize("name", ["a.hex", "out.csv", "bias.npy", "vectors.h", "description.json"])
def test_a_changed_file_is_noticed(name, tmp_path):
    vectors.write(tmp_path, vectors.make(RECIPES["requantized"]))
    path = tmp_path / name
    content = path.read_bytes()
    if name == "description.json":  # the recipe itself: other bytes would be made from it
        path.write_bytes(content.replace(b'"seed": 0', b'"seed": 1'))
    else:
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    problems = vectors.verify(tmp_path)
    assert problems
    assert name in problems[0] or name == "description.json"
    path.unlink()
    if name == "description.json":
        with pytest.raises(VectorFileError, match=r"description\.json"):
            vectors.verify(tmp_path)
    else:
        assert vectors.verify(tmp_path)[0].startswith(f"{name}: No such file")


def test_vectors_that_an_earlier_version_wrote_are_remade():
    """Written at 02223a5: what seeds draw has not moved since, nor what files say."""
    assert vectors.verify(Path(__file__).parent / "vectors_before_ranges") == []


def test_wrong_outputs_with_right_hashes_are_noticed(tmp_path):
    """Whoever edits a file and its hash does not get past the reference."""
    made = vectors.make(RECIPES["mac"])
    made.arrays["out"][3, 1, 0] ^= 1
    vectors.write(tmp_path, made)
    assert vectors.verify(tmp_path)[0] == "out: call 3, (m, n)=(1, 0)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "allowed: a description"),
        ("[]", "pyqsim_vectors=None"),
        ('{"pyqsim_vectors": 2}', "pyqsim_vectors=2, allowed: 1"),
        ('{"pyqsim_vectors": 1}', "datapath"),
    ],
)
def test_damaged_descriptions(content, words, tmp_path):
    (tmp_path / "description.json").write_text(content)
    with pytest.raises(VectorFileError, match=words):
        vectors.read(tmp_path)


def test_a_failed_write_leaves_the_old_files(tmp_path, monkeypatch):
    vectors.write(tmp_path, vectors.make(RECIPES["mac"]))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = vectors.make(replace(RECIPES["mac"], seed=9))
    replaced = 0
    whole = vectors.files.write_whole.__globals__["os"].replace

    def disk_full(source, target):
        nonlocal replaced
        replaced += 1
        if replaced == 5:
            raise OSError(28, "No space left on device")
        whole(source, target)

    monkeypatch.setattr("pyqsim.whole_files.os.replace", disk_full)
    with pytest.raises(OSError, match="No space left"):
        vectors.write(tmp_path, other)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    assert vectors.verify(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": (0, 1, 1)}, "M=0, allowed: 1..65536"),
        ({"calls": 0}, "calls=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_impossible_recipes(change, words, tmp_path):
    with pytest.raises(qs.errors.DatapathError, match=words):
        replace(RECIPES["mac"], **change)
    with pytest.raises(qs.errors.OperandError, match="planes=2, allowed: 1"):
        replace(RECIPES["mac"], b=qs.BitPlanes(2))
    with pytest.raises(VectorFileError, match="format='bin', allowed: hex"):
        vectors.write(tmp_path, vectors.make(RECIPES["mac"]), ["bin"])
    trapping = qs.Datapath(reduce=(qs.Accumulate(2, "trap"),))
    with pytest.raises(qs.errors.OverflowTrap):
        vectors.make(replace(RECIPES["mac"], datapath=trapping, calls=40))


def test_the_command(tmp_path, capsys):
    folder, machine = tmp_path / "v", "Datapath(reduce=(Accumulate(18, 'saturate'),))"
    words = ["vectors", str(folder), "--datapath", machine, "--sizes", "2", "2", "8", "--trace"]
    assert main(words) == 0
    assert "description.json" in {path.name for path in folder.iterdir()}
    assert main(["vectors", str(folder), "--verify"]) == 0
    assert "every output as computed" in capsys.readouterr().out
    (folder / "a.hex").write_text("00\n")
    assert main(["vectors", str(folder), "--verify"]) == 1
    assert "a.hex: sha256" in capsys.readouterr().out
    assert main(["vectors", str(tmp_path / "none"), "--verify"]) == 2
    assert main(["vectors", str(folder)]) == 2


def simulate(folder, program):
    """The bench's last line, with the files of a folder."""
    done = subprocess.run(
        ["vvp", str(program)], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_a_verilog_bench_reads_the_files(tmp_path):
    """$readmemh of operands, every accumulator and the outputs, in an RTL simulator."""
    if shutil.which("iverilog") is None:
        pytest.skip("no iverilog (Debian package iverilog)")
    program = tmp_path / "bench.vvp"
    subprocess.run(
        ["iverilog", "-g2005", "-o", str(program), str(EXAMPLES / "saturating_mac.v")], check=True
    )
    vectors.write(tmp_path / "right", vectors.make(RECIPES["mac"]))
    assert simulate(tmp_path / "right", program) == "wrong: 0 of 576"
    wrapping = qs.Datapath(reduce=(qs.Accumulate(16, "wrap"),))
    ones = replace(RECIPES["mac"], datapath=wrapping)
    made = vectors.make(ones)
    assert (
        made.arrays["accumulators"] != vectors.make(RECIPES["mac"]).arrays["accumulators"]
    ).any()
    vectors.write(tmp_path / "wrong", made)
    assert not simulate(tmp_path / "wrong", program).startswith("wrong: 0 ")
