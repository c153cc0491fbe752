"""Every format of the catalogue on random reals: fitted, encoded, multiplied in integers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.calibration import Calibrator
from pyqsim.formats import Planes
from pyqsim.formats.catalogue import CATALOGUE, example_scales

M, K, N = 2, 11, 3
#: Per tensor, per channel, per group of K (the last one is short), per group and channel.
GRANULARITIES = [(False, None), (True, None), (False, 4), (True, 4)]


def random_tensor(fmt, shape, k_axis, by_channel, group, seed):
    """Reals of very different channels and groups, quantized; `Planes` is made from codes."""
    rng = np.random.default_rng(seed)
    axis = 1 - k_axis if by_channel else None
    layout = {"axis": axis, "group": group, "group_axis": k_axis}
    if isinstance(fmt, Planes):
        codes = rng.integers(fmt.code_min, fmt.code_max + 1, shape)
        groups = () if group is None else (-(-shape[k_axis] // group),)
        channels = (shape[axis],) if by_channel else ()
        units = rng.uniform(0.5, 2, (fmt.planes, *groups, *channels))
        return qs.QTensor(codes, fmt, (example_scales(fmt) * units.T).T, **layout)
    x = rng.normal(0.3, 1, shape) * np.exp(rng.normal(0, 1, shape))
    return qs.quantize(x, fmt, **layout)


def cell(q, k_axis, k, other):
    """Place of the element's parameters in `q.scale`, behind its plane axis."""
    groups = () if q.group is None else (k // q.group,)
    return (*groups, *(() if q.axis is None else (other,)))


def value(q, k_axis, k, other):
    """The exact real number of one element, from its bit pattern."""
    fmt = q.format
    code = int(q.codes[(k, other) if k_axis == 0 else (other, k)])
    place = cell(q, k_axis, k, other)
    integers = fmt.integers().reshape(fmt.planes, -1)[:, code % 2**fmt.code_bits]
    scales = q.scale.reshape(fmt.planes, *q.zero_point.shape)
    terms = zip(scales, integers.tolist(), strict=True)
    zero_point = int(q.zero_point[place])
    return sum(Fraction(float(s[place])) * (n - zero_point) for s, n in terms) / 2**fmt.frac_bits


def real_sum(accumulators, a, b, m, n):
    """Accumulators times their exact scales, over planes and groups."""
    groups = next((-(-K // q.group) for q in (a, b) if q.group is not None), 1)
    planes = a.format.planes, b.format.planes
    chains = accumulators.reshape(*planes, groups, M, N)
    scales = [q.scale.reshape(q.format.planes, *q.zero_point.shape) for q in (a, b)]
    total = Fraction(0)
    for i, j, g in product(*map(range, chains.shape[:3])):
        k = g * next((q.group for q in (a, b) if q.group is not None), K)
        unit = Fraction(float(scales[0][i][cell(a, 1, k, m)]))
        unit *= Fraction(float(scales[1][j][cell(b, 0, k, n)]))
        total += unit * int(chains[i, j, g, m, n])
    return total / 2 ** (a.format.frac_bits + b.format.frac_bits)


@pytest.mark.parametrize(("by_channel", "group"), GRANULARITIES)
@pytest.mark.parametrize("fmt", CATALOGUE, ids=str)
def test_integers_give_the_real_dot_product(fmt, by_channel, group):
    b = random_tensor(fmt, (K, N), 0, by_channel, group, seed=1)
    activations = random_tensor(qs.Affine(8, signed=False), (M, K), 1, False, None, seed=2)
    assert 0 < activations.zero_point < 255
    grouped = random_tensor(fmt, (M, K), 1, by_channel, group, seed=3)
    for a in (activations, grouped):
        got = qs.matmul(a, b, qs.Datapath())
        for m, n in product(range(M), range(N)):
            exact = sum(value(a, 1, k, m) * value(b, 0, k, n) for k in range(K))
            assert real_sum(got, a, b, m, n) == exact
        if fmt.shifts:
            shifted = qs.matmul(a, b, qs.Datapath(product=qs.Shift()))
            assert shifted.tolist() == got.tolist()


@pytest.mark.parametrize(("by_channel", "group"), GRANULARITIES)
@pytest.mark.parametrize("fmt", [f for f in CATALOGUE if not isinstance(f, Planes)], ids=str)
def test_scales_that_are_powers_of_two(fmt, by_channel, group):
    """Everywhere, and in chunks as of the whole."""
    x = np.random.default_rng(4).normal(0.1, 1, (K, N, 5)) * [[1], [7], [50]]
    layout = {"axis": 1 if by_channel else None, "group": group}
    q = qs.quantize(x, fmt, power_of_two=True, **layout)
    assert (np.frexp(q.scale)[0] == 0.5).all()
    calibrator = Calibrator(fmt, power_of_two=True, **layout)
    scale, zero_point = calibrator.fit(lambda: [x[..., 3:], x[..., :3]])
    assert scale.tobytes() == q.scale.tobytes()
    assert zero_point.tolist() == q.zero_point.tolist()
