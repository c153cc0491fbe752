"""Every mode of Xilinx's ap_fixed against its targets, by its own headers."""

from __future__ import annotations

import numpy as np
import pytest
from peers.casts import numbers
from peers.tally import Tally

import pyqsim as qs
from pyqsim.requantize import AP_FIXED_OVERFLOWS, AP_FIXED_ROUNDINGS, PowerOfTwoFactor

LOST = (-15, -1, 0, 1, 2, 3, 8, 15, 16, 17, 30, 31)

TARGETS = {
    f"hls-ap-{mode[3:].lower().replace('_', '-')}": (mode, "AP_WRAP", 0)
    for mode in AP_FIXED_ROUNDINGS
} | {
    "hls-ap-sat": ("AP_RND", "AP_SAT", 0),
    "hls-ap-sat-zero": ("AP_RND", "AP_SAT_ZERO", 0),
    "hls-ap-sat-sym": ("AP_RND", "AP_SAT_SYM", 0),
    "hls-ap-wrap-1": ("AP_RND", "AP_WRAP", 1),
    "hls-ap-wrap-3": ("AP_RND", "AP_WRAP", 3),
    "hls-ap-wrap-sm": ("AP_RND", "AP_WRAP_SM", 0),
    "hls-ap-wrap-sm-1": ("AP_RND", "AP_WRAP_SM", 1),
    "hls-ap-wrap-sm-3": ("AP_RND", "AP_WRAP_SM", 3),
}


def test_all_modes_are_here():
    """Every target of the family, every mode that ApFixed knows."""
    assert set(TARGETS) == {n for n in qs.targets.names() if n.startswith("hls-ap-")}
    assert {mode[0] for mode in TARGETS.values()} == set(AP_FIXED_ROUNDINGS)
    assert {mode[1] for mode in TARGETS.values()} == set(AP_FIXED_OVERFLOWS)


@pytest.fixture(scope="module")
def made(ap_fixed, tmp_path_factory):
    """All numbers, and what the headers make of them, by target: (shifts, numbers)."""
    program = ap_fixed.build(tmp_path_factory.mktemp("ap"), list(TARGETS.values()), LOST)
    every = np.unique(np.concatenate([numbers(lost) for lost in LOST])).astype(np.int32)
    found = ap_fixed.casts(program, every, len(TARGETS), len(LOST))
    return every, dict(zip(TARGETS, found, strict=True))


@pytest.mark.parametrize("name", TARGETS)
def test_casts(ap_fixed, made, ledger, name):
    """The target on the same numbers, every shift."""
    every, found = made
    target, tally = qs.targets.get(name), Tally()
    for lost, theirs in zip(LOST, found[name], strict=True):
        data = qs.targets.call_data(target, requantize=PowerOfTwoFactor(-lost))
        ours = qs.matmul(every[:, None], [[1]], target.datapath, **data)[:, 0]
        tally.add(theirs, ours.astype(np.int16), lost)
        assert (ours == ours.astype(np.int16)).all()
    tally.check(ledger, name, ap_fixed.PEER, at_least=400_000, version=ap_fixed.VERSION)


def test_sums(ap_fixed, ledger, tmp_path):
    """hls-mac: products that are cast, at and beyond the rails of ap_fixed<16, 6>, then added."""
    rng, target, tally = np.random.default_rng(5), qs.targets.get("hls-mac"), Tally()
    a, b = (
        rng.integers(-(2**15), 2**15, (m, 8)) >> rng.integers(0, 12, (m, 8)) for m in (2000, 100)
    )
    a[::3] = rng.choice([-(2**15), 2**15 - 1, 1, -1], a[::3].shape)
    bias = rng.integers(-(2**15), 2**15, (2000, 100))
    pairs = np.repeat(a, 100, axis=0), np.tile(b, (2000, 1)), bias.reshape(-1)
    theirs = ap_fixed.sums(tmp_path, *(v.astype(np.int16) for v in pairs)).reshape(2000, 100)
    ours = qs.matmul(a, b.T, target.datapath, bias=bias)
    tally.add(theirs, ours.astype(np.int16))
    late = (((a @ b.T) >> 10) + bias).astype(np.int16)  # the sum cast instead of the products
    assert (late != theirs).mean() > 0.1
    tally.check(ledger, "hls-mac", ap_fixed.PEER, at_least=200_000, version=ap_fixed.VERSION)
