"""Chains that are one matrix product in int32 lanes: which form, and why none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import Gemm, GemmForm, NoKernelError, Wide
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Accumulate, Datapath, Multiply, Product, Shift
from pyqsim.execution.bits import BitsOrGemm, bits_form
from pyqsim.execution.call_data import interval_of
from pyqsim.execution.certificates import Columns, linear_sum
from pyqsim.execution.chain_kernel import ChainKernel, Chains, FirstOperand
from pyqsim.execution.checked import CheckedGemm
from pyqsim.execution.doors import explicit_order
from pyqsim.execution.few_rows import FewRowsOrGemm
from pyqsim.execution.groups import (
    CLAMPING,
    SUM_KINDS,
    Groups,
    a_shift_of,
    group_forms,
    sum_forms,
    sum_kinds,
)
from pyqsim.execution.operand import Operand
from pyqsim.execution.tables import PLACES, TermTable, is_function_of_two, table_forms
from pyqsim.execution.telemetry import Chain
from pyqsim.execution.two_gemms import TwoGemms
from pyqsim.execution.wide import ChainWide, wide_form
from pyqsim.modes import OverflowRule

__all__ = [
    "ELEMENTS",
    "ChainForms",
    "ChainGemm",
    "GemmChooser",
]

Ints = npt.NDArray[np.int64]

_Key = tuple[tuple[int, ...], int, int, int]

#: Forms that compute a chain, the fastest first, and why they may; or why none does.
Forms = tuple[list[GemmForm], str] | str

#: What the kernels take a's integers as, the smallest first.
ELEMENTS = tuple(np.dtype(kind) for kind in (np.uint8, np.int8, np.int16))

#: Lengths of K from which a proof while running is worth its checks, and words of k between them.
_LONG = 64
_PARTS = (64, 32, 16, 8)


@dataclass(frozen=True, eq=False)
class ChainGemm(ChainKernel):
    """Chains as a packed product, and what their sums start from."""

    gemm: Gemm | TwoGemms
    start: Any

    @property
    def explanation(self) -> str:
        """The kernel, its instruction set and the proof."""
        return f"gemm, {self.gemm.name}: {self.reason}"

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.gemm.shape

    @property
    def is_ordered(self) -> bool:
        """Whether sums saturate on the way."""
        return self.gemm.is_ordered

    def run(self, a: Operand, chain: Chain, rows: slice, out: npt.NDArray[np.int32]) -> None:
        """The values of some rows of a, into out."""
        form = self.gemm.form
        if form.by_pattern:
            elements = a.pattern_bytes(rows, chain.ks)
        elif self.gemm.takes_codes:
            elements = a.ready_codes(rows, chain.ks)
        else:
            elements = a.elements(chain.a_plane, rows, chain.ks, form.a_dtype)
        self.gemm.run(elements, out, self.start)


@dataclass(frozen=True, eq=False)
class ChainForms:
    """Forms that compute a chain, the fastest first, why they may, b's columns and the bias."""

    forms: list[GemmForm]
    reason: str
    columns: Columns
    bias: Ints | None


class GemmChooser:
    """The products in int32 lanes of a datapath bound to b; each packed once.

    Parameters
    ----------
    datapath : Datapath
    b : Operand
    packed : callable
        The integers of b for a chain, (N, K).
    isa : str
    """

    def __init__(
        self, datapath: Datapath, b: Operand, packed: Callable[[Chain], Ints], isa: str
    ) -> None:
        self._datapath, self._b, self._packed, self._isa = datapath, b, packed, isa
        self._columns: dict[_Key, Columns] = {}
        self._groups: dict[_Key, Groups | None] = {}
        self._gemms: dict[tuple[Any, ...], Gemm | None] = {}
        self._wides: dict[tuple[Any, ...], Wide] = {}
        self._tables: dict[tuple[Any, ...], TermTable] = {}

    def choose(
        self, chains: Chains, a: FirstOperand, bias: Ints | None
    ) -> Sequence[tuple[Chains, ChainGemm | ChainWide | str]]:
        """The products, each of some of the chains, or why there is none; bias: (M, N).

        Chains of one form are one product. One that is exact while it is checked stays by itself:
        others need not be.
        """
        each = {chain: self._find((chain,), a, bias) for chain in chains}
        alike: dict[object, list[Chain]] = {}
        for chain, found in each.items():
            kind = self._kind((chain,), found, a) if len(chains) > 1 else None
            alike.setdefault(kind or chain, []).append(chain)
        chosen: list[tuple[Chains, ChainGemm | ChainWide | str]] = []
        for kind, members in alike.items():
            together = tuple(members)
            found = each[together[0]] if len(together) == 1 else self._find(together, a, bias)
            if len(together) == 1 or self._kind(together, found, a) == kind:
                chosen.append((together, self._product(together, a, bias, found)))
            else:
                chosen += [((one,), self._product((one,), a, bias, each[one])) for one in together]
        return chosen

    def _find(self, chains: Chains, a: FirstOperand, bias: Ints | None) -> ChainForms | str:
        return self.find(chains, a, bias, partial(self._tabulated, chains, a))

    def _kind(self, chains: Chains, found: ChainForms | str, a: FirstOperand) -> object:
        """What chains have in common that one product may stand for; None: nothing."""
        if isinstance(found, str) or self._checked(chains, found) is not None:
            return None
        bits = self._bits_form(found, a)
        if bits is not None:
            return bits.kind, bits.b_values
        kind = found.forms[0].kind
        return "int8" if kind == "int4" else kind

    def _product(
        self, chains: Chains, a: FirstOperand, bias: Ints | None, found: ChainForms | str
    ) -> ChainGemm | ChainWide | str:
        if isinstance(found, str):
            return self._wide(chains, a, bias, found)
        forms, columns = found.forms, found.columns
        gemm = self._first(chains, [form for form in forms if not form.part_steps], columns)
        if gemm is None:
            return "this CPU has no kernel for it"
        exact, form = self._checked(chains, found), self._bits_form(found, a)
        bits = None if form is None else self._gemm(chains, form, columns)
        both: Gemm | TwoGemms = gemm
        in_four_bits = self._in_four_bits(chains, gemm.form, columns)
        if exact is not None:
            both = CheckedGemm(exact, gemm)
        elif bits is not None:
            both = bits if bits.takes_codes else BitsOrGemm(bits, gemm)
        elif in_four_bits is not None:
            both = FewRowsOrGemm(in_four_bits, gemm)
        return ChainGemm(found.reason, both, both.with_bias(found.bias))

    def _wide(
        self, chains: Chains, a: FirstOperand, bias: Ints | None, why: str
    ) -> ChainWide | str:
        """The product in int64 lanes, or why there is none, nor one in int32."""
        product, columns = self._datapath.product, self._columns_of(chains)
        if not columns.integers.size or not self._datapath.reduce or not _multiplies(product):
            return why
        if _differs_by_row(bias):
            return why
        subtracts, of_a = product != Multiply("fold"), a.interval
        if subtracts and a.zero_point is not None:
            of_a = bounds.subtract(of_a, interval_of(a.zero_point))
        start = ZERO if bias is None else interval_of(bias)
        found = wide_form(self._datapath, columns, of_a, start)
        if isinstance(found, str):
            return f"{why}; nor in int64: {found}"
        form, reason = found
        key = (*_key(chains), form)
        if key not in self._wides:
            self._wides[key] = Wide(form, self._isa, columns.integers)
        wide = self._wides[key]
        return ChainWide(reason, wide, wide.start(_of_any_row(bias)), subtracts)

    def find(
        self,
        chains: Chains,
        a: FirstOperand,
        bias: Ints | None,
        tabulate: Callable[[int, Interval], Forms] | None = None,
    ) -> ChainForms | str:
        """The forms that may stand for chains, or why none does; bias: (M, N).

        `tabulate` finds forms of other than exact products, for the zero point and bias it gets.
        """
        folds = self._datapath.product == Multiply("fold")
        zero_point = ZERO if a.zero_point is None or folds else interval_of(a.zero_point)
        if zero_point.low < zero_point.high:
            return "rows of a differ in their zero point"
        if _differs_by_row(bias):
            return "the bias differs from row to row"
        columns = self._columns_of(chains)
        start = ZERO if bias is None else interval_of(bias)
        groups = self._groups_of(chains)
        found = _forms(self._datapath, columns, groups, a.interval, a.dtype, zero_point.low, start)
        if isinstance(found, str) and tabulate is not None:
            why, found = found, tabulate(zero_point.low, start)
            found = f"{why}; {found}" if isinstance(found, str) else found
        if isinstance(found, str):
            return found
        return ChainForms(*found, columns, _of_any_row(bias))

    def _tabulated(self, chains: Chains, a: FirstOperand, zero_point: int, bias: Interval) -> Forms:
        """Forms of terms from a table."""
        what = _bytes_of(a)
        product, columns = self._datapath.product, self._columns_of(chains)
        if what is None:
            return "no byte holds a"
        if not is_function_of_two(product):
            return f"a term of {type(product).__name__} here depends on more than two integers"
        if not columns.integers.size or not self._datapath.reduce:
            return "there is nothing to sum"
        places = len(columns.distinct[0])
        if places > PLACES:
            return f"b has {places} distinct integers, and tables have {PLACES} places"
        own = what if isinstance(what, np.dtype) else what.tobytes()
        key = (*_key(chains), own, zero_point, a.shifts)
        if key not in self._tables:
            shifts = (a.shifts, self._b.shifts)
            self._tables[key] = TermTable(product, columns, what, zero_point, shifts)
        return table_forms(
            self._datapath, self._tables[key], a.interval, bias, _saturating_step(self._datapath)
        )

    def _bits_form(self, found: ChainForms, a: FirstOperand) -> GemmForm | None:
        """The product of bits for a sum of products; None: an operand has more than two."""
        form, columns = found.forms[0], found.columns
        if form.kind not in SUM_KINDS or columns.two_values is None or a.bits is None:
            return None
        codes = a.bits()
        if codes is None or (form.a_dtype.itemsize > 1 and not codes.proven):
            return None
        return bits_form(codes, columns.two_values, form)

    def _in_four_bits(self, chains: Chains, form: GemmForm, columns: Columns) -> Gemm | None:
        """The same product from tables for few rows; None: it is none."""
        few = form.kind == "table"
        return self._gemm(chains, replace(form, kind="table4"), columns) if few else None

    def _first(self, chains: Chains, forms: list[GemmForm], columns: Columns) -> Gemm | None:
        gemms = (self._gemm(chains, form, columns) for form in forms)
        return next((gemm for gemm in gemms if gemm is not None), None)

    def _checked(self, chains: Chains, found: ChainForms) -> Gemm | None:
        """The exact product with the longest parts that leave the sums the room they may need."""
        if len(chains) > 1:
            return None
        for form in found.forms:
            gemm = self._gemm(chains, form, found.columns) if form.part_steps else None
            if gemm is None or gemm.checks is None:
                continue
            limits = np.iinfo(form.a_dtype)
            needed = found.columns.likely_reach(
                int(limits.min) - form.a_zero_point, int(limits.max) - form.a_zero_point
            )
            part = max(int(gemm.checks.high.max()), -int(gemm.checks.low.min()))
            if part + needed <= form.maximum:
                return gemm
        return None

    def _columns_of(self, chains: Chains) -> Columns:
        """The columns of the chains' planes of b, plane by plane."""
        key = _key(chains)
        if key not in self._columns:
            if len(chains) > 1:
                parts = [self._columns_of((chain,)).integers for chain in chains]
                self._columns[key] = Columns(np.concatenate(parts))
                return self._columns[key]
            (chain,) = chains
            integers = self._packed(chain)
            zero_point = self._b.zero_point(chain.group, slice(None))
            if zero_point is not None and self._datapath.product != Multiply("fold"):
                integers = np.ascontiguousarray(integers - zero_point[:, None])
            self._columns[key] = Columns(integers)
        return self._columns[key]

    def _groups_of(self, chains: Chains) -> Groups | None:
        """What the first step's accumulators add; None: it has none, or there is nothing to add."""
        key = _key(chains)
        if key not in self._groups:
            columns, first = self._columns_of(chains), next(iter(self._datapath.reduce), None)
            self._groups[key] = None
            if isinstance(first, Accumulate) and columns.integers.size:
                self._groups[key] = Groups.of(first, explicit_order(self._datapath), columns)
        return self._groups[key]

    def _gemm(self, chains: Chains, form: GemmForm, columns: Columns) -> Gemm | None:
        key = (*_key(chains), form)
        if key not in self._gemms:
            by_place = form.tables and form.kind != "int4"
            b = columns.distinct[1] if by_place else columns.integers
            try:
                offsets = _offsets(form, columns)
                self._gemms[key] = Gemm(form, self._isa, b, offsets, len(chains))
            except NoKernelError:
                self._gemms[key] = None
        return self._gemms[key]


def _differs_by_row(bias: Ints | None) -> bool:
    return bias is not None and bool(bias.strides[0]) and len(bias) > 1


def _of_any_row(bias: Ints | None) -> Ints | None:
    return None if bias is None or not len(bias) else bias[0]


def _key(chains: Chains) -> _Key:
    """Which of b's planes, and which scale group, which may be a's and others in the next call."""
    one = chains[0]
    return tuple(chain.b_plane for chain in chains), one.group, one.k_first, one.k_stop


def _offsets(form: GemmForm, columns: Columns) -> Ints | None:
    """What is subtracted from each column of b before it is packed; None: nothing."""
    if form.kind == "int4" and columns.sixteen is not None:
        return columns.sixteen.offsets
    has_offsets = form.kind == "int8" and not columns.interval.fits(8)
    return columns.byte_offsets if has_offsets else None


def _holds(dtype: np.dtype, interval: Interval) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= interval.low and interval.high <= limits.max


def _bytes_of(a: FirstOperand) -> np.dtype | Ints | None:
    """The dtype of 8 bits that holds a, or the integers of its bit patterns; None: neither."""
    if a.dtype is not None and a.dtype.itemsize == 1:
        return a.dtype
    held = (one for one in ELEMENTS if one.itemsize == 1 and _holds(one, a.interval))
    return next(held, a.patterns)


def _multiplies(product: Product) -> bool:
    """Whether a term is the exact product of both integers."""
    return isinstance(product, Multiply) or (isinstance(product, Shift) and product.drop == 0)


def _forms(
    datapath: Datapath,
    columns: Columns,
    groups: Groups | None,
    a: Interval,
    dtype: np.dtype | None,
    zero_point: int,
    bias: Interval,
) -> tuple[list[GemmForm], str] | str:
    """Forms that compute the chain, the fastest first, and why they may; or why none does."""
    if not columns.integers.size:
        return "b is empty"
    if not datapath.reduce:
        return "nothing is summed"
    if not _multiplies(datapath.product):
        return "the product is no exact one"
    dtype = dtype or next((one for one in ELEMENTS if _holds(one, a)), None)
    if dtype is None:
        return f"a reaches {a.low}..{a.high}, which int16 does not hold"
    if not columns.interval.fits(16):
        return (
            f"b reaches {columns.interval.low}..{columns.interval.high}, which int16 does not hold"
        )
    centered = bounds.subtract(a, Interval(zero_point, zero_point))
    linear = linear_sum(datapath.reduce, lambda: columns.subset_sums(centered), bias)
    if linear is None:
        if not centered.fits(16):
            low, high = centered.low, centered.high
            return f"a less its zero point reaches {low}..{high}, which int16 does not hold"
        if groups is None:
            return "not proven to be one exact sum, and not accumulators alone"
        if len(datapath.reduce) == 1:
            return _clamping(datapath, groups, centered, dtype, zero_point)
        return group_forms(datapath.reduce, groups, centered, dtype, zero_point, bias)
    register = linear.register
    if register.bits is None:
        total = bounds.add(columns.subset_sums(centered), bias)
        if not total.fits(32):
            return f"a sum may reach {total.low}..{total.high}, which int32 does not hold"
    form = GemmForm("int16", dtype, register.bits or 32, register.signed, zero_point)
    return sum_forms(form, columns), linear.reason


def _clamping(
    datapath: Datapath, groups: Groups, a: Interval, dtype: np.dtype, zero_point: int
) -> tuple[list[GemmForm], str] | str:
    """Forms of one saturating accumulator; a: zero point subtracted."""
    step = datapath.reduce[0]
    if not isinstance(step, Accumulate) or step.spill or step.overflow.rule not in CLAMPING:
        return "not proven to be one exact sum, and not one saturating accumulator"
    low, high = step.register.minimum, step.register.maximum
    if low is None or high is None or not Interval(low, high).fits(32):
        return "the register is wider than int32, and may be left"
    columns = groups.columns
    places = b"" if datapath.order is None else groups.places
    forms = []
    if step.signed and step.overflow.rule is OverflowRule.SATURATE:
        bits = (high - low).bit_length()
        for kind, lane in (("top", 32), ("top_halves", 31)):
            shift = a_shift_of(a, columns.interval, lane - bits)
            if shift is not None:
                forms.append(GemmForm(kind, dtype, bits, True, zero_point, shift, places=places))
    if bounds.add(Interval(low, high), bounds.scale(a, columns.interval)).fits(32):
        forms.append(GemmForm("clamp", dtype, 32, True, zero_point, 0, low, high, places=places))
    if not forms:
        return "int32 does not hold a sum before it saturates"
    if columns.integers.shape[1] >= _LONG and Interval(low, high).fits(31) and not places:
        forms += [
            GemmForm(kind, dtype, 32, True, zero_point, 0, low, high, part_steps=steps)
            for kind in sum_kinds(columns, dtype)
            if kind != "int8" or columns.interval.fits(8)  # offsets hide the prefixes
            for steps in _PARTS
        ]
    return forms, "one accumulator saturates at every addition"


def _saturating_step(datapath: Datapath) -> Accumulate | None:
    """The one accumulator, if it saturates and adds in ascending k."""
    step = datapath.reduce[0] if len(datapath.reduce) == 1 else None
    if (
        not isinstance(step, Accumulate)
        or step.overflow.rule not in CLAMPING
        or step.group is not None
        or step.interleave != 1
        or datapath.order is not None
    ):
        return None
    return step
