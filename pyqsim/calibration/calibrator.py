"""Scales of data that come in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy.typing as npt

from pyqsim.calibration.choice import fit_maker
from pyqsim.calibration.fit import Fit, Integers, Reals
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.errors import ModeError, QuantizationError, ShapeError
from pyqsim.formats import Format
from pyqsim.formats.base import real_array
from pyqsim.tensor import Granularity

__all__ = ["Calibrator"]


class Calibrator:
    """Fits a format to a tensor that is fed chunk by chunk, however large it is.

    The result is that of `pyqsim.calibration.quantize` on all chunks at once, bit for bit; how
    the tensor is cut, and in which order, does not matter. What needs several passes is fed the
    same numbers again, with `next_pass` between.

    Parameters
    ----------
    fmt : Format
    method : str, optional
        As in `pyqsim.calibration.quantize`.
    axis : int, optional
        One scale a channel: every chunk has the same number of channels along this axis.
    symmetric, power_of_two, **options
        As in `pyqsim.calibration.quantize`.

    Raises
    ------
    ModeError, OperandError, QuantizationError, TypeError
        As `pyqsim.calibration.quantize`.

    Examples
    --------
    >>> from pyqsim.formats import Affine, Codebook
    >>> calibrator = Calibrator(Affine(8), "max")
    >>> calibrator.update([1.0, -127.0])
    >>> calibrator.update([[3.0]])
    >>> scale, zero_point = calibrator.result()
    >>> float(scale), int(zero_point)
    (1.0, 0)

    Several passes, by hand and in one call:

    >>> calibrator = Calibrator(Codebook([-1, 0, 1]), "k_means")
    >>> again = True
    >>> while again:
    ...     for chunk in ([-5.0, -4.0, 0.0], [1.0, 4.0, 5.0]):
    ...         calibrator.update(chunk)
    ...     again = calibrator.next_pass()
    >>> calibrator.format, float(calibrator.result()[0])
    (Codebook([-1, 0, 1], [-0.5, 0.625], frac_bits=0), 4.0)
    >>> chunks = [[0.5, -1.0], [0.25]]
    >>> scale, _ = Calibrator(Affine(8), "mse").fit(lambda: chunks)
    """

    def __init__(
        self,
        fmt: Format,
        method: str | None = None,
        axis: int | None = None,
        *,
        symmetric: bool | str | None = None,
        power_of_two: bool = False,
        **options: Any,
    ) -> None:
        self._make = fit_maker(fmt, method, symmetric, power_of_two, **options)
        self._axis = axis
        self._fit: Fit | None = None if axis is not None else self._make(1)
        self._passes = self._make(1).passes
        self._seen = [0]
        self._closed = False

    @property
    def passes(self) -> int:
        """How many times the whole data must be fed, at most: `next_pass` says when it ends."""
        return self._passes

    @property
    def format(self) -> Format:
        """The format; of a `Codebook` fitted by "k_means", with its thresholds.

        Raises
        ------
        QuantizationError
            As `result`.
        """
        self.result()
        return self._fed().fmt

    def _fed(self) -> Fit:
        if self._fit is None:
            raise QuantizationError("result: no chunk was fed, allowed: after at least one")
        return self._fit

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
            After the last pass.
        """
        if self._closed:
            raise ModeError("update: after the last pass, allowed: before")
        reals = real_array("chunk", chunk)
        (rows,) = Granularity(reals.shape, self._axis).rows(reals)
        if self._fit is None:
            self._fit = self._make(len(rows))
        if len(rows) != self._fit.count:
            raise ShapeError(f"chunk: {len(rows)} channels, allowed: {self._fit.count}")
        self._seen[-1] += rows.shape[1]
        self._fit.update(rows)

    def next_pass(self) -> bool:
        """Say that all chunks were fed once.

        Returns
        -------
        bool
            Whether they must be fed again; False: the result is there.

        Raises
        ------
        ModeError
            After the last pass.
        QuantizationError
            Where this pass saw another number of elements than the first, or no chunk was fed.
        """
        if self._closed:
            raise ModeError("next_pass: after the last pass, allowed: before")
        if self._seen[-1] != self._seen[0]:
            raise QuantizationError(
                f"pass {len(self._seen)} saw {self._seen[-1]} elements a scale, allowed: "
                f"{self._seen[0]}, as the first pass did"
            )
        fit = self._fed()
        fit.end()
        self._closed = fit.finished
        if not self._closed:
            self._seen.append(0)
        return not self._closed

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, once all passes have been fed; no chunk is taken after.

        Returns
        -------
        scale : ndarray of float64
            ``()`` or ``(channels,)``, with a leading plane axis where there are several planes.
        zero_point : ndarray of int64
            ``()`` or ``(channels,)``.

        Raises
        ------
        QuantizationError
            Before the last pass, or for a range that float64 does not hold, or where passes
            differ.
        """
        if not self._closed and (len(self._seen) < self.passes or self.next_pass()):
            raise QuantizationError(
                f"result: pass {len(self._seen)} of {self.passes}, allowed: after the last"
            )
        fit = self._fed()
        scale, zero_point = fit.result()
        planes = (fit.fmt.planes,) if fit.fmt.planes > 1 else ()
        channels = () if self._axis is None else zero_point.shape
        scale = scale.reshape((*planes, *channels))
        ScaleRule.check(scale)
        return scale, zero_point.reshape(channels)

    def fit(self, chunks: Callable[[], Iterable[npt.ArrayLike]]) -> tuple[Reals, Integers]:
        """Run all passes.

        Parameters
        ----------
        chunks : callable
            Returns the chunks anew each time it is called, at most `passes` times.

        Returns
        -------
        scale, zero_point
            As `result`.
        """
        again = True
        while again:
            for chunk in chunks():
                self.update(chunk)
            again = self.next_pass()
        return self.result()
