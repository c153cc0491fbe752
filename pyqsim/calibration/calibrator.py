"""Scales of data that come in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy.typing as npt

from pyqsim.calibration.aciq import GaussClip, LaplaceClip, MeanMagnitude
from pyqsim.calibration.kl import Divergence
from pyqsim.calibration.method import Method
from pyqsim.calibration.mse import SquaredError
from pyqsim.calibration.options import Options
from pyqsim.calibration.percentile import Percentile
from pyqsim.calibration.scale_rule import Integers, Reals, ScaleRule
from pyqsim.calibration.top_k import TopKMedian
from pyqsim.errors import ModeError, QuantizationError, ShapeError
from pyqsim.formats import Affine, Format, Planes
from pyqsim.formats.base import check_format, real_array
from pyqsim.tensor import Granularity

__all__ = ["METHODS", "Calibrator", "scale_rule"]

#: What `pyqsim.calibration.fit_scale` calls them.
METHODS: dict[str, type[Method]] = {
    "max": Method,
    "minmax": Method,
    "percentile": Percentile,
    "top_k_median": TopKMedian,
    "mse": SquaredError,
    "kl": Divergence,
    "aciq_gauss": GaussClip,
    "aciq_laplace": LaplaceClip,
    "mean_abs": MeanMagnitude,
}


def scale_rule(
    fmt: Format, method: str, symmetric: bool | str | None, power_of_two: bool
) -> ScaleRule:
    """Check format, method and symmetry, and fill in the default symmetry.

    Raises
    ------
    OperandError
        For an `fmt` that is no format.
    QuantizationError
        For a format of several planes, or one that is made from codes.
    ModeError
        For a method that does not exist, or a symmetry it does not take.
    """
    check_format(fmt)
    if not isinstance(method, str) or method not in METHODS:
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, METHODS))}")
    if fmt.planes > 1 or isinstance(fmt, Planes):
        raise QuantizationError(f"fmt={fmt}, allowed: a format with a scale rule")
    if symmetric is None:
        unsigned = isinstance(fmt, Affine) and not fmt.signed
        asymmetric = fmt.has_zero_point and (unsigned or method == "minmax")
        symmetric = METHODS[method].symmetric_only or not asymmetric
    if METHODS[method].symmetric_only and not symmetric:
        raise ModeError(f"symmetric={symmetric!r}, allowed for method={method!r}: True or None")
    return ScaleRule(fmt, symmetric, power_of_two)


class Calibrator:
    """Fits the scales of a tensor that is fed chunk by chunk, however large it is.

    The result is that of `pyqsim.calibration.fit_scale` on all chunks at once, bit for bit; how
    the tensor is cut, and in which order, does not matter. Methods that need several passes are
    fed the same numbers again, with `next_pass` between.

    Parameters
    ----------
    fmt : Format
    method : str
    axis : int, optional
        One scale a channel: every chunk has the same number of channels along this axis.
    symmetric, power_of_two, **options
        As in `pyqsim.calibration.fit_scale`.

    Raises
    ------
    ModeError, OperandError, QuantizationError
        As `pyqsim.calibration.fit_scale`.

    Examples
    --------
    >>> from pyqsim.formats import Affine
    >>> calibrator = Calibrator(Affine(8), "max")
    >>> calibrator.update([1.0, -127.0])
    >>> calibrator.update([[3.0]])
    >>> scale, zero_point = calibrator.result()
    >>> float(scale), int(zero_point)
    (1.0, 0)

    Several passes:

    >>> chunks = [[0.5, -1.0], [0.25]]
    >>> scale, _ = Calibrator(Affine(8), "mse").fit(lambda: chunks)
    """

    def __init__(
        self,
        fmt: Format,
        method: str = "max",
        axis: int | None = None,
        *,
        symmetric: bool | str | None = None,
        power_of_two: bool = False,
        **options: Any,
    ) -> None:
        self._rule = scale_rule(fmt, method, symmetric, power_of_two)
        self._options = Options(**options)
        self._class = METHODS[method]
        self._axis = axis
        self._method: Method | None = None if axis is not None else self._start(1)
        self._turn = 0
        self._seen = [0]
        self._result: tuple[Reals, Integers] | None = None

    @property
    def passes(self) -> int:
        """How many times the whole data must be fed."""
        return self._class.passes

    def _start(self, count: int) -> Method:
        return self._class(self._rule, self._options, count)

    def update(self, chunk: npt.ArrayLike) -> None:
        """Take a chunk.

        Parameters
        ----------
        chunk : array_like of float or int
            Any shape that has `axis`; finite.

        Raises
        ------
        QuantizationError
            For NaN or infinity.
        OperandError
            For what is not real numbers.
        ShapeError
            For another number of channels than before.
        ModeError
            After `result`.
        """
        if self._result is not None:
            raise ModeError("update: after result, allowed: before")
        reals = real_array("chunk", chunk)
        (rows,) = Granularity(reals.shape, self._axis).rows(reals)
        if self._method is None:
            self._method = self._start(len(rows))
        if len(rows) != self._method.count:
            raise ShapeError(f"chunk: {len(rows)} channels, allowed: {self._method.count}")
        self._seen[-1] += rows.shape[1]
        self._method.update(rows)

    def next_pass(self) -> None:
        """Say that all chunks were fed once, and will be fed again.

        Raises
        ------
        ModeError
            Where no further pass is needed.
        QuantizationError
            Where this pass saw another number of elements than the first.
        """
        if self._turn + 1 >= self.passes:
            raise ModeError(f"next_pass: pass {self._turn + 1} of {self.passes}, allowed: earlier")
        self._close()
        self._turn += 1
        self._seen.append(0)

    def _close(self) -> None:
        if self._seen[-1] != self._seen[0]:
            raise QuantizationError(
                f"pass {len(self._seen)} saw {self._seen[-1]} elements a scale, allowed: "
                f"{self._seen[0]}, as the first pass did"
            )
        if self._method is not None:
            self._method.end()

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, once all passes have been fed; no chunk is taken after.

        Returns
        -------
        scale : ndarray of float64
            ``()`` or ``(channels,)``.
        zero_point : ndarray of int64, the same shape

        Raises
        ------
        QuantizationError
            Before the last pass, or for a range that float64 does not hold, or where passes
            differ.
        """
        if self._result is not None:
            return self._result
        if self._turn + 1 != self.passes:
            raise QuantizationError(
                f"result: pass {self._turn + 1} of {self.passes}, allowed: after the last"
            )
        if self._method is None:
            raise QuantizationError("result: no chunk was fed, allowed: after at least one")
        self._close()
        scale, zero_point = self._method.result()
        shape = () if self._axis is None else scale.shape
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
        self._rule.check(scale)
        self._result = scale, zero_point
        return self._result

    def fit(self, chunks: Callable[[], Iterable[npt.ArrayLike]]) -> tuple[Reals, Integers]:
        """Run all passes.

        Parameters
        ----------
        chunks : callable
            Returns the chunks anew each time it is called; it is called `passes` times.

        Returns
        -------
        scale, zero_point
            As `result`.
        """
        for turn in range(self.passes):
            if turn:
                self.next_pass()
            for chunk in chunks():
                self.update(chunk)
        return self.result()
