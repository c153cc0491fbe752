"""What a kernel under test is to the conformance run, and the Python callable."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.errors import PyqsimError
from pyqsim.testing.conformance.plain import plain_numbers

__all__ = ["Kernel", "KernelError", "PythonKernel", "checked_output"]


class KernelError(PyqsimError, RuntimeError):
    """The kernel under test did not give numbers: it failed, died, took too long, or talked."""


class Kernel(Protocol):
    """Anything that computes the outputs of calls.

    Attributes
    ----------
    name : str
    per_column : bool
        Whether it takes a bias, multiplier, zero point of its own in every column.
    zero_points : (bool, bool)
        Whether it takes zero points of a, of b.
    """

    name: str
    per_column: bool
    zero_points: tuple[bool, bool]

    def run(self, calls: Sequence[Call]) -> list[npt.NDArray[Any]]:
        """The (M, N) outputs of each call, or `KernelError`."""
        ...


def checked_output(call: Call, value: object) -> npt.NDArray[Any]:
    """What a kernel returned as an integer array of the right shape, or `KernelError`."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise KernelError(f"output: {error}, allowed: an array of integers") from None
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise KernelError(f"output: dtype={array.dtype}, allowed: integers")
    shape = call.sizes[:2]
    if array.shape != shape:
        raise KernelError(f"output: shape={array.shape}, allowed: {shape}")
    return array


class PythonKernel:
    """A Python callable, called as ``kernel(a, b, **numbers)``.

    Parameters
    ----------
    function : callable
        Takes codes a (M, K) and b (K, N), and by keyword what a call has of `a_zero_point` (an
        int), `b_zero_point`, `bias`, `multiplier`, `shift`, `scale`, `out_zero_point` (arrays of
        N). Returns the (M, N) outputs.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__qualname__", repr(function))
        self.per_column = True
        self.zero_points = (True, True)

    @classmethod
    def named(cls, name: str) -> PythonKernel:
        """The callable of a name ``module:function``."""
        module, _, function = name.partition(":")
        try:
            found = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise KernelError(f"{name!r}: {error}, allowed: module:function") from None
        if not callable(found):
            raise KernelError(f"{name!r}: {found!r}, allowed: a callable")
        return cls(found)

    def run(self, calls: Sequence[Call]) -> list[npt.NDArray[Any]]:
        """Call it, once a call."""
        return [checked_output(call, self._one(call)) for call in calls]

    def _one(self, call: Call) -> object:
        numbers = plain_numbers(call)
        a, b = numbers.pop("a"), numbers.pop("b")
        arguments: dict[str, Any] = dict(numbers)
        if "a_zero_point" in numbers:
            arguments["a_zero_point"] = int(numbers["a_zero_point"].flat[0])
        try:
            return self.function(a.copy(), b.copy(), **arguments)
        except Exception as error:
            sizes = ", ".join(f"{s}={v}" for s, v in zip("MNK", call.sizes, strict=True))
            raise KernelError(
                f"{self.name} raised {type(error).__name__}: {error} ({sizes})"
            ) from error
