"""The basis of bit planes from data: alternating nearest levels and least squares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from math import fsum, sqrt

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.exact_sum import ExactSums
from pyqsim.calibration.fit import Fit, Integers, Reals
from pyqsim.calibration.options import check_iterations
from pyqsim.calibration.rows import real_rows, squares
from pyqsim.errors import ModeError, ShapeError
from pyqsim.formats.base import scale_array
from pyqsim.formats.bit_planes import BitPlanes

__all__ = ["METHODS", "BitPlanesFit", "fit_bit_planes", "start_basis"]

#: Methods of the fit, the default first.
METHODS = ("converged", "moving_average")
_NORMAL_QUARTILE = 0.6745
_RIDGE = 1e-4
_SMALLEST_PART = 2.0**-20


def fit_bit_planes(
    x: npt.ArrayLike,
    fmt: BitPlanes,
    *,
    method: str = "converged",
    iterations: int = 100,
    debias: bool = False,
    start: npt.ArrayLike | None = None,
) -> Reals:
    """Find the basis of every row by quantization error minimization (QEM).

    A step encodes the row with its basis v (B, a row of planes an element) and solves for the
    basis of least square error, ``v_new = (B'B)**-1 B'x``.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
        Finite real numbers.
    fmt : BitPlanes
    method : {"converged", "moving_average"}
        ``"converged"``: ``v = v_new`` until the error no longer falls; the best basis is
        returned. ``"moving_average"``: the published training, one step a batch, here on the same
        numbers every time: ``v = 0.9*v + 0.1*v_new``, `iterations` times.
    iterations : int
        At most so many steps, >= 0.
    debias : bool
        Of the moving average: whether it forgets its start, ``v`` then being the weighted mean of
        the v_new alone, as TensorFlow's `assign_moving_average` does unless told otherwise (the
        published program does not tell it).
    start : array_like of float, optional
        First basis, shape (planes, parameters), > 0. Default: `start_basis`.

    Returns
    -------
    ndarray of float64, shape (planes, parameters)
        All > 0.

    Raises
    ------
    ModeError
        For a method that does not exist, iterations below 0.
    ShapeError
        For an `x` without two axes, a start of another shape.
    QuantizationError
        For NaN or infinity in `x`, a start or a result that is not finite and > 0 in double.

    Notes
    -----
    For "pm1" the published ridge is used: 1e-4 on the diagonal of B'B and 1e-4 * v in B'x; for
    "01" it is used only where B'B is singular (the program has none and fails there). The system
    is solved by elimination in plain doubles, B'B is exact and B'x correctly rounded, and
    encoding is exact: the same basis on every machine.

    A scale must be > 0. A negative entry for "pm1" becomes its magnitude, which is the same set of
    levels. For "01" an entry that is not above 2**-20 of its start becomes that; so does one that
    vanishes for "pm1".

    References
    ----------
    Zhang et al., "LQ-Nets", ECCV 2018; program microsoft/LQ-Nets, learned_quantization.py.

    Examples
    --------
    >>> basis = fit_bit_planes([[-6.0, -2.0, 2.0, 6.0]], BitPlanes(2))
    >>> [round(v, 6) for v in basis[:, 0].tolist()]
    [2.0, 4.0]
    """
    rows = real_rows(x)
    fit = BitPlanesFit(
        fmt, len(rows), method=method, iterations=iterations, debias=debias, start=start
    )
    return fit.fit(rows)[0]


def start_basis(x: npt.ArrayLike, fmt: BitPlanes) -> Reals:
    """Binary weighted basis in which half of normal numbers are within 0.6745 deviations.

    "pm1": ``0.6745 * sigma / 2**(bits-1) * 2**j``, sigma the root of the mean square (the program
    takes that of its random first weights, ``sqrt(2 / (k*k*c_out))``). "01":
    ``0.6745 * 2 * sigma / (2**bits-1) * 2**j``, sigma the root of twice the mean square (the
    program: 1), which is that of the numbers before their negative half became 0.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
    fmt : BitPlanes

    Returns
    -------
    ndarray of float64, shape (planes, parameters)
        sigma is 1 of rows without a number other than 0.

    Raises
    ------
    QuantizationError
        For NaN or infinity in `x`.
    ShapeError
        For an `x` without two axes.

    Examples
    --------
    >>> start_basis([[1.0, -1.0]], BitPlanes(2))
    array([[0.33725],
           [0.6745 ]])
    """
    sigma = np.array([_root_mean_square(row) for row in real_rows(x)])
    return _start(sigma, fmt)


def _start(sigma: Reals, fmt: BitPlanes) -> Reals:
    """The basis from the roots of the mean squares."""
    powers = 2.0 ** np.arange(fmt.bits)[:, np.newaxis]
    if fmt.values == "01":
        sigma = sqrt(2) * sigma
    sigma = np.where(sigma > 0, sigma, 1.0)
    last = 2.0 ** (fmt.bits - 1) if fmt.values == "pm1" else (2.0**fmt.bits - 1) / 2
    return _NORMAL_QUARTILE * sigma / last * powers


def _root_mean_square(row: Reals) -> float:
    """Root of the mean square, safe from overflow and underflow of the squares; 0 of no numbers."""
    largest = float(np.abs(row).max(initial=0.0))
    return largest * sqrt(squares(row / largest) / len(row)) if largest > 0 else 0.0


class BitPlanesFit(Fit):
    """`fit_bit_planes` of rows that come in chunks.

    The first pass finds the largest magnitudes, the second the start (unless it is given); then
    each is one step of all rows that are still improving.
    """

    def __init__(
        self,
        fmt: BitPlanes,
        count: int,
        *,
        method: str = "converged",
        power_of_two: bool = False,
        iterations: int = 100,
        debias: bool = False,
        start: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(fmt, count)
        if method not in METHODS:
            raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, METHODS))}")
        check_iterations(iterations)
        self._bits = fmt
        self._power_of_two = power_of_two
        self._given = None if start is None else scale_array(start)
        self._squares = ExactSums(count)
        self._exponents = np.zeros(count, dtype=np.int64)
        self._first_step = 2 if start is None else 1
        self.passes = self._first_step + iterations + (method == "converged")
        self._make: Callable[[list[float]], _Steps] = (
            partial(_Converging, fmt, iterations=iterations)
            if method == "converged"
            else partial(_Averaging, fmt, iterations=iterations, debias=debias)
        )
        self._steps: list[_Steps] = []

    @property
    def finished(self) -> bool:
        """Whether nothing needs to be fed any more."""
        begun = self.turn >= self._first_step
        return begun and all(steps.finished for steps in self._steps)

    def _later(self, rows: Reals) -> None:
        if self.turn < self._first_step:
            scaled = rows / np.where(self.largest > 0, self.largest, 1.0)[:, np.newaxis]
            self._squares.add_rows(scaled * scaled)
            return
        rows = np.ldexp(rows, -self._exponents[:, np.newaxis])
        for steps, row in zip(self._steps, rows, strict=True):
            if not steps.finished:
                steps.see(row)

    def _end(self) -> None:
        for steps in self._steps:
            if not steps.finished:
                steps.end()
        if self.turn == self._first_step - 1:
            self._begin()

    def _begin(self) -> None:
        """Lay out the first basis."""
        first = self._given
        if first is None:
            mean = self._squares.rounded() / max(self.elements, 1)
            first = _start(self.largest * np.sqrt(mean), self._bits)
        if first.shape != (self._bits.planes, self.count):
            allowed = (self._bits.planes, self.count)
            raise ShapeError(f"start.shape={first.shape}, allowed: {allowed}")
        self.fmt.check_scale(first)
        self._exponents = np.frexp(self.largest)[1]  # no square may overflow
        self._steps = [self._make(row) for row in np.ldexp(first, -self._exponents).T.tolist()]

    def result(self) -> tuple[Reals, Integers]:
        """The basis, shape (planes, count) or (count,), and zero points."""
        fitted = np.array([steps.basis for steps in self._steps])
        basis = np.ldexp(fitted.reshape(self.count, self._bits.planes).T, self._exponents)
        if self._power_of_two:
            mantissa, exponent = np.frexp(basis)
            basis = np.ldexp(1.0, exponent - 1 + (mantissa > 0.75))
        self.fmt.check_scale(basis)
        return basis, np.zeros(self.count, dtype=np.int64)


class _Steps(ABC):
    """Steps of one row: see all its numbers with `basis`, then find the next one."""

    def __init__(self, fmt: BitPlanes, basis: list[float], iterations: int) -> None:
        self.basis = basis
        self.finished = False
        self._fmt = fmt
        self._left = iterations
        self._floor = [v * _SMALLEST_PART for v in basis]
        self._clear()

    def _clear(self) -> None:
        self._counts = np.zeros((self._fmt.planes, self._fmt.planes), dtype=np.int64)
        self._sums = ExactSums(self._fmt.planes)
        self._errors = ExactSums(1)

    @property
    def _encoder(self) -> list[float]:
        """The basis that numbers are encoded with."""
        return self.basis

    def see(self, row: Reals) -> None:
        """Take a chunk: B'B, B'x and the square error."""
        basis, planes = self._encoder, self._fmt.planes
        codes = self._fmt.encode(row, basis if planes > 1 else basis[0])
        digits = self._fmt.decode(codes).reshape(planes, -1)
        self._counts += digits @ digits.T
        self._sums.add_rows(digits * row)
        value = np.zeros(row.shape)
        for plane, v in zip(digits, basis, strict=True):
            value = value + plane * v
        error = value - row
        self._errors.add_rows((error * error)[np.newaxis])

    def end(self) -> None:
        """Take a step once all chunks were seen."""
        self._step()
        self._clear()

    @abstractmethod
    def _step(self) -> None:
        """Go on, or finish."""

    def _positive(self, basis: list[float]) -> list[float]:
        """A basis of the same levels, as far as there is one, that scales can hold."""
        sized = [abs(v) for v in basis] if self._fmt.values == "pm1" else basis
        return [max(v, low) for v, low in zip(sized, self._floor, strict=True)]

    def _least_squares(self) -> list[float]:
        """v_new of the class of the format, for what was seen."""
        basis = self._encoder
        counts = self._counts.astype(np.float64).tolist()
        sums = self._sums.rounded().tolist()
        solved = None if self._fmt.values == "pm1" else _solved(counts, sums)
        if solved is None:
            for i, line in enumerate(counts):
                line[i] += _RIDGE
            sums = [s + _RIDGE * v for s, v in zip(sums, basis, strict=True)]
            solved = _solved(counts, sums)
        return basis if solved is None else solved


class _Converging(_Steps):
    """Steps while the square error falls."""

    def __init__(self, fmt: BitPlanes, basis: list[float], iterations: int) -> None:
        super().__init__(fmt, basis, iterations)
        self._tried = basis
        self._least = float("inf")

    @property
    def _encoder(self) -> list[float]:
        return self._tried

    def _step(self) -> None:
        error = float(self._errors.rounded()[0])
        if error < self._least:
            self.basis, self._least = self._tried, error
        if self.basis is not self._tried or self._left == 0:
            self.finished = True
            return
        self._tried = self._positive(self._least_squares())
        self._left -= 1


class _Averaging(_Steps):
    """One step a batch, averaged with weights that fall by 0.9."""

    def __init__(
        self, fmt: BitPlanes, basis: list[float], iterations: int, *, debias: bool
    ) -> None:
        super().__init__(fmt, basis, iterations)
        self._debias = debias
        self._biased = [0.0] * len(basis)
        self._taken = 0
        self.finished = iterations == 0

    def _step(self) -> None:
        new = self._least_squares()
        self._taken += 1
        if self._debias:
            self._biased = [0.9 * v + 0.1 * n for v, n in zip(self._biased, new, strict=True)]
            weight = fsum([1.0, -(0.9**self._taken)])
            basis = [v / weight for v in self._biased]
        else:
            basis = [0.9 * v + 0.1 * n for v, n in zip(self.basis, new, strict=True)]
        self.basis = self._positive(basis)
        self.finished = self._taken == self._left


def _solved(matrix: list[list[float]], right: list[float]) -> list[float] | None:
    """Solve by elimination in order, as B'B is positive semidefinite; None where it is singular."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    size, least = len(rows), 1e-12 * max(max(line) for line in matrix)
    for i in range(size):
        if rows[i][i] <= least:
            return None
        for j in range(i + 1, size):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    solution = [0.0] * size
    for i in reversed(range(size)):
        known = fsum(rows[i][j] * solution[j] for j in range(i + 1, size))
        solution[i] = (rows[i][size] - known) / rows[i][i]
    return solution
