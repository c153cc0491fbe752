"""Whether a result can depend on the order of its terms: a proof, or an input that shows it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyqsim import _native
from pyqsim.bounds import Interval
from pyqsim.datapath import Accumulate, Narrow, Shift
from pyqsim.diagnostics.extremes import ChainExtremes, Layer
from pyqsim.modes import OverflowRule

__all__ = ["OrderWitness", "any_order", "order_matters"]

Ints = npt.NDArray[np.int64]
#: (n, codes, order, result in the datapath's order, result in that order)
OrderWitness = tuple[int, tuple[int, ...], tuple[int, ...], int, int]

_RANDOM_INPUTS = 8  # tried, beside the extreme ones, to show that order matters


def any_order(layer: Layer) -> list[list[Interval]]:
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


def order_matters(
    layer: Layer, sums: list[list[Interval]]
) -> tuple[bool | None, OrderWitness | None]:
    """False by a proof, True with a witness, or None; `sums` as `any_order` gives them."""
    if _order_is_free(layer, sums):
        return False, None
    widest = sorted(
        ((c, n) for c in range(len(layer.chains)) for n in range(layer.n)),
        key=lambda at: sums[at[0]][at[1]].low - sums[at[0]][at[1]].high,
    )
    for chain, n in widest[:8]:
        found = _order_witness(layer.chains[chain], n)
        if found is not None:
            return True, found
    return None, None


def _order_is_free(layer: Layer, sums: list[list[Interval]]) -> bool:
    """Proof that every order gives the same result, by one of two arguments.

    Between the first and the last sum nothing but sums acts, and what comes before works on every
    term by itself. Then either no register can leave its range in any order, or all wrap and none
    is wider than one before it.
    """
    steps = layer.datapath.reduce
    at = [i for i, step in enumerate(steps) if isinstance(step, Accumulate)]
    if len(at) + sum(isinstance(step, Narrow) for step in steps) != len(steps):
        return False
    if not at:
        return True
    product = layer.datapath.product
    before, middle = steps[: at[0]], steps[at[0] : at[-1] + 1]
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
        for row in sums
        for interval in row
    )


def _order_witness(chain: ChainExtremes, n: int) -> OrderWitness | None:
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
