"""TOSA's RESCALE: apply_scale_32 and apply_scale_16."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from pyqsim.checks import check_bool
from pyqsim.datapath import Narrow, Stage
from pyqsim.modes import HALF_AWAY, HALF_UP, WRAP
from pyqsim.parameters import FixedPointFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, half_away_mantissa, real_scales, refuse

__all__ = ["TosaScale16", "TosaScale32"]


def _encode(scheme: str, real_scale: npt.ArrayLike, bits: int) -> FixedPointFactor:
    """Multiplier of `bits` bits, right shift 2..62; above 62 the multiplier loses bits instead."""

    def pair(scale: float) -> tuple[int, int]:
        m, exponent = half_away_mantissa(scale, bits)
        if m == 2**bits:
            m, exponent = m // 2, exponent + 1
        shift = bits - exponent
        if shift < 2:
            raise refuse(scheme, scale, f"below 2**{bits - 2}")
        return (m >> min(31, shift - 62), 62) if shift > 62 else (m, shift)

    return as_fixed_point(real_scales(scheme, real_scale), pair)


@dataclass(frozen=True)
class TosaScale32(SchemeBase):
    """apply_scale_32: ``wrap32((x * m + r) >> sh)``.

    ``r = 2**(sh-1)``; with `double_round` and sh > 31 also ``+ 2**30`` for x >= 0, ``- 2**30`` for
    x < 0. Defined for ``-2**(sh-1) <= x < 2**(sh-1)``, sh 2..62; there, with sh = 31 - s, it equals
    `SingleRounding`, or `DoubleRounding` with `double_round`. Elsewhere TOSA leaves the result
    open; here the exact one is cut to 32 bits.

    Notes
    -----
    Source: arm/tosa-specification, pseudocode scale_helpers (verified against its reference model).
    ``encode``: LLVM's mlir Dialect/Tosa QuantUtils (read). The two roundings of `double_round` are
    one HALF_UP by 31 and one HALF_AWAY by sh - 31: the stages are written so.

    Examples
    --------
    >>> scheme = TosaScale32(double_round=True)
    >>> scheme.encode(0.125)
    FixedPointFactor(multiplier=1073741824, right_shift=33)
    >>> for double_round in (True, False):
    ...     scheme = TosaScale32(double_round)
    ...     print(scheme.apply([3, -4, 100], scheme.encode(0.125)).tolist())
    [1, -1, 13]
    [0, 0, 13]
    """

    double_round: bool = True

    def __post_init__(self) -> None:
        check_bool("TosaScale32", "double_round", self.double_round)

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One rounding shift; with `double_round` one by min(sh, 31), one by what is left."""
        if not self.double_round:
            return (Stage(Narrow(rounding=HALF_UP, bits=32, overflow=WRAP), True, "all"),)
        return (
            Stage(Narrow(shift=31, rounding=HALF_UP), True, "left", shift_offset=31),
            Stage(
                Narrow(rounding=HALF_AWAY, bits=32, overflow=WRAP), shift="right", shift_offset=31
            ),
        )

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """31-bit multiplier, right shift 2..62."""
        return _encode("TosaScale32", real_scale, 31)


@dataclass(frozen=True)
class TosaScale16(SchemeBase):
    """apply_scale_16: ``wrap32((x * m + 2**(sh-1)) >> sh)``, x of 48 bits, m of 16.

    TOSA requires that the result fits 32 bits; here one that does not is cut.

    Notes
    -----
    Source: arm/tosa-specification, pseudocode scale_helpers (verified against its reference model).

    Examples
    --------
    >>> scheme = TosaScale16()
    >>> scheme.encode(0.125)
    FixedPointFactor(multiplier=16384, right_shift=17)
    >>> scheme.apply([3, -4, 2**40], scheme.encode(2.0**-12)).tolist()
    [0, 0, 268435456]
    """

    @property
    def input_bits(self) -> int:
        """48."""
        return 48

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        return (Stage(Narrow(rounding=HALF_UP, bits=32, overflow=WRAP), True, "all"),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """15-bit multiplier, right shift 2..62."""
        return _encode("TosaScale16", real_scale, 15)
