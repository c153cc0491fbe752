"""Requantize schemes: how an accumulator is scaled to the next layer's integers.

A scheme says *how*; the numbers (multiplier, shift, scale) are made by its ``encode`` and come
with every call. Formulas: x is the accumulator, m the multiplier, s the shift (positive: left).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddZeroPoint, Clamp, Narrow, OutputStep, Requantize, Scheme, Stage
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.execution import output_of_array
from pyqsim.modes import FLOOR, HALF_AWAY, HALF_UP, SATURATE, WRAP, Overflow, Rounding
from pyqsim.parameters import FloatFactor, Multiplier, Parameters, PowerOfTwoFactor

__all__ = [
    "DoubleRounding",
    "FloatFactor",
    "FloatScale",
    "Multiplier",
    "PowerOfTwoFactor",
    "ShiftOnly",
    "SingleRounding",
]


class _Applied(Scheme):
    """What every scheme here shares: applying it to an array of accumulators."""

    __slots__ = ()

    def apply(
        self,
        acc: npt.ArrayLike,
        parameters: Parameters,
        *,
        zero_point: npt.ArrayLike | None = None,
        clamp: tuple[int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """Scale accumulators; with `zero_point` and `clamp`, to codes.

        Parameters
        ----------
        acc : array_like of int
            Any shape; the last axis is the channel axis of per-channel parameters.
        parameters : Multiplier, FloatFactor or PowerOfTwoFactor
            As the scheme's ``encode`` makes them.
        zero_point : array_like of int, optional
            Added after the scheme.
        clamp : (int, int), optional
            Smallest and largest code, after the zero point.

        Returns
        -------
        ndarray
            int32 (int64 for a scheme with more than 32 bits), shape of `acc`.

        Raises
        ------
        AccumulatorRangeError
            If an accumulator leaves the width that the scheme's arithmetic is defined for.
        """
        steps: list[OutputStep] = [Requantize(self)]
        steps += [] if zero_point is None else [AddZeroPoint()]
        steps += [] if clamp is None else [_clamp(clamp)]
        return output_of_array(acc, tuple(steps), requantize=parameters, out_zero_point=zero_point)


def _clamp(limits: object) -> Clamp:
    if not isinstance(limits, (tuple, list)) or len(limits) != 2:
        raise DatapathError(f"clamp={limits!r}, allowed: (smallest code, largest code)")
    return Clamp(*limits)


def _real_scales(scheme: str, real_scale: npt.ArrayLike) -> npt.NDArray[np.float64]:
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


def _quantize_multiplier(scale: float, largest_shift: int | None) -> tuple[int, int]:
    """31-bit multiplier and shift: scale = q * 2**s, m = HALF_AWAY(q * 2**31).

    Shifts below -31 give (0, 0); above `largest_shift`, where there is one, (2**31 - 1, 30).
    """
    fraction, shift = math.frexp(scale)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        if largest_shift is None:
            raise QuantizationError(
                f"DoubleRounding.encode: real_scale={scale}, allowed: below 2**30"
            )
        return 2**31 - 1, largest_shift
    return multiplier, shift


def _encode_multiplier(scales: npt.NDArray[np.float64], largest_shift: int | None) -> Multiplier:
    pairs = [_quantize_multiplier(float(scale), largest_shift) for scale in scales.flat]
    multipliers = np.array([m for m, _ in pairs], dtype=np.int64).reshape(scales.shape)
    shifts = np.array([s for _, s in pairs], dtype=np.int64).reshape(scales.shape)
    return Multiplier(multipliers, shifts)


@dataclass(frozen=True)
class DoubleRounding(_Applied):
    """gemmlowp and TFLite: two roundings.

    ``L = max(s, 0), R = max(-s, 0)``;
    ``final(saturate32(HALF_UP(wrap32(x << L) * m, 31)), R)``.

    Parameters
    ----------
    final : {"half_away", "half_up"}
        Rounding of the right shift: ``"half_away"`` in the reference kernels, ``"half_up"`` in
        LiteRT's optimised x86 kernels and plain NEON.

    Notes
    -----
    Source: google/gemmlowp fixedpoint.h (SaturatingRoundingDoublingHighMul,
    RoundingDivideByPOT), LiteRT MultiplyByQuantizedMultiplier.

    Examples
    --------
    >>> scheme = DoubleRounding()
    >>> scheme.encode(0.75)
    Multiplier(multiplier=1610612736, shift=0)
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()  # 3/8: 1.5 -> 2 -> 1
    [1, 0, 13]
    """

    final: Literal["half_away", "half_up"] = "half_away"

    def __post_init__(self) -> None:
        if self.final not in ("half_away", "half_up"):
            raise DatapathError(
                f"DoubleRounding: final={self.final!r}, allowed: 'half_away', 'half_up'"
            )

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Left shift; doubling high multiply; rounding right shift."""
        final = HALF_AWAY if self.final == "half_away" else HALF_UP
        return (
            Stage(Narrow(bits=32, overflow=WRAP), shift="left"),
            Stage(Narrow(shift=31, rounding=HALF_UP, bits=32, overflow=SATURATE), multiplier=True),
            Stage(Narrow(rounding=final, bits=32), shift="right"),
        )

    def encode(self, real_scale: npt.ArrayLike) -> Multiplier:
        """TFLite's QuantizeMultiplier of one scale or one a channel (finite, > 0, < 2**30)."""
        return _encode_multiplier(_real_scales("DoubleRounding", real_scale), None)


@dataclass(frozen=True)
class SingleRounding(_Applied):
    """TFLite with TFLITE_SINGLE_ROUNDING, ruy, TOSA single: one rounding.

    ``wrap32(HALF_UP(x * m, 31 - s))``.

    Examples
    --------
    >>> scheme = SingleRounding()
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()
    [0, 0, 13]
    """

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        product = Narrow(shift=31, rounding=HALF_UP, bits=32, overflow=WRAP)
        return (Stage(product, multiplier=True, shift="all"),)

    def encode(self, real_scale: npt.ArrayLike) -> Multiplier:
        """QuantizeMultiplier of the single-rounding build: shifts above 30 give (2**31-1, 30)."""
        return _encode_multiplier(_real_scales("SingleRounding", real_scale), 30)


@dataclass(frozen=True)
class FloatScale(_Applied):
    """A float32 scale: ``rint(F(F(x) * scale))``, F = to float32, ties to even.

    Parameters
    ----------
    clamp : {"after", "before"}
        ``"after"``: zero point and clamp follow. ``"before"`` (XNNPACK): F(F(x) * scale) is
        clamped in float32 to ``[min - zero_point, max - zero_point]`` of the Clamp that must
        follow, then rounded. The rounded value saturates to int32 in any case.

    Notes
    -----
    Source: ONNX Runtime MLAS, FBGEMM, XNNPACK requantization.h, Gemmini.

    Examples
    --------
    >>> scheme = FloatScale()
    >>> scheme.apply([1, 3, 5, -1], scheme.encode(0.5)).tolist()
    [0, 2, 2, 0]
    """

    clamp: Literal["after", "before"] = "after"

    def __post_init__(self) -> None:
        if self.clamp not in ("after", "before"):
            raise DatapathError(f"FloatScale: clamp={self.clamp!r}, allowed: 'after', 'before'")

    @property
    def stages(self) -> None:
        """None: not made of integer stages."""
        return

    def encode(self, real_scale: npt.ArrayLike) -> FloatFactor:
        """Round the scale to float32, ties to even."""
        return FloatFactor(_real_scales("FloatScale", real_scale).astype(np.float32))


@dataclass(frozen=True)
class ShiftOnly(_Applied):
    """A power-of-two scale: ``round(x * 2**s)``, then the range rule.

    Parameters
    ----------
    rounding : Rounding or str
    result_bits : int
        Signed width of the result, 2..64.
    overflow : Overflow or str

    Examples
    --------
    >>> scheme = ShiftOnly("half_up")
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()
    [0, 0, 13]
    """

    rounding: Rounding = FLOOR
    result_bits: int = 32
    overflow: Overflow = SATURATE

    def __post_init__(self) -> None:
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        object.__setattr__(self, "rounding", narrow.rounding)
        object.__setattr__(self, "overflow", narrow.overflow)

    @property
    def bits(self) -> int:
        """Signed width of the result."""
        return self.result_bits

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One rounding shift."""
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        return (Stage(narrow, shift="all"),)

    def encode(self, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
        """Take powers of two only; any other scale raises and names its neighbours."""
        scales = _real_scales("ShiftOnly", real_scale)
        fractions, exponents = np.frexp(scales)
        wrong = fractions != 0.5
        if wrong.any():
            scale, exponent = scales[wrong].flat[0], int(exponents[wrong].flat[0])
            raise QuantizationError(
                f"ShiftOnly.encode: real_scale={scale}, allowed: powers of two "
                f"(2**{exponent - 1} or 2**{exponent} here); choose the tensors' scales so"
            )
        return PowerOfTwoFactor(exponents.astype(np.int64) - 1)
