"""What every function of this package shares: its gradients, and parameters that broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.errors import QuantizationError, ShapeError
from pyqsim.formats.base import first_place, real_array

__all__ = [
    "Gradients",
    "Reals",
    "check_broadcast",
    "check_inside",
    "parameter_array",
    "sum_to",
    "upstream_array",
]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """The gradient of a loss with respect to the input; subclasses add ``d<parameter>``.

    Attributes
    ----------
    dx : ndarray of float64, shape of the input
    """

    dx: Reals


def parameter_array(name: str, value: npt.ArrayLike) -> Reals:
    """Copy a parameter into a read-only float64 array.

    Parameters
    ----------
    name : str
        What messages call it.
    value : array_like of float or int
        Finite; any shape that broadcasts to the inputs to come, ``(C, 1, 1)`` for one parameter
        a channel.

    Returns
    -------
    ndarray of float64, shape of `value`

    Examples
    --------
    >>> parameter_array("alpha", 3)
    array(3.)
    """
    array = real_array(name, value).copy()
    array.setflags(write=False)
    return array


def check_inside(name: str, value: Reals, low: float, high: float) -> None:
    """Raise `QuantizationError` unless every element lies strictly between `low` and `high`."""
    bad = np.asarray(~((value > low) & (value < high)))
    if bad.any():
        raise QuantizationError(f"{name}{first_place(bad, value)}, allowed: > {low}, < {high}")


def check_broadcast(shape: tuple[int, ...], **parameters: npt.NDArray[np.generic]) -> None:
    """Raise `ShapeError` unless each parameter broadcasts to `shape` without changing it."""
    for name, array in parameters.items():
        try:
            fits = np.broadcast_shapes(shape, array.shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"{name}.shape={array.shape}, allowed: broadcastable to {shape}")


def upstream_array(upstream: npt.ArrayLike, shape: tuple[int, ...]) -> Reals:
    """Take the loss's gradient with respect to the output as float64 of the output's shape.

    Parameters
    ----------
    upstream : array_like of float
        Of shape `shape`, or a scalar that stands for all of them.
    shape : tuple of int

    Returns
    -------
    ndarray of float64, shape `shape`

    Examples
    --------
    >>> upstream_array(1.0, (2,))
    array([1., 1.])
    """
    array = real_array("upstream", upstream)
    if array.shape not in ((), shape):
        raise ShapeError(f"upstream.shape={array.shape}, allowed: a scalar or {shape}")
    return np.broadcast_to(array, shape)


def sum_to(gradient: Reals, shape: tuple[int, ...]) -> Reals:
    """Sum over the elements that share a parameter: the transpose of broadcasting.

    Parameters
    ----------
    gradient : ndarray of float64
        One number an element of the input.
    shape : tuple of int
        Shape of the parameter; broadcastable to the gradient's.

    Returns
    -------
    ndarray of float64, shape `shape`

    Examples
    --------
    >>> sum_to(np.array([[1.0, 2.0], [3.0, 4.0]]), (2, 1))
    array([[3.],
           [7.]])
    """
    padded = (1,) * (gradient.ndim - len(shape)) + shape
    shared = tuple(axis for axis, size in enumerate(padded) if size == 1)
    return np.asarray(gradient.sum(axis=shared, keepdims=True)).reshape(shape)
