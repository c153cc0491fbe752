"""Is a shift cheaper than a multiplication? The same work both ways, results equal bit for bit.

"Same loops": two C loops that differ in nothing but the product: same tile, same accumulator, same
order; weights packed before, activations while the time is taken. "pyqsim": the plans that users
get, one datapath with a product of shifts, the other with the decoded integers, which may choose
any kernel (most decode while packing, and then multiply).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import report
from harness.contest import Contest, Contestant, Entry
from harness.peaks import peaks
from harness.shift_loops import LANE_BITS, Loops, compiled_loops, powers_of

import pyqsim as qs
from pyqsim.cli.timing import take_turns
from pyqsim.text_table import aligned

Codes = npt.NDArray[Any]

_SEVEN_BITS = qs.Affine(7)
DROP = 7  # bits that a truncated product loses


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of product.

    Attributes
    ----------
    name : str
    weights, activations : Format
    loop : str
        Of the C file that does it without a multiplication.
    terms : int
        Powers of two of a weight; 0: the loop reads codes.
    drop : int
    why : dict
        Instruction set, or (instruction set, lane bits), to what the two loops do for a vector of
        products.
    """

    name: str
    weights: qs.Format
    loop: str
    terms: int
    why: dict[Any, str]
    activations: qs.Format = _SEVEN_BITS
    drop: int = 0


_SIGN = "shift, sign, add for multiply, add"
_SSE2 = "SSE2 multiplies lanes but shifts none by counts of their own"
KINDS = (
    Kind(
        "exact shift, 4-bit log2 weights",
        qs.LogQuant(3, signed=True),
        "shift",
        1,
        {
            "portable": f"{_SIGN}; {_SSE2}",
            "avx512bw": f"{_SIGN}; shifts have ports of their own on some CPUs",
            ("avx2", 16): "no shift of 16-bit lanes by lane: 2 shifts, blend, sign, add",
            ("avx2", 32): _SIGN,
        },
    ),
    Kind(
        "truncating shift, 4-bit log2 weights",
        qs.LogQuant(3, signed=True),
        "shift_right",
        1,
        {
            "portable": f"sign, shift, add for multiply, shift, add; {_SSE2}",
            "avx512bw": "sign, shift, add for multiply, shift, add",
            ("avx2", 16): "no shift of 16-bit lanes by lane: sign, 4 shifts, blend, add",
            ("avx2", 32): "sign, shift, add for multiply, shift, add",
        },
        drop=DROP,
    ),
    Kind(
        "APoT of 2 terms, 5 bits",
        qs.APoT(5),
        "two_terms",
        2,
        {
            "portable": f"2 shifts, add, sign, add for multiply, add; {_SSE2}",
            "avx512bw": "2 shifts, add, sign, add for multiply, add",
            ("avx2", 16): "4 shifts, 2 blends, add, sign, add for multiply, add",
            ("avx2", 32): "2 shifts, add, sign, add for multiply, add",
        },
    ),
    Kind(
        "APoT of 3 terms, 7 bits",
        qs.APoT(7),
        "three_terms",
        3,
        {
            "portable": f"3 shifts, 2 adds, sign, add for multiply, add; {_SSE2}",
            "avx512bw": "3 shifts, 2 adds, sign, add for multiply, add; 4 registers a weight",
            ("avx2", 16): "6 shifts, 3 blends, 2 adds, sign, add for multiply, add",
            ("avx2", 32): "3 shifts, 2 adds, sign, add for multiply, add; registers spill",
        },
    ),
    Kind(
        "log x log, 3-bit activations",
        qs.LogQuant(3, signed=True),
        "add_exponents",
        1,
        {
            "portable": f"add, shift, sign, add for multiply, add; {_SSE2}",
            "avx512bw": "add, shift, sign, add for multiply, add",
            ("avx2", 16): "add, split, 2 shifts, blend, sign, add for multiply, add",
            ("avx2", 32): "add, shift, sign, add for multiply, add",
        },
        activations=qs.LogQuant(3),
    ),
    Kind(
        "int4 by table",
        qs.Affine(4),
        "look_up",
        0,
        {
            "avx512bw": "look up, add for multiply, add; a table for every activation",
        },
    ),
)
OVERFLOW = {16: "saturate", 32: "wrap"}


def main() -> None:
    """Hold the contests, then show shifts as ratios to multiplications."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser, threads=False)
    options = parser.parse_args()
    found = report.start(options)
    size = (8, 64, 32) if options.quick else (64, 256, 256)
    loops = compiled_loops()
    print("rates of the instructions by themselves:\n" + rates(options.seconds) + "\n")
    contests = (
        contest
        for kind in KINDS
        for bits in LANE_BITS
        for contest in contests_of(kind, bits, size, loops, found["isas"])
    )
    entries = report.run(options, contests, report.GMAC, compact=True, summary=False)
    print("\n" + comparison(entries))
    report.finish(options, found, entries)


def rates(seconds: float) -> str:
    """Measured rates of instruction sequences, in products a second."""
    kinds = ("ordered16", "shift16", "shift16 right", "multiply32", "shift32")
    wanted = [peak for peak in peaks() if peak.bounds in kinds]
    times = take_turns({f"{one.bounds} {one.name}": one.run for one in wanted}, seconds)
    rows = [
        (one.name, f"{one.macs / times[f'{one.bounds} {one.name}'].best / 1e9:.1f}")
        for one in wanted
    ]
    return aligned(("", "G products/s"), rows)


def contests_of(
    kind: Kind, bits: int, size: tuple[int, int, int], loops: Sequence[Loops], isas: Sequence[str]
) -> Iterator[Contest]:
    """Multiplication first, then what stands for it."""
    a, b = operands(kind, *size)
    integers = b.format.decode(b.codes)
    accumulator = qs.Accumulate(bits, OVERFLOW[bits])
    narrow = (qs.Narrow(shift=kind.drop),) if kind.drop else ()
    multiplying = qs.Datapath(reduce=(*narrow, accumulator))
    x = a.format.decode(a.codes)
    expected = qs.matmul(x, integers, multiplying, kernel="reference")
    title = f"{kind.name}, {bits}-bit {OVERFLOW[bits]}"
    macs = float(np.prod(size))
    for one in loops:
        if one.lane_bits != bits:
            continue
        how = "multiply_right" if kind.drop else "multiply"
        base = one.contestant("multiply", how, x, [integers])
        other = one.contestant(kind.loop, kind.loop, *loop_operands(kind, one, a, b))
        if base is None or other is None:
            continue
        yield Contest(f"{title}, same loops, {one.isa}", macs, expected, (base, other))
    if not kind.terms:
        return
    shifting = qs.Datapath(product=qs.Shift(drop=kind.drop, sign="before"), reduce=(accumulator,))
    for isa in isas:
        plain = plain_loop(kind, bits, loops, a, b) if isa == isas[-1] else []
        plans = {
            "multiply": qs.plan(integers, multiplying, isa=isa),
            "shift": qs.plan(b, shifting, isa=isa),
        }
        contestants = (
            planned("multiply", plans["multiply"], x, expected),
            planned("shift", plans["shift"], x, expected),
            *plain,
        )
        yield Contest(f"{title}, pyqsim, {isa}", macs, expected, contestants)


def operands(kind: Kind, m: int, n: int, k: int) -> tuple[qs.QTensor, qs.QTensor]:
    """Random codes; no zeros where shifting right would need one operation more for them."""
    rng = np.random.default_rng((m, n, k))
    drawn = []
    for fmt, shape in ((kind.activations, (m, k)), (kind.weights, (k, n))):
        codes = np.arange(fmt.code_min, fmt.code_max + 1)
        if kind.drop and fmt is kind.weights:
            codes = codes[fmt.decode(codes) != 0]
        drawn.append(qs.QTensor(rng.choice(codes, shape), fmt))
    return drawn[0], drawn[1]


def loop_operands(
    kind: Kind, loops: Loops, a: qs.QTensor, b: qs.QTensor
) -> tuple[Codes, list[Codes]]:
    """What the loop without a multiplication reads."""
    x, w = a.format.decode(a.codes), b.format.decode(b.codes)
    if not kind.terms:
        return x, [np.where(w < 0, w + 16, w)]
    exponents = powers_of(w, kind.terms, loops.nothing)
    if kind.loop == "add_exponents":
        x = powers_of(x, 1, loops.nothing)[0]
    if kind.drop:
        exponents = [kind.drop - plane for plane in exponents]
    return x, [*exponents, np.sign(w)]


def plain_loop(
    kind: Kind, bits: int, loops: Sequence[Loops], a: qs.QTensor, b: qs.QTensor
) -> list[Contestant]:
    """The textbook's loop, which public shift kernels are, for the simplest kind."""
    found = [one for one in loops if (one.isa, one.lane_bits) == ("portable", bits)]
    if kind.loop != "shift" or not found:
        return []
    made = found[0].contestant("plain loop", "plain", *loop_operands(kind, found[0], a, b))
    return [] if made is None else [made]


def planned(name: str, plan: qs.Plan, a: Codes, expected: Codes) -> Contestant:
    """A plan on one thread."""
    out = np.empty_like(expected)
    activations = a.astype(np.int8)
    run = partial(plan, activations, out=out, threads=1)
    return Contestant(name, run, lambda: out, ours=True, note=partial(report.kernel, plan))


def comparison(entries: Sequence[Entry]) -> str:
    """A line a contest: both rates, the ratio, and why."""
    rows = []
    for work, group in groupby(entries, key=lambda entry: entry.work):
        multiply, other, *plain = group
        if multiply.rate is None or other.rate is None:
            continue
        times = f"{other.rate / multiply.rate:.2f} x"
        rates_ = (f"{one.rate / 1e9:.4g}" for one in (multiply, other) if one.rate)
        rows.append((work, *rates_, times, why(work, other, plain)))
    header = ("GMAC/s", "multiply", "without", "without is", "")
    return report.noted(header, rows)


def why(work: str, other: Entry, plain: Sequence[Entry]) -> str:
    """What both loops do; of a plan, the kernel that ran, and how much a plain loop is slower."""
    title, isa = work.rsplit(", ", 1)
    kind = next(kind for kind in KINDS if work.startswith(kind.name))
    if not title.endswith("same loops"):
        ratios = (one.rate and other.rate and other.rate / one.rate for one in plain)
        return "; ".join(
            (*(f"{ratio:.4g} x a plain loop of shifts" for ratio in ratios if ratio), other.note)
        )
    bits = 16 if "16-bit" in title else 32
    return kind.why.get(isa) or kind.why[isa, bits]


if __name__ == "__main__":
    main()
