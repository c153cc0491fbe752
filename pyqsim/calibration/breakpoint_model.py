"""Where breakpoints of piecewise linear codes lie for a distribution: expected error, one shot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import erfc, exp, log, pi, sqrt

import numpy as np

from pyqsim.calibration.fit import Reals
from pyqsim.errors import ModeError

__all__ = [
    "DISTRIBUTIONS",
    "expected_error",
    "expected_error_slope",
    "one_shot_breakpoint",
    "optimal_breakpoint",
    "optimal_breakpoints",
]

#: What numbers may be taken for.
DISTRIBUTIONS = ("gaussian", "laplace")

_GRID = 64


def _density_and_tail(p: float, distribution: str) -> tuple[float, float]:
    """f(p) and 2 * (1 - F(p)) of deviation 1, for p >= 0."""
    if distribution == "gaussian":
        return exp(-p * p / 2) / sqrt(2 * pi), erfc(p / sqrt(2))
    if distribution == "laplace":
        tail = exp(-p * sqrt(2))  # its scale is sqrt(1/2)
        return tail / sqrt(2), tail
    raise ModeError(
        f"distribution={distribution!r}, allowed: {', '.join(map(repr, DISTRIBUTIONS))}"
    )


def expected_error(
    m: float,
    p: float | Sequence[float],
    bits: int,
    distribution: str = "gaussian",
    variant: str = "paper",
) -> float:
    """Expected square error of numbers of deviation 1 in [-m, m], to first order.

    Every step is taken as uniform, so that a region errs by its step squared over twelve, times
    its probability; the last region has all that is beyond its breakpoint. With one breakpoint

        ``C(b-1) * ((m-p)**2 + m*(2p-m)*(2F(p)-1))``, ``C(b) = 1 / (12 * (2**b-1)**2)``

    At ``p = m / 2`` it is C(b-1) * m**2 / 4. Overlapping, ranges [-p, p] and [-m, m] of b bits:
    ``4*C(b) * (p**2 * (2F(p)-1) + m**2 * 2*(1-F(p)))``.

    Parameters
    ----------
    m : float
        Range in units of the deviation.
    p : float or sequence of float
        Breakpoint, or breakpoints in ascending order, 0 <= p <= m; several in "paper" only.
    bits : int
        b, at least 2.
    distribution : {"gaussian", "laplace"}
    variant : {"paper", "repo", "overlapping"}
        "repo" counts as "paper".

    Returns
    -------
    float

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(expected_error(10, 2.209, 4) / expected_error(10, 5, 4), 3)
    0.256
    >>> round(expected_error(10, [1.1, 2.783], 4) / expected_error(10, 2.209, 4), 3)
    0.299
    """
    places = list(p) if isinstance(p, Sequence) else [p]
    tails = [1.0, *(_density_and_tail(place, distribution)[1] for place in places), 0.0]
    masses = [near - far for near, far in pairwise(tails)]
    if variant == "overlapping":
        steps = (1 << bits) - 1
        return (places[0] ** 2 * masses[0] + m * m * masses[1]) / (3 * steps**2)
    steps = (1 << (bits - 1)) - 1
    widths = [high - low for low, high in pairwise([0.0, *places, m])]
    errors = [width * width * mass for width, mass in zip(widths, masses, strict=True)]
    return sum(errors) / (12 * steps**2)


def expected_error_slope(
    m: float, p: float, distribution: str = "gaussian", variant: str = "paper"
) -> float:
    """A positive multiple of the derivative of `expected_error` by p, as the program has it.

    ``p - 2m + 2m*F(p) + m*(2p-m)*f(p)``; overlapping ``2f(p)*(p**2-m**2) + 2p*(2F(p)-1)``.

    Parameters
    ----------
    m, p, distribution, variant
        As of `expected_error`.

    Returns
    -------
    float
        Negative at p = 0, positive at p = m.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> expected_error_slope(10, 2.208) < 0 < expected_error_slope(10, 2.210)
    True
    """
    density, tail = _density_and_tail(p, distribution)
    if variant == "overlapping":
        return 2 * density * (p * p - m * m) + 2 * p * (1 - tail)
    return p - m * tail + m * density * (2 * p - m)


def optimal_breakpoint(
    m: float, distribution: str = "gaussian", variant: str = "paper", tolerance: float = 0.0
) -> float:
    """Find the breakpoint of least expected error by bisection on [0, m].

    Parameters
    ----------
    m : float
        Range in units of the deviation, finite, > 0.
    distribution, variant
        As of `expected_error`.
    tolerance : float
        Ends where the magnitude of the slope is at most this (the program: 1e-3, at most 100
        halvings); 0: where no double lies between the two ends.

    Returns
    -------
    float
        p, in units of the deviation.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(optimal_breakpoint(10.0), 4), round(optimal_breakpoint(10.0, tolerance=1e-3), 4)
    (2.2096, 2.2095)
    """
    left, right = 0.0, m
    halvings = 100 if tolerance else 1200
    for _ in range(halvings):
        middle = (right - left) / 2 + left
        slope = expected_error_slope(m, middle, distribution, variant)
        if abs(slope) <= tolerance or middle in (left, right):
            break
        left, right = (middle, right) if slope < 0 else (left, middle)
    return middle


def one_shot_breakpoint(m: float, distribution: str = "gaussian") -> float:
    """Evaluate the published closed form, fitted to the optimum for m in 3..10.

    ``ln(0.86143114*m + 0.607901097496529)`` or ``0.80304483*sqrt(m) - 0.3166785508381478``. The
    paper prints ``p / m`` on the left; its program shows that the value is p.

    Parameters
    ----------
    m : float
        Range in units of the deviation. Below 0.455 (Laplace: 0.155) the result is negative; the
        range of numbers is never that small.
    distribution : {"gaussian", "laplace"}

    Returns
    -------
    float
        p, in units of the deviation.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(one_shot_breakpoint(10.0), 2)
    2.22
    """
    _density_and_tail(0.0, distribution)
    if distribution == "gaussian":
        return log(0.86143114 * m + 0.607901097496529)
    return 0.80304483 * sqrt(m) - 0.3166785508381478


def optimal_breakpoints(m: float, count: int, distribution: str = "gaussian") -> list[float]:
    """Find several breakpoints of least expected error.

    First the best of all choices on a grid of m / 64, by dynamic programming: the error is a sum
    over regions. From there Newton's steps on the gradient, whose matrix of second derivatives
    has three diagonals, each halved until the error falls, until it falls no more.

    Parameters
    ----------
    m : float
        Range in units of the deviation, finite, > 0.
    count : int
        How many breakpoints, 2..32.
    distribution : {"gaussian", "laplace"}

    Returns
    -------
    list of float
        Ascending, in units of the deviation.

    Raises
    ------
    ModeError
        For another distribution or count.

    Notes
    -----
    Not published: the paper says that more breakpoints are possible, its program has one. It is
    the best choice on the grid, and near it a minimum (to rounding errors, its second derivatives
    positive definite); that no other choice between grid points is better is not proven.

    Examples
    --------
    >>> [round(p, 3) for p in optimal_breakpoints(10.0, 2)]
    [1.1, 2.783]
    """
    if not 2 <= count <= _GRID // 2:
        raise ModeError(f"breakpoints={count}, allowed: 2..{_GRID // 2} for a fit")
    places = _best_on_grid(m, count, distribution)
    least = expected_error(m, places, 2, distribution)
    while True:
        gradient, matrix = _derivatives(m, places, distribution)
        step, share = np.linalg.solve(matrix, gradient), 1.0
        while share > 2.0**-20:
            tried = [p - share * d for p, d in zip(places, step.tolist(), strict=True)]
            inside = all(low < high for low, high in pairwise([0.0, *tried, m]))
            error = expected_error(m, tried, 2, distribution) if inside else least
            if error < least:
                break
            share /= 2
        else:
            return places
        places, least = tried, error


def _best_on_grid(m: float, count: int, distribution: str) -> list[float]:
    """Breakpoints among the multiples of m / 64."""
    edges = [m * j / _GRID for j in range(_GRID + 1)]
    tails = np.array([_density_and_tail(edge, distribution)[1] for edge in edges[:-1]] + [0.0])
    width = np.subtract.outer(edges, edges).T
    cost = np.where(width > 0, width * width * np.subtract.outer(tails, tails), np.inf)
    least, before = cost[0], []
    for _ in range(count):
        sums = least[:, np.newaxis] + cost
        before.append(np.argmin(sums, axis=0))
        least = np.min(sums, axis=0)
    places, edge = [], _GRID
    for choice in reversed(before):
        edge = int(choice[edge])
        places.append(edges[edge])
    return places[::-1]


def _derivatives(m: float, places: list[float], distribution: str) -> tuple[Reals, Reals]:
    """Gradient and second derivatives of the sum of ``width**2 * probability``."""
    found = [_density_and_tail(p, distribution) for p in places]
    density = np.array([f for f, _ in found])
    falling = -density * (np.array(places) if distribution == "gaussian" else sqrt(2))
    mass = -np.diff([1.0, *(tail for _, tail in found), 0.0])
    width = np.diff([0.0, *places, m])
    left, right = width[:-1], width[1:]
    gradient = 2 * (left * mass[:-1] - right * mass[1:]) + 2 * density * (left**2 - right**2)
    diagonal = 2 * (mass[:-1] + mass[1:]) + 8 * density * (left + right)
    diagonal = diagonal + 2 * falling * (left**2 - right**2)
    beside = -2 * mass[1:-1] - 4 * right[:-1] * (density[:-1] + density[1:])
    return gradient, np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
