"""The basis of bit planes from data: alternating nearest levels and least squares."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.rows import real_rows, squares
from pyqsim.errors import ModeError, ShapeError
from pyqsim.formats.base import scale_array
from pyqsim.formats.bit_planes import BitPlanes

__all__ = ["fit_bit_planes", "start_basis"]

_Reals = npt.NDArray[np.float64]

_METHODS = ("converged", "moving_average")
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
) -> _Reals:
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
    if method not in _METHODS:
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, _METHODS))}")
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 0:
        raise ModeError(f"iterations={iterations!r}, allowed: an int >= 0")
    first = start_basis(rows, fmt) if start is None else scale_array(start)
    if first.shape != (fmt.planes, len(rows)):
        raise ShapeError(f"start.shape={first.shape}, allowed: {(fmt.planes, len(rows))}")
    fmt.check_scale(first)
    exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))[1]  # no square may overflow
    fitted = [
        _converged(row, fmt, basis, iterations)
        if method == "converged"
        else _moving_average(row, fmt, basis, iterations, debias)
        for row, basis in zip(
            np.ldexp(rows, -exponents[:, np.newaxis]),
            np.ldexp(first, -exponents).T.tolist(),
            strict=True,
        )
    ]
    basis: _Reals = np.ldexp(np.array(fitted).reshape(len(rows), fmt.planes).T, exponents)
    fmt.check_scale(basis)
    return basis


def start_basis(x: npt.ArrayLike, fmt: BitPlanes) -> _Reals:
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
    powers = 2.0 ** np.arange(fmt.bits)[:, np.newaxis]
    sigma = np.array([_root_mean_square(row) for row in real_rows(x)])
    if fmt.values == "01":
        sigma = sqrt(2) * sigma
    sigma = np.where(sigma > 0, sigma, 1.0)
    last = 2.0 ** (fmt.bits - 1) if fmt.values == "pm1" else (2.0**fmt.bits - 1) / 2
    return _NORMAL_QUARTILE * sigma / last * powers


def _root_mean_square(row: _Reals) -> float:
    """Root of the mean square, safe from overflow and underflow of the squares; 0 of no numbers."""
    largest = float(np.abs(row).max(initial=0.0))
    return largest * sqrt(squares(row / largest) / len(row)) if largest > 0 else 0.0


def _converged(row: _Reals, fmt: BitPlanes, basis: list[float], iterations: int) -> list[float]:
    """Steps while the square error falls."""
    floor = [v * _SMALLEST_PART for v in basis]
    planes = _encoded(row, fmt, basis)
    least = _square_error(row, planes, basis)
    for _ in range(iterations):
        tried = _positive(_least_squares(row, planes, basis, fmt), fmt, floor)
        planes = _encoded(row, fmt, tried)
        error = _square_error(row, planes, tried)
        if not error < least:
            break
        basis, least = tried, error
    return basis


def _moving_average(
    row: _Reals, fmt: BitPlanes, basis: list[float], iterations: int, debias: bool
) -> list[float]:
    """One step a batch, averaged with weights that fall by 0.9."""
    floor = [v * _SMALLEST_PART for v in basis]
    biased = [0.0] * len(basis)
    for step in range(1, iterations + 1):
        new = _least_squares(row, _encoded(row, fmt, basis), basis, fmt)
        if debias:
            biased = [0.9 * v + 0.1 * n for v, n in zip(biased, new, strict=True)]
            weight = fsum([1.0, -(0.9**step)])
            basis = [v / weight for v in biased]
        else:
            basis = [0.9 * v + 0.1 * n for v, n in zip(basis, new, strict=True)]
        basis = _positive(basis, fmt, floor)
    return basis


def _encoded(row: _Reals, fmt: BitPlanes, basis: list[float]) -> npt.NDArray[np.int64]:
    """B: the planes of the nearest levels, (planes, elements)."""
    codes = fmt.encode(row, basis if fmt.planes > 1 else basis[0])
    return fmt.decode(codes).reshape(fmt.planes, -1)


def _square_error(row: _Reals, planes: npt.NDArray[np.int64], basis: list[float]) -> float:
    value = np.zeros(row.shape)
    for plane, v in zip(planes, basis, strict=True):
        value = value + plane * v
    return squares(value - row)


def _positive(basis: list[float], fmt: BitPlanes, floor: list[float]) -> list[float]:
    """A basis of the same levels, as far as there is one, that scales can hold."""
    sized = [abs(v) for v in basis] if fmt.values == "pm1" else basis
    return [max(v, low) for v, low in zip(sized, floor, strict=True)]


def _least_squares(
    row: _Reals, planes: npt.NDArray[np.int64], basis: list[float], fmt: BitPlanes
) -> list[float]:
    """v_new of the class of the format."""
    counts = [[float(int((a * b).sum())) for b in planes] for a in planes]
    sums = [fsum(plane * row) for plane in planes]
    solved = None if fmt.values == "pm1" else _solved(counts, sums)
    if solved is None:
        counts = [[n + _RIDGE * (i == j) for j, n in enumerate(r)] for i, r in enumerate(counts)]
        sums = [s + _RIDGE * v for s, v in zip(sums, basis, strict=True)]
        solved = _solved(counts, sums)
    return basis if solved is None else solved


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
