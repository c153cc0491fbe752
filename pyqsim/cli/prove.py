"""``pyqsim prove``: how wide accumulators must be for given weights, with proof and witness."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.cli.cells import NETWORKS
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import UsageError, int_in
from pyqsim.data import float_network
from pyqsim.datapath import Accumulate, Datapath
from pyqsim.diagnostics.headroom import Headroom, StepHeadroom, headroom
from pyqsim.diagnostics.network_headroom import network_headroom
from pyqsim.formats import Affine
from pyqsim.model import Machine, quantize_network
from pyqsim.modes import OVERFLOWS, Overflow
from pyqsim.text_table import aligned

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY = "how wide an accumulator must be for given weights: proof, and an input one bit short"
DESCRIPTION = """\
For every layer of weights, the smallest accumulator that never overflows, whatever input comes:
  pyqsim prove weights.npy --input s8          integers, (K, N) or with N last (HWIO)
  pyqsim prove layers.npz --bits 20            every array of the file; is 20 bits enough?
  pyqsim prove cnn --weight-bits 4 --tree 16       a bundled network with 4-bit weights

exact: for this order of reduction; one bit less overflows, and --json holds an input that does it.
any order: holds every partial sum in every order. L1, A2Q+ and type are published bounds: of the
weights' norms (A2Q), of norms of weights whose sum is 0 (A2Q+), of the widths of the types alone.

exit status: 1 if --bits is given and not enough somewhere
"""

_SHORT = re.compile(r"([us])(\d{1,2})")
_RANGE = re.compile(r"(-?\d{1,10})\.\.(-?\d{1,10})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "weights",
        metavar="WEIGHTS",
        help=f".npy or .npz of integers, or a bundled network: {', '.join(NETWORKS)}",
    )
    parser.add_argument(
        "--input",
        type=_input,
        default=(0, 255),
        metavar="TYPE",
        help="u8, s8, u4, ... or LOW..HIGH, zero point subtracted (default: u8)",
    )
    parser.add_argument(
        "--bits", type=int_in(2, 64), metavar="P", help="the accumulator that you have"
    )
    parser.add_argument(
        "--overflow",
        choices=[rule.name.lower() for rule in OVERFLOWS if rule.name != "SATURATE_ZERO"],
        default="saturate",
        help="what it does outside its range (default: saturate)",
    )
    parser.add_argument(
        "--tree", type=int_in(1, 10**6), metavar="G", help="sum G terms first, without overflow"
    )
    parser.add_argument(
        "--weight-bits",
        type=int_in(2, 8),
        default=8,
        metavar="B",
        help="width of a bundled network's weights (default: 8)",
    )
    parser.add_argument("--channels", action="store_true", help="one line a channel")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what every layer needs."""
    if options.json is not None:
        check_writable(options.json)
    overflow = Overflow.of(options.overflow)
    last = Accumulate(options.bits, overflow if options.bits else Overflow.of("wrap"))
    steps = (last,) if options.tree is None else (Accumulate(group=options.tree), last)
    found = _prove(options, steps)
    header = ("layer", "K", "N", "exact", "any order", "L1", "A2Q+", "type", "order matters")
    print(aligned(header, [_row(name, proof) for name, proof in found]))
    if options.channels:
        for name, proof in found:
            print(f"\n{_channels(name, proof)}")
    enough = all(proof.proven for _, proof in found)
    if options.bits is not None:
        print(f"\n{options.bits} bits: {'never overflow, proven' if enough else 'not enough'}")
    if options.json is not None:
        write_json(options.json, [{"layer": name, **proof.to_json()} for name, proof in found])
    return 0 if enough else 1


def _prove(
    options: argparse.Namespace, steps: tuple[Accumulate, ...]
) -> list[tuple[str, Headroom]]:
    if options.weights in NETWORKS:
        machine = Machine("prove", steps)
        network = quantize_network(
            float_network(options.weights), Affine(options.weight_bits, narrow=True), machine
        )
        return [(one.name, one.headroom) for one in network_headroom(network)]
    datapath = Datapath(reduce=steps)
    return [
        (name, headroom(array.reshape(-1, array.shape[-1]), datapath, options.input))
        for name, array in _arrays(Path(options.weights))
    ]


def _arrays(path: Path) -> list[tuple[str, npt.NDArray[Any]]]:
    """The integer arrays of a file, by name."""
    if path.suffix not in (".npy", ".npz"):
        raise UsageError(
            f"{str(path)!r}, allowed: a .npy or .npz file, or one of {', '.join(NETWORKS)}"
        )
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f"{path}: {error}, allowed: arrays that numpy.save wrote") from None
    if isinstance(loaded, np.ndarray):
        named = [(path.stem, loaded)]
    else:
        with loaded:
            named = [(name, loaded[name]) for name in loaded.files]
    for name, array in named:
        if array.dtype.kind not in "iu" or array.ndim < 2 or array.shape[-1] == 0:
            raise UsageError(
                f"{path}: {name}: dtype={array.dtype}, shape={array.shape}, allowed: integers of "
                "two axes or more, output channels last; quantize real weights first"
            )
    return named


def _input(text: str) -> tuple[int, int]:
    """Parse u8, s8 or LOW..HIGH."""
    if short := _SHORT.fullmatch(text):
        bits = int(short[2])
        if 1 <= bits <= 16 and (short[1], bits) != ("s", 1):
            return (
                (0, 2**bits - 1) if short[1] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            )
    if (given := _RANGE.fullmatch(text)) and int(given[1]) <= int(given[2]):
        return int(given[1]), int(given[2])
    raise argparse.ArgumentTypeError(f"{text!r}, allowed: u1..u16, s2..s16, or LOW..HIGH")


def _row(name: str, proof: Headroom) -> tuple[str, ...]:
    order = {None: "not known", True: "yes", False: "no"}[proof.order_matters]
    columns = (proof.any_order_bits, proof.l1_bits, proof.centred_bits)
    bounds = [_largest(bits) for bits in columns]
    kind = "-" if proof.data_type_bits is None else str(proof.data_type_bits)
    return (name, str(proof.k), str(proof.n), str(proof.steps[-1].needed), *bounds, kind, order)


def _largest(bits: npt.NDArray[np.int64] | None) -> str:
    return "-" if bits is None or not bits.all() else str(bits.max(initial=2))


def _channels(name: str, proof: Headroom) -> str:
    last: StepHeadroom = proof.steps[-1]
    header = ("channel", "exact", "smallest sum", "largest sum", "any order", "L1")
    rows: list[Sequence[str]] = []
    for chain, place in enumerate(proof.chains):
        label = "" if len(proof.chains) == 1 else f"planes {place[0]},{place[1]} group {place[2]}: "
        for n in range(proof.n):
            l1 = "-" if proof.l1_bits is None else str(proof.l1_bits[chain, n])
            numbers = (last.bits, last.minimum, last.maximum, proof.any_order_bits)
            rows.append((f"{label}{n}", *(str(array[chain, n]) for array in numbers), l1))
    return f"{name}\n{aligned(header, rows)}"
