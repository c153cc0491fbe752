"""The inputs that drive a sum furthest up and down, and whether they are proven to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim.bounds import Interval
from pyqsim.checks import check_int
from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Multiply,
    Narrow,
    Product,
    ReduceStep,
    Register,
    Shift,
)
from pyqsim.diagnostics.published_bounds import signed_bits
from pyqsim.errors import DatapathError
from pyqsim.execution import CallData
from pyqsim.execution.doors import check_call, explicit_order, start_bias
from pyqsim.formats import Format
from pyqsim.modes import WRAP, OverflowRule, Rounding
from pyqsim.ops.encoding import Encoding
from pyqsim.ops.operands import Matrix, first_operand, second_operand

__all__ = ["Activations", "ChainExtremes", "Layer", "Seen", "exact_step", "rises"]

Ints = npt.NDArray[np.int64]

#: What is known of the inputs: a format, an encoding, or the smallest and largest integer.
Activations = Format | Encoding | tuple[int, int]

_MONOTONE_RULES = (OverflowRule.SATURATE, OverflowRule.SATURATE_SYMMETRIC)
_MANY = 1 << 16  # inputs; of a wider range of plain integers only the ends are tried
_LARGEST_TABLE = 1 << 24  # terms that are computed where a product is not monotone


class Layer:
    """A machine, its weights, and every input that it may meet."""

    def __init__(
        self,
        b: Matrix,
        datapath: Datapath,
        activations: Activations,
        bias: npt.ArrayLike | None,
    ) -> None:
        if not isinstance(datapath, Datapath):
            raise DatapathError(f"datapath={datapath!r}, allowed: a Datapath")
        folds = datapath.product == Multiply("fold")
        self.datapath = replace(datapath, output=(CorrectZeroPoints(),) if folds else ())
        self.activations = activations
        self.codes = _allowed_codes(activations)
        weights, inputs = second_operand(b), first_operand(self.tensor(self.codes[:, None]))
        if isinstance(datapath.product, Lookup):
            weights, inputs = weights.patterns(), inputs.patterns()
        self.b, self.inputs = weights, inputs
        self.n, self.k = weights.codes.shape
        row = self.tensor(np.repeat(self.codes[[0, -1], None], self.k, axis=1))
        data = CallData(bias=bias)
        self.order = explicit_order(datapath)
        rows = replace(inputs, codes=first_operand(row).codes)
        groups = check_call(self.datapath, rows, weights, data, self.order)
        start = start_bias(self.datapath, data, (2, self.n))
        self.bias = np.zeros(self.n, np.int64) if start is None else start[0]
        self.chains = [
            ChainExtremes(self, i, j, g, ks)
            for i in range(inputs.planes)
            for j in range(weights.planes)
            for g, ks in enumerate(groups)
        ]

    @property
    def multiplies(self) -> bool:
        """Whether a term is exactly input times weight."""
        product = self.datapath.product
        return isinstance(product, Multiply) or (isinstance(product, Shift) and product.drop == 0)

    def tensor(self, codes: npt.NDArray[np.int64]) -> Matrix:
        """Codes as matmul takes them."""
        if isinstance(self.activations, Format):
            return Encoding(self.activations).tensor(codes)
        if isinstance(self.activations, Encoding):
            return self.activations.tensor(codes)
        return codes


def _allowed_codes(activations: Activations) -> Ints:
    if isinstance(activations, Encoding):
        activations = activations.format
    if isinstance(activations, Format):
        return np.arange(activations.code_min, activations.code_max + 1)
    if not isinstance(activations, tuple) or len(activations) != 2:
        raise DatapathError(
            f"activations={activations!r}, allowed: a Format, an Encoding or (low, high)"
        )
    low = check_int("activations", "low", activations[0], -(2**31), 2**31 - 1)
    high = check_int("activations", "high", activations[1], low, 2**31 - 1)
    return np.arange(low, high + 1) if high - low < _MANY else np.array([low, high])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the range rule of one step may see in one column.

    Attributes
    ----------
    interval : Interval
        The bias that the step starts from included.
    exact : bool
        Both ends are seen, by the two extreme inputs; else the ends are only a bound.
    """

    interval: Interval
    exact: bool


class ChainExtremes:
    """One plane pair in one scale group: for every column the two extreme inputs."""

    def __init__(self, layer: Layer, i: int, j: int, g: int, ks: slice) -> None:
        self.place, self.ks, self._layer = (i, j, g), ks, layer
        fold = layer.datapath.product == Multiply("fold")
        za = 0 if fold else layer.inputs.zero_point_interval(0).low
        zb = None if fold else layer.b.zero_point(g, slice(None))
        self.x = layer.inputs.integers(i, slice(None), slice(0, 1))[:, 0] - za
        self.w = layer.b.integers(j, slice(None), ks) - (0 if zb is None else zb[:, None])
        self._find_terms()

    # -- terms -------------------------------------------------------------------------------

    def _find_terms(self) -> None:
        """The largest and smallest term of every weight, and the codes that make them."""
        product = self._layer.datapath.product
        if isinstance(product, Lookup) and product.table.values.ndim == 3:
            tables = product.table.values[: self.w.shape[1]]
            columns = [
                self._extreme(Lookup(table), self.w[:, k : k + 1]) for k, table in enumerate(tables)
            ]
            parts = zip(*columns, strict=True) if columns else [[self.w]] * 4
            found = [np.concatenate(list(part), axis=1) for part in parts]
        else:
            found = list(self._extreme(product, self.w))
        self.high_x, self.low_x, self.high, self.low = found

    def _extreme(self, product: Product, w: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Indices of the codes with the largest and the smallest term, and those terms."""
        distinct, inverse = np.unique(w, return_inverse=True)
        candidates = np.arange(len(self.x))
        if self._ends_suffice():
            candidates = np.array([int(self.x.argmin()), int(self.x.argmax())])
        elif len(self.x) == 2 and abs(int(self.x[1]) - int(self.x[0])) >= _MANY:
            raise DatapathError(
                f"headroom: {product!r} with activations {self._layer.activations}, allowed: "
                f"at most {_MANY} inputs for a product that may neither rise nor fall with them"
            )
        if candidates.size * distinct.size > _LARGEST_TABLE:
            raise DatapathError(
                f"headroom: {candidates.size} inputs times {distinct.size} distinct weights, "
                f"allowed: {_LARGEST_TABLE} products for this product; use smaller formats"
            )
        terms = np.empty((candidates.size, distinct.size), dtype=np.int64)
        if terms.size:
            self._check_int64()
            program = self.program((), product)
            program.run(self.x[candidates][:, None], distinct[:, None], terms)
        else:
            terms = np.zeros((1, distinct.size), dtype=np.int64)
        inverse = inverse.reshape(w.shape)
        up, down = terms.argmax(axis=0)[inverse], terms.argmin(axis=0)[inverse]
        return (
            candidates[up],
            candidates[down],
            terms.max(axis=0)[inverse],
            terms.min(axis=0)[inverse],
        )

    def _ends_suffice(self) -> bool:
        """Whether a term rises or falls all along with the input's integer."""
        product, layer = self._layer.datapath.product, self._layer
        if isinstance(product, Multiply):
            return True
        return isinstance(product, Shift) and not layer.inputs.shifts and rises(product.rounding)

    def _check_int64(self) -> None:
        x = Interval(int(self.x.min()), int(self.x.max()))
        w = Interval(int(self.w.min()), int(self.w.max()))
        self._product_bound = bounds.product(self._layer.datapath.product, x, w)

    @property
    def order(self) -> Ints | None:
        """The datapath's order of the chain's ks."""
        return self._layer.order

    @property
    def steps(self) -> tuple[ReduceStep, ...]:
        """The datapath's reduce steps."""
        return self._layer.datapath.reduce

    @property
    def all_codes(self) -> Ints:
        """Every code that may come."""
        return self._layer.codes

    def bias(self, n: int) -> int:
        """What a column starts from."""
        return int(self._layer.bias[n])

    def k_of(self, position: int) -> int:
        """The k, in the whole K, of a position; -1: none."""
        k = position if position < 0 or self.order is None else int(self.order[position])
        return k if k < 0 else self.ks.start + k

    @property
    def input_interval(self) -> Interval:
        """Smallest and largest input integer."""
        return Interval(int(self.x.min()), int(self.x.max()))

    @property
    def weight_bits(self) -> int:
        """Signed width of every weight that the format has; of those that are there without one."""
        table = self._layer.b.tables
        w = self.w if table is None else table[self.place[1]]
        return signed_bits(Interval(int(w.min(initial=0)), int(w.max(initial=0))))

    def terms(self, n: int, x: Ints) -> Ints:
        """The terms of one column for an input, given as indices of the allowed codes."""
        records = self.trace(self.program(self.steps), n, x).records
        own = records[records["step"] == -1]
        terms = np.zeros(self.w.shape[1], dtype=np.int64)
        slots = np.arange(len(own)) if self.order is None else self.order
        terms[slots[slots >= 0]] = own["after"][slots >= 0]
        return terms

    def program(
        self, steps: tuple[ReduceStep, ...], product: Product | None = None
    ) -> _native.ReduceProgram:
        """Steps for the C reference; `product` stands for the datapath's."""
        layer = self._layer
        return _native.ReduceProgram(
            layer.datapath.product if product is None else product,
            steps,
            a_shifts=layer.inputs.shifts,
            b_shifts=layer.b.shifts,
        )

    @property
    def terms_are_exact(self) -> bool:
        """Whether the extreme terms do not depend on random numbers."""
        product = self._layer.datapath.product
        return not (isinstance(product, Shift) and product.rounding.stochastic)

    def codes(self, n: int, *, high: bool) -> Ints:
        """The extreme input of a column: codes of the chain's ks."""
        codes: Ints = self._layer.codes[(self.high_x if high else self.low_x)[n]]
        return codes

    # -- sums --------------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """Values that enter the first step."""
        order = self._layer.order
        return self.w.shape[1] if order is None else len(order)

    def _term_interval(self) -> Interval:
        if self.w.size == 0:
            return bounds.ZERO
        if not self.terms_are_exact:
            return self._product_bound.hull(bounds.ZERO)
        return Interval(int(self.low.min()), int(self.high.max())).hull(bounds.ZERO)

    def seen(self, step: int) -> list[Seen]:
        """What the range rule of a step may see if its register were wide enough, by column."""
        steps = exact_step(self._layer.datapath.reduce, step)
        bias = self._layer.bias
        start = Interval(int(bias.min()), int(bias.max())) if bias.size else bounds.ZERO
        bounds.reduce(steps, self._term_interval(), self.slots, start)
        program = self.program(steps)
        return [self._seen_by(program, steps, step, n) for n in range(self._layer.n)]

    def trace(self, program: _native.ReduceProgram, n: int, x: Ints) -> _native.RawTrace:
        """One column on one input, given as indices of the allowed codes."""
        return program.trace(
            np.ascontiguousarray(self.x[x]),
            np.ascontiguousarray(self.w[n]),
            order=self._layer.order,
            m=0,
            n=n,
            a_zero_point=0,
            b_zero_point=0,
            bias=int(self._layer.bias[n]),
        )

    def _seen_by(
        self, program: _native.ReduceProgram, steps: tuple[ReduceStep, ...], step: int, n: int
    ) -> Seen:
        traces = [self.trace(program, n, x[n]).records for x in (self.high_x, self.low_x)]
        owner, bias = steps[step], int(self._layer.bias[n])
        starts = isinstance(owner, Accumulate) and owner.start == "bias"
        hull = Interval(bias, bias) if starts else None
        if not self._is_monotone(steps[: step + 1], traces):
            bound = self._bound(steps, step, bias)
            return Seen(bound if hull is None else bound.hull(hull), False)
        for records in traces:
            own = records[(records["step"] == step) & (records["spill"] == 0)]
            if len(own):
                values = own["seen_low"].view(np.int64)
                found = Interval(int(values.min()), int(values.max()))
                hull = found if hull is None else hull.hull(found)
        return Seen(bounds.ZERO if hull is None else hull, True)

    def _is_monotone(
        self, steps: tuple[ReduceStep, ...], traces: list[npt.NDArray[np.void]]
    ) -> bool:
        """Whether every value up to a step rises (or every one falls) with every term.

        Then the extreme inputs make the extreme values, and a register that neither of them
        overflows never overflows.
        """
        if not self.terms_are_exact:
            return False
        for number, step in enumerate(steps):
            if isinstance(step, AccumulateLogs):
                return False
            narrows = [(0, step)] if isinstance(step, Narrow) else list(enumerate(step.spill, 1))
            for spill, narrow in narrows:
                if not _rounds_monotonely(narrow) or (spill and narrow.multiplier < 0):
                    return False
            for spill, register in [
                (0, step.register),
                *((s, x.register) for s, x in narrows if s),
            ]:
                if _loses_order(register) and _overflows(traces, number, spill):
                    return False
        return True

    def _bound(self, steps: tuple[ReduceStep, ...], step: int, bias: int) -> Interval:
        """Interval arithmetic, where the extreme inputs prove nothing."""
        start = Interval(bias, bias)
        value = bounds.reduce(steps[:step], self._term_interval(), self.slots, start)
        count = self.slots
        for earlier in steps[:step]:
            count = count if isinstance(earlier, Narrow) else earlier.output_count(count)
        held = bounds.reduce((steps[step],), value, count, start)
        owner = steps[step]
        if isinstance(owner, Accumulate) and owner.spill:
            held = held.hull(bounds.add(held.hull(start), bounds.times(value, owner.group or 1)))
        return held


def exact_step(steps: tuple[ReduceStep, ...], step: int) -> tuple[ReduceStep, ...]:
    """The steps with one register made wide enough for everything."""
    wide = replace(steps[step], bits=None, overflow=WRAP, signed=True)
    return (*steps[:step], wide, *steps[step + 1 :])


def rises(rounding: Rounding) -> bool:
    """Whether a rounding never gives less for a larger quotient.

    Between two integers it may only begin to add one, never stop.
    """
    if rounding.stochastic:
        return False
    columns = [
        [rounding.table >> (4 * column + remainder) & 1 for remainder in range(4)]
        for column in range(4)
    ]
    return all(x <= y for column in columns for x, y in pairwise(column))


def _rounds_monotonely(step: Narrow) -> bool:
    return (step.divisor == 1 and step.shift <= 0) or rises(step.rounding)


def _loses_order(register: Register) -> bool:
    """Whether an overflow in a register may bring a larger value below a smaller one."""
    return register.bits is not None and register.overflow.rule not in _MONOTONE_RULES


def _overflows(traces: list[npt.NDArray[np.void]], step: int, spill: int) -> bool:
    for records in traces:
        own = records[(records["step"] == step) & (records["spill"] == spill)]
        low, after = own["seen_low"].view(np.int64), own["after"]
        acted = own["acted"] != 0
        if bool((acted & ((low != after) | (own["seen_high"] != after >> 63))).any()):
            return True
    return False
