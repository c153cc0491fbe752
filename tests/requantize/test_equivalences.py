"""Where schemes are equal and where they differ, as their sources say, by formulas of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import (
    double,
    from_bits,
    half_up_twice,
    limits,
    register,
    rounded,
    sign_magnitude_wrap,
    single,
    wrap_saturated_bits,
)

from pyqsim.requantize import (
    AP_FIXED_ROUNDINGS,
    ApFixed,
    CmsisRequantizeS64,
    DoubleRounding,
    EthosU,
    FbgemmFixedPoint,
    FixedPointFactor,
    Multiplier,
    MveSingleRounding,
    NvdlaTruncate,
    PowerOfTwoFactor,
    ReducedMultiplier,
    Rndnu,
    ShiftOnly,
    SingleRounding,
    TosaScale16,
    TosaScale32,
    VtaShift,
    thresholds_of,
)

X16 = np.arange(-(2**15), 2**15)
MULTIPLIERS = (2**30, 2**30 + 12345, 1518500250, 2**31 - 1)


def wide(bits: int, count: int = 20000, seed: int = 7) -> Any:
    """Random integers of every length up to `bits`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    values = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), count)
    return values >> rng.integers(0, bits, count)


@pytest.mark.parametrize("shift", [29, 7, 1, 0, -1, -2, -3, -9, -31])
def test_tosa_is_tflite_in_its_precondition(shift: int) -> None:
    """sh = 31 - s: double_round = double, else single, for -2^(sh-1) <= x < 2^(sh-1)."""
    right = 31 - shift
    half = 2 ** (min(right, 32) - 1)
    x = np.concatenate([X16, wide(32), [-half, half - 1]])
    x = x[(x >= -half) & (x < half)]
    assert len(x) > 1
    for m in MULTIPLIERS:
        p = FixedPointFactor(m, right)
        assert np.array_equal(TosaScale32(True).apply(x, p), double(x, m, shift))
        assert np.array_equal(TosaScale32(False).apply(x, p), single(x, m, shift))
        assert np.array_equal(EthosU("tfl").apply(x, p), double(x, m, shift))


@pytest.mark.parametrize(
    ("shift", "share"), [(-1, 1 / 4), (-2, 1 / 8), (-3, 1 / 16), (-6, 2.0**-7), (0, 0), (3, 0)]
)
def test_share_of_double_and_single(shift: int, share: float) -> None:
    """The first rounding moves the tie of the second: 2^-(R+1) of evenly spread values."""
    rng = np.random.Generator(np.random.PCG64(11))
    x, m = rng.integers(-(2**26), 2**26, 200_000), rng.integers(2**30, 2**31, 200_000)
    p = Multiplier(m, np.full(200_000, shift))
    differ = DoubleRounding().apply(x, p) != SingleRounding().apply(x, p)
    assert abs(differ.mean() - share) < 0.005
    assert share > 0 or not differ.any()


def test_reduced_and_cmsis_s64() -> None:
    """Equal exactly where -2^30 <= y < 2^30: CMSIS-NN keeps twice y in 32 bits."""
    unequal = 0
    for m in (2**14, 23170, 32767):
        for right in (8, 15, 18, 30):
            edge = (2**30 << right) // m
            x = np.concatenate([X16, wide(46), edge + np.arange(-50, 50), -edge - np.arange(50)])
            x = x[(x < 2**46) & (x >= -(2**46))]
            exact = (x * m + (1 << (right - 1))) >> right
            x, exact = x[np.abs(exact) < 2**31 - 1], exact[np.abs(exact) < 2**31 - 1]
            p = FixedPointFactor(m, right)
            assert np.array_equal(ReducedMultiplier().apply(x, p), exact)
            equal = CmsisRequantizeS64().apply(x, p) == exact
            assert np.array_equal(equal, (exact >= -(2**30)) & (exact < 2**30))
            unequal += int((~equal).sum())
    assert unequal > 100


@pytest.mark.parametrize("shift", [5, 1, 0, -1, -2, -9, -31])
def test_mve_single(shift: int) -> None:
    """The floor form is single where x << L fits 32 bits; the predicated one rounds twice."""
    x = np.concatenate([X16, wide(32)])
    left = shift + max(1, -shift)
    fits = (x << left >= -(2**31)) & (x << left < 2**31)
    differ = 0
    for m in MULTIPLIERS:
        p = Multiplier(m, shift)
        once, tail = MveSingleRounding().apply(x, p), MveSingleRounding("half_up").apply(x, p)
        assert np.array_equal(once[fits], single(x, m, shift)[fits])
        if shift < 0:
            assert np.array_equal(tail, half_up_twice(x, m, shift))
        differ += int((tail[fits] != once[fits]).sum())
        if left:
            assert (once[~fits] != single(x, m, shift)[~fits]).any()
    assert differ > 0 or shift == -31  # where next to nothing is left to round


def test_rndnu_and_fbgemm_are_the_float32_scale_exactly() -> None:
    """floor(x * scale + 1/2) in integers: two encodings of one factor."""
    x = np.concatenate([X16, wide(32)])
    for scale in (0.5, 0.1, 1 / 3, 3e-5, 0.9999, 1.0, 1.75):
        numerator, denominator = float(np.float32(scale)).as_integer_ratio()
        exact = (2 * x.astype(object) * numerator + denominator) // (2 * denominator)
        inside = np.abs(exact) < 2**31
        for scheme in (Rndnu(), FbgemmFixedPoint()):
            observed = scheme.apply(x, scheme.encode(scale))
            assert np.array_equal(observed[inside], exact[inside]), (scheme, scale)


def test_tosa_scale16_is_reduced() -> None:
    """One formula: HALF_UP of the product with a 15-bit multiplier."""
    x = np.concatenate([X16, wide(46)])
    for m, right in ((2**14, 18), (23170, 30), (32767, 46)):
        p = FixedPointFactor(m, right)
        assert np.array_equal(TosaScale16().apply(x, p), ReducedMultiplier().apply(x, p))


def test_nvdla_quirk() -> None:
    """t <= 16: half away. Beyond: 1 too low on negatives whose 15 bits below the guard are 0."""
    rng = np.random.Generator(np.random.PCG64(3))
    low = 0
    for t in range(32):
        ties = (2 * rng.integers(-(2**14), 2**14, 4000) + 1) << max(t - 1, 0)
        x = np.concatenate([X16, wide(48), ties, ties + 1, ties - 1, ties + (1 << max(t - 17, 0))])
        documented = ShiftOnly("half_away").apply(x, PowerOfTwoFactor(-t)).astype(np.int64)
        real = NvdlaTruncate().apply(x, PowerOfTwoFactor(-t)).astype(np.int64)
        quirk = np.zeros(len(x), dtype=bool)
        if t > 16:
            dropped = x & ((1 << t) - 1)
            tie = dropped >> (t - 16) == 1 << 15
            quirk = (x < 0) & tie & (dropped != 1 << (t - 1)) & (np.abs(documented) < 2**31 - 1)
        assert np.array_equal(documented - real, quirk.astype(np.int64)), t
        low += int(quirk.sum())
    assert low > 1000


def test_optimized_double_differs_on_negative_ties_only() -> None:
    """The missing fix-up: half up instead of half away."""
    x = np.concatenate([X16, wide(32)])
    for m in MULTIPLIERS:
        for s in (-1, -3, -9):
            p = Multiplier(m, s)
            away, up = DoubleRounding().apply(x, p), DoubleRounding("half_up").apply(x, p)
            high = double(x, m, 0)
            tie = (high & ((1 << -s) - 1)) == 1 << (-s - 1)
            assert np.array_equal(up - away, ((high < 0) & tie).astype(np.int64))


@pytest.mark.parametrize("amount", range(32))
def test_vta_readings(amount: int) -> None:
    """16..31: left by 32 - amount where the amount is a signed field of 5 bits."""
    x = np.concatenate([X16, wide(32)])
    right = x >> amount
    left = ((x << max(32 - amount, 0)) + 2**31) % 2**32 - 2**31
    for reading, expected in (
        ("chisel", right),
        ("simulator", right),
        ("hls", right if amount < 16 else left),
    ):
        scheme = VtaShift(reading)
        assert np.array_equal(scheme.apply(x, scheme.amount(amount)), expected)


def hls_cast(x: Any, shift: int, width: int, q: str, o: str, n: int, signed: bool) -> list[int]:
    """ap_fixed's cast by bit strings."""
    rule = AP_FIXED_ROUNDINGS[q].name or ""
    values = rounded(x, 1 << shift, rule)
    floors = x >> shift
    rules = {
        "AP_SAT": "SATURATE",
        "AP_SAT_ZERO": "SATURATE_ZERO",
        "AP_WRAP": "WRAP",
        "AP_SAT_SYM": "SATURATE_SYMMETRIC" if signed else "SATURATE",
    }
    found = []
    for value, floor in zip(values.tolist(), floors.tolist(), strict=True):
        if o == "AP_WRAP_SM":
            found.append(sign_magnitude_wrap(value, floor, width, n))
        elif o == "AP_WRAP" and n:
            found.append(wrap_saturated_bits(value, width, n, signed))
        else:
            found.append(register(value, width, rules[o], signed))
    return found


@pytest.mark.parametrize("quantization", AP_FIXED_ROUNDINGS)
@pytest.mark.parametrize(
    "overflow", ["AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM"]
)
def test_ap_fixed(quantization: str, overflow: str) -> None:
    """Every mode on every 10-bit number, cut to 4 bits; N 0..4, signed and not."""
    x = np.arange(-512, 512)
    for n in range(5) if overflow.startswith("AP_WRAP") else (0,):
        for signed in (True, False) if overflow != "AP_WRAP_SM" else (True,):
            for shift in (0, 1, 3):
                scheme = ApFixed(4, quantization, overflow, n, signed)
                expected = hls_cast(x, shift, 4, quantization, overflow, n, signed)
                assert scheme.apply(x, PowerOfTwoFactor(-shift)).tolist() == expected, (
                    scheme,
                    shift,
                )


def test_ap_wrap_sm_takes_the_sign_before_rounding() -> None:
    """-16.5 rounds up to -16 = ...10000; its floor is -17 = ...01111: bit 4 tells them apart."""
    q, floor = -16, -17
    by_floor, by_rounded = floor >> 4 & 1, q >> 4 & 1
    assert by_floor != by_rounded
    observed = ApFixed(4, "AP_RND", "AP_WRAP_SM").apply([-33], PowerOfTwoFactor(-1)).tolist()
    low = q & 7
    expected = from_bits(f"{by_floor}{low if by_floor == (q >> 3 & 1) else ~low & 7:03b}", True)
    assert observed == [expected]
    assert limits(4, "WRAP", True) == (-8, 7)


MONOTONE = [
    (DoubleRounding(), 0.003),
    (DoubleRounding("half_up"), 0.003),
    (SingleRounding(), 0.01),
    (MveSingleRounding(), 0.003),
    (Rndnu(), 0.0071),
    (TosaScale32(), 0.004),
    (EthosU("truncate"), 0.01),
    (ReducedMultiplier(), 0.002),
    (FbgemmFixedPoint(), 0.02),
    (NvdlaTruncate(), 2.0**-9),
    (ShiftOnly("half_even"), 2.0**-7),
]


@pytest.mark.parametrize(("scheme", "scale"), MONOTONE, ids=repr)
def test_thresholds_equal_the_scheme(scheme: Any, scale: float) -> None:
    """FINN: T_k = min{acc : f(acc) >= k}, found here by looking at every 16-bit accumulator."""
    p = scheme.encode(scale)
    codes = scheme.apply(X16, p, zero_point=-7, clamp=(-128, 127)).astype(np.int64)
    step = thresholds_of(scheme, p, acc=(-(2**15), 2**15 - 1), codes=(-128, 127), zero_point=-7)
    thresholds = step.values.values
    counted = np.searchsorted(thresholds, X16, side="right") - 128
    assert np.array_equal(counted, codes)
    for k, threshold in zip(range(-127, 128), thresholds.tolist(), strict=True):
        reached = X16[codes >= k]
        assert threshold == (int(reached.min()) if len(reached) else 2**15)
