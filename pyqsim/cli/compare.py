"""``pyqsim compare``: formats of equal width on given numbers, or targets on one layer."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.calibration import quantize
from pyqsim.cli import compare_targets
from pyqsim.cli.json_file import write_json
from pyqsim.cli.options import UsageError, add_files, check_files, int_in
from pyqsim.cli.progress import counted
from pyqsim.data import float_network
from pyqsim.errors import PyqsimError, QuantizationError
from pyqsim.formats import Format
from pyqsim.formats.base import real_array
from pyqsim.formats.catalogue import formats_of_bits
from pyqsim.tensor import QTensor
from pyqsim.text_table import aligned

__all__ = ["DESCRIPTION", "SUMMARY", "FormatError", "add_arguments", "compare", "run"]

SUMMARY = "which format holds given numbers best? where do targets differ on a layer?"
DESCRIPTION = """\
Quantize a tensor in every format whose stored codes have equally many bits, and sort the formats by
the error: SQNR (energy of the numbers over that of the errors), the largest error, the mean square
error, and that over the mean square of the numbers.

With --targets: run one layer on several targets, and say how many outputs differ, by how much,
where first, and why. FILE.npz holds it (a, b, bias, scales and zero points: pyqsim targets --help);
without one it is --net mlp:linear1 or a random layer of --seed. --net mlp runs a whole network.

FILE.npy holds one array of real numbers. Without it: the weights of the two built-in networks, one
scale an output channel.
"""

_Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FormatError:
    """What one format makes of all the tensors.

    Attributes
    ----------
    name : str
        Of the family.
    format : str
        As Python writes it.
    sqnr_db : float or None
        None where there is no error at all.
    max_error, mse, normalized_mse : float
        The last one is `mse` over the mean square of the numbers; 0 where all numbers are 0.
    """

    name: str
    format: str
    sqnr_db: float | None
    max_error: float
    mse: float
    normalized_mse: float


def compare(
    tensors: Sequence[_Reals], bits: int, axis: int | None, method: str | None
) -> tuple[list[FormatError], dict[str, str]]:
    """Quantize tensors in every format of some width.

    Parameters
    ----------
    tensors : sequence of ndarray of float64
        Each has scales of its own; the errors are those of all numbers together.
    bits : int
        Of a stored code.
    axis : int, optional
        One scale a channel, channels along this axis.
    method : str or None
        How scales are fitted; None: as each format does by default. See `pyqsim.quantize`.

    Returns
    -------
    errors : list of FormatError
        The smallest error first.
    skipped : dict
        Why a family has no number, by its name.

    Raises
    ------
    PyqsimError
        As `pyqsim.quantize` raises it, where no format can be fitted.
    """
    errors: list[FormatError] = []
    skipped: dict[str, str] = {}
    first: PyqsimError | None = None
    for name, fmt in counted(list(formats_of_bits(bits)), "formats"):
        try:
            rounded = [quantize(x, fmt, axis, method).real() for x in tensors]
        except PyqsimError as error:
            first = first or error
            skipped[name] = str(error)
        else:
            errors.append(_format_error(name, fmt, tensors, rounded))
    if not errors and first is not None:
        raise first
    return sorted(errors, key=lambda one: (one.mse, one.max_error)), skipped


def _format_error(
    name: str, fmt: Format, tensors: Sequence[_Reals], rounded: Sequence[_Reals]
) -> FormatError:
    differences = [y - x for x, y in zip(tensors, rounded, strict=True)]
    count = sum(x.size for x in tensors)
    signal = sum(float(np.square(x).sum()) for x in tensors)
    noise = sum(float(np.square(e).sum()) for e in differences)
    return FormatError(
        name=name,
        format=str(fmt),
        sqnr_db=10 * math.log10(signal / noise) if noise and signal else None,
        max_error=max(float(np.abs(e).max()) for e in differences),
        mse=noise / count,
        normalized_mse=noise / signal if signal else 0.0,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="see above")
    parser.add_argument(
        "--targets", nargs="+", metavar="NAME", help="compare these machines on a layer or network"
    )
    parser.add_argument(
        "--net",
        metavar="NET[:LAYER]",
        help="with --targets, on digits: mlp or cnn as a whole, or mlp:linear1, cnn:conv2, ...",
    )
    parser.add_argument(
        "--seed", type=int_in(0, 2**31), default=1, metavar="N", help="of the random layer"
    )
    parser.add_argument(
        "--bits", type=int_in(1, 16), default=4, metavar="B", help="of a stored code (default: 4)"
    )
    parser.add_argument(
        "--axis", type=int, metavar="N", help="one scale a channel along this axis of FILE.npy"
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        help="how scales are fitted, as in pyqsim.quantize: max, percentile, mse, ... "
        "(default: each format's own)",
    )
    add_files(parser, "the histogram of the numbers above the levels of every format")


def run(options: argparse.Namespace) -> int:
    """Compare, print the table, draw."""
    if options.targets is not None:
        return compare_targets.run(options)
    if options.net is not None:
        raise UsageError(f"--net {options.net}, allowed: with --targets")
    if options.file is None and options.axis is not None:
        raise UsageError(f"--axis {options.axis}, allowed: with a FILE.npy")
    check_files(options)
    tensors, axis, what = _tensors(options)
    errors, skipped = compare(tensors, options.bits, axis, options.method)
    method = "default" if options.method is None else repr(options.method)
    print(f"{what}, {options.bits} bits, {method} scales\n")
    header = ("format", "SQNR dB", "max error", "MSE", "MSE / mean square")
    print(aligned(header, [_row(one) for one in errors]))
    for name, reason in skipped.items():
        print(f"{name}: skipped: {reason}")
    if options.json is not None:
        report = {"numbers": what, "bits": options.bits, "axis": axis, "method": options.method}
        write_json(
            options.json, report | {"formats": list(map(asdict, errors)), "skipped": skipped}
        )
    if options.plot is not None:
        _draw(tensors, errors, axis, options)
    return 0


def _tensors(options: argparse.Namespace) -> tuple[list[_Reals], int | None, str]:
    """What is to be quantized, the axis of its channels, and what to call it."""
    if options.file is not None:
        x = _load(options.file)
        return [x], options.axis, f"{options.file.name}, shape {x.shape}"
    layers = [layer for name in ("mlp", "cnn") for layer in float_network(name).layers]
    weights = [layer.weight.astype(np.float64) for layer in layers if layer.weight is not None]
    count = sum(weight.size for weight in weights)
    return weights, -1, f"{count:,} weights of the built-in networks, one scale an output channel"


def _load(path: Path) -> _Reals:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}, allowed: an .npy file") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise UsageError(f"{path}: several arrays, allowed: an .npy file, which holds one")
    if array.size == 0:
        raise QuantizationError(f"{path}: shape={array.shape}, allowed: at least one number")
    return real_array(str(path), array)


def _row(error: FormatError) -> tuple[str, ...]:
    return (
        error.name,
        "exact" if error.sqnr_db is None else f"{error.sqnr_db:.2f}",
        f"{error.max_error:.4g}",
        f"{error.mse:.4g}",
        f"{error.normalized_mse:.3e}",
    )


def _draw(
    tensors: Sequence[_Reals],
    errors: Sequence[FormatError],
    axis: int | None,
    options: argparse.Namespace,
) -> None:
    """Draw all numbers; where there are several scales, over the largest magnitude of each."""
    from pyqsim.cli.figures import draw_comparison

    one_scale = len(tensors) == 1 and axis is None
    parts = tensors if one_scale else [x / _largest(x, axis) for x in tensors]
    numbers = np.concatenate([x.reshape(-1) for x in parts])
    formats = dict(formats_of_bits(options.bits))
    rows = [
        (_label(one), _levels(quantize(numbers, formats[one.name], None, options.method)))
        for one in errors
    ]
    source = "weights of the built-in networks" if options.file is None else options.file.name
    unit = "value" if one_scale else "value / largest magnitude of its channel"
    draw_comparison(numbers, rows, options.plot, f"{source}, {options.bits}-bit levels", unit)


def _largest(x: _Reals, axis: int | None) -> _Reals:
    """The largest magnitude of each channel, to divide by: 1 where all are 0."""
    others = None if axis is None else tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    largest = np.abs(x).max(axis=others, keepdims=True)
    return np.where(largest > 0, largest, 1.0)


def _label(error: FormatError) -> str:
    return f"{error.name}  {_row(error)[1]}{' dB' if error.sqnr_db is not None else ''}"


def _levels(quantized: QTensor) -> _Reals:
    """All numbers that the format holds at the scales of a tensor with one scale a plane."""
    fmt = quantized.format
    codes: npt.NDArray[Any] = np.arange(fmt.code_min, fmt.code_max + 1).astype(fmt.code_dtype)
    return np.unique(QTensor(codes, fmt, quantized.scale, quantized.zero_point).real())
