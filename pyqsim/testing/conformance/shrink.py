"""From a call that fails to a small one that still fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.diagnostics.call import codes_of, take
from pyqsim.errors import PyqsimError
from pyqsim.tensor import QTensor

__all__ = ["columns_of_data", "shrink"]


def shrink(call: Call, fails: Callable[[Call], bool], *, seconds: float = 2.0) -> Call:
    """Make a failing call smaller: one output, few terms, small numbers.

    Parameters
    ----------
    call : Call
        One that fails.
    fails : callable
        Whether a call fails.
    seconds : float
        How long smaller calls are looked for.

    Returns
    -------
    Call
        One that fails, no larger than `call`.
    """
    end = time.perf_counter() + seconds
    progress = True
    while progress:
        progress = False
        for pass_ in (_outputs, _constants, _terms, _data, _elements):
            smaller = _repeated(call, pass_, fails, end)
            progress = progress or smaller is not call
            call = smaller
    return call


def _repeated(
    call: Call,
    pass_: Callable[[Call], Iterator[Call]],
    fails: Callable[[Call], bool],
    end: float,
) -> Call:
    """The first smaller call of a pass that fails, and so on from it until there is none."""
    again = True
    while again:
        again = False
        for candidate in pass_(call):
            if time.perf_counter() > end:
                return call
            if _still(candidate, fails):
                call, again = candidate, True
                break
    return call


def _still(call: Call, fails: Callable[[Call], bool]) -> bool:
    try:
        return fails(call)
    except PyqsimError:
        return False


def _outputs(call: Call) -> Iterator[Call]:
    """One row or one column, then half of them."""
    m, n, _ = call.sizes
    for row in range(m if m > 1 else 0):
        yield replace(call, a=take(call.a, slice(row, row + 1), slice(None)))
    for column in range(n if n > 1 else 0):
        kept = slice(column, column + 1)
        yield replace(
            call, b=take(call.b, slice(None), kept), data=columns_of_data(call.data, kept, n)
        )


def columns_of_data(data: Any, kept: slice, n: int) -> dict[str, Any]:
    """The data of some of n columns."""
    cut = {}
    for name, value in data.items():
        if name == "requantize":
            cut[name] = value.columns(kept, n)
        else:
            array = np.asarray(value)
            cut[name] = array[..., kept] if array.ndim and array.shape[-1] == n else array
    return cut


def _terms(call: Call) -> Iterator[Call]:
    """Without a run of terms: halves first, then single ones."""
    k = call.sizes[2]
    if call.datapath.order is not None:
        return
    size = k // 2
    while size:
        for first in range(0, k - size + 1, size):
            kept = [i for i in range(k) if not first <= i < first + size]
            yield replace(
                call, a=take(call.a, slice(None), kept), b=take(call.b, kept, slice(None))
            )
        size //= 2


def _constants(call: Call) -> Iterator[Call]:
    """All weights positive, then all alike."""
    codes = codes_of(call.b).astype(np.int64)
    negative = codes.reshape(-1) < 0
    if codes.shape[1] == 1 and codes_of(call.a).shape[0] == 1 and negative.any():
        b = _with_codes(call.b, np.where(codes < 0, -np.maximum(codes, -127), codes))
        a_codes = codes_of(call.a).astype(np.int64)
        mirrored = np.where(negative, -np.maximum(a_codes, -127), a_codes)
        a = _with_codes(call.a, mirrored)
        if a is not None and b is not None:
            yield replace(call, a=a, b=b)
    if codes.size and (codes != codes.flat[0]).any():
        for value in dict.fromkeys((1, -1, int(codes.max()), int(codes.min()))):
            changed = _with_codes(call.b, np.full_like(codes, value)) if value else None
            if changed is not None:
                yield replace(call, b=changed)


def _data(call: Call) -> Iterator[Call]:
    """Simpler bias and output zero point; zero points of the operands left out."""
    for name in ("bias", "out_zero_point"):
        if name in call.data:
            value = np.asarray(call.data[name])
            for simpler in _simpler_arrays(value):
                yield replace(call, data={**call.data, name: simpler})
    for name in ("a", "b"):
        operand = getattr(call, name)
        if isinstance(operand, QTensor) and operand.zero_point.any():
            plain = QTensor(operand.codes, operand.format)
            yield replace(call, a=plain) if name == "a" else replace(call, b=plain)


def _simpler_arrays(value: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    if value.any():
        yield np.zeros_like(value)
        if (np.abs(value) > 1).any():
            yield (np.sign(value) * (np.abs(value) // 2)).astype(value.dtype)


def _elements(call: Call) -> Iterator[Call]:
    """Each code replaced by 0, 1, -1, half of itself, or one less."""
    for name in ("a", "b"):
        operand = getattr(call, name)
        codes = codes_of(operand)
        for at in np.ndindex(codes.shape):
            value = int(codes[at])
            one_less = value - (value > 0) + (value < 0)
            for simpler in dict.fromkeys((0, 1, -1, int(value / 2), one_less)):
                if abs(simpler) < abs(value) or (simpler > value == -abs(simpler)):
                    changed = _with_code(operand, at, simpler)
                    if changed is not None:
                        yield replace(call, a=changed) if name == "a" else replace(call, b=changed)


def _with_code(
    operand: QTensor | npt.NDArray[Any], at: tuple[int, ...], code: int
) -> QTensor | npt.NDArray[Any] | None:
    """The operand with another code at one place; None where it cannot hold it."""
    codes = codes_of(operand).astype(np.int64)
    codes[at] = code
    return _with_codes(operand, codes)


def _with_codes(
    operand: QTensor | npt.NDArray[Any], codes: npt.NDArray[Any]
) -> QTensor | npt.NDArray[Any] | None:
    """The operand with other codes; None where it cannot hold all of them."""
    if isinstance(operand, QTensor):
        low, high = operand.format.code_min, operand.format.code_max
    else:
        low, high = int(np.iinfo(operand.dtype).min), int(np.iinfo(operand.dtype).max)
    if codes.size and (codes.min() < low or codes.max() > high):
        return None
    if not isinstance(operand, QTensor):
        return codes.astype(operand.dtype)
    fmt = operand.format
    return QTensor(codes, fmt, operand.scale, operand.zero_point, operand.axis)
