"""Ranges that are optimal for a distribution: ACIQ's Gauss and Laplace."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import sqrt

import numpy as np

from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.fixed_sum import FixedSums
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.errors import ModeError
from pyqsim.formats import Affine, Binary

__all__ = [
    "GaussClip",
    "LaplaceClip",
    "MeanMagnitude",
    "gauss_clip",
    "gauss_reach",
    "laplace_clip",
    "laplace_reach",
]

_DIGITS = 60
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


class MeanMagnitude(Method):
    """The mean magnitude: XNOR-Net's scale (Rastegari et al. 2016), least squares for +-scale."""

    passes = 2
    symmetric_only = True

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        if rule.fmt != Binary("pm1"):
            raise ModeError(f"method='mean_abs', allowed: Binary('pm1'), not {rule.fmt}")
        self._sums = FixedSums(count)

    def _later(self, rows: Reals) -> None:
        self._sums.add(np.ldexp(np.abs(rows), -np.frexp(self.largest)[1][:, None]))

    def _span(self) -> tuple[Reals, Reals]:
        numbers = max(self.elements, 1) << 60
        means = np.array([float(Fraction(total, numbers)) for total in self._sums.totals()])
        wanted = np.ldexp(means.reshape(self.count), np.frexp(self.largest)[1])
        return np.zeros(self.count), np.minimum(wanted, self.alpha)


class _Clip(Method):
    """Ends ``factor`` times a size apart: of `Affine` formats.

    Symmetric, signed: the size is that of all numbers about 0. Symmetric, unsigned: that of the
    numbers > 0, as codes have zeros exactly, and one bit more, as no code is spent on the other
    side. Not symmetric: that about the mean, the range being ``mean -+ factor * size``; where 0
    would lie outside it, the range ends at 0 and the other end is the best one for that.
    """

    symmetric_first = True

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        if not isinstance(rule.fmt, Affine):
            raise ModeError(f"method='aciq_*', allowed: Affine formats, not {rule.fmt}")
        self._bits = rule.fmt.bits
        self.passes = 2 if rule.symmetric else 3
        self._sums, self._less = FixedSums(count), FixedSums(count)
        self._above_zero = np.zeros(count, dtype=np.int64)
        self._means = np.zeros(count)

    @staticmethod
    def _power(size: Reals) -> Reals:
        """What is added of magnitudes."""
        return size

    @staticmethod
    def _size(mean: float) -> float:
        """The size of the mean of what is added."""
        return mean

    @staticmethod
    def _factor(bits: int) -> float:
        """Half the range over the size, the distribution's middle inside."""
        raise NotImplementedError

    @staticmethod
    def _reach(bits: int, apart: float) -> float:
        """The far end of a range that begins at 0, the middle at `apart` sizes, from there."""
        raise NotImplementedError

    @property
    def _exponents(self) -> Integers:
        """Of what numbers are divided by: all of them, and their distances, are below 1."""
        room = 0 if self.rule.symmetric else 1
        return np.asarray(np.frexp(self.largest)[1].astype(np.int64) + room)

    def _later(self, rows: Reals) -> None:
        if self.rule.symmetric:
            sizes = self.rule.magnitudes(rows)
            self._above_zero += (sizes > 0).sum(axis=1)
            self._sums.add(self._power(np.ldexp(sizes, -self._exponents[:, None])))
            return
        small = np.ldexp(rows, -self._exponents[:, None])
        if self.turn == 1:
            self._sums.add(np.maximum(small, 0.0))
            self._less.add(np.maximum(-small, 0.0))
        else:
            self._sums.add(self._power(np.abs(small - self._means[:, None])))

    def _end(self) -> None:
        if self.turn == 1 and not self.rule.symmetric:
            pairs = zip(self._sums.totals(), self._less.totals(), strict=True)
            numbers = max(self.elements, 1) << 60
            self._means = np.array([float(Fraction(more - less, numbers)) for more, less in pairs])
            self._sums = FixedSums(self.count)

    def _sizes(self) -> list[float]:
        one_sided = self.rule.symmetric and not self.rule.signed
        counts = self._above_zero if one_sided else np.full(self.count, self.elements)
        pairs = zip(self._sums.totals(), counts.tolist(), strict=True)
        return [self._size(float(Fraction(total, max(n, 1) << 60))) for total, n in pairs]

    def _span(self) -> tuple[Reals, Reals]:
        sizes = self._sizes()
        if self.rule.symmetric:
            factor = self._factor(self._bits + (not self.rule.signed))
            with np.errstate(over="ignore"):
                wanted = factor * np.ldexp(np.array(sizes).reshape(self.count), self._exponents)
            return np.zeros(self.count), np.minimum(wanted, self.alpha)
        ends = [self._around(m, size) for m, size in zip(self._means.tolist(), sizes, strict=True)]
        with np.errstate(over="ignore"):
            low, high = np.ldexp(np.array(ends).reshape(self.count, 2).T, self._exponents)
        return np.clip(-low, 0.0, self.low), np.clip(high, 0.0, self.high)

    def _around(self, mean: float, size: float) -> tuple[float, float]:
        """The best range that holds 0, for numbers of this size about their mean."""
        half = self._factor(self._bits) * size
        if abs(mean) <= half or size == 0:
            return mean - half, mean + half
        far = abs(mean) + self._reach(self._bits, abs(mean) / size) * size
        return (0.0, far) if mean > 0 else (-far, 0.0)


class LaplaceClip(_Clip):
    """`laplace_clip` times the mean magnitude."""

    @staticmethod
    def _factor(bits: int) -> float:
        return laplace_clip(bits)

    @staticmethod
    def _reach(bits: int, apart: float) -> float:
        return laplace_reach(bits, apart)


class GaussClip(_Clip):
    """`gauss_clip` times the root mean square."""

    @staticmethod
    def _power(size: Reals) -> Reals:
        return size * size

    @staticmethod
    def _size(mean: float) -> float:
        return sqrt(mean)

    @staticmethod
    def _factor(bits: int) -> float:
        return gauss_clip(bits)

    @staticmethod
    def _reach(bits: int, apart: float) -> float:
        return gauss_reach(bits, apart)


@cache
def laplace_clip(bits: int) -> float:
    """The best clip of a Laplace distribution of scale 1 (Banner et al., ACIQ, 2018).

    Minimises ``2 * exp(-t) + t**2 / (3 * 4**bits)``: the root of ``t * exp(t) = 3 * 4**bits``,
    correctly rounded. (The paper's program has a table that is cut after two digits: 2.83, 3.89,
    5.03 for 2, 3, 4 bits.)

    Of numbers >= 0 with a range [0, t] the error is ``exp(-t) + t**2 / (24 * 4**bits)`` (half of
    the distribution, a step of ``t / 2**bits``): the same root with one bit more, as is the
    program's table of positive numbers.

    Parameters
    ----------
    bits : int
        1..17.

    Examples
    --------
    >>> [round(laplace_clip(bits), 2) for bits in (2, 3, 4)]
    [2.83, 3.9, 5.03]
    """
    return _root(lambda t: t * t.exp() - (3 << (2 * bits)))


@cache
def gauss_clip(bits: int) -> float:
    """The best clip of a Gauss distribution of standard deviation 1 (Banner et al., ACIQ, 2018).

    Minimises ``2 * integral over x > t of (x - t)**2 * phi(x) + t**2 / (3 * 4**bits)``: the root
    of ``t / (3 * 4**bits) = 2 * (phi(t) - t * Q(t))``, correctly rounded; phi is the density, Q
    the upper tail. (The paper's program has 1.71, 2.15, 2.55 for 2, 3, 4 bits.)

    Parameters
    ----------
    bits : int
        1..16.

    Examples
    --------
    >>> [round(gauss_clip(bits), 2) for bits in (2, 3, 4)]
    [1.71, 2.15, 2.56]
    """
    return _root(lambda t: t / (3 << (2 * bits)) - 2 * _excess(t))


def laplace_reach(bits: int, apart: float) -> float:
    """Where a range that begins at 0 ends best, from the middle of a Laplace distribution.

    In units of its scale, its middle at `apart` beyond `laplace_clip`: minimises
    ``exp(-h) + (h + apart)**2 / (12 * 4**bits)``, the numbers below 0 being too few to count: the
    root of ``h + apart = 6 * 4**bits * exp(-h)``, at least 0. (Ours: the paper's ranges lie
    about the mean, and their codes need not have a zero.)

    Parameters
    ----------
    bits : int
        1..16.
    apart : float
        > 0.

    Examples
    --------
    >>> round(laplace_reach(4, 20.0), 3)
    4.153
    """
    distance = Decimal(apart)
    return _root(lambda h: h + distance - (6 << (2 * bits)) * (-h).exp())


def gauss_reach(bits: int, apart: float) -> float:
    """Where a range that begins at 0 ends best, from the middle of a Gauss distribution.

    As `laplace_reach`, in units of the standard deviation: the root of
    ``(h + apart) / (12 * 4**bits) = phi(h) - h * Q(h)``, at least 0.

    Parameters
    ----------
    bits, apart
        As of `laplace_reach`.

    Examples
    --------
    >>> round(gauss_reach(4, 20.0), 3)
    2.062
    """
    distance = Decimal(apart)
    return _root(lambda h: (h + distance) / (12 << (2 * bits)) - _excess(h))


def _excess(t: Decimal) -> Decimal:
    """``phi(t) - t * Q(t)``, the integral of Q beyond t."""
    density = (-t * t / 2).exp() / (2 * _PI).sqrt()
    return density - t * _upper_tail(t, density)


def _upper_tail(t: Decimal, density: Decimal) -> Decimal:
    """``1/2 - phi(t) * (t + t**3/3 + t**5/(3*5) + ...)``."""
    term, total, odd = t, t, 1
    while term > Decimal(10) ** -_DIGITS:
        odd += 2
        term = term * t * t / odd
        total += term
    return Decimal("0.5") - density * total


def _root(rising: Callable[[Decimal], Decimal]) -> float:
    """The root in (0, 32) of a function that is negative before it and positive after."""
    with localcontext() as context:
        context.prec = _DIGITS
        low, high = Decimal(0), Decimal(32)
        for _ in range(100):
            middle = (low + high) / 2
            if rising(middle) < 0:
                low = middle
            else:
                high = middle
        return float(high)
