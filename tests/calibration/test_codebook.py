"""Codebook fit: clusters of sorted numbers, borders between the last and the first number."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from pyqsim.calibration import Calibrator, quantize
from pyqsim.calibration.codebook import fit_codebook
from pyqsim.errors import ModeError, QuantizationError, ShapeError
from pyqsim.formats import Codebook

TERNARY = Codebook([-1, 0, 1])
SEVEN = Codebook([-4, -2, -1, 0, 1, 2, 4])


def test_scale_is_the_published_rule():
    """beta = 5/4 max(Y) / max|w|, alpha = 1 / beta."""
    x = [[-2.0, 1.0], [5.0, 0.0], [0.0, 0.0]]
    assert fit_codebook(x, SEVEN)[0].tolist() == [[2 / 5, 1.0, 1 / 5]]
    assert fit_codebook(x, TERNARY, reach=1.0)[0].tolist() == [[2.0, 5.0, 1.0]]
    half = Codebook([-1, 0, 1], frac_bits=1)
    assert fit_codebook(x, half)[0].tolist() == [[2 / 0.625, 5 / 0.625, 1 / 0.625]]


def test_clear_clusters():
    places = np.array([-5.0, -2.2, -1.1, 0.0, 1.2, 2.0, 5.0])
    noise = np.linspace(-0.1, 0.1, 9)
    numbers = (places[:, None] + noise).ravel()
    numbers = np.concatenate([numbers, [5.1]])
    row = np.random.default_rng(0).permutation(numbers) / numbers.max() * 10
    scales, thresholds = fit_codebook(row[None], SEVEN)
    assert scales.tolist() == [[pytest.approx(2.0)]]
    wanted = (places[1:] + places[:-1]) / 2 * 5 / 5.1
    assert thresholds[0] == pytest.approx(wanted)
    fmt = Codebook(SEVEN.numbers, thresholds[0], SEVEN.frac_bits)
    counts = np.bincount(fmt.encode(row, scales[0, 0]), minlength=7)
    assert counts.tolist() == [9, 9, 9, 9, 9, 9, 10]


def lloyd(numbers, centres, iterations):
    """k-means from given centres, number by number; the lower centre takes ties."""
    for _ in range(iterations):
        labels = [min(range(len(centres)), key=lambda i: (abs(v - centres[i]), i)) for v in numbers]
        centres = [
            np.mean([v for v, label in zip(numbers, labels, strict=True) if label == i])
            if i in labels
            else centre
            for i, centre in enumerate(centres)
        ]
    return labels


@pytest.mark.parametrize("seed", range(5))
def test_is_k_means(seed):
    row = np.random.default_rng(seed).normal(size=80)
    (scale,), thresholds = fit_codebook(row[None], SEVEN)
    numbers = np.sort(row / scale)
    starts = [numbers[(2 * i + 1) * 80 // 14] for i in range(7)]
    labels = lloyd(numbers.tolist(), starts, 100)
    assert sorted(labels) == labels
    ends = [labels.index(i) for i in range(1, 7)]
    assert thresholds[0] == pytest.approx([(numbers[e - 1] + numbers[e]) / 2 for e in ends])


def test_iterations_are_counted():
    row = np.random.default_rng(0).normal(size=80)
    none, one, many = (fit_codebook(row[None], SEVEN, iterations=n)[1] for n in (0, 1, 300))
    assert (none != one).any()
    assert (one != many).any()


@pytest.mark.parametrize("row", [[], [0.0], [3.0], [1.0, 1.0, 1.0], [-1.0, 1.0], [0.0, 0.0, 9.0]])
def test_fewer_numbers_than_levels(row):
    scales, thresholds = fit_codebook([row], SEVEN)
    assert thresholds.shape == (1, 6)
    assert (np.diff(thresholds) >= 0).all()
    assert (scales > 0).all()
    Codebook(SEVEN.numbers, thresholds[0])
    if row == [3.0]:  # all centres are that number, and stay there with nothing in their clusters
        assert thresholds.tolist() == [[5.0] * 6]
    if not row:
        assert thresholds.tolist() == [[-3, -1.5, -0.5, 0.5, 1.5, 3]]


def test_a_number_between_two_centres_belongs_to_the_lower():
    """Centres 0 and 2: with 1 in the lower cluster they become 0.5 and 2."""
    scales, thresholds = fit_codebook([[0.0, 1.0, 2.0]], Codebook([-1, 1]))
    assert (thresholds * scales).tolist() == [[1.5]]


def test_rows_are_alone_and_order_does_not_matter():
    x = np.random.default_rng(3).normal(size=(4, 50))
    scales, thresholds = fit_codebook(x, SEVEN)
    for i in range(4):
        alone = fit_codebook(x[i : i + 1, ::-1], SEVEN)
        assert (alone[0][0, 0], alone[1].tolist()) == (scales[0, i], [thresholds[i].tolist()])
    assert fit_codebook(np.zeros((0, 5)), SEVEN)[1].shape == (0, 6)


def test_errors():
    with pytest.raises(QuantizationError, match=r"fmt=Codebook\(\[1, 0\].*ascending levels"):
        fit_codebook([[1.0]], Codebook([1, 0], [0.5]))
    with pytest.raises(QuantizationError, match="the last one > 0"):
        fit_codebook([[1.0]], Codebook([-1, 0]))
    with pytest.raises(QuantizationError, match=r"reach=0.0, allowed: finite and > 0"):
        fit_codebook([[1.0]], TERNARY, reach=0.0)
    with pytest.raises(ShapeError, match=r"x.shape=\(1,\)"):
        fit_codebook([1.0], TERNARY)
    with pytest.raises(QuantizationError, match=r"scale\[0\]=0.0"):
        fit_codebook([[5e-324]], SEVEN)


@pytest.mark.parametrize("options", [{"axis": 0}, {"axis": 0, "group": 20, "group_axis": 1}, {}])
def test_one_set_of_thresholds_a_tensor(options):
    """Scales a channel and group, k-means of all numbers in their units; a last group is short."""
    x = np.random.default_rng(7).normal(size=(3, 50)) * [[1.0], [20.0], [0.1]]
    q = quantize(x, SEVEN, method="k_means", **options)
    scale = np.zeros(x.shape)
    for row in [slice(i, i + 1) for i in range(3)] if options else [slice(None)]:
        for start in range(0, 50, options.get("group", 50)):
            part = row, slice(start, start + options.get("group", 50))
            scale[part] = np.abs(x[part]).max() / 5
    numbers = np.sort((x / scale).ravel())
    labels = lloyd(numbers.tolist(), [numbers[(2 * i + 1) * 150 // 14] for i in range(7)], 100)
    ends = [labels.index(i) for i in range(1, 7)]
    borders = [(numbers[e - 1] + numbers[e]) / 2 for e in ends]
    assert q.format.thresholds == pytest.approx(borders)
    assert q.format.numbers == SEVEN.numbers
    assert q.codes.tolist() == ((x / scale)[..., None] > borders).sum(axis=-1).tolist()
    with pytest.raises(ModeError, match="a Codebook without thresholds"):
        quantize(x, q.format, method="k_means", **options)


def exact_lloyd(numbers, levels):
    """Borders by means of fractions, rounded once; clusters without numbers keep their centre."""
    numbers, labels = sorted(numbers), None
    centres = [numbers[(2 * i + 1) * len(numbers) // (2 * levels)] for i in range(levels)]
    while True:
        middles = [(a + b) / 2 for a, b in pairwise(centres)]
        previous, labels = labels, [sum(m < v for m in middles) for v in numbers]
        if labels == previous:
            break
        for i in set(labels):
            own = [Fraction(v) for v, label in zip(numbers, labels, strict=True) if label == i]
            centres[i] = float(sum(own) / len(own))
    borders = []
    for i, middle in enumerate(middles):
        below = [v for v, label in zip(numbers, labels, strict=True) if label <= i]
        above = [v for v, label in zip(numbers, labels, strict=True) if label > i]
        borders.append((below[-1] + above[0]) / 2 if below and above else middle)
    return np.maximum.accumulate(borders).tolist()


@pytest.mark.parametrize("elements", [1, 2, 3, 4, 6, 9, 20])
def test_few_numbers_bit_for_bit(elements):
    """Means are exact: with few numbers a last bit decides which cluster owns one."""
    rows = np.random.default_rng(elements).standard_t(2, (40, elements)) ** 3
    scales, thresholds = fit_codebook(rows, SEVEN)
    for row, scale, found in zip(rows, scales[0], thresholds.tolist(), strict=True):
        assert found == exact_lloyd((row / scale).tolist(), 7)
    calibrator = Calibrator(SEVEN, "k_means")
    calibrator.fit(lambda: [rows[0, ::2], rows[0, 1::2]])
    assert list(calibrator.format.thresholds) == thresholds[0].tolist()
