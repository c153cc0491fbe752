"""Register widths that can never overflow, and inputs that overflow one bit less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import _native
from pyqsim.bounds import Interval
from pyqsim.checks import check_int
from pyqsim.datapath import Accumulate, Datapath, Narrow, ReduceStep, Shift
from pyqsim.diagnostics.extremes import Activations, ChainExtremes, Layer
from pyqsim.diagnostics.published_bounds import (
    centred_bits,
    data_type_bits,
    l1_bits,
    signed_bits,
)
from pyqsim.events import Place
from pyqsim.modes import SATURATE, OverflowRule
from pyqsim.ops.operands import Matrix
from pyqsim.text_table import aligned

__all__ = ["Headroom", "StepHeadroom", "Witness", "headroom"]

Ints = npt.NDArray[np.int64]

_RANDOM_INPUTS = 8  # tried, beside the extreme ones, to show that order matters


@dataclass(frozen=True, slots=True)
class Witness:
    """An input that overflows a register, found by running it in the reference.

    Attributes
    ----------
    step, n : int
        The reduce step, and the column of the weights.
    bits : int
        The register that is too narrow.
    codes : tuple of int
        The input, K codes.
    place : tuple of int
        (step, m, n, k) of the first overflow; m is 0.
    seen : int
        The value furthest outside that the range rule saw.
    """

    step: int
    n: int
    bits: int
    codes: tuple[int, ...]
    place: Place
    seen: int


@dataclass(frozen=True, eq=False, slots=True)
class StepHeadroom:
    """What the register of one reduce step needs; arrays are (chains, N).

    Attributes
    ----------
    step : int
    name : str
        Class of the step.
    given : int or None
        Its width in the datapath; None: exact.
    minimum, maximum : ndarray of int64
        Everything that its range rule may see, all other registers as they are.
    bits : ndarray of int64
        The smallest width that never overflows; 0: none does (an unsigned register and a negative
        sum).
    exact : ndarray of bool
        Whether `minimum` and `maximum` are seen, so that one bit less overflows; else they are
        bounds by interval arithmetic: a register before this one wraps, or a rounding is random.
    """

    step: int
    name: str
    given: int | None
    minimum: Ints
    maximum: Ints
    bits: Ints
    exact: npt.NDArray[np.bool_]

    @property
    def needed(self) -> int:
        """The width for all columns; 0: none."""
        if self.bits.size == 0:
            return 2
        return 0 if (self.bits == 0).any() else int(self.bits.max())

    @property
    def proven(self) -> bool:
        """Whether the given register never overflows."""
        return self.given is None or 0 < self.needed <= self.given


@dataclass(frozen=True, eq=False, repr=False)
class Headroom:
    """Proofs about a layer's registers, for every input that it may meet.

    Attributes
    ----------
    datapath : Datapath
    k, n : int
    chains : tuple of (int, int, int)
        (plane of a, plane of b, scale group), the first axis of the arrays.
    steps : tuple of StepHeadroom
        One a reduce step.
    any_order_bits : ndarray of int64, (chains, N)
        A signed accumulator so wide holds every partial sum of the terms in every order.
    data_type_bits : int or None
        What K and the widths of the operands ask for (A2Q's bound); None: not a plain product.
    l1_bits : ndarray of int64, (chains, N), or None
        What the weights' L1 norms ask for (A2Q).
    centred_bits : ndarray of int64, (chains, N), or None
        The same for weights whose sum is 0 (A2Q+); 0 where it is not. None of the three knows a
        bias.
    order_matters : bool or None
        Whether the result can depend on the order of the terms: False is proven, True was seen
        (`order_witness`), None is open.
    order_witness : tuple or None
        (n, codes, order, result in the datapath's order, result in that order).
    """

    datapath: Datapath
    k: int
    n: int
    chains: tuple[tuple[int, int, int], ...]
    steps: tuple[StepHeadroom, ...]
    any_order_bits: Ints
    data_type_bits: int | None
    l1_bits: Ints | None
    centred_bits: Ints | None
    order_matters: bool | None
    order_witness: tuple[int, tuple[int, ...], tuple[int, ...], int, int] | None
    _layer: Layer

    @property
    def proven(self) -> bool:
        """Whether no register of the datapath can overflow."""
        return all(step.proven for step in self.steps)

    def __repr__(self) -> str:
        needed = ", ".join(f"{s.name} {s.needed} of {s.given}" for s in self.steps)
        return f"Headroom(K={self.k}, N={self.n}, bits needed: {needed}, proven={self.proven})"

    def __str__(self) -> str:
        header = ("step", "what", "given", "needs", "smallest", "largest", "")
        rows = [
            (
                str(s.step),
                s.name,
                "exact" if s.given is None else str(s.given),
                _bits(s.needed),
                str(s.minimum.min(initial=0)),
                str(s.maximum.max(initial=0)),
                _verdict(s),
            )
            for s in self.steps
        ]
        beside = [
            ("any order", self.any_order_bits.max(initial=2)),
            ("data type", self.data_type_bits),
            ("L1 norm (A2Q)", None if self.l1_bits is None else self.l1_bits.max(initial=2)),
            ("zero-centred (A2Q+)", _centred(self.centred_bits)),
        ]
        bounds = ", ".join(f"{name} {'-' if bits is None else bits}" for name, bits in beside)
        order = {None: "not known", True: "yes, seen", False: "no, proven"}[self.order_matters]
        return "\n".join(
            (
                aligned(header, rows, left=2),
                "",
                f"signed bits by other bounds: {bounds}",
                f"can the result depend on the order of the terms? {order}",
            )
        )

    def witness(self, step: int | None = None, n: int | None = None) -> Witness | None:
        """An input that overflows a register one bit narrower than needed, run in the reference.

        Parameters
        ----------
        step : int, optional
            Default: the last `Accumulate`.
        n : int, optional
            The column; default: the one that needs most.

        Returns
        -------
        Witness or None
            None where no narrower register exists or the bias alone does not fit into it, or where
            the width is only a bound.
        """
        number = _last_sum(self.datapath.reduce) if step is None else step
        check_int("witness", "step", number, 0, len(self.steps) - 1)
        own = self.steps[number]
        if own.bits.size == 0:
            return None
        columns = range(self.n) if n is None else [check_int("witness", "n", n, 0, self.n - 1)]
        chain, column = max(
            ((c, x) for c in range(len(self.chains)) for x in columns),
            key=lambda at: int(own.bits[at]),
        )
        if not own.exact[chain, column]:
            return None
        return _witness(self._layer, chain, own, column)

    def to_json(self) -> dict[str, Any]:
        """Everything in values that the json module takes."""
        last = self.witness() if self.steps else None
        return {
            "datapath": repr(self.datapath),
            "k": self.k,
            "n": self.n,
            "chains": self.chains,
            "proven": self.proven,
            "order_matters": self.order_matters,
            "data_type_bits": self.data_type_bits,
            "any_order_bits": self.any_order_bits.tolist(),
            "l1_bits": None if self.l1_bits is None else self.l1_bits.tolist(),
            "centred_bits": None if self.centred_bits is None else self.centred_bits.tolist(),
            "steps": [
                {
                    "step": s.step,
                    "name": s.name,
                    "given": s.given,
                    "needed": s.needed,
                    "proven": s.proven,
                    "bits": s.bits.tolist(),
                    "minimum": s.minimum.tolist(),
                    "maximum": s.maximum.tolist(),
                    "exact": s.exact.tolist(),
                }
                for s in self.steps
            ],
            "witness": None
            if last is None
            else {name: getattr(last, name) for name in Witness.__slots__},
        }


def headroom(
    b: Matrix,
    datapath: Datapath,
    activations: Activations,
    *,
    bias: npt.ArrayLike | None = None,
) -> Headroom:
    """Prove how wide every register of a datapath must be for given weights.

    Parameters
    ----------
    b : array_like of int or QTensor, (K, N)
        Weights.
    datapath : Datapath
        Its output steps are not looked at.
    activations : Format, Encoding or (int, int)
        Which inputs may come: every code of a format (zero point 0, or the encoding's), or all
        plain integers low..high.
    bias : array_like of int, optional
        For a datapath that starts from it; broadcasts to (N,).

    Returns
    -------
    Headroom

    Raises
    ------
    PyqsimError
        As `matmul`: in particular `AccumulatorRangeError` where a sum may leave int64.

    Notes
    -----
    Terms are chosen freely and independently within what each weight allows. Adding, saturating
    and every rounding that never falls keep order: if no term is smaller, no value on the way is.
    So the input with the largest possible terms and that with the smallest make the extremes of
    every partial sum, in trees, groups, lanes and spills alike; the C reference runs both. A
    register that wraps, zeroes or holds keeps order only where neither of them overflows it.

    Examples
    --------
    >>> import pyqsim as qs
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(12, "saturate"),))
    >>> proof = qs.headroom([[3], [-2], [4]], machine, (0, 255))
    >>> proof.steps[0].needed, proof.proven
    (12, True)
    >>> proof.witness().codes, proof.witness().bits, proof.witness().seen
    ((255, 0, 255), 11, 1785)
    """
    layer = Layer(b, datapath, activations, bias)
    shape = (len(layer.chains), layer.n)
    steps = tuple(
        _step_headroom(layer, number, step, shape) for number, step in enumerate(datapath.reduce)
    )
    any_order = _any_order(layer)
    matters, witness = _order_matters(layer, any_order)
    return Headroom(
        datapath=datapath,
        k=layer.k,
        n=layer.n,
        chains=tuple(chain.place for chain in layer.chains),
        steps=steps,
        any_order_bits=np.array(
            [[signed_bits(x) for x in row] for row in any_order], dtype=np.int64
        ).reshape(shape),
        **_published(layer, shape),
        order_matters=matters,
        order_witness=witness,
        _layer=layer,
    )


def _step_headroom(
    layer: Layer, number: int, step: ReduceStep, shape: tuple[int, int]
) -> StepHeadroom:
    seen = [chain.seen(number) for chain in layer.chains]
    low = [[one.interval.low for one in row] for row in seen]
    high = [[one.interval.high for one in row] for row in seen]
    bits = [[_width(step, one.interval) for one in row] for row in seen]
    return StepHeadroom(
        step=number,
        name=type(step).__name__,
        given=step.bits,
        minimum=np.array(low, dtype=np.int64).reshape(shape),
        maximum=np.array(high, dtype=np.int64).reshape(shape),
        bits=np.array(bits, dtype=np.int64).reshape(shape),
        exact=np.array([[one.exact for one in row] for row in seen], dtype=bool).reshape(shape),
    )


def _width(step: ReduceStep, interval: Interval) -> int:
    """Smallest register of the step's signedness and rule; 0: none."""
    if step.bits is not None and not step.signed:
        return 0 if interval.low < 0 else max(interval.high.bit_length(), 1)
    symmetric = step.overflow.rule is OverflowRule.SATURATE_SYMMETRIC and step.bits is not None
    return signed_bits(interval, symmetric=symmetric)


def _last_sum(steps: tuple[ReduceStep, ...]) -> int:
    sums = [i for i, step in enumerate(steps) if isinstance(step, Accumulate)]
    return sums[-1] if sums else len(steps) - 1


def _witness(layer: Layer, chain: int, own: StepHeadroom, n: int) -> Witness | None:
    """Run the extreme inputs on a register of one bit less."""
    extremes, bits = layer.chains[chain], int(own.bits[chain, n]) - 1
    step = layer.datapath.reduce[own.step]
    if bits < (2 if step.signed or step.bits is None else 1):
        return None
    narrow = replace(step, bits=bits)
    if isinstance(narrow, Accumulate) and narrow.start == "bias":
        held = narrow.register
        assert held.minimum is not None
        assert held.maximum is not None
        if not held.minimum <= extremes.bias(n) <= held.maximum:
            return None
    if step.overflow.rule is OverflowRule.TRAP:
        narrow = replace(narrow, overflow=SATURATE)
    steps = list(layer.datapath.reduce)
    steps[own.step] = narrow
    program = extremes.program(tuple(steps))
    for high in (True, False):
        x = (extremes.high_x if high else extremes.low_x)[n]
        records = extremes.trace(program, n, x).records
        sums = records[(records["step"] == own.step) & (records["spill"] == 0)]
        seen = sums["seen_low"].view(np.int64)
        outside = np.flatnonzero((seen != sums["after"]) & (sums["acted"] != 0))
        if not len(outside):
            continue
        codes = np.concatenate(
            [one.codes(n, high=high) for one in layer.chains if one.place[:2] == extremes.place[:2]]
        )
        k = extremes.k_of(int(sums["position"][outside].min()))
        furthest = max(seen[outside].tolist(), key=abs)
        return Witness(own.step, n, bits, tuple(codes.tolist()), (own.step, 0, n, k), furthest)
    return None


def _result(
    chain: ChainExtremes, program: _native.ReduceProgram, n: int, x: Ints, order: Ints
) -> int:
    """What the reference makes of one column; x are indices of the allowed codes."""
    out = np.empty((1, 1), dtype=np.int64)
    program.run(
        np.ascontiguousarray(chain.x[x])[None],
        np.ascontiguousarray(chain.w[n : n + 1]),
        out,
        order=order,
        n_first=n,
        bias=np.full((1, 1), chain.bias(n)),
    )
    return int(out[0, 0])


# -- bounds beside the exact one ------------------------------------------------------------------


def _any_order(layer: Layer) -> list[list[Interval]]:
    """Every partial sum of the terms in every order, with and without the bias."""
    rows = []
    for chain in layer.chains:
        high = np.maximum(chain.high, 0).astype(object).sum(axis=1)
        low = np.minimum(chain.low, 0).astype(object).sum(axis=1)
        rows.append(
            [
                Interval(int(x) + min(bias, 0), int(y) + max(bias, 0))
                for x, y, bias in zip(low, high, layer.bias.tolist(), strict=True)
            ]
        )
    return rows


def _published(layer: Layer, shape: tuple[int, int]) -> dict[str, Any]:
    """The bounds of A2Q and A2Q+, for products that multiply exactly."""
    if layer.multiplies:
        l1, centred, widest = [], [], 0
        for chain in layer.chains:
            norms = np.abs(chain.w).astype(object).sum(axis=1).tolist()
            sums = chain.w.sum(axis=1).tolist()
            x = chain.input_interval
            l1.append([l1_bits(norm, x) for norm in norms])
            centred.append(
                [
                    0 if total else centred_bits(norm, x)
                    for norm, total in zip(norms, sums, strict=True)
                ]
            )
            widest = max(widest, data_type_bits(chain.w.shape[1], x, chain.weight_bits))
        return {
            "data_type_bits": widest,
            "l1_bits": np.array(l1, dtype=np.int64).reshape(shape),
            "centred_bits": np.array(centred, dtype=np.int64).reshape(shape),
        }
    return dict.fromkeys(("data_type_bits", "l1_bits", "centred_bits"))


# -- order ----------------------------------------------------------------------------------------


def _order_matters(
    layer: Layer, any_order: list[list[Interval]]
) -> tuple[bool | None, tuple[int, tuple[int, ...], tuple[int, ...], int, int] | None]:
    if _order_is_free(layer, any_order):
        return False, None
    widest = sorted(
        ((c, n) for c in range(len(layer.chains)) for n in range(layer.n)),
        key=lambda at: any_order[at[0]][at[1]].low - any_order[at[0]][at[1]].high,
    )
    for chain, n in widest[:8]:
        found = _order_witness(layer.chains[chain], n)
        if found is not None:
            return True, found
    return None, None


def _order_is_free(layer: Layer, any_order: list[list[Interval]]) -> bool:
    """Proof that every order gives the same result, by one of two arguments.

    Between the first and the last sum nothing but sums acts, and what comes before works on every
    term by itself. Then either no register can leave its range in any order, or all wrap and none
    is wider than one before it.
    """
    steps = layer.datapath.reduce
    sums = [i for i, step in enumerate(steps) if isinstance(step, Accumulate)]
    if len(sums) + sum(isinstance(step, Narrow) for step in steps) != len(steps):
        return False
    if not sums:
        return True
    product = layer.datapath.product
    before, middle = steps[: sums[0]], steps[sums[0] : sums[-1] + 1]
    drawn = [step.rounding for step in steps if isinstance(step, Narrow)]
    if isinstance(product, Shift):
        drawn.append(product.rounding)
    if any(rounding.stochastic for rounding in drawn):
        return False
    registers = []
    for step in middle:
        if not isinstance(step, Accumulate) or step.spill:
            return False
        registers.append(step.register)
    widths = [64 if one.bits is None else one.bits for one in registers]
    wraps = all(one.bits is None or one.overflow.rule is OverflowRule.WRAP for one in registers)
    if wraps and all(x >= y for x, y in pairwise(widths)):
        return True
    if before:  # the terms' extremes are those before a Narrow
        return False
    return all(
        one.minimum is None
        or one.maximum is None
        or (one.minimum <= interval.low and interval.high <= one.maximum)
        for one in registers
        for row in any_order
        for interval in row
    )


def _order_witness(
    chain: ChainExtremes, n: int
) -> tuple[int, tuple[int, ...], tuple[int, ...], int, int] | None:
    """Try inputs that go far up and come back, in orders that put one sign first."""
    program, slots = chain.program(chain.steps), chain.slots
    given = np.arange(slots) if chain.order is None else chain.order
    high, low = chain.high[n], chain.low[n]
    far = np.where(np.abs(high) >= np.abs(low), chain.high_x[n], chain.low_x[n])
    turns = np.argsort(np.argsort(-np.maximum(np.abs(high), np.abs(low)), kind="stable"))
    both = np.where(turns % 2 == 0, chain.high_x[n], chain.low_x[n])
    draw = np.random.Generator(np.random.PCG64(n))
    ends = np.stack([chain.high_x[n], chain.low_x[n]])
    mixed = [draw.permuted(ends, axis=0)[0] for _ in range(_RANDOM_INPUTS)]
    for x in (far, both, *ends, *mixed):
        terms = chain.terms(n, x)
        of_slot = np.where(given < 0, 0, np.append(terms, 0)[given])
        result = _result(chain, program, n, x, given)
        for order in (
            given[np.argsort(-of_slot, kind="stable")],
            given[np.argsort(of_slot, kind="stable")],
            given[::-1].copy(),
            draw.permutation(given),
        ):
            other = _result(chain, program, n, x, order)
            if other != result:
                codes = tuple(chain.all_codes[x].tolist())
                return n, codes, tuple(order.tolist()), result, other
    return None


def _bits(bits: int) -> str:
    return "none" if bits == 0 else str(bits)


def _centred(bits: Ints | None) -> int | None:
    return None if bits is None or not bits.all() else int(bits.max(initial=2))


def _verdict(step: StepHeadroom) -> str:
    if step.given is None:
        return ""
    if step.proven:
        return "never overflows"
    return "overflows" if step.exact.all() else "not proven"
