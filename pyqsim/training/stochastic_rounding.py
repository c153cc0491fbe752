"""Seeded stochastic rounding of real arrays: to an affine grid, or to powers of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int, integer_array
from pyqsim.errors import CodeError, DatapathError, OperandError
from pyqsim.formats import Affine
from pyqsim.formats.base import real_array
from pyqsim.formats.quotient import floor_quotient
from pyqsim.training.gradients import (
    Gradients,
    Reals,
    check_broadcast,
    parameter_array,
    upstream_array,
)
from pyqsim.training.philox import draw_bits

__all__ = ["StochasticAffine", "StochasticPowerOfTwo"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class StochasticAffine:
    """Round to an affine grid, up with probability equal to the fraction cut off.

    With R an integer drawn from ``0..2**B - 1`` for every element (B = `random_bits`)::

        q = x / S                              exact
        c = clamp(floor(q) + [R / 2**B < q - floor(q)] + Z, code_min, code_max)

    also for negative q. Up has the probability ``ceil(fraction * 2**B) / 2**B``: exact where
    ``fraction * 2**B`` is an integer, else above the fraction by less than ``2**-B``; a number on
    the grid stays. R is a function of seed, stream and flat (C order) index alone: see
    `pyqsim.training.philox.draw_bits`. An array cut into pieces gives the same bits if every
    piece is told the index of its first element (`start`).

    The gradient is 1 where ``code_min <= x / S + Z <= code_max``, else 0: the derivative of the
    expected output (up to the ``2**-B`` above).

    Parameters
    ----------
    fmt : Affine
    scale : array_like of float
        S, finite, > 0, broadcastable to the input.
    seed : int
        0..2**64-1. The generator is that of `pyqsim.modes.STOCHASTIC`, in counters of its own.
    zero_point : array_like of int
        Z, in ``code_min..code_max``, broadcastable to the input.
    random_bits : int
        B, 1..32.

    Raises
    ------
    OperandError
        For a format that is not affine.
    QuantizationError, DatapathError
        For parameters outside their ranges.

    Examples
    --------
    >>> f = StochasticAffine(Affine(8), scale=1.0, seed=3)
    >>> x = np.full(1000, 0.25)
    >>> sorted(set(f.encode(x).tolist())), float(f.forward(x).mean()).__round__(1)
    ([0, 1], 0.2)
    >>> bool((f.encode(x)[600:] == f.encode(x[600:], start=600)).all())
    True
    """

    fmt: Affine
    scale: npt.ArrayLike
    seed: int
    zero_point: npt.ArrayLike = 0
    random_bits: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.fmt, Affine):
            raise OperandError(f"fmt={self.fmt!r}, allowed: an Affine")
        scale = parameter_array("scale", self.scale)
        zero_point = integer_array("zero_point", self.zero_point).astype(np.int64)
        zero_point.setflags(write=False)
        self.fmt.check_scale(scale)
        self.fmt.check_zero_point(zero_point)
        seed = check_int("StochasticAffine", "seed", self.seed, 0, 2**64 - 1)
        bits = check_int("StochasticAffine", "random_bits", self.random_bits, 1, 32)
        checked = {"scale": scale, "zero_point": zero_point, "seed": seed, "random_bits": bits}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def encode(self, x: npt.ArrayLike, *, start: int = 0, stream: int = 0) -> npt.NDArray[np.int_]:
        """Codes of real numbers.

        Parameters
        ----------
        x : array_like of float, any shape
        start : int
            Flat index of the first element.
        stream : int
            0..2**32-1; another number gives other draws.

        Returns
        -------
        ndarray of ``fmt.code_dtype``, shape of `x`
        """
        values = real_array("x", x)
        draws = draw_bits(self.seed, values.size, self.random_bits, start=start, stream=stream)
        return self.encode_with(values, draws.reshape(values.shape))

    def encode_with(self, x: npt.ArrayLike, draws: npt.ArrayLike) -> npt.NDArray[np.int_]:
        """Codes of real numbers, the random numbers given.

        Parameters
        ----------
        x : array_like of float, any shape
        draws : array_like of int
            R, in ``0..2**random_bits - 1``, broadcastable to `x`.

        Returns
        -------
        ndarray of ``fmt.code_dtype``, shape of `x`
        """
        values = real_array("x", x)
        chances, whole = self._chances(values)
        up = _checked_draws(draws, values.shape, self.random_bits) < chances
        codes = whole + up + np.asarray(self.zero_point)
        clamped = np.clip(codes, self.fmt.code_min, self.fmt.code_max)
        return np.asarray(clamped, dtype=self.fmt.code_dtype)

    def forward(self, x: npt.ArrayLike, *, start: int = 0, stream: int = 0) -> Reals:
        """The real numbers that `encode`'s codes stand for: ``S * (c - Z)``.

        Parameters
        ----------
        x, start, stream
            As in `encode`.

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        integers = self.fmt.decode(self.encode(x, start=start, stream=stream))
        levels = (integers - np.asarray(self.zero_point)).astype(np.float64)
        return np.asarray(levels * np.asarray(self.scale))

    def backward(self, x: npt.ArrayLike, upstream: npt.ArrayLike) -> Gradients:
        """The gradient with respect to the input; no random number is in it.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        Gradients
        """
        values = real_array("x", x)
        chances, whole = self._chances(values)
        floor = whole + np.asarray(self.zero_point)
        inside = (floor >= self.fmt.code_min) & (floor + (chances > 0) <= self.fmt.code_max)
        return Gradients(dx=upstream_array(upstream, values.shape) * inside)

    def _chances(self, x: Reals) -> tuple[Integers, Integers]:
        """How many of the ``2**B`` draws go up, and floor(q); beyond 2**31, far outside a code."""
        scale = np.asarray(self.scale)
        check_broadcast(x.shape, scale=scale, zero_point=np.asarray(self.zero_point))
        quotient, inexact = floor_quotient(x, scale, self.random_bits)
        fraction = quotient & ((1 << self.random_bits) - 1)
        return fraction + inexact, quotient >> self.random_bits


@dataclass(frozen=True, slots=True)
class StochasticPowerOfTwo:
    """Round to a signed power of two, one of the two around, at random.

    With ``|x| = 2**e * m``, m in [1, 2), and R drawn from ``0..2**B - 1`` for every element::

        y = sign(x) * 2**clip(e + [R / 2**B < p], low, high)

    ==========  ==============  ==============================  ======================
    variant     p               E[y] / x                        y of 0
    ==========  ==============  ==============================  ======================
    "qkeras"    ``m - 1``       1: unbiased                     ``+2**low``
    "deepshift" ``log2(m)``     ``(1 + log2(m)) / m`` >= 1,     0
                                at most 1.0615 (m = e / 2):
                                biased away from 0
    ==========  ==============  ==============================  ======================

    "qkeras" is google/qkeras ``stochastic_round_po2``, which draws u from ``2**e..2**(e+1)`` and
    goes up where ``|x| >= u`` (a power of two itself stays here, where theirs goes up if u is
    exactly ``2**e``); "deepshift" is mostafaelhoushi/DeepShift ``round(log2|x|, "stochastic")``.
    The logarithm is NumPy's: its last bit may differ between machines.

    Outside ``2**low..2**high`` the output is clipped, and no longer unbiased. The gradient is 1
    everywhere (straight through, as in both programs): no derivative, y being a step function.

    Parameters
    ----------
    low, high : int
        Exponents, -1022..1023, low <= high.
    variant : {"qkeras", "deepshift"}
    seed : int
        0..2**64-1.
    random_bits : int
        B, 1..32.

    Raises
    ------
    DatapathError
        For parameters outside their ranges.

    Examples
    --------
    >>> f = StochasticPowerOfTwo(-6, 0, "qkeras", seed=1)
    >>> f.forward([0.25, -3.0, 0.0])
    array([ 0.25    , -1.      ,  0.015625])
    >>> sorted(set(f.forward(np.full(100, 0.3)).tolist()))
    [0.25, 0.5]
    """

    low: int
    high: int
    variant: str
    seed: int
    random_bits: int = 32

    def __post_init__(self) -> None:
        check_choice("StochasticPowerOfTwo", "variant", self.variant, ("qkeras", "deepshift"))
        limits = (("low", -1022, 1023), ("high", -1022, 1023), ("seed", 0, 2**64 - 1))
        for name, low, high in (*limits, ("random_bits", 1, 32)):
            value = check_int("StochasticPowerOfTwo", name, getattr(self, name), low, high)
            object.__setattr__(self, name, value)
        if self.low > self.high:
            raise DatapathError(
                f"StochasticPowerOfTwo: low={self.low}, allowed: at most high={self.high}"
            )

    def forward(self, x: npt.ArrayLike, *, start: int = 0, stream: int = 0) -> Reals:
        """Signed powers of two.

        Parameters
        ----------
        x : array_like of float, any shape
        start : int
            Flat index of the first element.
        stream : int
            0..2**32-1; another number gives other draws.

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        values = real_array("x", x)
        draws = draw_bits(self.seed, values.size, self.random_bits, start=start, stream=stream)
        return self.forward_with(values, draws.reshape(values.shape))

    def forward_with(self, x: npt.ArrayLike, draws: npt.ArrayLike) -> Reals:
        """Signed powers of two, the random numbers given.

        Parameters
        ----------
        x : array_like of float, any shape
        draws : array_like of int
            R, in ``0..2**random_bits - 1``, broadcastable to `x`.

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        values = real_array("x", x)
        half, exponent = np.frexp(np.abs(values))  # half in [1/2, 1), or 0
        zero = values == 0
        mantissa = np.where(zero, 1.0, 2.0 * half)
        chance = mantissa - 1.0 if self.variant == "qkeras" else np.log2(mantissa)
        up = _checked_draws(draws, values.shape, self.random_bits) < np.ldexp(
            chance, self.random_bits
        )
        exponent = np.clip(np.where(zero, self.low, exponent - 1 + up), self.low, self.high)
        size = np.where(zero & (self.variant == "deepshift"), 0.0, np.ldexp(1.0, exponent))
        return np.asarray(np.where(values < 0, -size, size))

    def backward(self, x: npt.ArrayLike, upstream: npt.ArrayLike) -> Gradients:
        """The gradient with respect to the input: `upstream`, everywhere.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        Gradients
        """
        return Gradients(dx=upstream_array(upstream, real_array("x", x).shape).copy())


def _checked_draws(draws: npt.ArrayLike, shape: tuple[int, ...], bits: int) -> Integers:
    array = integer_array("draws", draws).astype(np.int64)
    if array.size and (array.min() < 0 or array.max() >= 1 << bits):
        raise CodeError(f"draws: {array.min()}..{array.max()}, allowed: 0..2**{bits}-1")
    check_broadcast(shape, draws=array)
    return array
