"""Pictures of formats and of tensors in them; the only module that uses matplotlib, on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import floor, log10
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pyqsim.formats import Format, Planes
from pyqsim.formats.catalogue import example_scales, example_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_comparison", "draw_format", "draw_rates"]

_Reals = npt.NDArray[np.float64]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8501e", "#8a8a8a"
_TITLE_WIDTH = 84  # letters that the figure is wide
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "pyqsim",
}


def draw_format(fmt: Format, path: Path) -> None:
    """Draw a format's levels, the staircase of encode and decode, and the error below it.

    Parameters
    ----------
    fmt : Format
        At scales where its range is about -1..1.
    path : Path
        The suffix says which kind of picture.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(7.5, 8), layout="constrained")
        levels, stairs, error = figure.subplots(3, 1, sharex=True, height_ratios=(1, 5, 3))
        values = example_values(fmt)
        # An odd number of places, so that 0 is one of them where the format has a sign.
        x = np.linspace(1.2 * values[0] - (values[0] >= 0) * 0.2, 1.2 * values[-1], 6001)
        rounded, rule = _rounded(fmt, x, values)
        figure.suptitle(f"{fill(str(fmt), _TITLE_WIDTH)}\n{len(values)} levels", fontsize=11)
        _draw_levels(levels, values)
        _draw_staircase(stairs, x, rounded, rule)
        _draw_error(error, x, rounded - x, (values[0], values[-1]))
        _save(figure, path)


def draw_comparison(
    x: _Reals, levels: Sequence[tuple[str, _Reals]], path: Path, title: str, unit: str
) -> None:
    """Draw the histogram of a tensor, and below it where the levels of each format lie.

    Parameters
    ----------
    x : ndarray of float64
        What was quantized, any shape.
    levels : sequence of (str, ndarray of float64)
        A label and the levels of each format, first on top.
    path : Path
        The suffix says which kind of picture.
    title, unit : str
        What is shown, and the label of the horizontal axis.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    with rc_context(_STYLE):
        rows = len(levels)
        figure = Figure(figsize=(8, 3.2 + 0.3 * rows), layout="constrained")
        histogram, rug = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 0.3 * rows))
        numbers = x.reshape(-1)
        weights = np.full(numbers.shape, 1 / numbers.size)
        histogram.hist(numbers, bins=121, weights=weights, color=_GREY)
        histogram.set_ylabel("share of the values")
        histogram.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
        histogram.set_title(title)
        for row, (_, places) in enumerate(levels):
            rug.vlines(places, row - 0.38, row + 0.38, color=_BLUE, linewidth=_line_width(places))
        rug.set_yticks(range(rows), [label for label, _ in levels])
        rug.set_ylim(rows - 0.4, -0.6)
        rug.grid(visible=False, axis="y")
        rug.tick_params(axis="y", length=0)
        rug.set_xlabel(unit)
        reach = float(np.abs(numbers).max()) or 1.0
        rug.set_xlim(min(float(numbers.min()), -0.02 * reach) * 1.1, reach * 1.1)
        _save(figure, path)


def draw_rates(
    rates: Mapping[str, float], yardstick: tuple[str, float], path: Path, title: str
) -> None:
    """Draw rates as bars on a logarithmic axis, and one rate to compare them with as a line.

    Parameters
    ----------
    rates : mapping of str to float
        GMAC/s, first on top.
    yardstick : (str, float)
        What the line is, and its rate.
    path : Path
        The suffix says which kind of picture.
    title : str
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    with rc_context(_STYLE):
        figure = Figure(figsize=(8.5, 1.6 + 0.36 * len(rates)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(list(rates), list(rates.values()), color=_BLUE, height=0.7)
        axes.bar_label(bars, fmt="%.3g", padding=4)
        axes.axvline(yardstick[1], color=_ORANGE, linewidth=1.4, label=yardstick[0])
        axes.set_xscale("log")
        axes.set_xlim(left=10.0 ** floor(log10(min(*rates.values(), yardstick[1]))))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.12)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("GMAC/s (billions of multiply-accumulates a second), logarithmic")
        axes.set_title(title)
        figure.legend(loc="outside lower right", frameon=False)
        _save(figure, path)


def _rounded(fmt: Format, x: _Reals, values: _Reals) -> tuple[_Reals, str]:
    """What a format makes of numbers, and what to call that."""
    if isinstance(fmt, Planes):  # made from codes: it has no encoding of its own
        middles = (values[1:] + values[:-1]) / 2
        return values[np.searchsorted(middles, x)], "nearest level"
    scales = example_scales(fmt)
    codes = fmt.encode(x, scales)
    numbers = np.ldexp(fmt.decode(codes).reshape(fmt.planes, -1), -fmt.frac_bits)
    return np.asarray(np.atleast_1d(scales) @ numbers), "decode(encode(x))"


def _draw_levels(axes: Axes, values: _Reals) -> None:
    axes.vlines(values, 0, 1, color=_BLUE, linewidth=_line_width(values))
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    axes.set_ylabel("levels")
    axes.grid(visible=False)


def _draw_staircase(axes: Axes, x: _Reals, rounded: _Reals, rule: str) -> None:
    axes.plot(x, x, color=_GREY, linewidth=1, linestyle="--", label="x")
    axes.plot(x, rounded, color=_BLUE, linewidth=1.6, label=rule)
    axes.set_ylabel("rounded value (full scale = 1)")
    axes.legend(loc="upper left", frameon=False)


def _draw_error(axes: Axes, x: _Reals, error: _Reals, ends: tuple[float, float]) -> None:
    inside = np.where((x >= ends[0]) & (x <= ends[1]), error, np.nan)
    axes.plot(x, error, color=_GREY, linewidth=1, label="beyond the last level")
    axes.plot(x, inside, color=_ORANGE, linewidth=1.2, label="between the levels")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel("error (full scale = 1)")
    axes.set_xlabel("x (full scale = 1)")
    # Above the axes: a curve of large errors leaves no room inside.
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=2, borderaxespad=0.2)


def _line_width(values: _Reals) -> float:
    """Thin lines where there are many."""
    return 1.6 if len(values) <= 40 else 0.7 if len(values) <= 100 else 0.35


def _save(figure: Figure, path: Path) -> None:
    """Write the file only where the picture could be drawn."""
    stream = BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    figure.savefig(stream, format=kind, dpi=144, metadata=metadata)
    path.write_bytes(stream.getvalue())
