"""Chunks of any size and order give what the whole gives, bit for bit."""

from math import fsum

import numpy as np
import pytest
from calibration.test_methods import FEW, PAIRS
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.calibration import Calibrator, fit_scale, quantize
from pyqsim.calibration.exact_sum import ExactSums
from pyqsim.errors import ModeError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, Binary, BitPlanes, Codebook, PiecewiseLinear, Planes, PowerOfTwo

normal = np.random.default_rng(4).normal(size=(60, 3)) * np.array([1, 5, 1e-200])


def cuts(x, seed):
    """The rows of x in another order, cut into chunks, an empty one among them."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.integers(0, len(x), 5))
    return np.split(rng.permutation(x), [0, *places])


@pytest.mark.parametrize(("method", "fmt"), PAIRS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_chunks(method, fmt, seed):
    calibrator = Calibrator(fmt, method, **FEW)
    assert calibrator.fit(lambda: cuts(normal, seed)) == fit_scale(
        normal, fmt, method=method, **FEW
    )
    by_channel = Calibrator(fmt, method, axis=-1, **FEW).fit(lambda: cuts(normal, seed))
    expected = fit_scale(normal, fmt, 1, method, **FEW)
    assert [v.tolist() for v in by_channel] == [v.tolist() for v in expected]


@pytest.mark.parametrize("options", [{"symmetric": False}, {"power_of_two": True}], ids=str)
@pytest.mark.parametrize(
    "method", ["max", "percentile", "top_k_median", "mse", "aciq_gauss", "aciq_laplace"]
)
def test_options(method, options):
    calibrator = Calibrator(Affine(8), method, **FEW, **options)
    expected = fit_scale(normal, Affine(8), method=method, **FEW, **options)
    assert calibrator.fit(lambda: cuts(normal, 9)) == expected


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12),
    st.sampled_from([0.01, 25, 50, 90, 100]),
)
def test_percentile_digit_by_digit(x, percentile):
    """All of float64: subnormals, both zeros, the largest numbers."""
    for fmt, symmetric in ((PowerOfTwo(4), None), (Affine(8), False)):
        options = {"symmetric": symmetric, "percentile": percentile}
        try:
            expected = fit_scale(x, fmt, method="percentile", **options)
        except QuantizationError:
            continue
        got = Calibrator(fmt, "percentile", **options).fit(lambda: [x[:3], x[3:]])
        assert got == expected


OWN = [
    *[
        (PiecewiseLinear(4, variant), {"method": method})
        for variant in ("paper", "repo", "overlapping")
        for method in ("optimum", "program", "search")
    ],
    (PiecewiseLinear(4), {"method": "one_shot", "distribution": "laplace"}),
    (PiecewiseLinear(4), {"breakpoint": 0.25}),
    (PiecewiseLinear(4), {"power_of_two": True}),
    (PiecewiseLinear(3, breakpoints=2), {"method": "optimum"}),
    (PiecewiseLinear(3, breakpoints=2), {"method": "search"}),
    (PiecewiseLinear(3, breakpoints=3), {"method": "search", "power_of_two": True}),
    (BitPlanes(1), {}),
    (BitPlanes(3), {}),
    (BitPlanes(2, "01"), {"iterations": 3}),
    (BitPlanes(2), {"method": "moving_average", "iterations": 4}),
    (BitPlanes(2), {"method": "moving_average", "iterations": 4, "debias": True}),
    (BitPlanes(2), {"start": [[0.3], [0.7]], "iterations": 2, "power_of_two": True}),
    (Codebook([-4, -2, -1, 0, 1, 2, 4]), {"method": "k_means"}),
    (Codebook([-4, -2, -1, 0, 1, 2, 4]), {"method": "k_means", "iterations": 2}),
    (Codebook([-1, 0, 1], frac_bits=1), {"method": "k_means", "power_of_two": True, "reach": 1.0}),
]


@pytest.mark.parametrize(("fmt", "options"), OWN, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_formats_with_fits_of_their_own(fmt, options, seed):
    for axis in (None, 1):
        if axis is not None and "start" in options:
            continue  # one start for all channels
        whole = quantize(normal, fmt, axis, **options)
        calibrator = Calibrator(fmt, axis=axis, **options)
        scale, zero_point = calibrator.fit(lambda: cuts(normal, seed))
        assert scale.tolist() == whole.scale.tolist()
        assert zero_point.tolist() == whole.zero_point.tolist()
        assert calibrator.format == whole.format
        if options.get("power_of_two"):
            assert (np.frexp(scale)[0] == 0.5).all()


# -- one scale a group -----------------------------------------------------------------------------

#: Rows to be grouped, columns to be cut, channels.
block = np.random.default_rng(5).standard_t(3, (7, 30, 2)) * np.array([1.0, 40.0])
LAYOUTS = [  # group, group_axis, axis, what the tensor is cut along
    (3, 0, None, 1),  # 7 = 3 + 3 + 1
    (3, 0, 2, 1),
    (7, -3, -1, 1),
    (100, 0, 2, 1),
    (4, 1, 2, 0),
    (15, 1, None, 2),
    (1, 2, 0, 1),
]


def pieces(x, axis, seed):
    """The tensor cut along one axis, its slices in another order, an empty chunk among them."""
    return [np.moveaxis(part, 0, axis) for part in cuts(np.moveaxis(x, axis, 0), seed)]


def same_as_whole(fmt, layout, **options):
    group, group_axis, axis, cut = layout
    whole = quantize(block, fmt, axis, group=group, group_axis=group_axis, **options)
    calibrator = Calibrator(fmt, axis=axis, group=group, group_axis=group_axis, **options)
    scale, zero_point = calibrator.fit(lambda: pieces(block, cut, seed=group))
    assert scale.shape == whole.scale.shape
    assert scale.tobytes() == whole.scale.tobytes()
    assert zero_point.tolist() == whole.zero_point.tolist()
    assert calibrator.format == whole.format
    again = quantize(
        block,
        calibrator.format,
        axis,
        scale=scale,
        zero_point=zero_point,
        group=group,
        group_axis=group_axis,
    )
    assert again == whole


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize(
    ("fmt", "options"),
    [
        *[
            (fmt, {"method": method, **FEW})
            for method, fmt in PAIRS
            if fmt in (Affine(4), Binary())
        ],
        (Affine(4, signed=False), {"method": "minmax"}),
        (Affine(4), {"method": "mse", "symmetric": False, "power_of_two": True, "grid": 9}),
        (PowerOfTwo(4), {"method": "percentile"}),
        (PiecewiseLinear(4), {}),
        (PiecewiseLinear(4), {"method": "search"}),
        (BitPlanes(2), {"iterations": 5}),
        (Codebook([-2, -1, 0, 1, 2]), {"method": "k_means"}),
    ],
    ids=str,
)
def test_groups(layout, fmt, options):
    same_as_whole(fmt, layout, **options)


def test_a_part_of_the_grouped_axis_is_no_chunk():
    calibrator = Calibrator(Affine(8), group=2, group_axis=1)
    calibrator.update(np.ones((3, 5)))
    with pytest.raises(ShapeError, match="chunk: 4 along group_axis, allowed: 5"):
        calibrator.update(np.ones((3, 4)))
    both = Calibrator(Affine(8), axis=0, group=2, group_axis=1)
    both.update(np.ones((3, 5)))
    with pytest.raises(ShapeError, match="chunk: 4 channels, allowed: 3"):
        both.update(np.ones((4, 5)))
    assert both.result()[0].shape == (3, 3)
    for options, message in (
        ({"group": 0}, "group=0, allowed: an int >= 1"),
        ({"group": 2, "group_axis": 2}, "group_axis=2, allowed: -2..1"),
        ({"group": 2, "axis": 0}, "group_axis=0, allowed: any but axis=0"),
    ):
        with pytest.raises(ShapeError, match=message):
            Calibrator(Affine(8), **options).update(np.ones((2, 2)))
    with pytest.raises(QuantizationError, match="no chunk was fed, allowed: after at least one"):
        Calibrator(Affine(8), group=2).result()


# -- passes ----------------------------------------------------------------------------------------


def test_ties_of_k_means_in_chunks():
    """1 lies midway between the centres 0 and 2, and belongs to the lower one."""
    calibrator = Calibrator(Codebook([-1, 1]), "k_means")
    scale, _ = calibrator.fit(lambda: [[2.0, 1.0], [0.0]])
    assert calibrator.format.thresholds == (1.5 / float(scale),)


def test_passes_end_when_nothing_changes():
    """k-means and the alternating fit ask for fewer passes than they may."""
    for fmt, method in ((Codebook([-1, 0, 1]), "k_means"), (BitPlanes(2), "converged")):
        calibrator = Calibrator(fmt, method)
        with pytest.raises(QuantizationError, match=r"result: pass 1 of \d+, allowed: after the"):
            calibrator.result()
        fed, again = 0, True
        while again:
            calibrator.update(normal[:, 0])
            again = calibrator.next_pass()
            fed += 1
        assert 3 <= fed < calibrator.passes


def test_sums_are_those_of_fsum():
    """Over all of float64, whatever the chunks."""
    rng = np.random.default_rng(0)
    values = np.ldexp(rng.uniform(-1, 1, 4000), rng.integers(-1074, 1000, 4000))
    values[:4] = [5e-324, -5e-324, 1.7e300, 2.0**-1074 * 3]
    index = rng.integers(0, 3, 4000)
    sums = ExactSums(3)
    for part in np.array_split(rng.permutation(4000), 7):
        sums.add(values[part], index[part])
    assert sums.rounded().tolist() == [fsum(values[index == i]) for i in range(3)]


def test_many_sums_of_one_size():
    values = np.random.default_rng(1).uniform(0.5, 1, 1 << 18)
    sums = ExactSums(1)
    sums.add_rows(values[np.newaxis])
    assert sums.rounded().tolist() == [fsum(values)]


def test_passes_by_hand():
    calibrator = Calibrator(Affine(8), "mse", grid=5)
    assert calibrator.passes == 2
    calibrator.update(normal)
    calibrator.next_pass()
    calibrator.update(normal)
    assert (
        calibrator.result()
        == calibrator.result()
        == fit_scale(normal, Affine(8), method="mse", grid=5)
    )
    assert Calibrator(Affine(8)).passes == 1
    assert Calibrator(Affine(8), "percentile").passes == 6


def test_nothing_fed():
    assert Calibrator(Affine(8)).result() == (1.0, 0)
    assert Calibrator(Affine(8), "percentile").fit(list) == (1.0, 0)
    assert Calibrator(Affine(8), "mse").fit(lambda: [[]]) == (1.0, 0)
    with pytest.raises(QuantizationError, match="no chunk was fed, allowed: after at least one"):
        Calibrator(Affine(8), axis=0).result()


def test_refused():
    with pytest.raises(ModeError, match="method='mean', allowed: 'max'"):
        Calibrator(Affine(8), "mean")
    with pytest.raises(OperandError, match=r"fmt=8, allowed: a pyqsim.formats.Format"):
        Calibrator(8)
    with pytest.raises(QuantizationError, match="allowed: a format with a scale rule"):
        Calibrator(Planes([[0, 1]]))
    with pytest.raises(TypeError, match="histogram"):
        Calibrator(Affine(8), histogram=2)
    calibrator = Calibrator(Affine(8), axis=0)
    calibrator.update(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="chunk: 3 channels, allowed: 2"):
        calibrator.update(np.ones((3, 2)))
    with pytest.raises(QuantizationError, match=r"chunk\[0\]=nan, allowed: finite"):
        calibrator.update([np.nan])
    calibrator.result()
    with pytest.raises(ModeError, match="next_pass: after the last pass, allowed: before"):
        calibrator.next_pass()
    with pytest.raises(ModeError, match="update: after the last pass, allowed: before"):
        calibrator.update(np.ones((2, 1)))
    with pytest.raises(ModeError, match=r"symmetric=True, allowed for BitPlanes\(.*: None"):
        Calibrator(BitPlanes(2), symmetric=True)
    with pytest.raises(ModeError, match="power_of_two=1, allowed: True, False"):
        Calibrator(BitPlanes(2), power_of_two=1)
    with pytest.raises(ModeError, match="'k_means', allowed: a Codebook without thresholds"):
        Calibrator(Codebook([-1, 0, 1], [0.0, 1.0]), "k_means")
    with pytest.raises(ModeError, match="allowed: in quantize and Calibrator, for a Codebook"):
        fit_scale([1.0], Codebook([-1, 0, 1]), method="k_means")


def test_passes_that_differ():
    calibrator = Calibrator(Affine(8), "mse")
    calibrator.update([1.0, 2.0])
    with pytest.raises(QuantizationError, match="result: pass 1 of 2, allowed: after the last"):
        calibrator.result()
    calibrator.next_pass()
    calibrator.update([1.0])
    with pytest.raises(QuantizationError, match="pass 2 saw 1 elements a scale, allowed: 2"):
        calibrator.result()
    with pytest.raises(QuantizationError, match=r"fitted scale=inf"):
        Calibrator(Affine(8), "minmax").fit(lambda: [[1.7e308], [-1.7e308]])
