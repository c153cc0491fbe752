"""Scales of data that come in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
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
    group, group_axis : int, optional
        One scale for every `group` elements along `group_axis`: every chunk holds the whole of
        that axis, and the tensor is cut along others. (A chunk does not say which part of an axis
        it is, and the order of the chunks does not matter.)
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

    Groups of two along rows, the columns in two chunks:

    >>> halves = [[[1.0], [2.0], [127.0]], [[-254.0], [0.0], [3.0]]]
    >>> Calibrator(Affine(8), group=2).fit(lambda: halves)[0]
    array([2., 1.])
    """

    def __init__(
        self,
        fmt: Format,
        method: str | None = None,
        axis: int | None = None,
        *,
        group: int | None = None,
        group_axis: int = 0,
        symmetric: bool | str | None = None,
        power_of_two: bool = False,
        **options: Any,
    ) -> None:
        self._make = fit_maker(fmt, method, symmetric, power_of_two, **options)
        self._axes = (axis, group, group_axis)
        self._first: Granularity | None = None  # of the first chunk
        self._fits: list[Fit] = [self._make(1)] if axis is None and group is None else []
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
        return self._fed()[0].fmt

    def _fed(self) -> list[Fit]:
        """A fit of all rows, or one of the whole groups and one of the short last ones."""
        if not self._fits:
            raise QuantizationError("result: no chunk was fed, allowed: after at least one")
        return self._fits

    def update(self, chunk: npt.ArrayLike) -> None:
        """Take a chunk.

        Parameters
        ----------
        chunk : array_like of float or int
            Any shape that has `axis` and `group_axis`; finite.

        Raises
        ------
        QuantizationError
            For NaN or infinity.
        OperandError
            For what is not real numbers.
        ShapeError
            For another number of channels than before, or another length of `group_axis`.
        ModeError
            After the last pass.
        """
        if self._closed:
            raise ModeError("update: after the last pass, allowed: before")
        reals = real_array("chunk", chunk)
        granularity = Granularity(reals.shape, *self._axes)
        parts = granularity.rows(reals)
        self._check_shape(granularity)
        if not self._fits:
            self._fits = [self._make(len(rows)) for rows in parts]
            for fit in self._fits[1:]:
                fit.join(self._fits[0])
        self._seen[-1] += parts[0].shape[1]
        for fit, rows in zip(self._fits, parts, strict=True):
            if not fit.finished:
                fit.update(rows)

    def _check_shape(self, granularity: Granularity) -> None:
        """Raise unless a chunk has the channels and groups of the first one."""
        self._first = self._first or granularity
        pairs = zip(_lengths(granularity), _lengths(self._first), strict=True)
        for what, (found, wanted) in zip(("channels", "along group_axis"), pairs, strict=True):
            if found != wanted:
                raise ShapeError(f"chunk: {found} {what}, allowed: {wanted}")

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
        for fit in [fit for fit in self._fed() if not fit.finished]:
            fit.end()
        self._closed = all(fit.finished for fit in self._fed())
        if not self._closed:
            self._seen.append(0)
        return not self._closed

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, once all passes have been fed; no chunk is taken after.

        Returns
        -------
        scale : ndarray of float64
            ``()``, ``(channels,)``, ``(groups,)`` or ``(groups, channels)``, with a leading plane
            axis where there are several planes.
        zero_point : ndarray of int64
            Without plane axis.

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
        fits = self._fed()
        scales, zero_points = zip(*[fit.result() for fit in fits], strict=True)
        shape = () if self._first is None else self._first.parameter_shape
        planes = (fits[0].fmt.planes,) if fits[0].fmt.planes > 1 else ()
        scale = np.concatenate(scales, axis=-1).reshape((*planes, *shape))
        ScaleRule.check(scale)
        return scale, np.concatenate(zero_points).reshape(shape)

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


def _lengths(granularity: Granularity) -> tuple[int | None, int | None]:
    """How many channels there are, and elements along the axis of groups."""
    shape, axis, group_axis = granularity.shape, granularity.axis, granularity.group_axis
    channels = None if axis is None else shape[axis]
    return channels, None if granularity.group is None else shape[group_axis]
