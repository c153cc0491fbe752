"""The picture of an explanation; matplotlib is imported on request."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyqsim.datapath import Accumulate, Datapath
from pyqsim.errors import DatapathError
from pyqsim.extras import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pyqsim.diagnostics.explain import Explanation, Line

__all__ = ["draw_explanation"]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8501e", "#8a8a8a"
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Draw terms and partial sums, one picture a step, registers and overflows marked.

    Parameters
    ----------
    explanation : Explanation
    path : Path
        Ends in .png, .pdf or .svg; written only where the picture could be drawn.
    """
    if path.suffix.lower() not in _METADATA:
        raise DatapathError(f"plot: path={str(path)!r}, allowed: ending in .png, .pdf or .svg")
    need("matplotlib", "plot", "Explanation.plot")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    datapath = explanation.datapath
    steps = [-1, *range(len(datapath.reduce))]
    with rc_context(
        {
            "svg.hashsalt": "pyqsim",
            "svg.fonttype": "none",
            "axes.grid": True,
            "grid.color": "#e4e4e4",
        }
    ):
        figure = Figure(figsize=(8, 1.2 + 2.1 * len(steps)), layout="constrained")
        figure.suptitle(explanation.title, fontsize=10)
        axes = figure.subplots(len(steps), 1, squeeze=False)[:, 0]
        for one, step in zip(axes, steps, strict=True):
            _draw_step(one, datapath, step, [x for x in explanation.lines if x.step == step])
        stream = BytesIO()
        kind = path.suffix.lower()
        figure.savefig(stream, format=kind[1:], dpi=144, metadata=_METADATA[kind])
    path.write_bytes(stream.getvalue())


def _draw_step(axes: Axes, datapath: Datapath, step: int, lines: Sequence[Line]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    values = [line.after for line in lines]
    if step < 0:
        axes.vlines(range(len(values)), 0, values, color=_GREY, linewidth=1)
        axes.plot(values, ".", color=_GREY)
        axes.set_title("terms", loc="left", fontsize=10)
    else:
        owner = datapath.reduce[step]
        axes.set_title(f"step {step}: {owner!r}", loc="left", fontsize=8)
        style = "steps-post" if isinstance(owner, Accumulate) else "default"
        axes.plot(values, drawstyle=style, color=_BLUE, marker=".", label="register after")
        for limit in (owner.register.minimum, owner.register.maximum):
            if limit is not None and any(line.overflowed for line in lines):
                axes.axhline(limit, color=_ORANGE, linewidth=0.8, linestyle="--")
        seen = [(i, line.seen) for i, line in enumerate(lines) if line.overflowed]
        if seen:
            axes.plot(*zip(*seen, strict=True), "x", color=_ORANGE, label="seen, outside")
        axes.legend(loc="best", fontsize=7, frameon=False)
    axes.set_xlabel("number of the value in the step")
    axes.set_ylabel("integer")
