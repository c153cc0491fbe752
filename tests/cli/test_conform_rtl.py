"""Register-transfer models answer `pyqsim conform`'s lines under two simulators.

The models are ours, written from data sheets: they show how RTL is checked, and that the targets
say what our reading of the documents says. They are no proof against the silicon.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ledger import needs

import pyqsim as qs
from pyqsim.cli import main

RTL = Path(__file__).parents[1] / "examples" / "rtl"
TREE_MAC = ("--datapath", str(RTL / "tree_mac.json"))


@dataclass(frozen=True)
class Icarus:
    """Interprets: starts at once, runs slowly."""

    name = "iverilog"

    def command(self, folder: Path, source: str, top: str, *options: str) -> list[str]:
        """Compile a bench; what runs it."""
        program = folder / f"{top}.vvp"
        where = ["-g2005", "-Wall", f"-I{RTL}", "-s", top, "-o", str(program), str(RTL / source)]
        subprocess.run([needs("iverilog"), *where, *options], check=True)
        return [needs("vvp"), "-n", str(program)]


@dataclass(frozen=True)
class Verilator:
    """Makes a C++ program: compiles for seconds, runs fast."""

    name = "verilator"

    def command(self, folder: Path, source: str, top: str, *options: str) -> list[str]:
        """Compile a bench; what runs it."""
        needs("g++"), needs("make")
        where = ["--top-module", top, "--Mdir", str(folder / top), "-o", top, str(RTL / source)]
        flags = ["--binary", "-Wno-WIDTH", f"-I{RTL}"]
        done = subprocess.run(
            [needs("verilator"), *flags, *where, *options], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return [str(folder / top / top)]


SIMULATORS = pytest.mark.parametrize("simulator", [Icarus(), Verilator()], ids=lambda one: one.name)


def conform(capsys: pytest.CaptureFixture[str], command: list[str], *machine: str) -> str:
    """The report; its last line says whether the program conforms."""
    status = main(["conform", *machine, "--program", " ".join(command)])
    report = capsys.readouterr().out.strip()
    assert status == (not report.splitlines()[-1].startswith("conforms")), report
    return report


@SIMULATORS
def test_a_right_mac_conforms(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, simulator: Icarus | Verilator
) -> None:
    """Every pair of codes, then sums steered to ties and to the ends of every register."""
    report = conform(capsys, simulator.command(tmp_path, "tree_mac.v", "bench"), *TREE_MAC)
    assert "0 differ" in report
    assert "\nconforms" in report


@pytest.mark.parametrize(
    ("bug", "cause"),
    [
        ("WRAP_SUM", "overflow rule: reduce step 3 (Accumulate): WRAP instead of SATURATE"),
        ("TIES_UP", "tie rule: output step 0 (Narrow): HALF_UP instead of HALF_EVEN"),
    ],
)
def test_bugs_in_rtl_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bug: str, cause: str
) -> None:
    command = Icarus().command(tmp_path, "tree_mac.v", "bench", f"-D{bug}")
    assert f"likely cause: {cause}" in conform(capsys, command, *TREE_MAC)


@pytest.mark.parametrize(
    ("target", "bench"), [("dsp48e2", "slice_bench"), ("dsp48e2-int8-packed", "pair_bench")]
)
def test_chains_of_a_dsp48e2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str, bench: str
) -> None:
    """27 x 18 bits into 48; two rows of int8 that share a slice, corrected after 7 products."""
    command = Icarus().command(tmp_path, "dsp48e2.v", bench)
    assert "\nconforms" in conform(capsys, command, "--target", target)


def test_every_packed_product_of_a_dsp48e2(tmp_path: Path) -> None:
    """Both products of all 2**24 (a, b, c), against the target's; one wrong entry is 512 wrong."""
    command = Verilator().command(tmp_path, "dsp48e2.v", "pair_bench")
    codes = np.arange(256).astype(np.uint8).view(np.int8)
    datapath = qs.targets.get("dsp48e2-int8-packed").datapath
    products = qs.matmul(codes[:, None], codes[None, :], datapath).astype(np.int32)
    assert wrong_triples(command, tmp_path, products) == 0
    products[3, 5] += 1
    assert wrong_triples(command, tmp_path, products) == 2 * 256 - 1  # (3, 3, 5) is wrong twice


def wrong_triples(command: list[str], folder: Path, products: np.ndarray) -> int:
    """How many (a, b, c) give another pair of products than the table."""
    table = folder / "products.hex"
    np.savetxt(table, products.view(np.uint32).reshape(-1), fmt="%08x")
    done = subprocess.run(
        [*command, f"+products={table}"], check=True, capture_output=True, text=True
    )
    wrong, of = done.stdout.splitlines()[0].removeprefix("wrong: ").split(" of ")
    assert int(of) == 2**24
    return int(wrong)


def test_eight_packed_products_do_not_fit(tmp_path: Path) -> None:
    """8 * 2**14 = 2**17 is no number of 18 bits: it wraps, and spoils the upper sum by 1."""
    line = "0 m=2 n=1 k=8 a={} b={}\n".format(
        ",".join(["1"] * 8 + ["-128"] * 8), ",".join(["-128"] * 8)
    )
    answers = {}
    for group in (7, 8):
        command = Icarus().command(
            tmp_path, "dsp48e2.v", "pair_bench", f"-Ppair_bench.GROUP={group}"
        )
        done = subprocess.run(command, input=line, check=True, capture_output=True, text=True)
        answers[group] = done.stdout.split()[1]
    assert answers == {7: "-1024,131072,", 8: "-1023,-131072,"}
