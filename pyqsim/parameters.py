"""The numbers a requantize scheme works with: made by ``encode``, passed with a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import array_of
from pyqsim.errors import DatapathError

__all__ = [
    "DoubleFactor",
    "FixedPointFactor",
    "FloatChain",
    "FloatFactor",
    "Multiplier",
    "Parameters",
    "PowerOfTwoFactor",
]


def columns_of(values: npt.NDArray[Any], columns: slice, n: int) -> npt.NDArray[Any]:
    """Per-channel values of some columns n; what broadcasts along n stays as it is."""
    per_channel = values.ndim > 0 and values.shape[-1] == n and n > 1
    return values[..., columns] if per_channel else values


def _frozen_ints(
    where: str, name: str, value: npt.ArrayLike, low: int, high: int
) -> npt.NDArray[np.int64]:
    array = array_of(where, name, value)
    if array.dtype.kind not in "iu":
        raise DatapathError(f"{where}: {name}={value!r}, allowed: integers")
    outside = (array < low) | (array > high)
    if outside.any():
        raise DatapathError(f"{where}: {name}={array[outside].flat[0]}, allowed: {low}..{high}")
    frozen = np.array(array, dtype=np.int64)
    frozen.setflags(write=False)
    return frozen


def _real_numbers(where: str, name: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """A float64 copy."""
    array = array_of(where, name, value)
    if array.dtype.kind not in "iuf":
        raise DatapathError(f"{where}: {name}={value!r}, allowed: real numbers")
    return array.astype(np.float64)


def _float32(
    where: str, name: str, value: npt.ArrayLike, *, signed: bool = False
) -> npt.NDArray[np.float32]:
    """A read-only float32 copy of finite numbers; positive ones, unless `signed`."""
    given = _real_numbers(where, name, value)
    with np.errstate(over="ignore"):
        number = given.astype(np.float32)
    wrong = ~(np.isfinite(number) & (signed | (number > 0)) & (number == given))
    if wrong.any():
        raise DatapathError(
            f"{where}: {name}={given[wrong].flat[0]}, allowed: float32 numbers, finite"
            f"{'' if signed else ', > 0'}; FloatScale.encode rounds"
        )
    number.setflags(write=False)
    return number


@dataclass(frozen=True, eq=False)
class Multiplier:
    """Real factor = ``multiplier * 2**(shift - 31)``, one or one a channel.

    Parameters
    ----------
    multiplier : int or array_like of int
        0..2**31-1; ``encode`` makes 2**30..2**31-1, or 0 for a factor too small.
    shift : int or array_like of int
        -31..30, positive is left.
    """

    multiplier: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        multiplier = _frozen_ints("Multiplier", "multiplier", self.multiplier, 0, 2**31 - 1)
        shift = _frozen_ints("Multiplier", "shift", self.shift, -31, 30)
        object.__setattr__(self, "multiplier", multiplier)
        object.__setattr__(self, "shift", shift)

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, exact in float64: what ``encode`` takes."""
        return np.ldexp(self.multiplier.astype(np.float64), self.shift - 31)

    def columns(self, columns: slice, n: int) -> Multiplier:
        """The parameters of some of n channels."""
        return Multiplier(
            columns_of(self.multiplier, columns, n), columns_of(self.shift, columns, n)
        )

    def __repr__(self) -> str:
        return f"Multiplier(multiplier={self.multiplier.tolist()}, shift={self.shift.tolist()})"


@dataclass(frozen=True, eq=False)
class FloatFactor:
    """A float32 factor, one or one a channel.

    Parameters
    ----------
    scale : float32 or array_like of float32
        Finite, > 0; float64 values must be float32 numbers already.
    """

    scale: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _float32("FloatFactor", "scale", self.scale))

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, exact in float64: what ``encode`` takes."""
        return self.scale.astype(np.float64)

    def columns(self, columns: slice, n: int) -> FloatFactor:
        """The parameters of some of n channels."""
        return FloatFactor(columns_of(self.scale, columns, n))

    def __repr__(self) -> str:
        return f"FloatFactor(scale={self.scale.tolist()})"


@dataclass(frozen=True, eq=False)
class FloatChain:
    """float32 operations, one after the other, each one a number or one a channel.

    ``y = F(F(F(F(F(x) * first) * second) + addend) * last)``, F = to float32, for `FloatScale`.

    Parameters
    ----------
    first, second, last : float32 or array_like of float32
        Finite, > 0; float64 values must be float32 numbers already.
    addend : float32 or array_like of float32
        Finite: a real bias, in the unit of what `second` makes.
    """

    first: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    addend: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((), np.float32))
    last: npt.NDArray[np.float32] = field(default_factory=lambda: np.ones((), np.float32))

    def __post_init__(self) -> None:
        for name in ("first", "second", "addend", "last"):
            signed = name == "addend"
            number = _float32("FloatChain", name, getattr(self, name), signed=signed)
            object.__setattr__(self, name, number)

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, rounded to float64, without the addend: what ``encode`` takes."""
        wide = [f.astype(np.float64) for f in (self.first, self.second, self.last)]
        return np.asarray(wide[0] * wide[1] * wide[2])

    def columns(self, columns: slice, n: int) -> FloatChain:
        """The parameters of some of n channels."""
        names = ("first", "second", "addend", "last")
        return FloatChain(*(columns_of(getattr(self, name), columns, n) for name in names))


@dataclass(frozen=True, eq=False)
class PowerOfTwoFactor:
    """Real factor = ``2**shift``, one or one a channel.

    Parameters
    ----------
    shift : int or array_like of int
        -64..64, positive is left.
    """

    shift: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "shift", _frozen_ints("PowerOfTwoFactor", "shift", self.shift, -64, 64)
        )

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, exact in float64: what ``encode`` takes."""
        return np.ldexp(1.0, self.shift)

    def columns(self, columns: slice, n: int) -> PowerOfTwoFactor:
        """The parameters of some of n channels."""
        return PowerOfTwoFactor(columns_of(self.shift, columns, n))

    def __repr__(self) -> str:
        return f"PowerOfTwoFactor(shift={self.shift.tolist()})"


@dataclass(frozen=True, eq=False)
class FixedPointFactor:
    """Real factor = ``multiplier * 2**-right_shift`` of the value plus `offset`.

    Parameters
    ----------
    multiplier : int or array_like of int
        -2**31..2**31; 2**31 is what some encoders make of a factor just below a power of two.
    right_shift : int or array_like of int
        0..63.
    offset : int or array_like of int
        -2**32..2**32, read by schemes that add one before they multiply, else 0.
    """

    multiplier: npt.NDArray[np.int64]
    right_shift: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((), dtype=np.int64))

    def __post_init__(self) -> None:
        for name, low, high in (
            ("multiplier", -(2**31), 2**31),
            ("right_shift", 0, 63),
            ("offset", -(2**32), 2**32),
        ):
            value = _frozen_ints("FixedPointFactor", name, getattr(self, name), low, high)
            object.__setattr__(self, name, value)

    @property
    def shift(self) -> npt.NDArray[np.int64]:
        """The shift as stages read it, positive is left."""
        return -self.right_shift

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, exact in float64, without the offset: what ``encode`` takes."""
        return np.ldexp(self.multiplier.astype(np.float64), -self.right_shift)

    def columns(self, columns: slice, n: int) -> FixedPointFactor:
        """The parameters of some of n channels."""
        return FixedPointFactor(
            columns_of(self.multiplier, columns, n),
            columns_of(self.right_shift, columns, n),
            columns_of(self.offset, columns, n),
        )

    def __repr__(self) -> str:
        offset = f", offset={self.offset.tolist()}" if self.offset.any() else ""
        return (
            f"FixedPointFactor(multiplier={self.multiplier.tolist()}, "
            f"right_shift={self.right_shift.tolist()}{offset})"
        )


@dataclass(frozen=True, eq=False)
class DoubleFactor:
    """A float64 factor, one or one a channel.

    Parameters
    ----------
    scale : float or array_like of float
        Finite, > 0.
    """

    scale: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        scale = _real_numbers("DoubleFactor", "scale", self.scale)
        wrong = ~(np.isfinite(scale) & (scale > 0))
        if wrong.any():
            raise DatapathError(f"DoubleFactor: scale={scale[wrong].flat[0]}, allowed: finite, > 0")
        scale.setflags(write=False)
        object.__setattr__(self, "scale", scale)

    @property
    def real_scale(self) -> npt.NDArray[np.float64]:
        """The real factor, exact in float64: what ``encode`` takes."""
        return self.scale

    def columns(self, columns: slice, n: int) -> DoubleFactor:
        """The parameters of some of n channels."""
        return DoubleFactor(columns_of(self.scale, columns, n))

    def __repr__(self) -> str:
        return f"DoubleFactor(scale={self.scale.tolist()})"


Parameters = (
    Multiplier | FixedPointFactor | FloatFactor | FloatChain | DoubleFactor | PowerOfTwoFactor
)
