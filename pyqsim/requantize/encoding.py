"""From real scales to integers, as the toolchains do it: frexp, HALF_AWAY, and their exceptions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pyqsim.errors import QuantizationError
from pyqsim.parameters import FixedPointFactor, Multiplier

__all__ = [
    "effective_scale",
    "float32_product_scale",
    "onnxruntime_scale",
    "quantize_multiplier",
    "real_scales",
    "reciprocal_scale",
]

Pair = tuple[int, int]


def real_scales(scheme: str, real_scale: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Real scales as float64, finite and > 0, or raise QuantizationError."""
    try:
        given = np.asarray(real_scale)
    except ValueError:
        given = np.asarray(None)
    if given.dtype.kind not in "iuf":
        raise QuantizationError(
            f"{scheme}.encode: real_scale={real_scale!r}, allowed: real numbers"
        )
    scales = given.astype(np.float64)
    bad = ~(np.isfinite(scales) & (scales > 0))
    if bad.any():
        raise QuantizationError(
            f"{scheme}.encode: real_scale={scales[bad].flat[0]}, allowed: finite, > 0"
        )
    return scales


def refuse(scheme: str, scale: float, allowed: str) -> QuantizationError:
    """The error of a scale that a scheme cannot encode."""
    return QuantizationError(f"{scheme}.encode: real_scale={scale}, allowed: {allowed}")


def half_away_mantissa(scale: float, bits: int) -> Pair:
    """m, e with ``scale ~ m * 2**(e - bits)``: ``q * 2**bits`` rounded HALF_AWAY, q = frexp.

    m is 2**(bits-1)..2**bits, the upper end included: nothing is renormalized.
    """
    fraction, exponent = math.frexp(scale)
    return math.floor(math.ldexp(fraction, bits) + 0.5), exponent


def _emulated_mantissa(scale: float) -> Pair:
    """TFLite's IntegerFrExp: 31 bits of the float64's pattern, one more where rest > 0x200000.

    A tie is dropped: HALF_TOWARD_ZERO, where the float form rounds HALF_AWAY.
    """
    pattern = int(np.float64(scale).view(np.uint64))
    exponent = (pattern >> 52 & 0x7FF) - 1023 + 1
    mantissa = (pattern >> 22 & 0x3FFFFFFF) + 0x40000000
    return mantissa + (pattern & 0x3FFFFF > 0x200000), exponent


def quantize_multiplier(
    scale: float, largest_shift: int | None = None, *, emulate_float: bool = False
) -> Pair:
    """TFLite's QuantizeMultiplier of one scale > 0: multiplier and shift (positive is left).

    Parameters
    ----------
    scale : float
    largest_shift : int, optional
        30 in the single-rounding build, where larger shifts give (2**31 - 1, 30); without it they
        are refused.
    emulate_float : bool
        As built with TFLITE_EMULATE_FLOAT.

    Returns
    -------
    (int, int)
        2**30..2**31-1 and -31..30; (0, 0) for shifts below -31.

    Notes
    -----
    Source: LiteRT quantization_util.cc, QuantizeMultiplier and IntegerFrExp (read).

    Examples
    --------
    >>> quantize_multiplier(0.5 + 2.0**-32), quantize_multiplier(0.5 + 2.0**-32, emulate_float=True)
    ((1073741825, 0), (1073741824, 0))
    """
    if emulate_float:
        multiplier, shift = _emulated_mantissa(scale)
    else:
        multiplier, shift = half_away_mantissa(scale, 31)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        if largest_shift is None:
            raise refuse("DoubleRounding", scale, "below 2**30")
        return 2**31 - 1, largest_shift
    return multiplier, shift


def _arrays(
    scales: npt.NDArray[np.float64], encode: Callable[[float], Pair]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    pairs = [encode(float(scale)) for scale in scales.flat]
    first, second = (
        np.array([pair[i] for pair in pairs], dtype=np.int64).reshape(scales.shape) for i in (0, 1)
    )
    return first, second


def as_multiplier(scales: npt.NDArray[np.float64], encode: Callable[[float], Pair]) -> Multiplier:
    """Encode every scale to (multiplier, shift)."""
    return Multiplier(*_arrays(scales, encode))


def as_fixed_point(
    scales: npt.NDArray[np.float64], encode: Callable[[float], Pair]
) -> FixedPointFactor:
    """Encode every scale to (multiplier, right shift)."""
    return FixedPointFactor(*_arrays(scales, encode))


def effective_scale(
    input_scale: float, weight_scale: npt.ArrayLike, output_scale: float
) -> npt.NDArray[np.float64]:
    """TFLite per channel: ``double(sx) * double(sw[c]) / double(sy)``, of float32 scales.

    Examples
    --------
    >>> effective_scale(0.1, [0.2, 0.4], 0.5).round(6).tolist()
    [0.04, 0.08]
    """
    sx, sw, sy = _float32s(input_scale, weight_scale, output_scale)
    return np.asarray(sx.astype(np.float64) * sw.astype(np.float64) / sy.astype(np.float64))


def float32_product_scale(
    input_scale: float, weight_scale: npt.ArrayLike, output_scale: float
) -> npt.NDArray[np.float64]:
    """TFLite's legacy per-tensor helper: ``double(F(sx * sw)) / double(sy)``.

    The product is rounded to float32 first (kernel_util.cc), so that the multiplier may differ
    from that of `effective_scale`.

    Examples
    --------
    >>> scheme_scale = float32_product_scale(0.1, 0.3, 0.7)
    >>> bool(scheme_scale == effective_scale(0.1, 0.3, 0.7))
    False
    """
    sx, sw, sy = _float32s(input_scale, weight_scale, output_scale)
    return np.asarray((sx * sw).astype(np.float64) / sy.astype(np.float64))


def onnxruntime_scale(
    a_scale: npt.ArrayLike, b_scale: npt.ArrayLike, y_scale: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """ONNX Runtime's QLinearMatMul and QLinearConv: ``F(F(sa * sb) / sy)``, all in float32.

    Examples
    --------
    >>> onnxruntime_scale(0.5, [0.25, 0.5], 2.0).tolist()
    [0.0625, 0.125]
    """
    sa, sb, sy = _float32s(a_scale, b_scale, y_scale)
    return np.asarray(sa * sb / sy, dtype=np.float32)


def _float32s(*scales: npt.ArrayLike) -> list[npt.NDArray[np.float32]]:
    return [np.asarray(scale, dtype=np.float32) for scale in scales]


def reciprocal_scale(count: int) -> FixedPointFactor:
    """TOSA's factor of an average over `count` values, for `TosaScale32`.

    ``k = 32 - clz(count - 1), m = ((2**30 + 1) << k) / count, right_shift = 30 + k``.

    Notes
    -----
    Source: arm/tosa-specification, pseudocode scale_helpers (read).

    Examples
    --------
    >>> reciprocal_scale(9)
    FixedPointFactor(multiplier=1908874355, right_shift=34)
    """
    if not isinstance(count, int) or not 1 <= count < 2**31:
        raise QuantizationError(f"reciprocal_scale: count={count!r}, allowed: 1..2**31-1")
    k = (count - 1).bit_length()
    return FixedPointFactor(np.asarray(((2**30 + 1) << k) // count), np.asarray(30 + k))
