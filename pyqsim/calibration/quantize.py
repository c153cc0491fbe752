"""Real numbers to a quantized tensor: fit the scale, then encode."""

from __future__ import annotations

import numpy.typing as npt

from pyqsim.calibration.scale import fit_scale
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats.base import Format, check_format, real_array
from pyqsim.modes import Rounding
from pyqsim.tensor import Granularity, QTensor

__all__ = ["quantize"]


def quantize(
    x: npt.ArrayLike,
    fmt: Format,
    axis: int | None = None,
    method: str = "max",
    rounding: Rounding | str | None = None,
    *,
    scale: npt.ArrayLike | None = None,
    zero_point: npt.ArrayLike | None = None,
    group: int | None = None,
    group_axis: int = 0,
    symmetric: bool | None = None,
    percentile: float = 99.9,
) -> QTensor:
    """Quantize real numbers.

    Parameters
    ----------
    x : array_like of float or int, any shape
        float16, float32, float64, or integers up to 2**53; finite.
    fmt : Format
    axis : int, optional
        One scale a channel, channels along this axis.
    method : {"max", "percentile"}
        How the scale is fitted; see `pyqsim.calibration.fit_scale`.
    rounding : Rounding or str, optional
        Default: the format's own. `Affine` takes every deterministic rule ("half_even" by
        default); `PowerOfTwo` and `APoT` take "half_toward_zero" (default) and "half_away";
        `LogQuant` takes none, its rule is its `log_rounding`.
    scale : array_like of float, optional
        Given, not fitted; shapes as in `pyqsim.tensor.QTensor`.
    zero_point : array_like of int, optional
        Only with `scale`; default 0.
    group, group_axis : int, optional
        One scale for every `group` elements along `group_axis`.
    symmetric, percentile
        Of the fit; see `pyqsim.calibration.fit_scale`.

    Returns
    -------
    QTensor

    Raises
    ------
    QuantizationError
        For NaN or infinity (the first index and value), scales or zero points out of range, a
        `zero_point` without `scale`, a format that is made from codes.
    ModeError
        For a rounding the format does not take, an unknown method, `symmetric` with `scale`.
    OperandError
        For complex numbers, objects and other things that are not real numbers; an `fmt` that is
        no format.
    ShapeError
        For axes and scales that do not meet `x`.

    Notes
    -----
    Every decision is made on the exact rational x / scale; see `Format.encode`.

    Examples
    --------
    >>> from pyqsim.formats import Affine
    >>> q = quantize([[-1.0, 0.5], [2.0, 8.0]], Affine(8, narrow=True), axis=0)
    >>> q.codes
    array([[-127,   64],
           [  32,  127]], dtype=int8)
    """
    check_format(fmt)
    reals = real_array("x", x)
    if scale is None:
        if zero_point is not None:
            raise QuantizationError(f"zero_point={zero_point!r}, allowed: only with scale=")
        scale, zero_point = fit_scale(
            reals,
            fmt,
            axis,
            method,
            group=group,
            group_axis=group_axis,
            symmetric=symmetric,
            percentile=percentile,
        )
    elif symmetric is not None:
        raise ModeError(f"symmetric={symmetric!r}, allowed: None where the scale is given")
    elif zero_point is None:
        zero_point = 0
    granularity = Granularity(reals.shape, axis, group, group_axis)
    scales, zero_points = granularity.parameters(fmt, scale, zero_point)
    codes = fmt.encode(reals, granularity.spread(scales), granularity.spread(zero_points), rounding)
    return QTensor(codes, fmt, scales, zero_points, axis, group, group_axis)
