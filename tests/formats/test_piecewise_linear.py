"""PiecewiseLinear: published levels, exact encoding, three accumulators that hold the product."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from formats import exact_values as exact
from formats.fraction_encoders import around, rounded
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError, QuantizationError, ShapeError
from pyqsim.formats import Affine, PiecewiseLinear, PowerOfTwo

VARIANTS = ("paper", "repo", "overlapping")
FORMATS = [
    *(PiecewiseLinear(bits, variant) for bits in (2, 3, 4, 6) for variant in VARIANTS),
    PiecewiseLinear(3, breakpoints=2),
    PiecewiseLinear(2, breakpoints=3),
    PiecewiseLinear(4, breakpoints=5),
]


def some_ratios(fmt, rng, channels=None):
    """Ascending breakpoint ratios, far enough apart."""
    shape = (fmt.breakpoints + 1,) if channels is None else (fmt.breakpoints + 1, channels)
    steps = rng.uniform(0.1, 1, shape)
    return (np.cumsum(steps, axis=0) / steps.sum(axis=0))[:-1]


def clamp(v, low, high):
    return min(max(v, low), high)


def paper_value(x, bits, scales):
    """sign(x) * uni(|x|) in the region of x, from the prose."""
    n = 2 ** (bits - 1) - 1
    sign, size = (-1 if x < 0 else 1), abs(x)
    regions = [(0, scales[0]), *zip(scales[2::2], scales[1::2], strict=True)]
    offset, step = next(pair for pair in reversed(regions) if size > pair[0] or pair[0] == 0)
    return sign * (offset + step * clamp(rounded((size - offset) / step, "half_even"), 0, n))


def repo_value(x, bits, scales):
    """Affine tails with an offset each, a centre in two's complement."""
    s1, s2, p = scales
    n = 2 ** (bits - 1) - 1
    m = p + n * s2
    if -p < x < p:
        return s1 * clamp(rounded(x / s1, "half_even"), -n, n)
    offset = p if x >= p else -m
    return offset + s2 * clamp(rounded((x - offset) / s2, "half_even"), 0, n)


def overlapping_value(x, bits, scales):
    """Two symmetric quantizers of b bits."""
    s1, s2 = scales
    p, half = s1 * (2**bits - 1) / 2, 2 ** (bits - 1)
    if -p < x < p:
        return s1 * clamp(rounded(x / s1, "half_even"), -half + 1, half - 1)
    return s2 * clamp(rounded(x / s2, "half_even"), -half, half - 1)


PROSE = {"paper": paper_value, "repo": repo_value, "overlapping": overlapping_value}


def decoded(fmt, codes, scales):
    """Exact value of each code."""
    integers = fmt.decode(codes).astype(object)
    return sum(n * s for n, s in zip(integers, scales, strict=True))


def hard_points(fmt, scales):
    """Every level, every midpoint of neighbours, every breakpoint, and doubles beside them."""
    allowed = np.arange(fmt.code_max + 1)
    levels = sorted(set(decoded(fmt, allowed, scales)))
    middles = [(low + high) / 2 for low, high in pairwise(levels)]
    edges = scales[2::2] if fmt.planes > 2 else [scales[0] * (2**fmt.bits - 1) / 2]
    return around([*levels, *middles, *edges, 10 * levels[-1], Fraction(0)])


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_encoding_is_the_prose_on_fractions(fmt, seed):
    rng = np.random.default_rng(seed)
    largest = [1.0, 0.37, 3e-309][seed] if seed < 2 else float(rng.uniform(1, 100))
    scales = fmt.scales(largest, *some_ratios(fmt, rng))
    check_prose(fmt, scales, np.concatenate([rng.normal(0, largest / 2, 100)]))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_ties(fmt):
    """Scales that are small integers: midpoints and breakpoints are doubles."""
    offsets = [16.0 * r + 1 for r in range(1, fmt.breakpoints + 1)]
    scales = [2.0, 6.0] if fmt.planes == 2 else [2.0]
    for offset in offsets * (fmt.planes > 2):
        scales += [6.0, offset]
    check_prose(fmt, np.array(scales), np.arange(-400, 400) / 2)


def check_prose(fmt, scales, numbers):
    units = [Fraction(s) for s in scales.tolist()]
    numbers = np.concatenate([numbers, hard_points(fmt, units)])
    values = decoded(fmt, fmt.encode(numbers, scales), units)
    for x, value in zip(numbers.tolist(), values, strict=True):
        assert value == PROSE[fmt.variant](Fraction(x), fmt.bits, units), x


@pytest.mark.parametrize("bits", range(2, 9))
def test_numbers_of_levels(bits):
    """2^(b+1) - 3 in the paper, 2^(b+1) - 1 in the program."""
    for variant, count in (("paper", 2 ** (bits + 1) - 3), ("repo", 2 ** (bits + 1) - 1)):
        fmt = PiecewiseLinear(bits, variant)
        n = 2 ** (bits - 1) - 1
        # Scales of exact fractions that fit together: p is n s1 in the paper.
        scales = fmt.scales(3.0 * n, 1 / 3) if variant == "paper" else [1.0, 2.0, n + 0.5]
        numbers = (
            np.linspace(-3 * n, 3 * n, 12 * n + 1)
            if variant == "paper"
            else hard_points(fmt, [Fraction(s) for s in scales])
        )
        codes = fmt.encode(numbers, scales)
        values = decoded(fmt, codes, [Fraction(float(s)) for s in scales])
        assert len(set(values)) == count


def test_literals_of_the_published_program():
    """b = 4, p = 0.25: the centre ends at 7 * 0.5 / 15 = 0.2333, never at p."""
    fmt = PiecewiseLinear(4, "repo")
    scales = fmt.scales(1.0, 0.25)
    just_below = np.nextafter(0.25, 0)
    q = qs.QTensor(fmt.encode([just_below, -just_below, 0.25, -0.25], scales), fmt, scales)
    assert q.real()[:2] == pytest.approx([0.23333333, -0.23333333])
    assert q.real()[2:].tolist() == [0.25, -0.25]
    assert q.codes.tolist() == [7, 9, 16, 31]


def test_mirrored_ties_differ():
    """k counts from -m: the tie at k + 1/2 goes to even k of each tail's own."""
    fmt = PiecewiseLinear(3, "repo")
    scales = [1.0, 2.0, 3.5]  # tails 3.5, 5.5, 7.5, 9.5 and -9.5, -7.5, -5.5, -3.5
    numbers = np.array([4.5, 6.5, 8.5])
    q = qs.QTensor(fmt.encode(np.concatenate([numbers, -numbers]), scales), fmt, scales)
    assert q.real().tolist() == [3.5, 7.5, 7.5, -5.5, -5.5, -9.5]


def test_overlapping_ends():
    """+m saturates at 2^(b-1) - 1, -m is a tie that goes to -2^(b-1)."""
    fmt = PiecewiseLinear(3, "overlapping")
    scales = fmt.scales(7.0, 2 / 7)
    assert scales.tolist() == [4 / 7, 2.0]
    codes = fmt.encode([7.0, -7.0, 2.1, -2.1, 1.9], scales)
    assert fmt.decode(codes).tolist() == [[0, 0, 0, 0, 3], [3, -4, 1, -1, 0]]


def test_code_words():
    fmt = PiecewiseLinear(3)
    n1, n2, sign = fmt.integers().tolist()
    assert n1 == [0, 1, 2, 3, 0, -1, -2, -3] + [0] * 8
    assert n2 == [0] * 8 + [0, 1, 2, 3, 0, -1, -2, -3]
    assert sign == [0] * 8 + [1] * 4 + [-1] * 4
    n1, n2, sign = PiecewiseLinear(3, "repo").integers().tolist()
    assert n1 == [0, 1, 2, 3, -4, -3, -2, -1] + [0] * 8
    assert n2 == [0] * 8 + [0, 1, 2, 3, -3, -2, -1, 0]
    assert sign == [0] * 8 + [1] * 4 + [-1] * 4
    n1, n2 = PiecewiseLinear(3, "overlapping").integers().tolist()
    assert n1 == [0, 1, 2, 3, -4, -3, -2, -1] + [0] * 8
    assert n2 == [0] * 8 + [0, 1, 2, 3, -4, -3, -2, -1]
    fmt = PiecewiseLinear(2, breakpoints=2)
    assert (fmt.code_bits, fmt.code_max, fmt.planes) == (4, 11, 5)
    assert fmt.integers()[:, 12:].any() == 0
    assert fmt.decode(np.array([9, 11])).T.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, -1, -1]]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_properties(fmt):
    assert eval(repr(fmt)) == fmt
    assert fmt.integers().shape == (fmt.planes, 2**fmt.code_bits)
    expected = 2 if fmt.variant == "overlapping" else 2 * fmt.breakpoints + 1
    assert (fmt.planes, fmt.zero_code, fmt.has_zero_point, fmt.shifts) == (
        expected,
        0,
        False,
        False,
    )
    rng = np.random.default_rng(0)
    scales = fmt.scales(1.0, *some_ratios(fmt, rng))
    assert fmt.encode([0.0, -0.0, -1e-300], scales).tolist() == [0, 0, 0]
    assert fmt.encode(np.zeros((0, 2)), scales).shape == (0, 2)
    assert fmt.encode(0.0, scales).shape == ()


def test_scales():
    fmt = PiecewiseLinear(3, breakpoints=2)
    scales = fmt.scales([8.0, 16.0], 0.25, 0.5)
    assert scales.tolist() == [
        [2 / 3, 4 / 3], [2 / 3, 4 / 3], [2.0, 4.0], [4 / 3, 8 / 3], [4.0, 8.0]
    ]  # fmt: skip
    assert PiecewiseLinear(4).scales(1.0, [0.25, 0.5]).tolist() == [
        [0.25 / 7, 0.5 / 7], [0.75 / 7, 0.5 / 7], [0.25, 0.5]
    ]  # fmt: skip


def test_every_channel_has_its_scales():
    fmt = PiecewiseLinear(4)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 6))
    scales = fmt.scales(rng.uniform(1, 3, 6), rng.uniform(0.1, 0.6, 6))
    codes = fmt.encode(x, scales)
    for c in range(6):
        assert (codes[:, c] == fmt.encode(x[:, c], scales[:, c])).all()
    assert (fmt.encode(x.T, scales[:, :, None]) == codes.T).all()
    assert (fmt.encode(x, np.repeat(scales[:, None], 50, axis=1)) == codes).all()


@given(
    st.sampled_from(FORMATS),
    st.sampled_from([*FORMATS, Affine(8), Affine(4, signed=False), PowerOfTwo(4)]),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_dot_products(fmt, other, seed, swap):
    """sum over planes of scale * accumulator is the exact product, also where both have planes."""
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 9, 3)
    w = random_tensor(fmt, (k, n), 1, rng)
    x = random_tensor(other, (m, k), None, rng)
    if swap and other.planes > 1:
        w, x = random_tensor(other, (k, n), 1, rng), random_tensor(fmt, (m, k), None, rng)
    exact.check_dot(x, w)


def random_tensor(fmt, shape, axis, rng):
    """Random codes, all that are allowed, and random scales."""
    codes = rng.integers(fmt.code_min, fmt.code_max + 1, shape)
    cells = () if axis is None else (shape[axis],)
    zero_point = rng.integers(fmt.code_min, fmt.code_max + 1) if fmt.has_zero_point else 0
    if isinstance(fmt, PiecewiseLinear):
        ratios = some_ratios(fmt, rng, *cells)
        scale = fmt.scales(rng.uniform(0.5, 2, cells), *ratios)
    else:
        scale = rng.uniform(0.5, 2, cells)
    zero_points = np.full(cells, zero_point)
    return qs.QTensor(codes, fmt, scale, zero_points, axis=axis)


def test_nine_pairs_of_planes():
    rng = np.random.default_rng(5)
    fmt = PiecewiseLinear(4)
    x, w = random_tensor(fmt, (4, 30), None, rng), random_tensor(fmt, (30, 5), 1, rng)
    assert qs.matmul(x, w, qs.Datapath(output=())).shape == (3, 3, 4, 5)
    exact.check_dot(x, w)


def test_merge_with_a_common_unit():
    """Scales that are integer multiples of one unit: one integer is the whole product."""
    rng = np.random.default_rng(6)
    fmt = PiecewiseLinear(4)
    unit, multiples = 2.0**-10, np.array([5, 17, 35])  # p = 7 s1
    w = qs.QTensor(rng.integers(0, 32, (20, 3)), fmt, multiples * unit)
    x = qs.QTensor(rng.integers(-128, 128, (4, 20)), Affine(8), 0.25, 9)
    merge = multiples[None, :, None, None, None]
    merged = qs.matmul(x, w, qs.Datapath(output=(qs.Merge(),)), merge=merge)
    wanted = exact.values(x) @ exact.values(w) / (Fraction(unit) * Fraction(1, 4))
    assert (merged == wanted).all()


def test_correction_of_zero_points():
    """s1 (A1 - zx c1) + s2 (A2 - zx c2) + p (A3 - zx c3), c the sums of the plane over k."""
    rng = np.random.default_rng(7)
    fmt = PiecewiseLinear(4)
    w = random_tensor(fmt, (40, 3), 1, rng)
    x = random_tensor(Affine(8, signed=False), (5, 40), None, rng)
    raw = qs.matmul(x.integers(), w, qs.Datapath(output=()))
    corrected = raw - int(x.zero_point) * w.integers().sum(axis=1)[:, np.newaxis, :]
    fold = qs.Datapath(product=qs.Multiply(zero_points="fold"), output=(qs.CorrectZeroPoints(),))
    assert int(x.zero_point) != 0
    assert (qs.matmul(x, w, fold) == corrected).all()
    assert (qs.matmul(x, w, qs.Datapath(output=())) == corrected).all()
    exact.check_dot(x, w)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 1}, "bits=1, allowed: 2..15"),
        ({"bits": 16}, "bits=16, allowed: 2..15"),
        ({"bits": 15, "breakpoints": 2}, "bits=15, allowed: 2..14"),
        ({"bits": 4, "variant": "option3"}, "variant='option3', allowed: 'paper', 'repo', 'over"),
        ({"bits": 4, "variant": "repo", "breakpoints": 2}, "breakpoints=2, allowed: 1..1"),
        ({"bits": 4, "breakpoints": 0}, "breakpoints=0, allowed: 1..16383"),
        ({"bits": 4.5}, "bits=4.5, allowed: an int"),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        PiecewiseLinear(**arguments)
    assert message in str(error.value)


def test_impossible_scales():
    fmt = PiecewiseLinear(4)
    for ratio in (0.0, 1.0, -0.1, 1.5, np.nan):
        with pytest.raises(QuantizationError, match=r"ratios=.*allowed: ascending in \(0, 1\)"):
            fmt.scales(1.0, ratio)
    for largest in (0.0, -1.0, np.inf, np.nan, 5e-324):
        with pytest.raises(QuantizationError, match="allowed: finite and > 0"):
            fmt.scales(largest, 0.5)
    with pytest.raises(ShapeError, match="2 ratios, allowed: 1"):
        fmt.scales(1.0, 0.2, 0.5)
    with pytest.raises(ShapeError, match=r"largest, ratios: .*allowed: shapes that broadcast"):
        fmt.scales([1.0, 2.0], [0.1, 0.2, 0.3])
    two = PiecewiseLinear(4, breakpoints=2)
    with pytest.raises(QuantizationError, match="ascending"):
        two.scales(1.0, 0.5, 0.2)
    with pytest.raises(QuantizationError, match=r"scale\[2::2\]=.*ascending breakpoints"):
        qs.QTensor([0], two, [1, 1, 5, 1, 4])


def test_impossible_encoding():
    fmt = PiecewiseLinear(4)
    scales = fmt.scales(1.0, 0.5)
    with pytest.raises(ModeError, match=r"rounding=.*half_even"):
        fmt.encode([1.0], scales, rounding="half_up")
    assert fmt.encode([1.0], scales, rounding="half_even").tolist() == [23]
    with pytest.raises(ShapeError, match=r"scale.shape=\(2,\), allowed: \(3, ...\)"):
        fmt.encode([1.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"scale.shape=\(2,\).*broadcastable to \(3,\)"):
        fmt.encode([1.0, 2.0, 3.0], np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"zero_point.shape=\(2,\)"):
        fmt.encode([1.0, 2.0, 3.0], scales, [0, 0])
    with pytest.raises(QuantizationError, match=r"zero_point=1, allowed: 0..0"):
        fmt.encode([1.0], scales, 1)
    with pytest.raises(QuantizationError, match=r"x\[1\]=nan"):
        fmt.encode([1.0, np.nan], scales)
    with pytest.raises(QuantizationError, match=r"scale\[1\]=0.0, allowed: finite and > 0"):
        fmt.encode([1.0], [1.0, 0.0, 1.0])


def test_extreme_scales():
    """Thresholds far beyond the doubles, and below them all."""
    fmt = PiecewiseLinear(4)
    huge = np.array([1e308, 1.7e308, 1.7976931348623157e308])
    numbers = np.array([1.7976931348623157e308, -1.7976931348623157e308, 1e308, 5e307, 5.1e307])
    assert fmt.encode(numbers, huge).tolist() == [2, 10, 1, 0, 1]
    tiny = np.array([5e-324, 5e-324, 5e-324])
    assert fmt.encode([5e-324, -5e-324, 1e-323, 2e-323, 1.0], tiny).tolist() == [1, 9, 17, 19, 23]
