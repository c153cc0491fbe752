"""``pyqsim accuracy``: digits right per format and width, as a Markdown table."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyqsim.cli.cells import NETWORKS
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import int_in
from pyqsim.cli.progress import counted
from pyqsim.data import FloatNetwork, digits, float_network
from pyqsim.data.float_forward import forward
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.formats.catalogue import NETWORK_FAMILIES, Family
from pyqsim.model import MACHINES, quantize_network
from pyqsim.model import run as run_network
from pyqsim.text_table import markdown

__all__ = ["DESCRIPTION", "SUMMARY", "Accuracy", "add_arguments", "run"]

SUMMARY = "digits right per weight format and width, as a Markdown table"
DESCRIPTION = """\
Run test digits through the built-in networks, their weights in every format at several widths,
on the exact datapath, and print the percentage that each gets right as Markdown tables.
Widths are those of a stored code, the sign included. No weight was trained again.
"""

_BITS = (1, 2, 3, 4, 5, 8)
_TEST_DIGITS = 2000

_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What one network gets right with its weights in one format.

    Attributes
    ----------
    network, family, format : str
    bits : int
        Of a stored code.
    accuracy : float
        Fraction of the digits.
    """

    network: str
    family: str
    format: str
    bits: int
    accuracy: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--digits",
        type=int_in(1, _TEST_DIGITS),
        default=_TEST_DIGITS,
        metavar="N",
        help=f"the first N test digits (default: all {_TEST_DIGITS})",
    )
    parser.add_argument(
        "--network", choices=(*NETWORKS, "both"), default="both", help="default: both"
    )
    parser.add_argument("--threads", type=int_in(1, 1024), metavar="N", help="default: all cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write them as JSON")


def run(options: argparse.Namespace) -> int:
    """Measure and print one table a network."""
    if options.json is not None:
        check_writable(options.json)
    names = NETWORKS if options.network == "both" else (options.network,)
    data = digits()
    images, labels = data.test_x[: options.digits], data.test_y[: options.digits]
    found: list[Accuracy] = []
    for number, name in enumerate(names):
        network = float_network(name)
        cells = _measure(network, images, labels, options.threads)
        right = int((forward(network, images / 255).argmax(axis=1) == labels).sum())
        percent = f"{100 * right / len(labels):.2f}"
        blank = "\n" if number else ""
        print(f"{blank}{name}: % of {options.digits:,} digits right (float64: {percent})\n")
        print(_table(cells), flush=True)
        found += cells
    if options.json is not None:
        write_json(options.json, list(map(asdict, found)))
    return 0


def _measure(
    network: FloatNetwork, images: _Bytes, labels: _Bytes, threads: int | None
) -> list[Accuracy]:
    pairs = [(one, bits) for one in NETWORK_FAMILIES for bits in _BITS]
    cells = (
        _accuracy(network, one, bits, images, labels, threads)
        for one, bits in counted(pairs, network.name)
    )
    return [cell for cell in cells if cell is not None]


def _accuracy(
    network: FloatNetwork,
    one: Family,
    bits: int,
    images: _Bytes,
    labels: _Bytes,
    threads: int | None,
) -> Accuracy | None:
    """None where there is no such format, or it cannot hold the network's numbers."""
    try:
        fmt = one.of_bits(bits)
        quantized = quantize_network(network, fmt, MACHINES[0])
    except (DatapathError, QuantizationError):
        return None
    codes = quantized.input.tensor(images[..., np.newaxis])
    right = int(
        (run_network(quantized, codes, events=False, threads=threads).predictions() == labels).sum()
    )
    return Accuracy(network.name, one.name, str(fmt), bits, right / len(labels))


def _table(cells: list[Accuracy]) -> str:
    """A row a family; a dash where there is no such format."""
    percent = {(cell.family, cell.bits): f"{100 * cell.accuracy:.2f}" for cell in cells}
    families = list(dict.fromkeys(cell.family for cell in cells))
    header = ("weights", *(f"{bits} bit{'s' if bits > 1 else ''}" for bits in _BITS))
    rows = [(name, *(percent.get((name, bits), "–") for bits in _BITS)) for name in families]
    return markdown(header, rows)
