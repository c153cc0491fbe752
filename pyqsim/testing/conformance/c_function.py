"""A C function in a shared library, called by its declaration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cffi
import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.testing.conformance.kernels import KernelError
from pyqsim.testing.conformance.plain import NAMES, plain_numbers

__all__ = ["CFunction"]

_SIZES = ("m", "n", "k", "a_stride", "b_stride", "out_stride")
_CANARY = 0x5A
_SPARE = 16


class CFunction:
    """A C function whose parameters' names say what each is given.

    Parameters
    ----------
    library : path
        A shared library.
    declaration : str
        As in its header, for instance ``void mac(size_t m, size_t n, size_t k, const int8_t *a,
        const int8_t *b, const int32_t *bias, int32_t *out)``. Names and what they are:

        ================================================  ==========================================
        m, n, k                                           sizes
        a, b, out                                         pointers to row-major codes and results
        a_stride, b_stride, out_stride                    distances between rows, in elements
        a_zero_point                                      one integer
        b_zero_point, bias, multiplier, shift, scale,     a pointer to n of them, or one number (no
        out_zero_point                                    columns of their own are then drawn)
        ================================================  ==========================================

        A shift is positive to the left. A result other than void must be 0. The function runs in
        this process: one that writes where it must not may end it (see `Isolated`).

    Raises
    ------
    KernelError
        For a library that cannot be loaded, or a declaration of something else.
    """

    def __init__(self, library: str | Path, declaration: str) -> None:
        self._ffi = cffi.FFI()
        name, self._parameters = _parse(declaration)
        try:
            self._ffi.cdef(declaration.rstrip("; \n") + ";")
            self._library = self._ffi.dlopen(str(Path(library).resolve()))
            self._function = getattr(self._library, name)
        except (cffi.CDefError, cffi.FFIError, OSError, AttributeError) as error:
            raise KernelError(f"{library}: {error}, allowed: a library with {name}") from None
        self.name = f"{name} in {Path(library).name}"
        kinds = self._ffi.typeof(self._function).args
        self._kinds = dict(zip(self._parameters, kinds, strict=True))
        numbers = [p for p in self._parameters if p not in (*_SIZES, "a", "b", "out")]
        self.per_column = all(
            self._kinds[p].kind == "pointer" for p in numbers if p != "a_zero_point"
        )
        self.zero_points = ("a_zero_point" in numbers, "b_zero_point" in numbers)

    def run(self, calls: Sequence[Call]) -> list[npt.NDArray[Any]]:
        """Call it, once a call."""
        return [self._one(call) for call in calls]

    def _one(self, call: Call) -> npt.NDArray[Any]:
        m, n, k = call.sizes
        numbers = plain_numbers(call)
        for name in numbers:
            if name not in self._parameters:
                raise KernelError(
                    f"{self.name}: the machine reads {name}, allowed: a declaration that has it"
                )
        dtype = self._dtype("out")
        out = np.full(m * n * dtype.itemsize + _SPARE, _CANARY, dtype=np.uint8)
        kept: list[Any] = [out]
        values = {"m": m, "n": n, "k": k, "a_stride": k, "b_stride": n, "out_stride": n}
        arguments: list[Any] = []
        for name in self._parameters:
            if name == "out":
                arguments.append(self._ffi.cast(self._kinds[name], self._ffi.from_buffer(out)))
            elif name in _SIZES:
                arguments.append(values[name])
            else:
                arguments.append(self._argument(name, numbers.get(name), n, kept))
        status = self._function(*arguments)
        if status not in (None, 0):
            raise KernelError(f"{self.name} returned {status}, allowed: 0")
        if (out[m * n * dtype.itemsize :] != _CANARY).any():
            raise KernelError(f"{self.name} wrote beyond out, allowed: {m} x {n} elements")
        result = out[: m * n * dtype.itemsize].view(dtype).reshape(m, n)
        return result.copy()

    def _argument(self, name: str, value: npt.NDArray[Any] | None, n: int, kept: list[Any]) -> Any:
        """A pointer to numbers of the declared type, or one number; 0 where a call has none."""
        kind = self._kinds[name]
        if kind.kind != "pointer":
            number = 0 if value is None or value.size == 0 else value.flat[0].item()
            return self._ffi.cast(kind, number) if kind.kind == "primitive" else number
        given = np.zeros(n, np.int64) if value is None else value
        array = np.ascontiguousarray(given).astype(self._dtype(name))
        if not np.array_equal(array, given):
            raise KernelError(f"{self.name}: {name} does not fit {kind.cname}")
        kept.append(array)
        return self._ffi.cast(kind, self._ffi.from_buffer(array))

    def _dtype(self, name: str) -> np.dtype[Any]:
        """The NumPy type of what a pointer points to."""
        item = self._kinds[name].item
        size = self._ffi.sizeof(item)
        if item.cname in ("float", "double"):
            return np.dtype(f"f{size}")
        signed = int(self._ffi.cast(item, -1)) < 0
        return np.dtype(f"{'i' if signed else 'u'}{size}")


def _parse(declaration: str) -> tuple[str, list[str]]:
    """The function's name and its parameters' names."""
    match = re.fullmatch(r"\s*[\w\s*]+?\b(\w+)\s*\(([^()]*)\)\s*;?\s*", declaration)
    if match is None:
        raise KernelError(f"declaration {declaration!r}, allowed: one C function")
    names = [part.strip().split("*")[-1].split()[-1] for part in match[2].split(",")]
    allowed = (*NAMES, *_SIZES[3:], "out")
    for name in names:
        if name not in allowed or names.count(name) > 1:
            raise KernelError(f"declaration: parameter {name!r}, allowed: {', '.join(allowed)}")
    for name in ("a", "b", "out"):
        if name not in names:
            raise KernelError(f"declaration: no parameter {name}, allowed: a, b and out, pointers")
    return match[1], names
