"""Numbers and options of a call that are refused, and the values that carry them."""

from __future__ import annotations

import numpy as np
from errors.refusals import Refusal, matmul, output, reduce, row

import pyqsim as qs
from pyqsim import errors as e
from pyqsim.requantize import (
    DoubleRounding,
    FloatChain,
    FloatFactor,
    FloatScale,
    Multiplier,
    PowerOfTwoFactor,
    ShiftOnly,
    SingleRounding,
    onednn_chain,
)

SINGLE = qs.Requantize(SingleRounding())
START = qs.Accumulate(start="bias")
UNREAD = {"bias": 0, "requantize": Multiplier(2**30, 0), "out_zero_point": 0, "merge": 1}

DATA: list[Refusal] = [
    *[row(e.DatapathError, f"{k}: given", matmul, **{k: v}) for k, v in UNREAD.items()],
    row(e.DatapathError, "bias: missing", output, qs.AddBias()),
    row(e.DatapathError, "bias: missing", reduce, START),
    row(e.DatapathError, "out_zero_point: missing", output, qs.AddZeroPoint()),
    row(e.DatapathError, "requantize: missing", output, SINGLE),
    row(e.OperandError, "bias: dtype=float64, allowed", output, qs.AddBias(), bias=1.5),
    row(e.OperandError, "bias: dtype=bool, allowed", output, qs.AddBias(), bias=True),
    row(e.OperandError, "bias: dtype=float64, allowed", reduce, START, bias=[np.nan]),
    row(e.CodeError, "bias: value 9223372036854775808", output, qs.AddBias(), bias=2**63),
    row(
        e.ShapeError, r"bias: shape=\(2,\), allowed: what broadcasts to \(1, 1\)",
        output, qs.AddBias(), bias=[1, 2],
    ),
    row(e.ShapeError, r"merge: shape=\(2,\), allowed", output, qs.Merge(), merge=[1, 2]),
    row(
        e.ShapeError, r"requantize.*shape=\(2,\), allowed",
        output, SINGLE, requantize=Multiplier([2**30] * 2, [0, 0]),
    ),
    row(
        e.ShapeError, r"requantize.scale: shape=\(2,\), allowed",
        output, qs.Requantize(FloatScale()), requantize=FloatFactor([1.0, 2.0]),
    ),
    row(
        e.DatapathError, "clamp='before'.*allowed: before a Clamp",
        output, qs.Requantize(FloatScale("before")), requantize=FloatFactor(1.0),
    ),
]  # fmt: skip

WRONG_PARAMETERS: list[Refusal] = [
    row(e.PyqsimError, "requantize=.*allowed", output, qs.Requantize(scheme), requantize=value)
    for scheme, value in (
        (SingleRounding(), FloatFactor(1.0)),
        (SingleRounding(), PowerOfTwoFactor(0)),
        (DoubleRounding(), 3),
        (DoubleRounding(), (2**30, 0)),
        (FloatScale(), Multiplier(2**30, 0)),
        (FloatScale(), 0.5),
        (ShiftOnly(), FloatFactor(1.0)),
    )
]

PARAMETERS: list[Refusal] = [
    row(e.DatapathError, "multiplier=2147483648, allowed: 0..", Multiplier, 2**31, 0),
    row(e.DatapathError, "multiplier=-1, allowed: 0..", Multiplier, -1, 0),
    row(e.DatapathError, "multiplier=0.5, allowed: integers", Multiplier, 0.5, 0),
    row(e.DatapathError, "shift=31, allowed: -31..30", Multiplier, 2**30, 31),
    row(e.DatapathError, "shift=-32, allowed: -31..30", Multiplier, 2**30, [0, -32]),
    row(e.DatapathError, "scale=0.0, allowed: float32", FloatFactor, 0.0),
    row(e.DatapathError, "scale=nan, allowed: float32", FloatFactor, np.nan),
    row(e.DatapathError, "scale=0.1, allowed: float32", FloatFactor, 0.1),
    row(e.DatapathError, "scale=1e[+]39, allowed: float32", FloatFactor, 1e39),
    row(e.DatapathError, "shift=65, allowed: -64..64", PowerOfTwoFactor, 65),
    row(e.DatapathError, "final='half_even', allowed: 'half_away'", DoubleRounding, "half_even"),
    row(e.DatapathError, "clamp='never', allowed: 'after'", FloatScale, "never"),
    row(e.DatapathError, "zero_point='never'", FloatScale, "after", "never"),
    row(e.DatapathError, "allowed: one of them", FloatScale, "before", "before"),
    row(e.DatapathError, "FloatChain: second=0.0", FloatChain, 1.0, 0.0),
    row(e.DatapathError, "FloatChain: addend=inf", FloatChain, 1.0, 1.0, np.inf),
    row(e.DatapathError, "FloatChain: last=0.1", FloatChain, 1.0, 1.0, 0.0, 0.1),
    row(
        e.ShapeError,
        r"requantize.addend: shape=\(2,\)",
        output,
        qs.Requantize(FloatScale()),
        requantize=FloatChain(1.0, 1.0, [1.0, 2.0]),
    ),
    row(e.QuantizationError, "onednn_chain.encode: real_scale=0.0", onednn_chain, 1.0, [0.0], 1.0),
    row(e.DatapathError, "operator='pool'", onednn_chain, 1.0, 1.0, 1.0, operator="pool"),
    row(e.DatapathError, "cpu='avx512'", onednn_chain, 1.0, 1.0, 1.0, cpu="avx512"),
    row(e.DatapathError, "bits=65, allowed: 2..64", ShiftOnly, result_bits=65),
    *[
        row(e.PyqsimError, "real_scale.*allowed", scheme.encode, scale)
        for scheme in (SingleRounding(), FloatScale(), ShiftOnly())
        for scale in ("x", 1j, [np.nan], 0, -0.5)
    ],
]

OPTIONS: list[Refusal] = [
    *[row(e.PyqsimError, "threads=.*allowed", matmul, threads=v) for v in (0, -1, 1.5, "2")],
    *[row(e.PyqsimError, "n_first=.*allowed", matmul, n_first=v) for v in (-1, "x", 1.5, 2**63)],
    row(e.ModeError, "kernel='fastest', allowed: 'auto'", matmul, kernel="fastest"),
    row(e.ModeError, "kernel=None, allowed: 'auto'", matmul, kernel=None),
    row(e.ModeError, "isa='avx9', allowed: 'auto'", matmul, isa="avx9"),
    row(e.ModeError, "counts=True, allowed: together with events=True", matmul, counts=True),
    row(e.DatapathError, "datapath='wrap', allowed: a Datapath", matmul, datapath="wrap"),
    row(e.DatapathError, "datapath=Accumulate.*allowed", matmul, datapath=qs.Accumulate()),
    row(e.ModeError, "rounding='nearest', allowed: 'floor'", qs.Narrow, rounding="nearest"),
    row(e.ModeError, "rounding=3, allowed: 'floor'", qs.Narrow, rounding=3),
    row(e.ModeError, "rounding='HALF_UP', allowed", qs.Narrow, rounding="HALF_UP"),
    row(e.ModeError, "overflow='clip', allowed: 'wrap'", qs.Accumulate, 8, "clip"),
    row(e.ModeError, "overflow=None, allowed: 'wrap'", qs.Accumulate, 8, None),
    row(e.ModeError, "table=65536, allowed", qs.Rounding, 2**16),
    row(e.ModeError, "table=-1, allowed", qs.Rounding, -1),
    *[
        row(e.ModeError, "seed=.*allowed", qs.STOCHASTIC, v)
        for v in (-1, 2**64, None, 1.5, "x", True)
    ],
    *[row(e.ModeError, "random_bits=.*allowed", qs.STOCHASTIC, 1, v) for v in (-1, 65, 1.5, "x")],
    row(e.ModeError, "n=0, allowed: 1..64", qs.WRAP_SATURATED_BITS, 0),
    row(e.ModeError, "n=-1, allowed: 0..64", qs.SIGN_MAGNITUDE_WRAP, -1),
]

CALL_OPTIONS = [*DATA, *WRONG_PARAMETERS, *PARAMETERS, *OPTIONS]
