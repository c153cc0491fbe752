"""FINN's multi-threshold and QONNX's casts, as QONNX itself executes them."""

from __future__ import annotations

import numpy as np
import pytest
from peers.tally import Tally

import pyqsim as qs
from pyqsim.requantize import SingleRounding, round_and_clip_thresholds, thresholds_of

NAME = "finn-mvau-u4"


def operands(rng: np.random.Generator, m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the target's ranges, small sums more often than chance has it."""
    target = qs.targets.get(NAME)
    a = rng.integers(target.a.low, target.a.high, (m, k), endpoint=True)
    b = rng.integers(target.b.low, target.b.high, (k, n), endpoint=True)
    return a, b * (rng.random((k, n)) < min(1, 16 / k))


def test_the_target(qonnx_model, ledger):
    """Every code, and sums that equal a threshold: >= counts them."""
    target = qs.targets.get(NAME)
    thresholds = target.datapath.output[0].values.values
    rng = np.random.default_rng(1)
    tally, seen, ties = Tally(), set(), 0
    for k in (1, 3, 16, 64, 1000):
        a, b = operands(rng, 200, k, 120)
        peer = qonnx_model.run_layer(a, b, thresholds)
        tally.add(peer, np.asarray(qs.matmul(a, b, target.datapath), np.int64), k)
        seen |= set(peer.ravel().tolist())
        ties += int(np.isin(a @ b, thresholds).sum())
    assert seen == set(range(16))
    assert ties > 1000
    tally.check(ledger, NAME, "qonnx", at_least=100_000)


def test_real_thresholds_a_column(qonnx_model):
    """QONNX compares with real thresholds; FINN's hardware with what ceil makes of them."""
    rng = np.random.default_rng(2)
    tally = Tally()
    for k in (4, 50):
        a, b = operands(rng, 100, k, 60)
        real = np.sort(rng.integers(-400, 400, (60, 15)) / 4, axis=1)
        steps = round_and_clip_thresholds(real, -(2**15), 2**15 - 1)
        machine = qs.Datapath(reduce=(qs.Accumulate(),), output=(steps,))
        peer = qonnx_model.run_layer(a, b, real)
        tally.add(peer, np.asarray(qs.matmul(a, b, machine), np.int64), k)
    assert not tally.mismatches, tally.first


def test_a_scheme_as_thresholds(qonnx_model):
    """Requantizing in one rounding is what QONNX's thresholds of it count."""
    rng = np.random.default_rng(3)
    scheme, (a, b) = SingleRounding(), operands(rng, 200, 40, 60)
    parameters = scheme.encode(0.043)
    steps = thresholds_of(scheme, parameters, acc=(-5000, 5000), codes=(0, 15))
    peer = qonnx_model.run_layer(a, b, steps.values.values)
    assert (peer == scheme.apply(a @ b, parameters, clamp=(0, 15))).all()


@pytest.mark.parametrize(
    ("mode", "rounding"),
    [
        ("ROUND", "half_even"),
        ("CEIL", "ceil"),
        ("FLOOR", "floor"),
        ("UP", "away_from_zero"),
        ("DOWN", "toward_zero"),
        ("HALF_UP", "half_away"),  # not toward +infinity
        ("HALF_DOWN", "half_toward_zero"),
    ],
)
def test_casts(qonnx_model, mode, rounding):
    """Every 12-bit code, 0..7 dropped bits, 2..9 bits, with and without the lowest code."""
    codes = np.arange(-2048, 2048)
    tally = Tally()
    for dropped in range(8):
        for bits in range(2, 10):
            for overflow in ("saturate", "saturate_symmetric"):
                options = {"rounding": rounding, "bits": bits, "overflow": overflow}
                ours = qs.narrow(codes, shift=dropped, **options)
                narrow = overflow == "saturate_symmetric"
                peer = qonnx_model.cast(codes, dropped, bits, mode, narrow=narrow)
                tally.add(peer, np.asarray(ours, np.int64), (dropped, bits, overflow))
    assert not tally.mismatches, tally.first
