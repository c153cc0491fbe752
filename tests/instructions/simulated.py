"""The same cases through pyqsim: what a target's datapath makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from instructions.cases import BLOCK, Cases
from instructions.rules import Rule
from instructions.unregistered import machine_of

import pyqsim as qs

__all__ = ["differences", "flags_of", "results_of"]


def results_of(rule: Rule, cases: Cases) -> np.ndarray:
    """Results (M, N) of the target."""
    return np.asarray(_call(rule, cases, events=False))


def flags_of(rule: Rule, cases: Cases) -> np.ndarray:
    """Whether a reduce step overflowed in each block of 64 columns, (M, N/64)."""
    counts = _call(rule, cases, events=True).counts
    return counts.reshape(len(counts), -1, BLOCK).any(axis=2)


def _call(rule: Rule, cases: Cases, *, events: bool) -> np.ndarray | qs.Events:
    target = machine_of(rule.target)
    datapath, n = target.datapath, cases.b.shape[1]
    ones = np.full((1, n), target.b.low)
    if rule.probe:  # a chain inside a runtime's kernel: what follows it is not the instructions'
        datapath = replace(datapath, output=())
    options = {"events": True, "counts": True} if events else {}
    if rule.kind == "product":
        bias = {} if cases.c is None or rule.probe else {"bias": cases.c}
        found = qs.matmul(cases.a, cases.b, datapath, **bias, **options)
    elif rule.kind == "sum":
        found = qs.matmul(cases.a, ones, datapath, bias=cases.b, **options)
    elif rule.kind == "unary":
        found = qs.matmul(cases.a, cases.b, datapath, **options)
    elif rule.kind == "shift":
        shifts = qs.requantize.PowerOfTwoFactor(rule.left_shifts(cases.b[0]))
        found = qs.matmul(cases.a, ones, datapath, requantize=shifts, **options)
    else:
        factors = qs.requantize.FloatFactor(cases.b[0])
        found = qs.matmul(cases.a, ones, datapath, requantize=factors, **options)
    return found[1] if events else found


def differences(rule: Rule, cases: Cases, observed: np.ndarray, expected: np.ndarray) -> list[str]:
    """The first few cases that differ, with their operands."""
    return [
        f"{rule.target}: a={cases.a[m].tolist()}, b={cases.b[:, n].tolist()}, "
        f"c={None if cases.c is None else cases.c[m, n]}: "
        f"pyqsim {observed[m, n]}, instruction {expected[m, n]}"
        for m, n in np.argwhere(observed != expected)[:3].tolist()
    ]
