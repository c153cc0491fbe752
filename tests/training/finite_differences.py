"""Central differences of functions of arrays, for the tests of gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

#: Step of a central difference of numbers of size 1: its two errors, STEP**2 of curvature and
#: 2**-52 / STEP of rounding, are then both near 1e-10.
STEP = 1e-6
#: What they may amount to with the curvatures (up to some 1e4) and sums of these tests.
TOLERANCE = {"rtol": 2e-6, "atol": 2e-7}

Reals = npt.NDArray[np.float64]


def elementwise(f: Callable[[Reals], Reals], x: Reals) -> Reals:
    """``df(x)[i] / dx[i]`` of an elementwise function."""
    return (f(x + STEP) - f(x - STEP)) / (2 * STEP)


def of_parameter(loss: Callable[[Reals], float], parameter: Reals) -> Reals:
    """Gradient of a number with respect to each element of a parameter."""
    gradient = np.zeros(parameter.shape)
    for index in np.ndindex(parameter.shape):
        moved = [parameter.copy(), parameter.copy()]
        moved[0][index] += STEP
        moved[1][index] -= STEP
        gradient[index] = (loss(moved[0]) - loss(moved[1])) / (2 * STEP)
    return gradient
