"""The DPU's rounding as Brevitas, which is where it is known from, computes it."""

from __future__ import annotations

import numpy as np
import pytest
from ledger import needs
from peers.tally import Tally

import pyqsim as qs
from pyqsim.requantize import PowerOfTwoFactor

DPU = qs.targets.get("dpu")


@pytest.fixture(scope="module")
def dpu_round():
    torch, ops = needs("torch"), needs("brevitas.function.ops")
    return lambda x: ops.dpu_round(torch.from_numpy(x)).numpy()


def test_dpu_rounding(dpu_round, ledger):
    """Every shift 0..31: ties and their neighbours, the rails of 8 bits, all lengths."""
    rng, tally = np.random.default_rng(2), Tally()
    for shift in range(32):
        unit = 1 << max(shift - 1, 0)
        ties = np.arange(-600, 600)[:, None] * unit + np.array([-1, 0, 1])
        wide = rng.integers(-(2**31), 2**31, 3000) >> rng.integers(0, 31, 3000)
        acc = np.concatenate([ties.reshape(-1), wide])
        acc = acc[(acc >= -(2**31)) & (acc < 2**31)]
        theirs = np.clip(dpu_round(acc / 2.0**shift), -128, 127)  # float64 is exact here
        data = qs.targets.call_data(DPU, bias=acc, requantize=PowerOfTwoFactor(-shift))
        ours = qs.matmul([[0]], np.zeros((1, len(acc)), np.int8), DPU.datapath, **data)[0]
        tally.add(theirs.astype(np.int64), ours.astype(np.int64), shift)
    tally.check(ledger, DPU.name, "brevitas", at_least=150_000)
