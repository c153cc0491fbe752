"""Proven widths never overflow, one bit less does, and the extremes are those of every input."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from parity.random_cases import Draw, _reduce

import pyqsim as qs
from pyqsim.bounds import Interval
from pyqsim.data import digits, float_network
from pyqsim.diagnostics import network_headroom
from pyqsim.diagnostics.published_bounds import centred_bits, data_type_bits, l1_bits
from pyqsim.model import Conv2d, Linear, Machine, quantize_network, run

LAYERS = {1: 1_000, 2: 30_000}
BRUTE = {1: 250, 2: 20_000}


def machine(draw: Draw) -> qs.Datapath:
    """Reductions of every shape that has a proof: chains, groups, trees, lanes, spills, bias."""
    bits, rule = draw.integer(6, 20), draw.pick("wrap", "saturate", "trap", "saturate_symmetric")
    start = draw.pick("zero", "zero", "bias")
    rounding = draw.pick("half_even", "floor", "half_away")
    halves = qs.Narrow(shift=draw.integer(1, 3), rounding=rounding)
    adc = replace(halves, bits=9, overflow=qs.SATURATE)
    shapes: list[tuple[Any, ...]] = [
        (qs.Accumulate(bits, rule, start=start),),
        (qs.Accumulate(group=4), qs.Accumulate(bits, rule, start=start)),
        (*(qs.Accumulate(group=2),) * 3, qs.Accumulate(bits, rule)),
        (qs.Accumulate(interleave=4), qs.Accumulate(bits, rule, start=start)),
        (qs.Accumulate(bits, "saturate", group=3), qs.Accumulate(bits + 3, rule)),
        (halves, qs.Accumulate(bits, rule)),
        (qs.Accumulate(bits, rule, group=5, start=start, spill=(halves,)),),
        (qs.Accumulate(group=8), adc, qs.Accumulate(bits, rule)),
    ]
    return qs.Datapath(reduce=draw.pick(*shapes))


def layer(seed: int) -> tuple[Any, qs.Datapath, Any, Any]:
    draw = Draw(seed)
    k, n = draw.integer(1, 40), draw.integer(1, 3)
    fmt = draw.pick(
        qs.Affine(8), qs.Affine(4), qs.APoT(4), qs.Ternary(), qs.LogQuant(2, signed=True)
    )
    weights = qs.QTensor(draw.integers(fmt.code_min, fmt.code_max, (k, n)), fmt)
    inputs = draw.pick(
        qs.Affine(8, signed=False),
        qs.Affine(4),
        qs.Encoding(qs.Affine(8, signed=False), 1.0, draw.integer(0, 255)),
        (-5, draw.integer(-5, 200)),
    )
    dp = machine(draw)
    bias = draw.integers(-30, 30, (n,)) if dp.reads_bias else None
    return weights, dp, inputs, bias


def column(weights: qs.QTensor, n: int) -> qs.QTensor:
    return qs.QTensor(weights.codes[:, n : n + 1], weights.format)


def as_input(inputs: Any, codes: Any) -> Any:
    codes = np.atleast_2d(codes)
    if isinstance(inputs, tuple):
        return codes
    encoding = inputs if isinstance(inputs, qs.Encoding) else qs.Encoding(inputs)
    return encoding.tensor(codes)


def with_bits(dp: qs.Datapath, step: int, bits: int) -> qs.Datapath:
    """The register of one step set, TRAP replaced so that events can be counted."""
    rule = dp.reduce[step].overflow
    rule = qs.SATURATE if rule == qs.TRAP else rule
    steps = list(dp.reduce)
    steps[step] = replace(steps[step], bits=bits, overflow=rule)
    return replace(dp, reduce=tuple(steps))


def overflows(a: Any, w: Any, dp: qs.Datapath, step: int, bias: Any) -> int:
    """Of the register itself: what its spill steps overflow is theirs."""
    data = {} if bias is None else {"bias": bias}
    if not getattr(dp.reduce[step], "spill", ()):
        try:
            _, events = qs.matmul(a, w, dp, events=True, kernel="reference", **data)
        except qs.errors.OverflowTrap:
            return 0 if dp.reduce[step].overflow != qs.TRAP else 1
        return events.steps[step].overflows
    rows = len(a.codes if isinstance(a, qs.QTensor) else a)
    lines = [line for m in range(rows) for line in qs.explain(a, w, dp, m, 0, **data).lines]
    return sum(x.overflowed for x in lines if x.step == step and not x.name.startswith("spill"))


def test_witnesses_overflow_and_proven_widths_never_do(level: int) -> None:
    """The promise: 1,000 random layers, every time."""
    witnesses = proofs = 0
    for seed in range(LAYERS[level]):
        weights, dp, inputs, bias = layer(seed)
        proof = qs.headroom(weights, dp, inputs, bias=bias)
        step = len(dp.reduce) - 1
        own = proof.steps[step]
        n = int(own.bits[0].argmax())
        w, start = column(weights, n), None if bias is None else bias[n : n + 1]
        found = proof.witness(step)
        where = f"seed {seed}: {dp}"
        starts = getattr(dp.reduce[step], "start", "zero") == "bias"
        fits = not starts or abs(2 * bias[n] + 1) < 1 << (own.needed - 1)
        assert (found is not None) == (own.exact[0, n] and own.needed > 2 and fits), where
        if found is not None:
            narrow = with_bits(dp, step, found.bits)
            assert found.bits == own.needed - 1
            assert overflows(as_input(inputs, found.codes), w, narrow, step, start) > 0, where
            assert found.place[1:3] == (0, found.n)
            witnesses += 1
        rng = np.random.default_rng(seed)
        codes = np.arange(inputs[0], inputs[1] + 1) if isinstance(inputs, tuple) else None
        fmt = inputs.format if isinstance(inputs, qs.Encoding) else inputs
        codes = np.arange(fmt.code_min, fmt.code_max + 1) if codes is None else codes
        k = weights.shape[0]
        tried = [rng.choice(codes, (6, k)), rng.choice(codes[[0, -1]], (6, k))]
        tried += [np.where(weights.codes[:, n] >= 0, codes[-1], codes[0])[None]]
        tried += [np.where(weights.codes[:, n] >= 0, codes[0], codes[-1])[None]]
        wide = with_bits(dp, step, own.needed)
        assert overflows(as_input(inputs, np.concatenate(tried)), w, wide, step, start) == 0, where
        proofs += 1
    assert proofs == LAYERS[level]
    assert witnesses > 0.85 * LAYERS[level]


def test_extremes_are_those_of_every_input(level: int) -> None:
    """Three terms of two bits: all 64 inputs through steps of the whole model."""
    every = np.array(list(product(range(4), repeat=3)))
    exact = total = 0
    for seed in range(BRUTE[level]):
        draw = Draw(seed)
        try:
            dp = qs.Datapath(
                product=draw.pick(qs.Multiply(), qs.Shift(1, draw.pick("floor", "half_even"))),
                reduce=_reduce(draw),
            )
        except qs.errors.DatapathError:
            continue
        fmt = qs.APoT(4)
        w = qs.QTensor(draw.integers(fmt.code_min, fmt.code_max, (3, 1)), fmt)
        bias = [draw.integer(-2, 1)] if dp.reads_bias else None
        data = {} if bias is None else {"bias": bias}
        inputs = qs.Encoding(qs.Affine(2, signed=False), 1.0, draw.integer(0, 3))
        try:
            proof = qs.headroom(w, dp, inputs, bias=bias)
        except qs.errors.PyqsimError:
            continue
        for step, own in enumerate(proof.steps):
            wide = list(dp.reduce)
            wide[step] = replace(wide[step], bits=None, overflow=qs.WRAP, signed=True)
            machine_ = replace(dp, reduce=tuple(wide))
            if any(s.overflow == qs.TRAP for s in wide) or getattr(dp.reduce[step], "spill", ()):
                continue
            options = {"events": True, "kernel": "reference", **data}
            try:
                _, events = qs.matmul(inputs.tensor(every), w, machine_, **options)
            except qs.errors.AccumulatorRangeError:  # matmul knows less of the terms
                continue
            low, high = events.steps[step].minimum, events.steps[step].maximum
            if low is None:
                continue
            if bias is not None and getattr(dp.reduce[step], "start", "zero") == "bias":
                low, high = min(low, bias[0]), max(high, bias[0])
            found = int(own.minimum[0, 0]), int(own.maximum[0, 0])
            assert found[0] <= low, (seed, dp)
            assert high <= found[1], (seed, dp)
            if own.exact[0, 0]:
                assert found == (low, high), (seed, dp)
            exact += bool(own.exact[0, 0])
            total += 1
    assert total > 0.5 * BRUTE[level]
    assert exact > 0.3 * total


@pytest.mark.parametrize("rule", ["wrap", "saturate"])
def test_order(rule: str) -> None:
    """Saturating sums depend on order, wrapping ones and wide ones do not; seen by running."""
    b = np.array([[100], [-100], [90], [-80]])
    proof = qs.headroom(b, qs.Datapath(reduce=(qs.Accumulate(14, rule),)), (0, 255))
    assert proof.order_matters is (rule == "saturate")
    if rule == "saturate":
        n, codes, order, result, other = proof.order_witness
        for given, expected in ((None, result), (order, other)):
            dp = qs.Datapath(reduce=(qs.Accumulate(14, rule),), order=given)
            assert qs.matmul([codes], b[:, n : n + 1], dp).tolist() == [[expected]]
    wide = qs.headroom(b, qs.Datapath(reduce=(qs.Accumulate(20, rule),)), (0, 255))
    assert wide.order_matters is False
    inner = (qs.Accumulate(14, "wrap", group=2), qs.Accumulate(32, "wrap"))
    assert qs.headroom(b, qs.Datapath(reduce=inner), (0, 255)).order_matters is True


def test_order_and_groups_decide_the_width() -> None:
    """Cancelling weights: one by one small, positives first large, pairs smaller still."""
    b = np.array([[100], [-100]] * 8)

    def needed(*steps: Any, order: Any = None) -> int:
        return qs.headroom(b, qs.Datapath(reduce=steps, order=order), (1, 1)).steps[-1].needed

    assert needed(qs.Accumulate(32)) == 8  # 100, 0, 100, 0, ...
    assert needed(qs.Accumulate(32), order=(*range(0, 16, 2), *range(1, 16, 2))) == 11  # 800
    assert needed(qs.Accumulate(group=2), qs.Accumulate(32)) == 2  # 0 + 0
    proof = qs.headroom(b, qs.Datapath(), (1, 1))
    assert proof.any_order_bits.tolist() == [[11]]


def test_published_bounds_by_hand() -> None:
    """A2Q and A2Q+, 2**(P-1) - 1 against the formula; u8 x i8, K = 576 (formats.md's table)."""
    x = Interval(0, 255)
    assert data_type_bits(576, x, 8) == 26
    assert l1_bits(127, x) == 16  # 127 * 256 = 32512 <= 2**15 - 1
    assert l1_bits(128, x) == 17
    assert centred_bits(256, x) == 16  # 256 * 255 = 65280 <= 2**16 - 2
    assert centred_bits(257, x) == 17  # 65535
    assert l1_bits(127, Interval(-128, 127)) == 15  # signed: 127 * 128


def test_bounds_are_ordered_and_hold() -> None:
    """Exact <= any order <= L1 <= data type; A2Q+ holds the exact sums of centred weights."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        w = rng.integers(-128, 128, (rng.integers(2, 60), 2))
        w[-1] -= w.sum(axis=0)
        w = np.clip(w, -(2**15), 2**15)
        proof = qs.headroom(w, qs.Datapath(), (0, 255))
        assert (proof.steps[0].bits <= proof.any_order_bits).all()
        assert (proof.any_order_bits <= proof.l1_bits).all()
        assert (proof.l1_bits <= proof.data_type_bits).all()
        assert (proof.any_order_bits <= proof.centred_bits).all()
        assert (proof.centred_bits < proof.l1_bits).all()


def test_planes_groups_and_lookup() -> None:
    """Every plane and scale group has accumulators of its own; a table decides its own extremes."""
    planes = qs.Planes([[0, 1, 2, 3], [9, 8, 7, 6]])
    w = qs.QTensor([[0], [3], [1]], planes, group=2, group_axis=0)
    proof = qs.headroom(w, qs.Datapath(), (0, 10))
    assert proof.chains == ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1))
    assert proof.steps[0].maximum.tolist() == [[30], [10], [150], [80]]
    table = np.array([[0, 5], [-7, 1], [3, 3]])
    proof = qs.headroom([[0], [1]], qs.Datapath(qs.Lookup(table)), (0, 2))
    assert proof.steps[0].minimum.tolist() == [[-7]]  # -7, then -7 + 1
    assert proof.steps[0].maximum.tolist() == [[8]]
    assert proof.witness().codes == (2, 0)


def test_what_is_only_a_bound_says_so() -> None:
    """A register before that wraps, and random roundings: no witness is promised."""
    b = np.full((8, 1), 100)
    wraps = qs.Datapath(reduce=(qs.Accumulate(8, "wrap", group=2), qs.Accumulate(12, "saturate")))
    proof = qs.headroom(b, wraps, (0, 255))
    assert proof.steps[0].exact.all()
    assert not proof.steps[1].exact.any()
    assert proof.steps[1].maximum.tolist() == [[4 * 127]]
    assert proof.witness() is None
    assert not proof.proven
    drawn = qs.Datapath(reduce=(qs.Narrow(2, rounding=qs.STOCHASTIC(1)), qs.Accumulate(20)))
    proof = qs.headroom(b, drawn, (0, 255))
    assert not proof.steps[1].exact.any()
    assert proof.proven


def test_unsigned_registers() -> None:
    positive = qs.headroom(
        [[3], [4]], qs.Datapath(reduce=(qs.Accumulate(11, signed=False),)), (0, 255)
    )
    assert positive.steps[0].needed == 11
    assert positive.proven
    negative = qs.headroom(
        [[3], [-4]], qs.Datapath(reduce=(qs.Accumulate(11, signed=False),)), (0, 255)
    )
    assert negative.steps[0].needed == 0
    assert not negative.proven


def test_text() -> None:
    proof = qs.headroom(
        [[100], [-100]], qs.Datapath(reduce=(qs.Accumulate(12, "saturate"),)), (0, 255)
    )
    assert "overflows" in str(proof)
    assert "yes, seen" in str(proof)
    assert repr(proof) == "Headroom(K=2, N=1, bits needed: Accumulate 16 of 12, proven=False)"


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        ((3, 2), "activations: high=2, allowed: 3"),
        ("u8", "allowed: a Format, an Encoding or"),
        ((0, 2**40), "activations: high"),
        ((0.5, 1), "activations: low=0.5"),
    ],
)
def test_refused(activations: Any, message: str) -> None:
    with pytest.raises(qs.errors.DatapathError, match=message):
        qs.headroom([[1]], qs.Datapath(), activations)


def test_int64_is_the_limit() -> None:
    with pytest.raises(qs.errors.AccumulatorRangeError, match="int64"):
        qs.headroom(np.full((8, 1), 2**60), qs.Datapath(), (0, 255))


def test_a_spill_that_turns_signs_is_only_a_bound() -> None:
    """t0, then t1 - t0, then t2 - t1 + t0: input (3, 0, 3) makes 6, equal inputs never do."""
    turn = qs.Narrow(multiplier=-1, bits=4, overflow="saturate")
    dp = qs.Datapath(reduce=(qs.Accumulate(8, "saturate", group=1, spill=(turn,)),))
    own = qs.headroom(np.ones((3, 1), int), dp, (0, 3)).steps[0]
    assert not own.exact.any()
    assert own.minimum.min() <= -3
    assert own.maximum.max() >= 6


@pytest.mark.parametrize("fmt", [qs.Affine(8, narrow=True), qs.PiecewiseLinear(4)], ids=str)
def test_network(fmt: qs.Format) -> None:
    """Every layer: the witness overflows one bit less, and no digit overflows the proven width."""
    net = float_network("cnn")
    found = network_headroom(quantize_network(net, fmt, Machine("exact")))
    assert [one.name for one in found] == ["conv1", "conv2", "linear1"]
    machines = [
        Machine("", (qs.Accumulate(x.headroom.steps[0].needed, "saturate"),)) for x in found
    ]
    proven = quantize_network(net, fmt, machines)
    result = run(proven, proven.input.tensor(digits().test_x[:40, :, :, None]))
    assert result.overflows == 0
    assert all(one.headroom.proven for one in network_headroom(proven))
    weighted = [layer for layer in proven.layers if isinstance(layer, (Conv2d, Linear))]
    for one, layer in zip(found, weighted, strict=True):
        witness = one.headroom.witness()
        narrow = qs.Datapath(reduce=(qs.Accumulate(witness.bits, "saturate"),))
        codes = layer.weight.codes.reshape(-1, layer.weight.shape[-1])
        w = qs.QTensor(codes, fmt, layer.weight.scale, axis=1)
        _, events = qs.matmul([witness.codes], w, narrow, events=True, counts=True)
        assert events.counts[0, witness.n] > 0
