"""Random calls drawn from the whole numeric model: operands, datapath and data, from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pyqsim as qs
from pyqsim.modes import OVERFLOWS, ROUNDINGS, Overflow, Rounding

SUMMING = [rule for rule in OVERFLOWS if rule.name != "SATURATE_ZERO"]
NARROWING = [rule for rule in OVERFLOWS if rule.name != "SATURATE_HOLD"]
ADDING = [rule for rule in SUMMING if rule.name != "SATURATE_HOLD"]


@dataclass
class Case:
    """One call of matmul; `repr` shows everything that is needed to run it again."""

    a: Any
    b: Any
    datapath: qs.Datapath
    data: dict[str, Any] = field(default_factory=dict)


class Draw:
    """Small random choices from one generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(seed))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """Uniform numbers with the two ends and zero drawn more often."""
        values = self.rng.integers(low, high, shape, endpoint=True)
        corner = self.rng.random(shape) < 0.25
        return np.where(corner, self.rng.choice([low, high, min(max(0, low), high)], shape), values)


def random_case(seed: int, rows: int = 3) -> Case:
    """The case of a seed, with at most `rows` rows of a."""
    draw = Draw(seed)
    while True:
        try:
            return _case(draw, rows)
        except qs.errors.DatapathError:  # a combination that the values themselves refuse
            continue


def _case(draw: Draw, rows: int) -> Case:
    m, n = draw.integer(1, rows), draw.integer(1, 3)
    k = draw.pick(0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17)
    group = draw.pick(None, None, None, None, None, 1, 2, 3, 5) if k else None
    kind = draw.pick(*["multiply"] * 3, "fold", "shift", "shift", "lookup", "logs")
    a = _operand(draw, (m, k), 0, kind, group if draw.chance(0.6) else None)
    b = _operand(draw, (k, n), 1, kind, group)
    if kind == "shift" and not (_shifts(a) or _shifts(b)):
        b = _shifting(draw, (k, n), None)
    product = _product(draw, kind, a, b, k)
    if kind == "logs":
        a, b = (_one_power(draw, x.shape, axis) for axis, x in enumerate((a, b)))
    order = _order(draw, k) if _group(a) is None and _group(b) is None else None
    reduce = _reduce_logs(draw) if kind == "logs" else _reduce(draw)
    planes = _planes(a), _planes(b), _groups(a, b, k)
    output = _output(draw, kind, planes)
    datapath = qs.Datapath(product=product, reduce=reduce, output=output, order=order)
    return Case(a, b, datapath, _data(draw, datapath, (*planes, m, n)))


# -- operands ------------------------------------------------------------------------------------


def _operand(draw: Draw, shape: tuple[int, int], axis: int, kind: str, group: int | None) -> Any:
    if kind == "shift" and draw.chance(0.5):
        return _shifting(draw, shape, group, axis)
    choice = draw.pick("plain", "affine", "affine", "affine", "planes")
    if choice == "plain" and group is None:
        bits = draw.pick(2, 4, 8, 8, 12, 16)
        if kind == "lookup":
            return draw.integers(0, 7, shape)
        return draw.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1, shape)
    if choice == "planes" and kind not in ("lookup", "fold") and draw.chance(0.5):
        tables = draw.integers(-20, 20, (draw.integer(1, 3), 8))
        fmt = qs.Planes(tables.tolist())
        return qs.QTensor(draw.integers(0, 7, shape), fmt, **_spread(group, axis))
    bits = 3 if kind == "lookup" else draw.pick(1, 2, 3, 4, 8, 8, 8, 12)
    fmt = qs.Affine(bits, signed=draw.chance(0.6) and bits > 1)
    codes = draw.integers(fmt.code_min, fmt.code_max, shape)
    return _with_zero_points(draw, codes, fmt, axis, group)


def _with_zero_points(draw: Draw, codes: Any, fmt: Any, axis: int, group: int | None) -> Any:
    spread = _spread(group, axis)
    per_channel = draw.chance(0.5)
    if per_channel:
        spread["axis"] = axis
    groups = -(-codes.shape[1 - axis] // group) if group else 0
    shape = ((groups,) if group else ()) + ((codes.shape[axis],) if per_channel else ())
    zero_points = draw.integers(fmt.code_min, fmt.code_max, shape) * int(draw.chance(0.7))
    return qs.QTensor(codes, fmt, np.ones(shape), zero_points, **spread)


def _spread(group: int | None, axis: int) -> dict[str, Any]:
    return {} if group is None else {"group": group, "group_axis": 1 - axis}


def _shifting(draw: Draw, shape: tuple[int, int], group: int | None, axis: int = 1) -> qs.QTensor:
    fmt = draw.pick(
        qs.LogQuant(2), qs.LogQuant(3, signed=True), qs.LogQuant(4, signed=True),
        qs.PowerOfTwo(3), qs.PowerOfTwo(4), qs.APoT(3), qs.APoT(5), qs.APoT(6),
        qs.APoT(4, signed=False), qs.APoT(7, base_bits=3), qs.APoT(5, base_bits=1),
    )  # fmt: skip
    codes = draw.integers(fmt.code_min, fmt.code_max, shape)
    return qs.QTensor(codes, fmt, **_spread(group, axis))


def _shifts(operand: Any) -> bool:
    return isinstance(operand, qs.QTensor) and operand.format.shifts


def _planes(operand: Any) -> int:
    return operand.format.planes if isinstance(operand, qs.QTensor) else 1


def _group(operand: Any) -> int | None:
    return operand.group if isinstance(operand, qs.QTensor) else None


def _groups(a: Any, b: Any, k: int) -> int:
    group = _group(a) or _group(b)
    return -(-k // group) if group and k else 1


# -- products and steps ----------------------------------------------------------------------------


def _product(draw: Draw, kind: str, a: Any, b: Any, k: int) -> Any:
    if kind == "logs":
        return qs.AddLogs(draw.pick(0, 2, 8, 8, 32), draw.pick("positive", "negative"))
    if kind == "shift":
        return qs.Shift(
            drop=draw.pick(0, 0, 1, 2, 3, 6, 14, 40, 64),
            rounding=_rounding(draw),
            sign=draw.pick("after", "before"),
            per=draw.pick("term", "sum"),
        )
    if kind == "lookup":
        leading = (max(k, 1),) if draw.chance(0.4) else ()
        return qs.Lookup(draw.integers(-100, 100, (*leading, 8, 8)).tolist())
    return qs.Multiply("fold" if kind == "fold" else "subtract")


def _rounding(draw: Draw) -> Rounding:
    if draw.chance(0.15):
        return Rounding(draw.integer(0, 0xFFFF))
    if draw.chance(0.15):
        return qs.STOCHASTIC(draw.integer(0, 2**63 - 2), draw.pick(None, 0, 1, 3, 40))
    return draw.pick(*ROUNDINGS)


def _narrow(draw: Draw) -> qs.Narrow:
    bits, overflow, signed = _register(draw, NARROWING, narrow=True)
    return qs.Narrow(
        shift=draw.pick(-3, -1, 0, 0, 1, 2, 3, 5, 9, 63, 64, 65, 127, 128, 200),
        multiplier=draw.pick(1, 1, 1, 3, -5, 0, 1000),
        divisor=draw.pick(1, 1, 1, 2, 3, 7, 10**9, 2**63 - 1),
        rounding=_rounding(draw),
        bits=bits,
        overflow=overflow,
        signed=signed,
    )


def _register(
    draw: Draw, rules: list[Overflow], *, narrow: bool = False
) -> tuple[int | None, Overflow, bool]:
    if draw.chance(0.3):
        return None, qs.WRAP, True
    signed = draw.chance(0.8)
    bits = draw.pick(2, 3, 4, 5, 6, 8, 8, 10, 12, 14, 16, 20, 24, 32, 63, 64 if signed else 63)
    overflow = draw.pick(*rules)
    if overflow.name == "TRAP" and draw.chance(0.8):
        overflow = qs.SATURATE
    if narrow and draw.chance(0.2):
        saturated = draw.integer(1, bits)
        overflow = draw.pick(
            qs.WRAP_SATURATED_BITS(saturated), qs.SIGN_MAGNITUDE_WRAP(draw.pick(0, 1, saturated))
        )
    return bits, overflow, signed


def _accumulate(draw: Draw, *, last: bool, start: str) -> qs.Accumulate:
    bits, overflow, signed = _register(draw, SUMMING)
    group = None if last else draw.pick(1, 2, 2, 3, 4, 5, 8)
    interleave, spill = draw.pick(1, 1, 2, 3, 4), ()
    if last:
        interleave = 1
        if draw.chance(0.3):
            group = draw.pick(1, 2, 3, 4)
            spill = tuple(_narrow(draw) for _ in range(draw.integer(1, 2)))
    return qs.Accumulate(bits, overflow, group, interleave, start, spill, signed)


def _reduce(draw: Draw) -> tuple[Any, ...]:
    steps: list[Any] = []
    biased = draw.integer(0, 5)  # which Accumulate starts from the bias, often none
    for index in range(draw.pick(0, 0, 1, 1, 2, 3)):
        start = "bias" if index == biased else "zero"
        step = _narrow(draw) if draw.chance(0.4) else _accumulate(draw, last=False, start=start)
        steps.append(step)
    steps.append(_accumulate(draw, last=True, start="bias" if biased == 5 else "zero"))
    if draw.chance(0.2):
        steps.append(_narrow(draw))
    return tuple(steps)


def _reduce_logs(draw: Draw) -> tuple[Any, ...]:
    steps: list[Any] = [_logs(draw, draw.pick(1, 2, 3, 4))] * int(draw.chance(0.3))
    if draw.chance(0.2):
        steps.append(_narrow(draw))
    last = _accumulate(draw, last=True, start="zero") if draw.chance(0.2) else _logs(draw, None)
    return (*steps, last)


def _logs(draw: Draw, group: int | None) -> qs.AccumulateLogs:
    bits, overflow, signed = _register(draw, ADDING)
    return qs.AccumulateLogs(draw.pick(0, 2, 8, 8, 32), bits, overflow, group, signed)


def _one_power(draw: Draw, shape: tuple[int, int], axis: int) -> qs.QTensor:
    fmt = draw.pick(qs.LogQuant(2), qs.LogQuant(3, signed=True), qs.PowerOfTwo(4), qs.APoT(4))
    codes = draw.integers(fmt.code_min, fmt.code_max, shape)
    return qs.QTensor(codes, fmt, **_spread(draw.pick(None, 2), axis))


def _order(draw: Draw, k: int) -> tuple[int, ...] | None:
    if draw.chance(0.6):
        return None
    slots = [*range(k), *[-1] * draw.integer(0, 4)]
    return tuple(draw.rng.permutation(slots).tolist())


# -- output ---------------------------------------------------------------------------------------


def _output(draw: Draw, kind: str, planes: tuple[int, int, int]) -> tuple[Any, ...]:
    steps: list[Any] = []
    if kind == "logs" and draw.chance(0.5):
        steps.append(qs.FromLogs(draw.pick(0, 2, 8, 8)))
    if kind == "fold":
        steps.append(qs.CorrectZeroPoints(*_register(draw, ADDING)))
    if max(planes) > 1 and draw.chance(0.8):
        if draw.chance(0.3):
            steps.append(_narrow(draw))
        steps.append(qs.Merge(*_register(draw, SUMMING)))
    makers = [
        lambda: qs.AddBias(*_register(draw, ADDING)),
        lambda: _narrow(draw),
        lambda: qs.Requantize(_scheme(draw)),
        lambda: qs.AddZeroPoint(*_register(draw, ADDING)),
        lambda: qs.Clamp(draw.integer(-200, 0), draw.integer(0, 200)),
        lambda: qs.Thresholds(np.sort(draw.integers(-500, 500, (draw.integer(0, 4),))).tolist()),
    ]
    for maker in makers:
        if draw.chance(0.25):
            steps.append(maker())
    if draw.chance(0.15):
        steps += [qs.Clamp(-8, 7), qs.Lookup(draw.integers(-9, 9, (16,)).tolist())]
    return tuple(steps)


def _scheme(draw: Draw) -> Any:
    return draw.pick(
        qs.requantize.DoubleRounding(),
        qs.requantize.DoubleRounding("half_up"),
        qs.requantize.SingleRounding(),
        qs.requantize.FloatScale(),
        qs.requantize.FloatScale("before"),
        qs.requantize.FloatScale(zero_point="before"),
        qs.requantize.ShiftOnly(draw.pick(*ROUNDINGS), draw.pick(8, 16, 32, 40)),
    )


def _data(draw: Draw, datapath: qs.Datapath, shape: tuple[int, ...]) -> dict[str, Any]:
    m, n = shape[-2:]
    data: dict[str, Any] = {}
    if datapath.reads_bias:
        limits = [
            (step.register.minimum, step.register.maximum)
            for step in datapath.reduce
            if isinstance(step, qs.Accumulate) and step.start == "bias" and step.bits is not None
        ]
        low, high = limits[0] if limits else (-(2**31), 2**31 - 1)
        reach = draw.pick(10, 1000, 2**31)
        broadcast = draw.pick((), (n,), (m, 1), (m, n))
        data["bias"] = draw.integers(max(low, -reach), min(high, reach), broadcast)
    for step in datapath.output:
        if isinstance(step, qs.Requantize):
            data["requantize"] = _parameters(draw, step.scheme, draw.pick((), (n,), (m, n)))
        if isinstance(step, qs.AddZeroPoint):
            data["out_zero_point"] = draw.integers(-200, 200, draw.pick((), (n,)))
        if isinstance(step, qs.Merge) and draw.chance(0.8):
            data["merge"] = draw.integers(-9, 9, draw.pick((), shape, (*shape[:3], 1, 1)))
    return data


def _float_chain(draw: Draw, factor: qs.requantize.FloatFactor) -> qs.requantize.FloatChain:
    """The factor in two, a number between them, a last factor near 1."""
    second = np.float32(2.0 ** draw.integers(-3, 4, ()) * 0.7)
    addend = draw.rng.normal(0, 50, factor.scale.shape).astype(np.float32)
    last = draw.rng.uniform(0.5, 2, ()).astype(np.float32)
    return qs.requantize.FloatChain(factor.scale, second, addend, last)


def _parameters(draw: Draw, scheme: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(scheme, qs.requantize.ShiftOnly):
        return qs.requantize.PowerOfTwoFactor(draw.integers(-12, 6, shape))
    if isinstance(scheme, qs.requantize.FloatScale):
        scale = np.ldexp(draw.rng.uniform(1, 2, shape), draw.integers(-20, 8, shape))
        return (
            _float_chain(draw, scheme.encode(scale)) if draw.chance(0.3) else scheme.encode(scale)
        )
    multiplier = draw.integers(2**30, 2**31 - 1, shape)
    return qs.requantize.Multiplier(multiplier, draw.integers(-31, 30, shape))
