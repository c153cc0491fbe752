"""conv2d against loops over every tap: geometry, groups, zero points, order, events, traps."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import product as pairs
from typing import Any

import numpy as np
import pytest

import pyqsim as qs

WRAPS = qs.Datapath(reduce=(qs.Accumulate(32),))
S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
Ints = np.ndarray[Any, Any]
Pads = tuple[tuple[int, int], tuple[int, int]]


class Naive:
    """A convolution as nested loops: the terms of every output, kh, kw, c ascending."""

    def __init__(
        self,
        x: Ints,
        w: Ints,
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        pads: Pads = ((0, 0), (0, 0)),
        groups: int = 1,
        zero_point: int = 0,
        weight_zero_points: Any = 0,
    ) -> None:
        self.x, self.w, self.stride, self.dilation = x, w, stride, dilation
        self.pads, self.groups, self.zero_point = pads, groups, zero_point
        self.weight_zero_points = np.broadcast_to(weight_zero_points, w.shape[3:])
        _, height, width, _ = x.shape
        kh, kw, self.depth, self.n = w.shape
        self.oh = (height + sum(pads[0]) - (kh - 1) * dilation[0] - 1) // stride[0] + 1
        self.ow = (width + sum(pads[1]) - (kw - 1) * dilation[1] - 1) // stride[1] + 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.x), self.oh, self.ow, self.n

    def code(self, image: int, row: int, column: int, channel: int) -> int:
        """A tap's code; outside the image the zero point."""
        inside = 0 <= row < self.x.shape[1] and 0 <= column < self.x.shape[2]
        return int(self.x[image, row, column, channel]) if inside else self.zero_point

    def terms(self, image: int, oh: int, ow: int, n: int) -> list[int]:
        kh, kw, depth, _ = self.w.shape
        first_channel = n // (self.n // self.groups) * depth
        result = []
        for i, j, c in pairs(range(kh), range(kw), range(depth)):
            row = oh * self.stride[0] + i * self.dilation[0] - self.pads[0][0]
            column = ow * self.stride[1] + j * self.dilation[1] - self.pads[1][0]
            code = self.code(image, row, column, first_channel + c)
            weight = int(self.w[i, j, c, n]) - int(self.weight_zero_points[n])
            result.append((code - self.zero_point) * weight)
        return result

    def outputs(self) -> Iterator[tuple[tuple[int, int, int, int], list[int]]]:
        for place in np.ndindex(self.shape):
            yield place, self.terms(*place)

    def result(self) -> Ints:
        y = np.empty(self.shape, dtype=np.int64)
        for place, terms in self.outputs():
            y[place] = sum(terms)
        return y


def tensors(seed: int, x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.integers(0, 256, x_shape), rng.integers(-128, 128, w_shape)


def same(observed: Ints, expected: Ints, what: str) -> None:
    assert observed.shape == expected.shape, f"{what}: {observed.shape}, expected {expected.shape}"
    wrong = np.argwhere(observed != expected)
    if len(wrong):
        place = tuple(wrong[0].tolist())
        pytest.fail(f"{what} {place}: observed {observed[place]}, expected {expected[place]}")


GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"stride": (2, 1)},
    {"dilation": (1, 2)},
    {"stride": (2, 3), "dilation": (2, 1)},
    {"pads": ((1, 1), (1, 1))},
    {"pads": ((2, 0), (0, 3))},
    {"pads": ((0, 3), (2, 1)), "stride": (3, 2), "dilation": (2, 2)},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=repr)
@pytest.mark.parametrize("groups", [1, 2])
def test_geometry(geometry: dict[str, Any], groups: int) -> None:
    """Stride, dilation and uneven padding; zero points on both sides, per-channel on weights."""
    x, w = tensors(1, (2, 6, 7, 4), (3, 2, 4 // groups, 6))
    zero_points = np.array([3, -128, 0, 127, -1, 50])
    naive = Naive(x, w, groups=groups, zero_point=131, weight_zero_points=zero_points, **geometry)
    arguments = {"padding" if name == "pads" else name: v for name, v in geometry.items()}
    observed = qs.ops.conv2d(
        qs.QTensor(x, U8, 0.5, 131),
        qs.QTensor(w, S8, np.full(6, 0.25), zero_points, axis=3),
        qs.Datapath(),
        groups=groups,
        **arguments,
    )
    same(observed, naive.result(), f"{geometry} groups={groups}")


def test_plain_integers_pad_with_zero() -> None:
    """int, (rows, columns) and pairs say the same padding."""
    x, w = tensors(2, (1, 4, 5, 2), (3, 3, 2, 3))
    expected = Naive(x, w, pads=((2, 2), (1, 1))).result()
    for padding in ((2, 1), ((2, 2), (1, 1))):
        same(qs.ops.conv2d(x, w, qs.Datapath(), padding=padding), expected, f"{padding}")
    one = Naive(x, w, pads=((1, 1), (1, 1))).result()
    same(qs.ops.conv2d(x, w, qs.Datapath(), padding=1), one, "padding=1")


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [5, 6, 7])
def test_same_and_valid(size: int, dilation: int, stride: int) -> None:
    """ "same": ceil(in / stride) outputs, the odd row and column of padding at the end."""
    x, w = tensors(3, (1, size, size, 1), (3, 2, 1, 2))
    pads = []
    for taps in (3, 2):
        out = -(-size // stride)
        total = max((out - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    both = {"stride": (stride, stride), "dilation": (dilation, dilation)}
    same_naive = Naive(x, w, pads=(pads[0], pads[1]), **both)
    assert same_naive.oh == same_naive.ow == -(-size // stride)
    observed = qs.ops.conv2d(x, w, qs.Datapath(), padding="same", stride=stride, dilation=dilation)
    same(observed, same_naive.result(), "same")
    observed = qs.ops.conv2d(x, w, qs.Datapath(), padding="valid", stride=stride, dilation=dilation)
    same(observed, Naive(x, w, **both).result(), "valid")


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_depthwise(multiplier: int) -> None:
    """groups = C; output channel n reads input channel n // multiplier."""
    x, w = tensors(4, (1, 5, 4, 3), (2, 3, 1, 3 * multiplier))
    naive = Naive(x, w, groups=3, pads=((1, 0), (1, 1)), zero_point=7)
    observed = qs.ops.conv2d(
        qs.QTensor(x, U8, zero_point=7), w, qs.Datapath(), groups=3, padding=((1, 0), (1, 1))
    )
    same(observed, naive.result(), f"depthwise x {multiplier}")


def clamp(v: int, bits: int) -> int:
    return min(max(v, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)


@pytest.mark.parametrize("groups", [1, 2])
def test_saturation_and_events_in_place(groups: int) -> None:
    """A 14-bit accumulator in tap order: values, counts, first (step, m, n, k), extremes."""
    x, w = tensors(5, (2, 4, 4, 4), (2, 2, 4 // groups, 4))
    naive = Naive(x, w, groups=groups, pads=((1, 0), (0, 1)), zero_point=100)
    datapath = qs.Datapath(reduce=qs.Accumulate(14, "saturate"))
    observed, events = qs.ops.conv2d(
        qs.QTensor(x, U8, zero_point=100),
        w,
        datapath,
        groups=groups,
        padding=((1, 0), (0, 1)),
        events=True,
        counts=True,
    )
    expected, counts = np.empty(naive.shape, int), np.zeros(naive.shape, int)
    places, seen = [], []
    for m_n, (place, terms) in enumerate(naive.outputs()):
        value = 0
        for k, term in enumerate(terms):
            seen.append(value + term)
            if clamp(value + term, 14) != value + term:
                counts[place] += 1
                places.append((0, m_n // naive.n, place[3], k))
            value = clamp(value + term, 14)
        expected[place] = value
    assert counts.any()
    same(observed, expected, f"saturate, groups={groups}")
    same(events.counts.reshape(naive.shape), counts, "counts")
    assert events.first == places[0]
    assert events.overflows == len(places) == events.steps[0].overflows
    assert (events.minimum, events.maximum) == (min(seen), max(seen))


@pytest.mark.parametrize("groups", [1, 2])
def test_loop_nest(groups: int) -> None:
    """(("c", 2), "kh", "kw", "c") with C = 3: tiles of two channels, the last one holds a hole."""
    x, w = tensors(6, (1, 3, 3, 3 * groups), (2, 2, 3, 2 * groups))
    by_hand = []
    for tile, i, j, c in pairs(range(2), range(2), range(2), range(2)):
        channel = 2 * tile + c
        by_hand.append((i * 2 + j) * 3 + channel if channel < 3 else -1)
    assert by_hand.count(-1) == 4
    reduce = (qs.Accumulate(15, "saturate", group=3), qs.Accumulate(16, "saturate"))
    nest = qs.Datapath(reduce=reduce, order=(("c", 2), "kh", "kw", "c"))
    listed = qs.Datapath(reduce=reduce, order=tuple(by_hand))
    expected = np.empty(Naive(x, w, groups=groups).shape, int)
    for place, terms in Naive(x, w, groups=groups).outputs():
        laid = [terms[k] if k >= 0 else 0 for k in by_hand]
        total = 0
        for start in range(0, len(laid), 3):
            partial = 0
            for term in laid[start : start + 3]:
                partial = clamp(partial + term, 15)
            total = clamp(total + partial, 16)
        expected[place] = total
    for datapath in (nest, listed):
        same(qs.ops.conv2d(x, w, datapath, groups=groups), expected, f"{datapath.order}")
    ascending = qs.Datapath(reduce=reduce)
    assert (qs.ops.conv2d(x, w, ascending, groups=groups) != expected).any()


def test_two_level_nest() -> None:
    """Tiles within tiles, spelled out by loops."""
    nest = (("c", 4), "kw", ("c", 2), "kh", "c")
    by_hand = [
        (kh * 2 + kw) * 5 + 4 * t + 2 * u + c if 4 * t + 2 * u + c < 5 else -1
        for t, kw, u, kh, c in pairs(range(2), range(2), range(2), range(3), range(2))
    ]
    assert qs.datapath.nest_order(nest, {"kh": 3, "kw": 2, "c": 5}) == tuple(by_hand)


def test_random_numbers_count_all_channels() -> None:
    """STOCHASTIC draws with the channel's number in the whole, not in its group."""
    x, w = tensors(7, (1, 4, 4, 4), (2, 2, 2, 6))
    steps = (qs.Narrow(shift=5, rounding=qs.STOCHASTIC(99)), qs.Accumulate())
    datapath = qs.Datapath(product=qs.Multiply(), reduce=steps)
    observed = qs.ops.conv2d(x, w, datapath, groups=2)
    for group in range(2):
        own = x[..., 2 * group : 2 * group + 2]
        columns = slice(3 * group, 3 * group + 3)
        whole = qs.ops.conv2d(own, w, datapath)  # all six channels on this group's input
        same(observed[..., columns], whole[..., columns], f"group {group}")
        alone = qs.ops.conv2d(own, w[..., columns], datapath)
        assert (alone == observed[..., columns]).all() == (group == 0)


def test_first_across_groups_goes_by_output_not_by_step() -> None:
    """Group 1 overflows at m=0 in step 1, group 0 at m=1 in step 0: the first is at m=0."""
    x = np.zeros((1, 1, 2, 4), int)
    x[0, 0, 0, 2:] = 60  # group 1: two partial sums of 60 fit, their total of 120 does not
    x[0, 0, 1, 0] = 100  # group 0: a partial sum of 100 does not
    steps = (qs.Accumulate(7, "saturate", group=1), qs.Accumulate(7, "saturate"))
    datapath = qs.Datapath(reduce=steps)
    _, events = qs.ops.conv2d(x, np.ones((1, 1, 2, 2), int), datapath, groups=2, events=True)
    assert events.steps[0].first == (0, 1, 0, 0)
    assert events.first == events.steps[1].first == (1, 0, 1, 1)


def test_trap_across_groups_names_the_smallest_place() -> None:
    """Group 1 overflows at m=1, group 0 only at m=2: the first by (m, n) is group 1's."""
    x = np.zeros((1, 1, 3, 2), int)
    x[0, 0, 1, 1] = x[0, 0, 2, 0] = 100
    w = np.full((1, 1, 1, 4), 2)
    datapath = qs.Datapath(reduce=qs.Accumulate(8, "trap"))
    with pytest.raises(qs.errors.OverflowTrap) as caught:
        qs.ops.conv2d(x, w, datapath, groups=2)
    assert caught.value.place == (0, 1, 2, 0)


def test_trap_across_groups_takes_reduce_before_output() -> None:
    """As in one call: group 0's output trap does not hide group 1's reduce trap."""
    datapath = qs.Datapath(
        reduce=qs.Accumulate(8, "trap"), output=qs.Narrow(bits=4, overflow="trap")
    )
    dense = ([[10, 100]], [[1, 0], [0, 2]])
    with pytest.raises(qs.errors.OverflowTrap) as whole:
        qs.matmul(*dense, datapath)
    assert whole.value.place == (0, 0, 1, 1)
    with pytest.raises(qs.errors.OverflowTrap) as caught:
        qs.ops.conv2d([[[[10, 100]]]], [[[[1, 2]]]], datapath, groups=2)
    assert caught.value.place == (0, 0, 1, 0)


@pytest.mark.parametrize("groups", [1, 2])
def test_per_channel_data(groups: int) -> None:
    """Bias, multiplier, shift, zero point, clamp and thresholds of each output channel."""
    x, w = tensors(8, (1, 3, 3, 2), (2, 2, 2 // groups, 4))
    bias, shifts = np.array([1000, -2000, 30, 4]), np.array([-9, -8, -10, -7])
    scheme = qs.requantize.SingleRounding()
    datapath = qs.Datapath(
        output=(qs.AddBias(32), qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127))
    )
    y = qs.ops.conv2d(
        x,
        w,
        datapath,
        groups=groups,
        bias=bias,
        requantize=qs.requantize.Multiplier(np.full(4, 2**30), shifts),
        out_zero_point=-5,
        encoding=qs.Encoding(S8, 0.125, -5),
    )
    total = Naive(x, w, groups=groups).result() + bias
    right = 1 - shifts  # 2**30 * 2**(s - 31)
    expected = np.clip(((total + (1 << (right - 1))) >> right) - 5, -128, 127)
    same(y.codes.astype(int), expected, "per channel")
    assert (y.format, float(y.scale), int(y.zero_point)) == (S8, 0.125, -5)


@pytest.mark.parametrize("groups", [1, 2])
def test_per_channel_thresholds(groups: int) -> None:
    """A row of thresholds a channel, in groups too."""
    x, w = tensors(9, (1, 3, 3, 2), (2, 2, 2 // groups, 4))
    rows = np.array([[-9000, 0, 9000], [1, 2, 3], [-5, 0, 5], [20000, 20001, 30000]])
    observed = qs.ops.conv2d(x, w, qs.Datapath(output=qs.Thresholds(rows)), groups=groups)
    total = Naive(x, w, groups=groups).result()
    same(observed, (total[..., None] >= rows).sum(axis=-1), f"thresholds, groups={groups}")


def test_too_few_threshold_rows_are_refused() -> None:
    """Two rows for four channels are wrong in a grouped convolution as well."""
    datapath = qs.Datapath(output=qs.Thresholds([[1], [9]]))
    for groups in (1, 2):
        with pytest.raises(qs.errors.ShapeError, match="Thresholds"):
            qs.ops.conv2d(
                np.full((1, 1, 1, 2), 3), np.ones((1, 1, 2 // groups, 4), int), datapath,
                groups=groups,
            )  # fmt: skip


def test_fold_equals_subtract() -> None:
    """Zero points corrected after the sum: the same integers while nothing overflows."""
    x, w = tensors(10, (1, 4, 4, 2), (3, 3, 2, 3))
    tensor = qs.QTensor(x, U8, zero_point=9)
    weight = qs.QTensor(w, S8, zero_point=[1, -2, 3], axis=3)
    fold = qs.Datapath(product=qs.Multiply("fold"), output=qs.CorrectZeroPoints())
    expected = Naive(
        x, w, pads=((1, 1), (1, 1)), zero_point=9, weight_zero_points=[1, -2, 3]
    ).result()
    for datapath in (fold, qs.Datapath()):
        same(qs.ops.conv2d(tensor, weight, datapath, padding=1), expected, repr(datapath.product))


def test_formats_without_zero_point_pad_with_their_zero() -> None:
    """A shifting format's code of zero; a format that has none can do without padding."""
    fmt = qs.APoT(4)
    rng = np.random.Generator(np.random.PCG64(11))
    codes, w = rng.integers(0, 16, (1, 3, 3, 2)), rng.integers(-9, 9, (2, 2, 2, 2))
    naive = Naive(fmt.integers()[codes], w, pads=((1, 1), (1, 1)))
    observed = qs.ops.conv2d(qs.QTensor(codes, fmt), w, qs.Datapath(), padding=1)
    same(observed, naive.result(), "APoT")
    signs = qs.Planes([[-1, 1]])
    bits = rng.integers(0, 2, (1, 3, 3, 2))
    observed = qs.ops.conv2d(qs.QTensor(bits, signs), w, qs.Datapath())
    same(observed, Naive(2 * bits - 1, w).result(), "no code of zero, no padding")
    with pytest.raises(qs.errors.CodeError, match="no code for zero"):
        qs.ops.conv2d(qs.QTensor(bits, signs), w, qs.Datapath(), padding=1)


def test_planes() -> None:
    """Two planes lead the result, as in linear; Merge sums them."""
    fmt = qs.Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])
    x, w = tensors(12, (1, 3, 3, 2), (2, 2, 2, 3))
    codes = x % 16
    tensor, expected = qs.QTensor(codes, fmt), Naive(codes, w).result()
    merged = qs.ops.conv2d(tensor, w, qs.Datapath(output=qs.Merge()), merge=[[[[[1]]]], [[[[4]]]]])
    same(merged, expected, "merged")
    apart = qs.ops.conv2d(tensor, w, qs.Datapath())
    same(apart[0] + 4 * apart[1], expected, "planes apart")


def test_empty() -> None:
    """No image, no channel, no output channel: right shapes, zeros, and no crash."""
    conv, dp = qs.ops.conv2d, qs.Datapath()
    assert conv(np.zeros((0, 4, 4, 2), int), np.ones((2, 2, 2, 3), int), dp).shape == (0, 3, 3, 3)
    assert conv(np.ones((1, 4, 4, 2), int), np.ones((2, 2, 2, 0), int), dp).shape == (1, 3, 3, 0)
    no_channels = conv(np.ones((1, 4, 4, 0), int), np.ones((2, 2, 0, 3), int), dp)
    same(no_channels, np.zeros((1, 3, 3, 3), int), "C=0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "stride=0, allowed: an int >= 1"),
        ({"stride": (1, 2, 3)}, r"stride=\(1, 2, 3\)"),
        ({"stride": True}, "stride=True"),
        ({"dilation": -1}, "dilation=-1"),
        ({"padding": -1}, "padding="),
        ({"padding": "full"}, "padding='full', allowed: 'same', 'valid'"),
        ({"padding": (1, 2, 3)}, "padding="),
        ({"groups": 0}, "groups=0"),
        ({"groups": 2}, "C == weight.shape"),
        ({"groups": True}, "groups=True"),
        ({"dilation": 9}, "window of 10 along H, allowed: at most 4"),
    ],
)
def test_refused(arguments: dict[str, Any], message: str) -> None:
    """Geometry that does not meet the tensors."""
    with pytest.raises(qs.errors.ShapeError, match=message):
        qs.ops.conv2d(
            np.ones((1, 4, 4, 3), int), np.ones((2, 2, 3, 2), int), qs.Datapath(), **arguments
        )


def test_shapes_refused() -> None:
    """Four axes, one scale for x, channels of the weight along axis 3."""
    x, w = np.ones((1, 4, 4, 3), int), np.ones((2, 2, 3, 2), int)
    cases: list[tuple[Any, Any, str]] = [
        (x[0], w, r"x: shape=\(4, 4, 3\)"),
        (x, w[0], r"weight: shape=\(2, 3, 2\)"),
        (x[..., :2], w, "C=2"),
        (qs.QTensor(x, S8, axis=3), w, "x: axis=3"),
        (x, qs.QTensor(w, S8, axis=2), "weight: axis=2"),
        (x, qs.QTensor(w, S8, group=2, group_axis=2), "group=2"),
    ]
    for left, right, message in cases:
        with pytest.raises(qs.errors.ShapeError, match=message):
            qs.ops.conv2d(left, right, qs.Datapath())
    with pytest.raises(qs.errors.DatapathError, match="loop nest, allowed: in conv2d only"):
        qs.matmul([[1]], [[1]], qs.Datapath(order=("kh", "kw", "c")))


# -- plans and memory ------------------------------------------------------------------------------


def test_a_plan_gives_what_conv2d_gives() -> None:
    """Packed once, run on images of several sizes, with and without events."""
    rng = np.random.default_rng(5)
    weight = rng.integers(-128, 128, (3, 2, 4, 6), dtype=np.int8)
    machine = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
    options = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
    planned = qs.ops.plan_conv2d(weight, machine, **options)
    for shape in ((1, 9, 9, 4), (3, 5, 7, 4), (0, 5, 7, 4)):
        x = rng.integers(-128, 128, shape, dtype=np.int8)
        expected, events = qs.ops.conv2d(
            x, weight, machine, kernel="reference", events=True, **options
        )
        np.testing.assert_array_equal(planned(x), expected)
        got, seen = planned(x, events=True)
        np.testing.assert_array_equal(got, expected)
        assert seen == events
    assert "gemm, " not in planned.explain()
    planned(x := rng.integers(-128, 128, (1, 9, 9, 4), dtype=np.int8))
    assert "gemm, " in planned.explain()
    with pytest.raises(qs.errors.ShapeError, match="C=3"):
        planned(x[..., :3])


def test_memory_stays_below_twice_the_tensors() -> None:
    """The matrix of windows would take nine times the images."""
    x = np.ones((1, 120, 120, 64), np.int8)
    planned = qs.ops.plan_conv2d(np.ones((3, 3, 64, 64), np.int8), WRAPS, padding="same")
    planned(x)
    tracemalloc.start()
    y = planned(x, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * (x.nbytes + y.nbytes)


@pytest.mark.parametrize("stride", [1, 2])
def test_memory_of_depthwise_stays_below_twice_the_tensors(stride: int) -> None:
    """No window is gathered, and no channel copied out of its image."""
    x = np.ones((1, 120, 120, 64), np.int8)
    options: dict[str, Any] = {"padding": "same", "stride": stride, "groups": 64}
    planned = qs.ops.plan_conv2d(np.ones((3, 3, 1, 64), np.int8), WRAPS, **options)
    planned(x)
    assert "depthwise, " in planned.explain()
    tracemalloc.start()
    y = planned(x, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * (x.nbytes + y.nbytes)
