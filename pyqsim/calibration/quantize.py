"""Real numbers to a quantized tensor: fit the scale, then encode."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.choice import K_MEANS
from pyqsim.calibration.codebook import fit_codebook_tensor
from pyqsim.calibration.fit import Reals
from pyqsim.calibration.float32_encoding import ARITHMETIC, Arithmetic, encode_in_float32
from pyqsim.calibration.scale import fit_scale
from pyqsim.checks import check_choice
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats import Codebook
from pyqsim.formats.base import Format, check_format, real_array
from pyqsim.modes import Rounding
from pyqsim.tensor import Granularity, QTensor

__all__ = ["quantize"]


def quantize(
    x: npt.ArrayLike,
    fmt: Format,
    axis: int | None = None,
    method: str | None = None,
    rounding: Rounding | str | None = None,
    *,
    scale: npt.ArrayLike | None = None,
    zero_point: npt.ArrayLike | None = None,
    group: int | None = None,
    group_axis: int = 0,
    arithmetic: Arithmetic = "exact",
    **options: Any,
) -> QTensor:
    """Quantize real numbers.

    Parameters
    ----------
    x : array_like of float or int, any shape
        float16, float32, float64, or integers up to 2**53; finite.
    fmt : Format
    axis : int, optional
        One scale a channel, channels along this axis.
    method : str, optional
        How the scale is fitted: "max" (the default), "minmax", "percentile", "top_k_median",
        "mse", "kl", "aciq_gauss", "aciq_laplace", "mean_abs"; see
        `pyqsim.calibration.fit_scale`. `PiecewiseLinear` and `BitPlanes` have methods of their
        own; see `pyqsim.calibration.piecewise_linear` and `pyqsim.calibration.bit_planes`.
        "k_means" of a `Codebook` without thresholds finds them, too: the tensor's format has
        them; see `pyqsim.calibration.codebook.fit_codebook_tensor`.
    rounding : Rounding or str, optional
        Default: the format's own. `Affine` takes every deterministic rule ("half_even" by
        default); formats that encode to the nearest level take "half_toward_zero" (default) and
        "half_away"; the others take none but their own, see there.
    scale : array_like of float, optional
        Given, not fitted; shapes as in `pyqsim.tensor.QTensor`.
    zero_point : array_like of int, optional
        Only with `scale`; default 0.
    group, group_axis : int, optional
        One scale for every `group` elements along `group_axis`.
    arithmetic : {"exact", "divide", "reciprocal", "fused"}
        "exact": decisions are made on the rational x / scale. The others are float32 arithmetic of
        runtimes, for `Affine`; x and the scale are rounded to float32 first.

        ========== ============================================ ================================
        divide     ``round(F(x / s)) + zero_point``             onnxruntime QuantizeLinear; with
                                                                rounding="half_away" LiteRT's
                                                                reference, TFLite Micro
        reciprocal ``round(F(x * F(1 / s))) + zero_point``      torch.fake_quantize, XNNPACK,
                                                                LiteRT's optimized kernels
        fused      ``round(fma(x, F(1 / s), zero_point))``      torch.quantize_per_tensor
        ========== ============================================ ================================
    **options
        Of the fit: `symmetric`, `power_of_two`, `percentile`, `top_k`, `bins`, `grid`, or those
        of the format's own fit.

    Returns
    -------
    QTensor

    Raises
    ------
    QuantizationError
        For NaN or infinity (the first index and value), scales or zero points out of range, a
        `zero_point` without `scale`, a format that is made from codes.
    ModeError
        For a rounding the format does not take, an unknown method, options with `scale`.
    DatapathError
        For an unknown arithmetic.
    OperandError
        For complex numbers, objects and other things that are not real numbers; an `fmt` that is
        no format.
    ShapeError
        For axes and scales that do not meet `x`.
    TypeError
        For an option that the fit does not have.

    Notes
    -----
    Every decision of ``arithmetic="exact"`` is made on the exact rational x / scale; see
    `Format.encode`. The others are verified against the runtimes named.

    Examples
    --------
    >>> from pyqsim.formats import Affine
    >>> q = quantize([[-1.0, 0.5], [2.0, 8.0]], Affine(8, narrow=True), axis=0)
    >>> q.codes
    array([[-127,   64],
           [  32,  127]], dtype=int8)
    >>> float(quantize([0.305, -1.0], Affine(8), method="mse", power_of_two=True).scale)
    0.0078125
    >>> quantize([-5.0, -4.0, 0.0, 1.0, 4.0, 5.0], Codebook([-1, 0, 1]), method="k_means").format
    Codebook([-1, 0, 1], [-0.5, 0.625], frac_bits=0)
    """
    check_format(fmt)
    check_choice("quantize", "arithmetic", arithmetic, ARITHMETIC)
    reals = real_array("x", x)
    granularity = Granularity(reals.shape, axis, group, group_axis)
    if scale is not None:
        _refuse_options(options)
        zero_point = 0 if zero_point is None else zero_point
    elif zero_point is not None:
        raise QuantizationError(f"zero_point={zero_point!r}, allowed: only with scale=")
    elif isinstance(fmt, Codebook) and method == K_MEANS:
        scale, fmt = fit_codebook_tensor(reals, fmt, granularity, **options)
        zero_point = 0
    else:
        scale, zero_point = fit_scale(
            reals, fmt, axis, method, group=group, group_axis=group_axis, **options
        )
    scales, zero_points = granularity.parameters(fmt, scale, zero_point)
    spread_zero_points = granularity.spread(zero_points)
    if arithmetic == "exact":
        codes = fmt.encode(reals, _spread(scales, fmt, granularity), spread_zero_points, rounding)
    else:
        scales = _in_float32(scales)
        spread = _spread(scales, fmt, granularity)
        codes = encode_in_float32(reals, fmt, spread, spread_zero_points, rounding, arithmetic)
    return QTensor(codes, fmt, scales, zero_points, axis, group, group_axis)


def _in_float32(scales: Reals) -> Reals:
    """Scales rounded to float32, ties to even."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = scales.astype(np.float32).astype(np.float64)
    wrong = ~(np.isfinite(rounded) & (rounded > 0))
    if wrong.any():
        raise QuantizationError(f"scale={scales[wrong].flat[0]}, allowed: inside float32's range")
    return rounded


def _refuse_options(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise ModeError(f"{name}={value!r}, allowed: None where the scale is given")


def _spread(scales: Reals, fmt: Format, granularity: Granularity) -> Reals:
    """Scales that broadcast to the array, behind the plane axis where there is one."""
    if fmt.planes == 1:
        return granularity.spread(scales)
    return np.stack([granularity.spread(plane) for plane in scales])
