"""What every number format promises: its codes, the exact integer of each, and encoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.errors import (
    DatapathError,
    ModeError,
    OperandError,
    QuantizationError,
    ShapeError,
)
from pyqsim.modes import Rounding

__all__ = [
    "N_LIMIT",
    "Format",
    "check_format",
    "first_place",
    "real_array",
    "refuse_rounding",
    "scale_array",
]

#: Magnitudes of N stay below this, so that the sum of two of them fits int64.
N_LIMIT = 2**62


class Format(ABC):
    """A map from stored codes to exact integers: real value = scale * N(code) * 2**-frac_bits.

    A format is a frozen value: it compares and hashes by its parameters and its repr evaluates
    back. It holds no scale; scales, zero points and codes meet in `pyqsim.tensor.QTensor`. A code
    is stored as an integer; its *pattern* is the unsigned integer of its `code_bits` bits (the
    code itself, but for the two's complement codes of `Affine`).

    A new format defines `code_bits`, `integers` and `_round`, and whichever of the other
    properties differ from what is written here.

    Examples
    --------
    >>> from pyqsim.formats import LogQuant
    >>> fmt = LogQuant(2, signed=True)
    >>> fmt.code_bits, fmt.frac_bits, fmt.code_dtype
    (3, 3, dtype('uint8'))
    >>> codes = fmt.encode([0.25, -0.5, 0.0])
    >>> codes
    array([2, 7, 0], dtype=uint8)
    >>> fmt.decode(codes)
    array([ 2, -4,  0])
    """

    __slots__ = ()

    @property
    @abstractmethod
    def code_bits(self) -> int:
        """Width of a stored code in bits, sign included, 1..16."""

    @property
    def planes(self) -> int:
        """How many integers, each with a scale of its own, one code stands for."""
        return 1

    @property
    def frac_bits(self) -> int:
        """F: the value at scale 1 is ``N * 2**-F``."""
        return 0

    @property
    def shifts(self) -> bool:
        """Whether N is a signed sum of few powers of two, so that `Shift` may use it."""
        return False

    @property
    def has_zero_point(self) -> bool:
        """Whether a zero point other than 0 is meaningful: real = scale * (N - zero_point)."""
        return False

    @property
    def code_min(self) -> int:
        """Smallest code allowed."""
        return 0

    @property
    def code_max(self) -> int:
        """Largest code allowed."""
        return (1 << self.code_bits) - 1

    @property
    def code_dtype(self) -> np.dtype[Any]:
        """Narrowest NumPy dtype of 8 or 16 bits that stores a code."""
        name = "int" if self.code_min < 0 else "uint"
        return np.dtype(f"{name}{8 if self.code_bits <= 8 else 16}")

    @property
    def zero_code(self) -> int | None:
        """The code `encode` gives for 0 at zero point 0; None if no code stands for 0."""
        return 0

    @abstractmethod
    def integers(self) -> npt.NDArray[np.int64]:
        """The exact integer N of every bit pattern.

        Returns
        -------
        ndarray of int64, shape (2**code_bits,), or (planes, 2**code_bits) where planes > 1
            Indexed by pattern.
        """

    def patterns(self, codes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Bit patterns of codes.

        Parameters
        ----------
        codes : ndarray of integers
            Codes in ``code_min..code_max``, any shape.

        Returns
        -------
        ndarray of int64, the same shape, 0..2**code_bits - 1
        """
        return np.asarray(codes, dtype=np.int64) & ((1 << self.code_bits) - 1)

    def decode(self, codes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The exact integer N of codes.

        Parameters
        ----------
        codes : ndarray of integers
            Codes in ``code_min..code_max``, any shape.

        Returns
        -------
        ndarray of int64, the shape of `codes`, with a leading plane axis where planes > 1
        """
        return self.integers()[..., self.patterns(codes)]

    def levels(self) -> npt.NDArray[np.float64]:
        """The distinct values at scale 1 and zero point 0, ascending.

        Returns
        -------
        ndarray of float64, shape (levels,)
            Exact where N has at most 53 significant bits, else correctly rounded.

        Raises
        ------
        DatapathError
            If the format has more than one plane: a value then needs all the scales.
        """
        if self.planes > 1:
            raise DatapathError(f"levels of {self}: planes={self.planes}, allowed: 1")
        allowed = self.decode(np.arange(self.code_min, self.code_max + 1))
        return np.ldexp(np.unique(allowed.astype(np.float64)), -self.frac_bits)

    def check_scale(self, scale: npt.NDArray[np.float64]) -> None:
        """Raise unless every scale is one the format can use.

        Parameters
        ----------
        scale : ndarray of float64, any shape

        Raises
        ------
        QuantizationError
            For a scale that is not finite and positive.
        """
        bad = ~(np.isfinite(scale) & (scale > 0))
        if bad.any():
            raise QuantizationError(f"scale{first_place(bad, scale)}, allowed: finite and > 0")

    def check_zero_point(self, zero_point: npt.NDArray[np.int64]) -> None:
        """Raise unless every zero point is one the format can use.

        Parameters
        ----------
        zero_point : ndarray of int64, any shape

        Raises
        ------
        QuantizationError
            Outside ``code_min..code_max``, or not 0 in a format without zero point.
        """
        low, high = (self.code_min, self.code_max) if self.has_zero_point else (0, 0)
        bad = (zero_point < low) | (zero_point > high)
        if bad.any():
            raise QuantizationError(
                f"zero_point{first_place(bad, zero_point)}, allowed: {low}..{high} for {self}"
            )

    def encode(
        self,
        x: npt.ArrayLike,
        scale: npt.ArrayLike = 1.0,
        zero_point: npt.ArrayLike = 0,
        rounding: Rounding | str | None = None,
    ) -> npt.NDArray[Any]:
        """Codes of real numbers: each decision is made on the exact rational x / scale.

        ``c = clamp(round(x / scale) + zero_point, code_min, code_max)``, where round is the
        format's own rule; the zero point is added after rounding.

        Parameters
        ----------
        x : array_like of float or int
            Finite real numbers, any shape; see `real_array`.
        scale : array_like of float64
            Finite, > 0, broadcastable to `x`.
        zero_point : array_like of int
            In ``code_min..code_max`` (0 in a format without zero point), broadcastable to `x`.
        rounding : Rounding or str, optional
            One of the rules the format takes; default: the format's own.

        Returns
        -------
        ndarray of `code_dtype`, shape of `x`

        Raises
        ------
        QuantizationError
            For NaN or infinity in `x`, a scale or zero point outside its range.
        OperandError
            For an `x` that does not hold real numbers, or zero points that are not integers.
        ShapeError
            For a scale or zero point that does not broadcast to `x`.
        ModeError
            For a rounding the format does not take.
        """
        values = real_array("x", x)
        scales = scale_array(scale)
        self.check_scale(scales)
        zero_points = integer_array("zero_point", zero_point).astype(np.int64)
        self.check_zero_point(zero_points)
        _check_broadcast(values.shape, scale=scales.shape, zero_point=zero_points.shape)
        codes = self._round(values, scales, rounding) + zero_points
        return np.asarray(np.clip(codes, self.code_min, self.code_max), dtype=self.code_dtype)

    @abstractmethod
    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        """Codes at zero point 0, not yet clamped to the format's range."""


def real_array(name: str, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Take real numbers as float64, exactly, or say what cannot be taken.

    Parameters
    ----------
    name : str
        What messages call the array.
    x : array_like
        float16, float32, float64 (any byte order and strides) or integers of at most 2**53.

    Returns
    -------
    ndarray of float64, shape of `x`

    Raises
    ------
    OperandError
        For any other dtype.
    QuantizationError
        For NaN, an infinity, or an integer beyond 2**53: with the first index in C order.

    Examples
    --------
    >>> real_array("x", [1, 2]).dtype
    dtype('float64')
    """
    array = np.asarray(x)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise OperandError(
            f"{name}: dtype={array.dtype}, allowed: float16, float32, float64 and integers"
        )
    if array.dtype.kind == "f":
        bad, allowed = ~np.isfinite(array), "finite numbers"
    else:
        bad, allowed = (array > 2**53) | (array < -(2**53)), "integers in -2**53..2**53"
    if bad.any():
        raise QuantizationError(f"{name}{first_place(bad, array)}, allowed: {allowed}")
    return array.astype(np.float64)


def scale_array(scale: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Take scales as float64; what is not real numbers raises `OperandError`."""
    array = np.asarray(scale)
    if array.dtype.kind not in "iuf":
        raise OperandError(f"scale: dtype={array.dtype}, allowed: real numbers")
    return array.astype(np.float64)


def first_place(bad: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> str:
    """``[index]=value`` of the first bad element in C order; ``=value`` of a scalar."""
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{place}={values[index].item()}"


def _check_broadcast(shape: tuple[int, ...], **others: tuple[int, ...]) -> None:
    """Raise `ShapeError` unless each of the other shapes broadcasts to `shape`."""
    for name, other in others.items():
        pairs = zip(reversed(other), reversed(shape), strict=False)
        if len(other) > len(shape) or any(n not in (1, m) for n, m in pairs):
            raise ShapeError(f"{name}.shape={other}, allowed: broadcastable to {shape}")


def check_format(fmt: object) -> None:
    """Raise `OperandError` unless `fmt` is a format."""
    if not isinstance(fmt, Format):
        raise OperandError(f"fmt={fmt!r}, allowed: a pyqsim.formats.Format")


def refuse_rounding(fmt: Format, rounding: Rounding, allowed: str) -> ModeError:
    """The error for a rule that a format does not take."""
    return ModeError(f"rounding={rounding!r}, allowed for {fmt}: {allowed}")
