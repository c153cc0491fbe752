"""A proof that two targets are one machine: rewrite both to a canonical form, and compare.

Every rewriting keeps all results for operands inside the stated ranges and K up to the stated one:

1. A sum, cast or correction that interval arithmetic shows to fit its register is exact.
2. Exact sums of groups followed by a sum of all of them without a wider register between are one
   sum; ``WRAP b`` after ``WRAP c`` is ``WRAP b`` where ``c >= b``.
3. A bias loaded into a register that wraps (or is exact) is added after the sum.
4. Zero points folded and corrected at the width of a wrapping sum, or exactly, are subtracted.
5. Numbers that one of the two machines does not have (bias, output zero point) are 0, and then
   it does not matter on which side of the rounding they are added.
6. A clamp to integers in float32 before rounding is the same clamp after it: rounding is monotone
   and leaves integers as they are.
7. Where nothing is shifted out, any rounding is FLOOR.
8. A group that is as long as all that comes is no group, and a spill at its end a step; an
   accumulator that starts at zero and gets one value is a cast of it; a cast after an exact step
   of one value is that step's register.
9. A register that a right shift of what comes cannot leave is exact, where no shift is to the left.
10. Where nothing negative is shifted, what a rounding rule does to negative numbers does not count.
11. An unsigned accumulator that saturates at 0 only has 63 bits.
12. A register that traps makes no other number: where there is a result, it might as well wrap.
13. TOSA's single rounding and Ethos-U's NATURAL are TFLite's single rounding on 32-bit sums: the
    mantissa is rounded HALF_AWAY to 31 bits and ``x * m`` once, HALF_UP; factors so small that they
    are encoded otherwise give 0.
14. NVDLA's SDP given a power of two is a shift.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyqsim import bounds
from pyqsim.bounds import Interval
from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    CorrectZeroPoints,
    Datapath,
    Multiply,
    Narrow,
    OutputStep,
    ReduceStep,
    Register,
    Requantize,
    Scheme,
)
from pyqsim.errors import AccumulatorRangeError
from pyqsim.modes import (
    FLOOR,
    HALF_AWAY,
    ROUNDINGS,
    SATURATE,
    SATURATE_HOLD,
    TRAP,
    WRAP,
    Rounding,
)
from pyqsim.requantize import EthosU, FloatScale, NvdlaSdp, ShiftOnly, SingleRounding, TosaScale32
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["LARGEST_K", "canonical"]

#: The proof holds for sums of up to this many products.
LARGEST_K = 2**16


def canonical(
    target: Target,
    a: IntegerRange,
    b: IntegerRange,
    *,
    k: int = LARGEST_K,
    bias: IntegerRange | None,
    zero_point: bool,
    shifts: IntegerRange | None = None,
) -> Datapath:
    """Rewrite a target's datapath for operands in some ranges.

    Parameters
    ----------
    target : Target
    a, b : IntegerRange
    k : int
        Largest number of products; 1: exactly one.
    bias : IntegerRange or None
        None: it is 0.
    zero_point : bool
        Whether zero points, of operands and output, may differ from 0.
    shifts : IntegerRange, optional
        The shifts that come with the call, positive is left.

    Returns
    -------
    Datapath
        Makes the same numbers for every such input.

    Examples
    --------
    >>> from pyqsim import targets
    >>> sdot, smmla = (targets.get(name) for name in ("arm-sdot", "arm-smmla"))
    >>> both = [canonical(t, t.a, t.b, bias=t.bias, zero_point=False) for t in (sdot, smmla)]
    >>> sdot.datapath == smmla.datapath, both[0] == both[1]
    (False, True)
    """
    datapath = _folded_zero_points(_without_traps(target.datapath))
    datapath = replace(datapath, reduce=_without_spill(datapath.reduce, k))
    reduce, output = _bias_after_sum(datapath, bias=bias is not None)
    operands = (_reached(one, zero_point=zero_point) for one in (a, b))
    product = bounds.scale(*operands)
    start = bounds.ZERO if bias is None else Interval(bias.low, bias.high)
    reduce = _exact_where_it_fits(reduce, product, k, start)
    if bias is None:
        output = [step for step in output if not isinstance(step, AddBias)]
    if not zero_point:
        output = [step for step in output if not isinstance(step, AddZeroPoint)]
        output = list(map(_zero_point_after_rounding, output))
    if not datapath.reduce and shifts is not None:
        output = list(map(_as_shift, output))
        if shifts.high <= 0:
            output = _exact_shifts(output, product, -shifts.high)
        if product.low >= 0:
            output = list(map(_rounding_of_positives, output))
    return replace(
        datapath,
        reduce=tuple(_short(_joined(reduce), k)),
        output=tuple(map(_one_scheme, output)),
    )


def _reached(operand: IntegerRange, *, zero_point: bool) -> Interval:
    """What enters a product: any zero point in the operand's range may have been subtracted."""
    spread = operand.high - operand.low
    return Interval(-spread, spread) if zero_point else Interval(operand.low, operand.high)


def _exact_shifts(output: list[OutputStep], value: Interval, least: int) -> list[OutputStep]:
    """Rule 9, for a machine that only shifts, to the right by `least` or more."""
    found: list[OutputStep] = []
    for step in output:
        if isinstance(step, Requantize) and isinstance(step.scheme, ShiftOnly):
            scheme = step.scheme
            shifted = Narrow(shift=least, rounding=scheme.rounding)
            ends = [_rounded(shifted, bound) for bound in (value.low, value.high)]
            reach = [end for end in ends if end is not None]
            if len(reach) == 2:
                value = Interval(min(reach[0], 0), max(reach[1], 0))
            if _holds(Narrow(bits=scheme.bits, overflow=scheme.overflow).register, value):
                step = Requantize(ShiftOnly(scheme.rounding, 64, WRAP))
        elif isinstance(step, Narrow) and _is_cast(step) and _holds(step.register, value):
            continue
        found.append(step)
    return found


def _rounding_of_positives(step: OutputStep) -> OutputStep:
    """Rule 10: the upper half of the table, for negative numbers, as the lower one."""
    if not isinstance(step, Requantize) or not isinstance(step.scheme, ShiftOnly):
        return step
    if step.scheme.rounding.stochastic:
        return step
    both = Rounding((step.scheme.rounding.table & 0xFF) * 0x101)
    return Requantize(replace(step.scheme, rounding=both))


def _as_shift(step: OutputStep) -> OutputStep:
    """Rule 14, for powers of two that its encoder holds exactly, as it does all to 2**-48."""
    return Requantize(ShiftOnly(HALF_AWAY)) if step == Requantize(NvdlaSdp()) else step


def _plain(step: ReduceStep) -> bool:
    """An accumulator that is exact or wraps, without spills."""
    return isinstance(step, Accumulate) and step.overflow == WRAP and not step.spill and step.signed


def _folded_zero_points(datapath: Datapath) -> Datapath:
    """Rule 4."""
    if datapath.product != Multiply("fold") or not all(map(_plain, datapath.reduce)):
        return datapath
    corrections = [step for step in datapath.output if isinstance(step, CorrectZeroPoints)]
    widths = {step.bits for step in (*datapath.reduce, *corrections)} - {None}
    wraps = all(step.overflow == WRAP and step.signed for step in corrections)
    last = datapath.reduce[-1].bits if datapath.reduce else None
    if len(widths) > 1 or not wraps or any(step.bits != last for step in corrections):
        return datapath
    output = tuple(step for step in datapath.output if not isinstance(step, CorrectZeroPoints))
    return replace(datapath, product=Multiply(), output=output)


def _without_spill(reduce: tuple[ReduceStep, ...], count: int) -> tuple[ReduceStep, ...]:
    """Rule 8, for a first step that spills once, at its end."""
    first, *others = reduce or (Narrow(),)
    if not isinstance(first, Accumulate) or not first.spill or (first.group or 0) < count:
        return reduce
    return (replace(first, group=None, spill=()), *first.spill, *others)


def _bias_after_sum(datapath: Datapath, *, bias: bool) -> tuple[list[ReduceStep], list[OutputStep]]:
    """Rules 3 and 5."""
    reduce, output = list(datapath.reduce), list(datapath.output)
    for index, step in enumerate(reduce):
        if not isinstance(step, Accumulate) or step.start == "zero":
            continue
        if not bias:
            reduce[index] = replace(step, start="zero")
        elif _plain(step) and index == len(reduce) - 1 and step.group is None:
            reduce[index] = replace(step, start="zero")
            output.insert(0, AddBias(step.bits))
    return reduce, output


def _exact_where_it_fits(
    reduce: list[ReduceStep], value: Interval, count: int, bias: Interval
) -> list[ReduceStep]:
    """Rules 1 and 7, from the first step to the last."""
    found: list[ReduceStep] = []
    for step in reduce:
        exact = _exact(step)
        reach = None if exact is None else _reach(exact, value, count, bias)
        register = step.register
        if exact is not None and reach is not None and _all_hold(step, reach):
            found.append(exact)
        elif exact is not None and reach is not None and _saturates_at_0_only(step, reach):
            found.append(replace(step, bits=63))
        else:
            found.append(step)
            reach = Interval(
                -(2**63) if register.minimum is None else register.minimum,
                2**63 - 1 if register.maximum is None else register.maximum,
            )
        value = reach
        count = count if isinstance(step, Narrow) else step.output_count(count)
    return found


def _saturates_at_0_only(step: ReduceStep, reach: Interval) -> bool:
    """Rule 11; from 0 or more, sums stay below `reach.high` whatever was cut off at 0."""
    if not isinstance(step, Accumulate) or step.overflow != SATURATE or step.signed or step.spill:
        return False
    maximum = step.register.maximum
    return maximum is None or reach.high <= maximum


def _all_hold(step: ReduceStep, reach: Interval) -> bool:
    """The step's register, and those of its spills."""
    spills = step.spill if isinstance(step, Accumulate) else ()
    return all(_holds(one.register, reach) for one in (step, *spills))


def _holds(register: Register, reach: Interval) -> bool:
    if register.minimum is None or register.maximum is None:
        return True
    return register.minimum <= reach.low and reach.high <= register.maximum


def _exact(step: ReduceStep) -> ReduceStep | None:
    """The step without its register; None for what this proof does not follow."""
    if isinstance(step, Narrow):
        whole = step.shift <= 0 and step.divisor == 1
        rounding = FLOOR if whole else step.rounding
        return Narrow(step.shift, step.multiplier, step.divisor, rounding)
    if isinstance(step, Accumulate) and all(map(_is_cast, step.spill)):
        group = None if step.spill else step.group
        return replace(step, bits=None, overflow=WRAP, signed=True, group=group, spill=())
    return None


def _reach(step: ReduceStep, value: Interval, count: int, bias: Interval) -> Interval | None:
    """Every value of an exact step; None where int64 may not hold them."""
    try:
        if isinstance(step, Narrow):
            low, high = (_rounded(step, bound) for bound in (value.low, value.high))
            if low is None or high is None:
                return bounds.narrow(step, value, "")
            return bounds.require(Interval(low, high), "")
        assert isinstance(step, Accumulate)
        terms = count if step.group is None else min(step.group, count)
        start = bias if step.start == "bias" else bounds.ZERO
        total = bounds.add(start, bounds.times(value, terms))
        return bounds.require(total.hull(start).hull(bounds.add(start, value)), "")
    except AccumulatorRangeError:
        return None


def _rounded(step: Narrow, bound: int) -> int | None:
    """The bound itself, shifted and rounded: every named rule is monotone."""
    if (step.multiplier, step.divisor) != (1, 1) or step.rounding not in ROUNDINGS:
        return None
    if step.shift <= 0:
        return bound << -step.shift
    floor, rest, half = bound >> step.shift, bound % (1 << step.shift), 1 << (step.shift - 1)
    remainder = 0 if rest == 0 else 2 + (rest > half) - (rest < half)
    return floor + step.rounding.adds_one(
        negative=bound < 0, odd=bool(floor & 1), remainder=remainder
    )


def _short(reduce: list[ReduceStep], count: int) -> list[ReduceStep]:
    """Rule 8."""
    found: list[ReduceStep] = []
    one_value = True  # whether the last step found worked on one value
    for step in reduce:
        before = count
        if isinstance(step, Accumulate) and not step.spill and step.interleave == 1:
            count = step.output_count(count)
            if step.group is not None and step.group >= before:
                step = replace(step, group=None)
            if before == 1 and step.start == "zero" and step.overflow != SATURATE_HOLD:
                step = Narrow(bits=step.bits, overflow=step.overflow, signed=step.signed)
        elif not isinstance(step, Narrow):
            count = step.output_count(count)
        if found and _is_cast(step) and _takes_register(found[-1], one_value):
            found[-1] = replace(
                found[-1], bits=step.bits, overflow=step.overflow, signed=step.signed
            )
        elif step != Narrow():
            found.append(step)
            one_value = before == 1
    return found


def _is_cast(step: ReduceStep) -> bool:
    return isinstance(step, Narrow) and step == Narrow(
        bits=step.bits, overflow=step.overflow, signed=step.signed
    )


def _takes_register(step: ReduceStep, one: bool) -> bool:
    """Whether a cast may follow inside: an exact Narrow, or an exact sum of one addition."""
    return step.bits is None and (isinstance(step, Narrow) or (one and _plain(step)))


def _joined(reduce: list[ReduceStep]) -> list[ReduceStep]:
    """Rule 2."""
    found: list[ReduceStep] = []
    for step in reduce:
        while found and _joins(found[-1], step):
            found.pop()
        found.append(step)
    return found


def _joins(first: ReduceStep, then: ReduceStep) -> bool:
    if not (isinstance(first, Accumulate) and isinstance(then, Accumulate)):
        return False
    whole = then.group is None and then.interleave == 1 and first.start == "zero"
    return whole and _plain(first) and _plain(then) and (first.bits or 64) >= (then.bits or 64)


#: Rules 6 and 13; where a clamp comes before, the door has checked that a Clamp follows.
_ONE_SCHEME: dict[Scheme, Scheme] = {
    FloatScale(clamp="before"): FloatScale(),
    TosaScale32(double_round=False): SingleRounding(),
    EthosU("natural"): SingleRounding(),
}


def _zero_point_after_rounding(step: OutputStep) -> OutputStep:
    """Rule 5, of a zero point that is 0."""
    before = Requantize(FloatScale(zero_point="before"))
    return Requantize(FloatScale()) if step == before else step


def _one_scheme(step: OutputStep) -> OutputStep:
    if not isinstance(step, Requantize):
        return step
    return Requantize(_ONE_SCHEME.get(step.scheme, step.scheme))


def _without_traps(datapath: Datapath) -> Datapath:
    """Rule 12."""

    def wrapping(step: Any) -> Any:
        traps = getattr(step, "overflow", WRAP) == TRAP
        return replace(step, overflow=WRAP) if traps else step

    return replace(
        datapath,
        reduce=tuple(map(wrapping, datapath.reduce)),
        output=tuple(map(wrapping, datapath.output)),
    )
