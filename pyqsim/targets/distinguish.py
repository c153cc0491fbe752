"""The smallest inputs on which machines differ, or the proof that they are one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from pyqsim.errors import PyqsimError
from pyqsim.targets.canonical import LARGEST_K, canonical
from pyqsim.targets.distinction import Distinction, Pair, Witness
from pyqsim.targets.probes import Answer, Probe, all_probes, answers
from pyqsim.targets.registry import get
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["distinguish"]

#: Right shifts that a finite domain is tried with, smallest first.
_EXPONENTS = tuple(range(-8, 33))


def distinguish(candidates: Sequence[str | Target]) -> Distinction:
    """Find the smallest inputs on which targets differ.

    Parameters
    ----------
    candidates : sequence of str or Target

    Returns
    -------
    Distinction
        An input is smaller if it has fewer products, then if the magnitudes of its operands and
        bias sum to less. Pairs without witness are proven equal (`pyqsim.targets.canonical`), have
        no input in common, or are left open.

    Examples
    --------
    >>> found = distinguish(["x86-pmulhrsw", "arm-sqrdmulh-16"])
    >>> found.witnesses[0].inputs["a"], dict(found.witnesses[0].outputs)
    ([-32768], {'x86-pmulhrsw': -32768, 'arm-sqrdmulh-16': 32767})
    """
    targets = [one if isinstance(one, Target) else get(one) for one in candidates]
    by_name = {target.name: target for target in targets}
    witnesses: list[Witness] = []
    pairs: list[Pair] = []
    for first, second in combinations(by_name.values(), 2):
        if any(one.separates(first.name, second.name) for one in witnesses):
            continue
        settled = _settled(first, second)
        if settled is not None:
            pairs.append(settled)
            continue
        place = _smallest_difference(first, second)
        if place is not None:
            witnesses.append(_witness(*place, targets))
            continue
        probes = _whole_domain(first, second)
        place = _smallest_difference(first, second, probes)
        if place is not None:
            witnesses.append(_witness(*place, targets))
        else:
            pairs.append(Pair(first.name, second.name, proof=_exhausted(probes)))
    return Distinction(tuple(witnesses), tuple(pairs))


def _whole_domain(first: Target, second: Target) -> tuple[Probe, ...]:
    """Every pair of operands at every power of two, where that is finite: K = 1, bias 0."""
    a, b = _meet(first.a, second.a), _meet(first.b, second.b)
    one_product = 1 in (first.k, second.k)
    bias = first.datapath.reads_bias and second.datapath.reads_bias
    if a is None or b is None or bias or not one_product:
        return ()
    if (a.high - a.low + 1) * (b.high - b.low + 1) > 2**17:
        return ()
    return _domain(a, b)


@lru_cache(maxsize=64)
def _domain(a: IntegerRange, b: IntegerRange) -> tuple[Probe, ...]:
    rows = np.arange(a.low, a.high + 1, dtype=np.int64)[:, None]
    columns = np.arange(b.low, b.high + 1, dtype=np.int64)[None, :]
    scales = [(1.0, 1.0, 2.0**e) for e in _EXPONENTS]
    return tuple(Probe(rows, columns, 0, one) for one in scales)


def _exhausted(probes: Sequence[Probe]) -> str:
    """The domain that was tried wholly; "" where none was."""
    if not probes:
        return ""
    rows, columns = probes[0].rows, probes[0].columns
    a = IntegerRange(int(rows.min()), int(rows.max()))
    b = IntegerRange(int(columns.min()), int(columns.max()))
    factors = f"factors 2**-{_EXPONENTS[-1]}..2**{-_EXPONENTS[0]}"
    return f"equal for every a in {a}, b in {b}, K = 1, bias 0, zero points 0, {factors}"


def _settled(first: Target, second: Target) -> Pair | None:
    """Two targets without common inputs, or proven equal on them."""
    names = first.name, second.name
    a, b = _meet(first.a, second.a), _meet(first.b, second.b)
    if a is None or b is None:
        return Pair(*names, incomparable="their operands' ranges do not meet")
    if first.k is not None and second.k is not None and first.k != second.k:
        return Pair(*names, incomparable=f"one takes {first.k} products, one {second.k}")
    rules = {first.scale_rule, second.scale_rule}
    if first.scheme and second.scheme and "none" not in rules and len(rules) > 1:
        return None
    both_add = first.datapath.reads_bias and second.datapath.reads_bias
    bias = _meet(first.bias, second.bias) if both_add else None
    k = min(first.k or LARGEST_K, second.k or LARGEST_K)
    zero_point = bool(first.zero_points and second.zero_points)
    shifts = first.shifts or second.shifts
    if first.shifts is not None and second.shifts is not None:
        shifts = _meet(first.shifts, second.shifts)
        if shifts is None:
            return Pair(*names, incomparable="no shift that both can do")
    forms = {
        canonical(one, a, b, k=k, bias=bias, zero_point=zero_point, shifts=shifts)
        for one in (first, second)
    }
    if len(forms) > 1:
        return None
    domain = [f"a in {a}", f"b in {b}", f"K <= {k}" if k > 2 else f"K = {k}"]
    domain += ["bias 0"] if bias is None else [f"bias in {bias}"]
    domain += [] if shifts is None else [f"factors 2**s, s in {shifts}"]
    domain += [] if zero_point else ["zero points 0"]
    return Pair(*names, proof=f"one canonical form for {', '.join(domain)}")


def _meet(first: IntegerRange, second: IntegerRange) -> IntegerRange | None:
    low, high = max(first.low, second.low), min(first.high, second.high)
    return IntegerRange(low, high) if low <= high else None


def _smallest_difference(
    first: Target, second: Target, probes: Sequence[Probe] | None = None
) -> tuple[Probe, int, int] | None:
    """The smallest input on which two targets differ: a probe, row and column of it."""
    best: tuple[tuple[int, int], tuple[Probe, int, int]] | None = None
    for probe, x, y in _answered(first, second, probes):
        rows, columns = x.rows & y.rows, x.columns & y.columns
        differ = x.inside(rows, columns) != y.inside(rows, columns)
        if not differ.any():
            continue
        sizes = probe.size[np.ix_(rows, columns)]
        size = np.where(differ, sizes, np.iinfo(np.int64).max)
        row, column = np.unravel_index(size.argmin(), size.shape)
        key = (probe.k, int(size[row, column]))
        m, n = int(np.flatnonzero(rows)[row]), int(np.flatnonzero(columns)[column])
        if best is None or key < best[0]:
            best = key, (probe, m, n)
    return None if best is None else best[1]


def _answered(
    first: Target, second: Target, probes: Sequence[Probe] | None
) -> Iterator[tuple[Probe, Answer, Answer]]:
    if probes is None:
        yield from zip(all_probes(), answers(first), answers(second), strict=True)
    else:
        for probe in probes:
            yield probe, _answer(probe, first), _answer(probe, second)


@lru_cache(maxsize=4_000)
def _answer(probe: Probe, target: Target) -> Answer:
    """Pairs of one domain meet the same probes again and again."""
    return probe.answer(target)


def _witness(probe: Probe, m: int, n: int, targets: Sequence[Target]) -> Witness:
    layer = probe.layer([m], [n])
    outputs: dict[str, int | None] = {}
    for target in targets:
        try:
            outputs[target.name] = int(layer.run(target).item())
        except PyqsimError:
            outputs[target.name] = None
    names = ("a_scale", "b_scale", "out_scale")
    inputs = {
        "a": probe.rows[m].tolist(),
        "b": probe.columns[:, n].tolist(),
        "bias": probe.bias,
        **dict(zip(names, probe.scales, strict=True)),
        "out_zero_point": probe.zero_point,
    }
    return Witness(inputs, outputs)
