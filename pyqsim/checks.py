"""Checks at the door that many modules share: messages hold name, value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import CodeError, DatapathError, OperandError

__all__ = [
    "array_of",
    "check_bool",
    "check_choice",
    "check_int",
    "check_sequence",
    "integer_array",
]


def check_int(where: str, name: str, value: object, low: int | None, high: int | None) -> int:
    """Return `value` as an int in ``low..high`` (None: no limit), or raise `DatapathError`."""
    limits = f"{'-inf' if low is None else low}..{'inf' if high is None else high}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise DatapathError(f"{where}: {name}={value!r}, allowed: an int in {limits}")
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise DatapathError(f"{where}: {name}={number}, allowed: {limits}")
    return number


def check_bool(where: str, name: str, value: object) -> bool:
    """Return `value` as a bool, or raise `DatapathError`."""
    if not isinstance(value, (bool, np.bool_)):
        raise DatapathError(f"{where}: {name}={value!r}, allowed: True, False")
    return bool(value)


def check_choice(where: str, name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise `DatapathError` unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise DatapathError(f"{where}: {name}={value!r}, allowed: {', '.join(map(repr, choices))}")


def check_sequence(where: str, name: str, value: object) -> Sequence[Any]:
    """Return what can be iterated, but no text, as a list or array, or raise `DatapathError`."""
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise DatapathError(f"{where}: {name}={value!r}, allowed: a sequence")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        raise DatapathError(f"{where}: {name}={value!r}, allowed: a sequence")
    return list(value)


def array_of(where: str, name: str, value: object) -> npt.NDArray[Any]:
    """Return `value` as an array of whatever dtype, or raise `DatapathError` for a ragged one."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatapathError(f"{where}: {name}: {error}, allowed: an array of numbers") from None


def integer_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an integer array, aligned and in native byte order, whose elements fit int64.

    Parameters
    ----------
    name : str
        What messages call the array.
    value : array_like of int
        Any integer dtype, byte order and strides; an empty list is an empty int64 array.

    Returns
    -------
    ndarray
        Of the same integer dtype; not copied where that is not needed.

    Raises
    ------
    OperandError
        For any other dtype.
    CodeError
        For a number beyond int64.

    Examples
    --------
    >>> integer_array("x", [1, 2]).dtype
    dtype('int64')
    """
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise OperandError(f"{name}: {error}, allowed: an array of integers") from None
    if array.size == 0 and not isinstance(value, np.ndarray):
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise OperandError(f"{name}: dtype={array.dtype}, allowed: an integer dtype")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise CodeError(f"{name}: value {int(array.max())}, allowed: at most {2**63 - 1}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.aligned else array.copy()
