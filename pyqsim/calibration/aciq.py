"""Ranges that are optimal for a distribution: ACIQ's Gauss and Laplace."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import sqrt

import numpy as np

from pyqsim.calibration.fit import Reals
from pyqsim.calibration.fixed_sum import FixedSums
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.errors import ModeError
from pyqsim.formats import Affine, Binary

__all__ = ["GaussClip", "LaplaceClip", "MeanMagnitude", "gauss_clip", "laplace_clip"]

_DIGITS = 60
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


class _Moment(Method):
    """Means over the rows; every number is divided by a power of two above the largest."""

    passes = 2
    symmetric_only = True

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        self._sums = FixedSums(count)

    def _exponents(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.asarray(np.frexp(np.maximum(self.low, self.high))[1])

    @staticmethod
    def _power(size: Reals) -> Reals:
        """What is added: the magnitudes."""
        return size

    def _later(self, rows: Reals) -> None:
        self._sums.add(self._power(np.ldexp(np.abs(rows), -self._exponents()[:, None])))

    def _means(self) -> list[float]:
        numbers = max(self.elements, 1)
        return [float(Fraction(total, numbers << 60)) for total in self._sums.totals()]

    def _clipped(self, factor: float, sizes: list[float]) -> tuple[Reals, Reals]:
        """`factor` times the sizes, scaled back; at most the largest magnitude."""
        with np.errstate(over="ignore"):
            wanted = factor * np.ldexp(np.array(sizes).reshape(self.count), self._exponents())
        return np.zeros(self.count), np.minimum(wanted, self.alpha)


class MeanMagnitude(_Moment):
    """The mean magnitude: XNOR-Net's scale (Rastegari et al. 2016), least squares for +-scale."""

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        if rule.fmt != Binary("pm1"):
            raise ModeError(f"method='mean_abs', allowed: Binary('pm1'), not {rule.fmt}")

    def _span(self) -> tuple[Reals, Reals]:
        return self._clipped(1.0, self._means())


class _Clip(_Moment):
    """Of signed `Affine` formats."""

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        if not (isinstance(rule.fmt, Affine) and rule.fmt.signed):
            raise ModeError(f"method='aciq_*', allowed: signed Affine formats, not {rule.fmt}")
        self._bits = rule.fmt.bits


class LaplaceClip(_Clip):
    """`laplace_clip` times the mean magnitude."""

    def _span(self) -> tuple[Reals, Reals]:
        return self._clipped(laplace_clip(self._bits), self._means())


class GaussClip(_Clip):
    """`gauss_clip` times the root mean square."""

    @staticmethod
    def _power(size: Reals) -> Reals:
        return size * size

    def _span(self) -> tuple[Reals, Reals]:
        return self._clipped(gauss_clip(self._bits), [sqrt(mean) for mean in self._means()])


@cache
def laplace_clip(bits: int) -> float:
    """The best clip of a Laplace distribution of scale 1 (Banner et al., ACIQ, 2018).

    Minimises ``2 * exp(-t) + t**2 / (3 * 4**bits)``: the root of ``t * exp(t) = 3 * 4**bits``,
    correctly rounded. (The paper's program has a table that is cut after two digits: 2.83, 3.89,
    5.03 for 2, 3, 4 bits.)

    Parameters
    ----------
    bits : int
        1..16.

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

    def slope(t: Decimal) -> Decimal:
        density = (-t * t / 2).exp() / (2 * _PI).sqrt()
        return t / (3 << (2 * bits)) - 2 * (density - t * _upper_tail(t, density))

    return _root(slope)


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
