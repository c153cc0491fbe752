"""Sums of groups, interleaved accumulators and orders of k: which products in int32 lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import GemmForm
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Accumulate, ReduceStep, Register
from pyqsim.execution.certificates import Columns, holds
from pyqsim.modes import OverflowRule

__all__ = ["CLAMPING", "SUM_KINDS", "Groups", "a_shift_of", "group_forms", "sum_forms", "sum_kinds"]

Ints = npt.NDArray[np.int64]

#: Rules under which an accumulator is brought into its range at every addition.
CLAMPING = (OverflowRule.SATURATE, OverflowRule.SATURATE_SYMMETRIC)

#: Exact products, the fastest first.
SUM_KINDS = ("int4", "int8", "int16")

#: K from which a copy of a row is little beside its products.
_LONG_ROW = 1024

_INT32 = Interval(-(1 << 31), (1 << 31) - 1)
_INT16 = Interval(-(1 << 15), (1 << 15) - 1)


@dataclass(frozen=True, eq=False)
class Groups:
    """The k that each accumulator of a step adds, one row an accumulator, in its order.

    What an accumulator adds beyond its last k is 0, and changes nothing: rows are filled with holes
    to one length, an even one.

    Attributes
    ----------
    slots : ndarray of int64, (accumulators, even length)
        Holes are -1.
    length : int
        Additions of an accumulator, before it was made even.
    columns : Columns
    """

    slots: Ints
    length: int
    columns: Columns

    @classmethod
    def of(cls, step: Accumulate, order: Ints | None, columns: Columns) -> Groups:
        """Cut the sequence as the step does: value i of a block to accumulator i mod interleave."""
        sequence = np.arange(columns.integers.shape[1]) if order is None else order
        count = len(sequence)
        interleave = min(step.interleave, count)
        longest = -(-count // interleave)
        length = longest if step.group is None else min(step.group, longest)
        blocks = -(-count // (length * interleave))
        filled = np.full(blocks * length * interleave, -1, dtype=np.int64)
        filled[:count] = sequence
        slots = filled.reshape(blocks, length, interleave).swapaxes(1, 2).reshape(-1, length)
        return cls(np.pad(slots, ((0, 0), (0, length % 2)), constant_values=-1), length, columns)

    @property
    def count(self) -> int:
        """Accumulators."""
        return len(self.slots)

    @cached_property
    def places(self) -> bytes:
        """int32, for `GemmForm.places`; empty where the k ascend without holes between them."""
        flat = self.slots.ravel()
        k = self.columns.integers.shape[1]
        if np.array_equal(flat[:k], np.arange(k)):
            return b""
        return flat.astype(np.int32).tobytes()

    @cached_property
    def _integers(self) -> Ints:
        """(N, accumulators, even length)."""
        return np.where(self.slots < 0, 0, self.columns.integers[:, self.slots])

    @cached_property
    def _halves(self) -> tuple[Ints, Ints]:
        """Sums of the positive and of the negative integers: of whole groups, all but the last."""
        signs = np.maximum(self._integers, 0), np.minimum(self._integers, 0)
        cuts = self.length, self.length - 1
        positive, negative = (
            np.stack([one[..., :cut].sum(axis=-1) for cut in cuts]) for one in signs
        )
        return positive, negative

    def sums(self, a: Interval) -> tuple[Interval, Interval]:
        """Extremes of sums over subsets of a group: of any, and of one without its last addition.

        As `Columns.subset_sums`; `a` fits int16, as do the integers.
        """
        positive, negative = self._halves
        low, high = min(a.low, 0), max(a.high, 0)
        least, most = low * positive + high * negative, high * positive + low * negative
        whole, head = (Interval(int(least[i].min()), int(most[i].max())) for i in (0, 1))
        return whole, head


@dataclass(frozen=True)
class _Outer:
    """The sum of the groups: mod 2**bits of `register`, or clamped to `clamps`."""

    register: Register
    clamps: Interval | None
    reason: str


def group_forms(
    steps: tuple[ReduceStep, ...],
    groups: Groups,
    a: Interval,
    dtype: np.dtype,
    zero_point: int,
    bias: Interval,
) -> tuple[list[GemmForm], str] | str:
    """Forms of accumulators that a second one adds up, the fastest first, and why they may.

    Parameters
    ----------
    steps : tuple of ReduceStep
    groups : Groups
        Of the first step.
    a : Interval
        Zero point subtracted; int16 holds it, and b.
    dtype : dtype
        Of a's integers.
    zero_point : int
    bias : Interval
    """
    if len(steps) != 2:
        return "not one accumulator whose groups a second one adds up"
    inner, last = steps
    if not _is_plain(inner) or not _is_plain(last) or inner.start == "bias":
        return "not plain accumulators, groups summed from 0"
    if last.interleave > 1 or (last.group or groups.count) < groups.count:
        return "the sum of the groups is not one accumulator"
    whole, head = groups.sums(a)
    exact = holds(inner.register, whole)
    if not exact and inner.overflow.rule not in CLAMPING:
        return "a group may leave its register, which does not saturate"
    left = whole if exact else _clamped(whole, inner.register)
    outer = _outer(last, left, groups, a, bias)
    if isinstance(outer, str):
        return outer
    clamps = outer.clamps or ZERO
    form = GemmForm(
        "group",
        dtype,
        outer.register.bits or 32,
        outer.register.signed,
        zero_point,
        minimum=_INT32.low,
        maximum=_INT32.high,
        group=groups.slots.shape[1],
        outer_minimum=clamps.low,
        outer_maximum=clamps.high,
        places=groups.places,
    )
    if exact and outer.clamps is None:  # the sum of the groups is that of the terms
        forms = sum_forms(replace(form, group=0, places=b""), groups.columns)
        return forms, f"groups of {groups.length} are exact, {outer.reason}"
    if exact:
        if not whole.fits(32):
            return f"a group may reach {whole.low}..{whole.high}, which int32 does not hold"
        return [form], f"groups of {groups.length} are exact, {outer.reason}"
    forms = list(_saturating(form, inner.register, groups, a, whole, head))
    if not forms:
        return "int32 does not hold a group's sum before it saturates"
    return forms, f"groups of {groups.length} saturate, {outer.reason}"


def _saturating(
    form: GemmForm, register: Register, groups: Groups, a: Interval, whole: Interval, head: Interval
) -> Iterator[GemmForm]:
    """Forms of groups that saturate at every addition.

    Where no addition but the last can saturate, the exact sum is clamped once, at its end.
    """
    low, high = register.minimum, register.maximum
    b = groups.columns.interval
    if low is None or high is None or not Interval(low, high).fits(32):
        return
    if holds(register, head) and whole.fits(32):
        in_int16 = Interval(low, high) == _INT16
        wraps = form.outer_minimum == form.outer_maximum
        as_bytes = form.a_dtype == np.uint8 and form.a_zero_point == 0 and b.fits(8)
        if form.group == 2 and in_int16 and wraps and as_bytes:
            yield replace(form, kind="pair")
        yield replace(form, minimum=low, maximum=high)
    if register.signed and register.overflow.rule is OverflowRule.SATURATE:
        bits = (high - low).bit_length()
        shift = a_shift_of(a, b, 32 - bits)
        if shift is not None:
            yield replace(form, kind="group_top", a_shift=shift, group_bits=bits)
    if bounds.add(Interval(low, high), bounds.scale(a, b).hull(ZERO)).fits(32):
        yield replace(form, kind="group_clamp", minimum=low, maximum=high)


def _outer(
    step: Accumulate, one: Interval, groups: Groups, a: Interval, bias: Interval
) -> _Outer | str:
    """The accumulator of the groups' sums, each inside `one`.

    Sums of products stay between those of the negative and those of the positive ones, saturated or
    not: a rail is never further from 0.
    """
    register, reached = step.register, bounds.times(one.hull(ZERO), groups.count)
    subsets = groups.columns.subset_sums(a)
    total = Interval(max(reached.low, subsets.low), min(reached.high, subsets.high))
    held = total.hull(bounds.add(total, bias)).hull(ZERO).hull(bias)
    if holds(register, held) and held.fits(32):
        reason = f"and none of their sums, {held.low}..{held.high}, leaves its register"
        return _Outer(Register(), None, reason)
    if step.overflow.rule is OverflowRule.WRAP and (step.bits or 64) <= 31 + step.signed:
        return _Outer(register, None, f"their sum is taken mod 2**{step.bits}")
    low, high = register.minimum, register.maximum
    if step.overflow.rule in CLAMPING and low is not None and high is not None:
        if bounds.add(Interval(low, high), one.hull(ZERO)).fits(32):
            return _Outer(Register(), Interval(low, high), "their sum saturates too")
        return "int32 does not hold the sum of the groups before it saturates"
    return f"the sum of the groups may reach {held.low}..{held.high}, and does not saturate there"


def _is_plain(step: ReduceStep) -> TypeGuard[Accumulate]:
    return isinstance(step, Accumulate) and not step.spill


def _clamped(value: Interval, register: Register) -> Interval:
    low, high = register.minimum, register.maximum
    if low is None or high is None:
        return value
    return Interval(max(value.low, low), min(value.high, high))


def sum_forms(form: GemmForm, columns: Columns) -> list[GemmForm]:
    """Exact products, the fastest first; form: what their sums become."""
    forms = [replace(form, kind=kind) for kind in sum_kinds(columns, form.a_dtype)]
    if form.a_dtype.itemsize == 1 and columns.sixteen is not None:
        k = columns.integers.shape[1]
        copies = k % 8 == 4  # rows of a, which are whole words of int8, not of int4
        first = 1 if copies and k < _LONG_ROW else 0
        forms.insert(first, replace(form, kind="int4", tables=columns.sixteen.table))
    return forms


def sum_kinds(columns: Columns, dtype: np.dtype) -> tuple[str, ...]:
    """Exact products of these operands, the faster first."""
    bytes_fit = dtype.itemsize == 1 and columns.byte_offsets is not None
    return ("int8", "int16") if bytes_fit else ("int16",)


def a_shift_of(a: Interval, b: Interval, shift: int) -> int | None:
    """The part of a shift that a takes, b the rest, both within int16; None: it is too much."""
    for part in range(min(shift, 15) + 1):
        rest = shift - part
        if rest <= 15 and _shifted(a, part).fits(16) and _shifted(b, rest).fits(16):
            return part
    return None


def _shifted(interval: Interval, shift: int) -> Interval:
    return Interval(interval.low << shift, interval.high << shift)
