"""Datapaths that cannot be, or that do not fit the call; sums that int64 may not hold."""

from __future__ import annotations

from itertools import product

import numpy as np
from errors.refusals import Refusal, matmul, output, reduce, row

import pyqsim as qs
from pyqsim import errors as e
from pyqsim.requantize import Multiplier, SingleRounding

S8 = qs.Affine(8)
MOST = 2**63 - 1
FOLD = qs.Multiply("fold")
START = qs.Accumulate(start="bias")
INNER_START = qs.Accumulate(start="bias", group=2)

WITH_REGISTER = (
    qs.Narrow, qs.Accumulate, qs.CorrectZeroPoints, qs.Merge, qs.AddBias, qs.AddZeroPoint
)  # fmt: skip
WIDTHS = [(1, True), (65, True), (-3, True), (0, False), (64, False)]
NARROW_ONLY = (qs.SATURATE_ZERO, qs.WRAP_SATURATED_BITS(1), qs.SIGN_MAGNITUDE_WRAP(0))

REGISTERS: list[Refusal] = [
    *[
        row(
            e.DatapathError,
            f"{step.__name__}: bits={bits}, allowed: {'2..64' if signed else '1..63'}",
            step,
            bits=bits,
            signed=signed,
        )
        for step, (bits, signed) in product(WITH_REGISTER, WIDTHS)
    ],
    *[
        row(e.DatapathError, f"{step.__name__}: bits={bits!r}, allowed: an int", step, bits=bits)
        for step, bits in product(WITH_REGISTER, (8.0, "8", True))
    ],
    *[
        row(e.DatapathError, f"{step.__name__}: signed=1, allowed: True, False", step, signed=1)
        for step in WITH_REGISTER
    ],
    *[
        row(
            e.DatapathError,
            "SATURATE_SYMMETRIC with signed=False, allowed: signed=True",
            step,
            bits=8,
            signed=False,
            overflow="saturate_symmetric",
        )
        for step in WITH_REGISTER
    ],
    *[
        row(e.DatapathError, "allowed: in Narrow only", step, bits=8, overflow=rule)
        for step, rule in product(WITH_REGISTER[1:], NARROW_ONLY)
    ],
    *[
        row(
            e.DatapathError,
            "SATURATE_HOLD, allowed: in Acc",
            step,
            bits=8,
            overflow="saturate_hold",
        )
        for step in WITH_REGISTER
        if step not in (qs.Accumulate, qs.Merge)
    ],
]

#: Constructors, what they are given, and what the message says.
VALUES: list[Refusal] = [
    row(e.DatapathError, message, made, **fields)
    for made, fields, message in (
        (qs.Narrow, {"bits": 4, "overflow": qs.WRAP_SATURATED_BITS(5)}, "allowed: at most bits=4"),
        (
            qs.Narrow,
            {"bits": 4, "signed": False, "overflow": qs.SIGN_MAGNITUDE_WRAP(1)},
            "signed=False, allowed: signed=True",
        ),
        (qs.Narrow, {"shift": 1.0}, "Narrow: shift=1.0, allowed: an int"),
        (qs.Narrow, {"divisor": 0}, "Narrow: divisor=0, allowed: 1.."),
        (qs.Narrow, {"divisor": 2**63}, "divisor=9223372036854775808, allowed: 1.."),
        (qs.Narrow, {"multiplier": 2**63}, "multiplier=9223372036854775808, allowed"),
        (qs.Narrow, {"divisor": 3, "rounding": qs.STOCHASTIC(1)}, "STOCHASTIC with divisor=3"),
        (qs.Narrow, {"shift": 65, "rounding": qs.STOCHASTIC(1)}, "shift=65, allowed: divisor=1"),
        (qs.Accumulate, {"group": 0}, "Accumulate: group=0, allowed: 1.."),
        (qs.Accumulate, {"group": 2.0}, "Accumulate: group=2.0, allowed: an int"),
        (qs.Accumulate, {"interleave": 0}, "Accumulate: interleave=0, allowed: 1.."),
        (qs.Accumulate, {"start": "one"}, "start='one', allowed: 'zero', 'bias'"),
        (qs.Accumulate, {"spill": qs.Narrow()}, "spill with group=None, interleave=1, allowed"),
        (
            qs.Accumulate,
            {"group": 2, "interleave": 2, "spill": qs.Narrow()},
            "spill with group=2, interleave=2, allowed",
        ),
        (qs.Accumulate, {"group": 2, "spill": (qs.Accumulate(),)}, "spill.*allowed: Narrow"),
        (qs.Accumulate, {"group": 2, "spill": (qs.Narrow(),) * 257}, "257 spill steps, allowed"),
        (qs.Multiply, {"zero_points": "drop"}, "zero_points='drop', allowed: 'subtract', 'fold'"),
        (qs.Shift, {"drop": 65}, "Shift: drop=65, allowed: 0..64"),
        (qs.Shift, {"drop": -1}, "Shift: drop=-1, allowed: 0..64"),
        (qs.Shift, {"sign": "both"}, "Shift: sign='both', allowed: 'after', 'before'"),
        (qs.Shift, {"per": "code"}, "Shift: per='code', allowed: 'term', 'sum'"),
        (qs.Lookup, {"table": np.zeros((1,) * 4, int)}, r"shape=\(1, 1, 1, 1\), allowed"),
        (qs.Lookup, {"table": np.zeros((0, 4), int)}, r"shape=\(0, 4\), allowed"),
        (qs.Lookup, {"table": [1, 2, 3]}, "3 entries, allowed: a power of two"),
        (qs.Lookup, {"table": [[0.5]]}, "table: dtype=float64, allowed: integers"),
        (qs.Lookup, {"table": np.array([[2**63]], np.uint64)}, "table: value 922.*allowed"),
        (qs.Clamp, {"min": 3, "max": 2}, "Clamp: min=3, max=2, allowed: min <= max"),
        (qs.Clamp, {"min": 0.0, "max": 2}, "Clamp: min=0.0, allowed: an int"),
        (qs.Clamp, {"min": 0, "max": 2**63}, "Clamp: max=9223372036854775808, allowed"),
        (qs.Thresholds, {"values": [2, 1]}, "not ascending, allowed: ascending"),
        (qs.Thresholds, {"values": 5}, r"Thresholds: shape=\(\), allowed"),
        (qs.Stage, {"narrow": qs.Narrow(), "shift": "up"}, "Stage: shift='up', allowed: 'none'"),
        (qs.Requantize, {"scheme": "single"}, "scheme='single', allowed: a Scheme"),
        (qs.Datapath, {"product": "x"}, "product='x', allowed: Multiply, Shift, Lookup"),
        (qs.Datapath, {"product": qs.Lookup([1, 2])}, "table with one axis, allowed: two or three"),
        (qs.Datapath, {"output": qs.Lookup([[1, 2]])}, r"shape=\(1, 2\), allowed: one axis"),
        (qs.Datapath, {"reduce": (qs.AddBias(),)}, "reduce: AddBias.*allowed: Narrow, Accumulate"),
        (qs.Datapath, {"output": (qs.Accumulate(),)}, "output: Accumulate.*allowed: "),
        (qs.Datapath, {"reduce": (qs.Narrow(),) * 201}, "201 reduce and .*allowed: at most 200"),
        (qs.Datapath, {"output": (qs.Narrow(),) * 51}, "51 output steps, allowed: at most 200 and"),
        (qs.Datapath, {"reduce": START, "output": qs.AddBias()}, "read by 2 steps, allowed: one"),
        (qs.Datapath, {"reduce": (INNER_START, START)}, "read by 2 steps, allowed: one"),
        (qs.Datapath, {"output": (qs.Merge(),) * 2}, "2 Merge, allowed: one"),
        (qs.Datapath, {"output": (qs.AddZeroPoint(),) * 2}, "2 AddZeroPoint, allowed: one"),
        (qs.Datapath, {"output": qs.CorrectZeroPoints()}, "allowed: with Multiply.'fold'. only"),
        (
            qs.Datapath,
            {"product": FOLD, "output": (qs.Merge(), qs.CorrectZeroPoints())},
            "CorrectZeroPoints after Merge, allowed: before it",
        ),
    )
]

ORDERS: list[Refusal] = [
    *[
        row(e.DatapathError, message, qs.Datapath, order=order)
        for order, message in (
            ((0, 0), "order: allowed: each of 0..K-1 once"),
            ((0, 2), "order: allowed: each of 0..K-1 once"),
            ((0, -2), "order: element=-2, allowed: -1.."),
            ((0.0,), "order: element=0.0, allowed: an int"),
            (("kh", "kw", "n"), "axis='n', allowed: 'kh', 'kw', 'c'"),
            (("kh", "kw", "c", "c"), "axis 'c' in .*allowed: once"),
            (("kh", "kw"), "axis 'c' in .*allowed: once"),
            (("kh", "kw", "c", ("c", 2)), "axis 'c' in .*allowed: once by its name, after its"),
            ((("c", 3), ("c", 2), "kh", "kw", "c"), "axis 'c' in .*allowed: .*proper multiple"),
            ((("c", 0), "kh", "kw", "c"), "tile=0, allowed: 1.."),
            (("kh", "kw", ("c",), "c"), "allowed: 'kh', 'kw', 'c' or"),
        )
    ],
    *[
        row(e.DatapathError, message, matmul, datapath=qs.Datapath(order=order))
        for order, message in (
            ((1, 0), "order: names 2 ks, allowed: each of 0..2 once"),
            ((1, 0, 2, 3), "order: names 4 ks, allowed: each of 0..2 once"),
            (("kh", "kw", "c"), "a loop nest, allowed: in conv2d only"),
        )
    ],
]

CALLS: list[Refusal] = [
    row(e.DatapathError, "leaves 2 values for K=3, allowed: 1", reduce, qs.Accumulate(group=2)),
    row(e.DatapathError, "leaves 3 values for K=3, allowed: 1", reduce),
    row(e.DatapathError, "leaves 4 values for K=3, allowed", reduce, qs.Accumulate(interleave=4)),
    row(
        e.DatapathError, "leaves 0 values for K=0, allowed: 1",
        matmul, np.ones((1, 0), int), np.ones((0, 1), int),
        datapath=qs.Datapath(reduce=qs.Accumulate(group=2)),
    ),
    row(
        e.DatapathError, "leaves 2147483647 values for K=3, allowed: 1",
        reduce, *[qs.Accumulate(group=1, interleave=2**31 - 1)] * 2,
    ),
    row(
        e.DatapathError, "neither operand's format has shifts, allowed: LogQuant",
        matmul, datapath=qs.Datapath(product=qs.Shift()),
    ),
    row(
        e.DatapathError, "Multiply.'fold'. with zero points: CorrectZeroPoints missing",
        matmul, qs.QTensor([[1, 2, 3]], S8, zero_point=1), datapath=qs.Datapath(product=FOLD),
    ),
    row(
        e.ShapeError, "table for 2 ks, allowed: 3",
        matmul, [[0, 1, 1]], datapath=qs.Datapath(product=qs.Lookup(np.zeros((2, 2, 2), int))),
    ),
    row(e.ShapeError, "Thresholds: 2 rows, allowed", output, qs.Thresholds([[1], [2]])),
    row(
        e.CodeError, r"output step 0 \(Lookup\): values may reach .*allowed: -2..3",
        output, qs.Lookup([1, 2, 3, 4]),
    ),
    row(
        e.CodeError, "bias: value -129, allowed: -128..127, the range of reduce step 0",
        reduce, qs.Accumulate(8, start="bias"), bias=-129,
    ),
    row(
        e.CodeError, "bias: value -1, allowed: 0..255",
        reduce, qs.Accumulate(8, start="bias", signed=False), bias=[-1],
    ),
]  # fmt: skip

#: Every kind of step whose sum or product int64 may not hold; the message names the step.
RANGES: list[Refusal] = [
    row(
        e.AccumulatorRangeError,
        r"reduce step 0 \(Accumulate\): values may reach 0..13835058055282163712, allowed: .*int64",
        matmul, np.full((1, 3), 2**31), np.full((3, 1), 2**31),
    ),
    row(
        e.AccumulatorRangeError, "product Multiply: values may reach .*allowed",
        matmul, [[2**40, 1, 1]], [[2**40], [1], [1]],
    ),
    row(
        e.AccumulatorRangeError, r"reduce step 1 \(Narrow\): values may reach .*allowed",
        reduce, qs.Narrow(multiplier=2**40), qs.Narrow(shift=-30), qs.Accumulate(),
    ),
    row(
        e.AccumulatorRangeError, r"reduce step 0 \(Accumulate\), spill step 0: values may reach",
        reduce, qs.Accumulate(group=1, spill=qs.Narrow(shift=-40)),
    ),
    row(e.AccumulatorRangeError, r"reduce step 0 \(Accumulate\)", reduce, START, bias=MOST),
    row(e.AccumulatorRangeError, r"output step 0 \(AddBias\)", output, qs.AddBias(), bias=MOST),
    row(e.AccumulatorRangeError, r"output step 0 \(Merge\)", output, qs.Merge(), merge=2**62),
    row(
        e.AccumulatorRangeError, r"output step 0 \(AddZeroPoint\)",
        output, qs.AddZeroPoint(), out_zero_point=MOST,
    ),
    row(e.AccumulatorRangeError, r"output step 0 \(Narrow\)", output, qs.Narrow(shift=-62)),
    row(
        e.AccumulatorRangeError, "result: values may reach .*allowed: .*int32",
        reduce, qs.Accumulate(32), qs.Narrow(multiplier=2**31),
    ),
    row(
        e.AccumulatorRangeError, r"output step 1 \(Requantize\): its input: .*allowed: .*int32",
        output, qs.Narrow(shift=-40), qs.Requantize(SingleRounding()),
        requantize=Multiplier(2**30, 0),
    ),
]  # fmt: skip

DATAPATHS = [*REGISTERS, *VALUES, *ORDERS, *CALLS, *RANGES]
