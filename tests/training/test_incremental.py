"""INQ: who is frozen when, exactly; frozen weights neither move nor learn."""

from fractions import Fraction
from math import floor, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import DatapathError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import PowerOfTwo
from pyqsim.training import (
    INQ_OFFICIAL_PORTIONS,
    INQ_PYTORCH_PORTIONS,
    IncrementalQuantization,
    freeze_largest,
)

SMALL = st.lists(st.sampled_from([0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0]), min_size=1, max_size=20)
PORTIONS = st.integers(0, 100).map(lambda p: p / 100)


@given(SMALL, PORTIONS, st.data())
def test_the_rule_by_sorting_tuples(weights, portion, data):
    n = len(weights)
    frozen = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    free = (2 * n * (1 - Fraction(round(portion * 100), 100)) + 1) // 2  # half up
    count = max(0, frozen.count(False) - free)
    candidates = sorted((-abs(w), i) for i, w in enumerate(weights) if not frozen[i])[:count]
    expected = [f or any(i == j for _, j in candidates) for i, f in enumerate(frozen)]
    assert freeze_largest(weights, portion, np.array(frozen)).tolist() == expected


@given(SMALL, PORTIONS, st.data())
def test_the_rules_of_the_programs(weights, portion, data):
    n = len(weights)
    frozen = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    size = [abs(w) for w in weights]
    share = (100 - round(portion * 100)) / 100  # the 0.7 of the source's "count_*0.7"
    place = int(n * share) - 1
    expected = [
        f or place < 0 or s >= sorted(size)[place] for f, s in zip(frozen, size, strict=True)
    ]
    got = freeze_largest(weights, portion, np.array(frozen), "official")
    assert got.tolist() == expected
    quantile = np.quantile(size, 1 - portion)
    got = freeze_largest(weights, portion, np.array(frozen), "inq_pytorch")
    assert got.tolist() == [s >= quantile for s in size]


def test_published_portions():
    w = np.random.default_rng(0).normal(0, 1, (20, 50))
    frozen, counts = None, []
    for portion in INQ_PYTORCH_PORTIONS:
        before, frozen = frozen, freeze_largest(w, portion, frozen)
        counts.append(int(frozen.sum()))
        assert before is None or (frozen | ~before).all()
        if portion < 1:
            assert abs(w[frozen]).min() > abs(w[~frozen]).max()
    assert counts == [500, 750, 820, 1000]
    official = [freeze_largest(w, p, variant="official").sum() for p in INQ_OFFICIAL_PORTIONS]
    assert official == [301, 601, 801, 1000]
    pytorch = [freeze_largest(w, p, variant="inq_pytorch").sum() for p in INQ_PYTORCH_PORTIONS]
    assert pytorch == [500, 750, 820, 1000]


def test_the_portion_is_the_decimal_number():
    """The count is exact: 50 * (1 - 0.79) is 10.5 in decimals, which rounds up to 11 free."""
    assert 50 * (1 - 0.79) < 10.5  # in float64 it would round down
    assert freeze_largest(np.arange(50.0), 0.79).sum() == 39


def test_ties_at_the_border():
    w = np.array([[1.0, -2.0], [2.0, -2.0]])
    assert freeze_largest(w, 0.5).tolist() == [[False, True], [True, False]]
    for variant in ("official", "inq_pytorch"):
        assert freeze_largest(w, 0.5, variant=variant).tolist() == [[False, True], [True, True]]


def test_many_ties_go_by_index():
    w = np.where(np.arange(6000) % 3 == 0, 2.0, -1.0)  # too many for a sort stable by luck
    frozen = freeze_largest(w, 0.5)
    assert frozen[w == 2].all()
    assert frozen[w == -1].tolist() == [True] * 1000 + [False] * 3000


def test_frozen_weights_do_not_count_again():
    assert freeze_largest([1.0, 0.0, 0.0], 1.0, [True, False, False]).all()
    assert freeze_largest([9.0, 1.0], 1.0, [False, True]).all()


def test_retrained_weights_never_thaw_frozen_ones():
    w = np.array([3.0, 1.0, 0.5, 0.25])
    first = freeze_largest(w, 0.25)
    grown = np.array([3.0, 10.0, 20.0, 30.0])
    assert freeze_largest(grown, 0.5, first).tolist() == [True, False, False, True]
    assert freeze_largest(grown, 0.0, first).tolist() == [True, False, False, False]
    assert freeze_largest(grown, 0.25, first, "official").tolist() == [True, False, True, True]
    thawed = freeze_largest(grown, 0.25, first, "inq_pytorch")
    assert thawed.tolist() == [False, False, False, True]


def test_the_loop():
    """Freeze, retrain what is free, freeze the rest: frozen weights stay bit for bit."""
    rng = np.random.default_rng(1)
    w = rng.normal(0, 0.3, 200)
    inq = IncrementalQuantization(PowerOfTwo(4), scale=1.0)
    frozen = None
    for portion in INQ_PYTORCH_PORTIONS:
        given = w.copy()
        step = inq.step(w, portion, frozen)
        assert w.tobytes() == given.tobytes()  # the input is not written to
        if frozen is not None:
            assert (step.weights[frozen] == w[frozen]).all()
        assert (step.weights[~step.frozen] == w[~step.frozen]).all()
        now = step.frozen if frozen is None else step.frozen & ~frozen
        codes = PowerOfTwo(4).encode(w[now])
        assert (step.weights[now] == PowerOfTwo(4).decode(codes) * 2.0**-6).all()
        upstream = rng.normal(0, 1, 200)
        gradient = inq.backward(step.frozen, upstream).dx
        assert (gradient == np.where(step.frozen, 0, upstream)).all()
        w, frozen = step.weights - 0.1 * gradient, step.frozen
    assert frozen.all()
    assert set(np.abs(w)) <= set(PowerOfTwo(4).levels())


def test_a_callable_sees_only_what_freezes():
    seen = []

    def quantizer(x):
        seen.append(x.tolist())
        return np.rint(x)

    step = IncrementalQuantization(quantizer).step([0.4, 2.6, -1.4, 0.1], 0.5)
    assert seen == [[2.6, -1.4]]
    assert step.weights.tolist() == [0.4, 3.0, -1.0, 0.1]


def test_frozen_weights_are_not_quantized_again():
    halve = IncrementalQuantization(lambda x: x / 2)
    first = halve.step([8.0, 4.0, 1.0], 0.34)
    assert first.weights.tolist() == [4.0, 4.0, 1.0]
    assert halve.step(first.weights, 1.0, first.frozen).weights.tolist() == [4.0, 2.0, 0.5]


def test_the_inq_format_at_the_papers_range():
    """Levels 0 and 2**n2..2**n1, n1 = floor(log2(4 max / 3)), n2 = n1 + 1 - 2**(b-2)."""
    w = np.random.default_rng(2).normal(0, 0.3, 400)
    n1 = floor(log2(4 * abs(w).max() / 3))
    inq = IncrementalQuantization(PowerOfTwo(5, "inq"), scale=2.0**n1, variant="official")
    step = None
    for portion in INQ_OFFICIAL_PORTIONS:
        step = inq.step(*((w, portion) if step is None else (step.weights, portion, step.frozen)))
    levels = [0.0, *(2.0**e for e in range(n1 - 7, n1 + 1))]
    nearest = [min(levels, key=lambda level, v=v: abs(level - v)) for v in np.abs(w)]
    assert step.weights.tolist() == (np.sign(w) * nearest).tolist()


def test_the_scale_of_a_format():
    step = IncrementalQuantization(PowerOfTwo(3), scale=8.0).step([7.0, -1.0], 1.0)
    assert step.weights.tolist() == [8.0, 0.0]


def test_the_variant_reaches_the_rule():
    steps = [
        IncrementalQuantization(np.rint, variant=v).step([0.9, -0.9, 0.2], 0.34)
        for v in ("paper", "official")
    ]
    assert [step.weights.tolist() for step in steps] == [[1.0, -0.9, 0.2], [1.0, -1.0, 0.0]]


def test_nothing_to_do():
    assert freeze_largest(np.zeros((0, 2)), 1.0).shape == (0, 2)
    assert not freeze_largest([1.0, 2.0], 0.0).any()


def test_refused():
    with pytest.raises(QuantizationError, match=r"portion=1.5, allowed: 0..1"):
        freeze_largest([1.0], 1.5)
    with pytest.raises(OperandError, match="frozen: dtype=int64, allowed: bool"):
        freeze_largest([1.0], 0.5, np.array([1]))
    with pytest.raises(ShapeError, match=r"frozen.shape=\(2,\), allowed: \(1,\)"):
        freeze_largest([1.0], 0.5, [True, False])
    with pytest.raises(DatapathError, match="variant='random', allowed: 'paper', 'official', "):
        freeze_largest([1.0], 0.5, variant="random")
    with pytest.raises(OperandError, match="quantizer=3, allowed: a Format or a callable"):
        IncrementalQuantization(3)
