"""Operands that are refused: dtypes, shapes, codes, scales, sizes."""

from __future__ import annotations

import numpy as np
from errors.refusals import COLUMN, Refusal, giant, matmul, row

import pyqsim as qs
from pyqsim import errors as e

S8 = qs.Affine(8)
NARROW = qs.Affine(8, narrow=True)
ONES = np.ones((1, 3), int)
BY_TWO = qs.QTensor(ONES, S8, group=2, group_axis=1)

NOT_INTEGERS: list[Refusal] = [
    row(e.OperandError, f"{name}: dtype={dtype}.*, allowed: an integer dtype", matmul, **{name: x})
    for name in ("a", "b")
    for dtype, x in (
        ("float64", [[1.0, 2, 3]]),
        ("float16", np.zeros((1, 3), np.float16)),
        ("complex128", [[1j, 2, 3]]),
        ("bool", [[True, False, True]]),
        ("<U1", [["1", "2", "3"]]),
        ("object", [[None, 1, 2]]),
        ("object", [[2**70, 1, 2]]),
        ("object", None),
        ("datetime64", np.zeros((1, 3), "M8[s]")),
        ("timedelta64", np.zeros((1, 3), "m8[s]")),
        (r"\[\('f0', '<i4'\)", np.zeros((1, 3), "i4,i4")),
        ("float64", np.zeros((0, 3))),
    )
]

SHAPES: list[Refusal] = [
    row(e.ShapeError, r"a: shape=\(\), allowed: two axes", matmul, 5),
    row(e.ShapeError, r"a: shape=\(3,\), allowed: two axes", matmul, [1, 2, 3]),
    row(e.ShapeError, r"a: shape=\(1, 1, 3\), allowed: two axes", matmul, ONES[None]),
    row(e.ShapeError, r"b: shape=\(3,\), allowed: two axes", matmul, b=[1, 2, 3]),
    row(e.ShapeError, r"b: shape=\(1, 3, 1\), allowed: two axes", matmul, b=[COLUMN]),
    row(e.ShapeError, r"a: shape=\(1, 2\), b: shape=\(3, 1\), allowed: a's K", matmul, [[1, 2]]),
    row(e.ShapeError, r"a: shape=\(1, 0\), b: shape=\(3, 1\)", matmul, ONES[:, :0]),
    row(e.ShapeError, "a: axis=1, allowed: 0", matmul, qs.QTensor(ONES, S8, axis=1)),
    row(e.ShapeError, "b: axis=0, allowed: 1", matmul, b=qs.QTensor(ONES.T, S8, axis=0)),
    row(
        e.ShapeError, "a: group_axis=0, allowed: 1",
        matmul, qs.QTensor(ONES, S8, group=1, group_axis=0),
    ),
    row(
        e.ShapeError, "group: a has 2, b has 3, allowed: the same, or one",
        matmul, BY_TWO, qs.QTensor(ONES.T, S8, group=3),
    ),
    row(e.ShapeError, "1099511627776.*allowed", matmul, giant(2**40, 1), [[1]]),
    row(e.ShapeError, "17592186044416.*allowed", matmul, giant(1, 2**44), giant(2**44, 1)),
    row(e.ShapeError, "17592186044416.*allowed", matmul, [[1]], giant(1, 2**44)),
    row(e.ShapeError, "a: shape=", matmul, giant(1, 2**50), [[1]]),
    row(e.ShapeError, "a: shape=", matmul, giant(2**60), [[1]]),
]  # fmt: skip

CODES: list[Refusal] = [
    row(
        e.CodeError, "a: value 9223372036854775808, allowed: at most 9223372036854775807",
        matmul, np.array([[2**63, 1, 2]], np.uint64),
    ),
    row(e.CodeError, r"codes\[0, 1\]=200, allowed: -128..127", qs.QTensor, [[1, 200]], S8),
    row(e.CodeError, r"codes\[0\]=-128, allowed: -127", qs.QTensor, [-128], NARROW),
    row(e.CodeError, r"codes\[0\]=16, allowed: 0..15", qs.QTensor, [16], qs.APoT(4)),
    row(
        e.CodeError, "Lookup: a has code 3, allowed: 0..1",
        matmul, datapath=qs.Datapath(product=qs.Lookup([[1, 2], [3, 4]])),
    ),
    row(
        e.CodeError, "Lookup: a has code -1, allowed: 0..1",
        matmul, [[-1, 0, 0]], datapath=qs.Datapath(product=qs.Lookup([[1, 2], [3, 4]])),
    ),
]  # fmt: skip

REALS: list[Refusal] = [
    row(e.QuantizationError, r"x\[1\]=nan, allowed: finite", qs.quantize, [1.0, np.nan], S8),
    row(e.QuantizationError, r"x\[0, 0\]=inf, allowed: finite", qs.quantize, [[np.inf]], S8),
    row(e.QuantizationError, r"x\[0\]=-inf, allowed", qs.quantize, [-np.inf], qs.APoT(4)),
    row(e.QuantizationError, r"x\[0\]=nan, allowed", qs.quantize, [np.nan], S8, scale=1.0),
    row(
        e.QuantizationError, "scale=0.0, allowed: finite and > 0", qs.quantize, [1.0], S8, scale=0.0
    ),
    row(e.QuantizationError, "scale=-1.0, allowed: finite and > 0", qs.QTensor, [1], S8, -1.0),
    row(e.QuantizationError, "zero_point=128, allowed: -128..127", qs.QTensor, [1], S8, 1.0, 128),
    row(e.OperandError, "x: dtype=complex128, allowed: float16", qs.quantize, [1j], S8),
    row(e.OperandError, "x: dtype=<U1, allowed: float16", qs.quantize, ["a"], S8),
    row(e.OperandError, "fmt='int8', allowed", qs.quantize, [1.0], "int8"),
]

OPERANDS = [*NOT_INTEGERS, *SHAPES, *CODES, *REALS]
