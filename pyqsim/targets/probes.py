"""Inputs built to make machines differ: ties, corners, pairs and groups that saturate or wrap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import PyqsimError
from pyqsim.targets.layer_data import LayerData
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["Answer", "Probe", "all_probes", "answers"]

Ints = npt.NDArray[np.int64]

#: (a_scale, b_scale, out_scale): powers of two for shifts, then others.
_SCALES = (
    (1.0, 1.0, 1.0),
    (1.0, 1.0, 2.0),
    (1.0, 1.0, 2.0**-8),
    (1.0, 1.0, 8.0),
    (1.0, 1.0, 2.0**20),
    (0.1, 0.3, 0.7),
    (0.02, 0.003, 0.11),
)
_ENCODINGS = (
    # 1/2 where the product is rounded to float32, a little more where it is not
    (1 + 2.0**-13, 1 + 2.0**-13, 2 + 2.0**-11),
    # just below 1/4: a mantissa of 31 bits is rounded up to 2**31
    (1 + 2.0**-20, 1 - 2.0**-20, 4.0),
    # a mantissa of 15 bits is rounded down at once, up by way of 31 bits
    (65559 / 2**16, 116825 / 2**16, 1.0),
)


@dataclass(frozen=True, eq=False)
class Answer:
    """What one target makes of one probe.

    Attributes
    ----------
    rows, columns : ndarray of bool
        Of the probe: those that the target's ranges hold.
    values : ndarray of int
        For each of them, in the narrowest integers that hold all.
    """

    rows: npt.NDArray[np.bool_]
    columns: npt.NDArray[np.bool_]
    values: npt.NDArray[Any]

    def inside(self, rows: npt.NDArray[np.bool_], columns: npt.NDArray[np.bool_]) -> Any:
        """The values of some of the rows and columns it has."""
        return self.values[np.ix_(rows[self.rows], columns[self.columns])]


@dataclass(frozen=True, eq=False)
class Probe:
    """Rows a and columns b, all pairs of them; one bias, triple of scales and zero point.

    Attributes
    ----------
    rows : ndarray, (M, K)
    columns : ndarray, (K, N)
    bias : int
    scales : tuple of float
        a_scale, b_scale, out_scale.
    zero_point : int
        Of the output.
    size : ndarray, (M, N)
        Sum of the operands' magnitudes.
    """

    rows: Ints
    columns: Ints
    bias: int
    scales: tuple[float, float, float]
    zero_point: int = 0
    size: Ints = field(init=False)

    def __post_init__(self) -> None:
        size = np.abs(self.rows).sum(axis=1)[:, None] + np.abs(self.columns).sum(axis=0)[None, :]
        object.__setattr__(self, "size", size + abs(self.bias))

    @property
    def k(self) -> int:
        """Terms."""
        return int(self.rows.shape[1])

    def layer(self, rows: Any, columns: Any) -> LayerData:
        """Some rows and columns of it."""
        a_scale, b_scale, out_scale = self.scales
        return LayerData(
            self.rows[rows],
            self.columns[:, columns],
            self.bias,
            a_scale,
            b_scale,
            out_scale,
            out_zero_point=self.zero_point,
        )

    def answer(self, target: Target) -> Answer:
        """Run a target on those rows and columns that its ranges hold."""
        rows = np.asarray(_inside(self.rows, target.a).all(axis=1))
        columns = np.asarray(_inside(self.columns, target.b).all(axis=0))
        if rows.any() and columns.any():
            try:
                return Answer(rows, columns, _narrowest(self.layer(rows, columns).run(target)))
            except PyqsimError:
                pass
        none = np.zeros((0, 0), dtype=np.int8)
        return Answer(np.zeros_like(rows), np.zeros_like(columns), none)


def _narrowest(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    low, high = int(values.min()), int(values.max())
    types = (np.int8, np.int16, np.int32, np.int64)
    return values.astype(
        next(t for t in types if np.iinfo(t).min <= low <= high <= np.iinfo(t).max)
    )


def _inside(values: Ints, limits: IntegerRange) -> npt.NDArray[np.bool_]:
    return (limits.low <= values) & (values <= limits.high)


def _edges() -> Ints:
    """Every number up to 40, and the neighbours of every power of two up to 2**40."""
    small = set(range(-40, 41))
    powers = {sign * 2**e + d for e in range(5, 41) for sign in (1, -1) for d in (-1, 0, 1)}
    return np.array(sorted(small | powers, key=lambda v: (abs(v), v < 0)), dtype=np.int64)


def _tuples(values: tuple[int, ...], k: int) -> Ints:
    return np.array(list(product(values, repeat=k)), dtype=np.int64)


def _probes() -> Iterator[Probe]:
    """Few products first."""
    ones = np.array([[1, -1, 2, 3, 127, -128, 32767, -32768, 2**31 - 1, -(2**31)]], dtype=np.int64)
    lanes = (0, 1, -1, 127, -128, 255, 32767, -32768, 2**31 - 1, -(2**31))
    for scales, bias in product(_SCALES, lanes):
        yield Probe(_edges()[:, None], ones, bias, scales)
    for bias in (2**16 - 1, 2**32 - 1):  # the ends of unsigned lanes
        yield Probe(_edges()[:, None], ones, bias, _SCALES[0])
    yield Probe(_edges()[:, None], ones, 0, (1.0, 1.0, 2.0), zero_point=1)  # odd: moves ties
    for scales in _ENCODINGS:
        yield Probe(_edges()[:, None], ones, 0, scales)
    for bias in (3 << 22, 2**31 - 1):  # products with 128 that leave 32 bits, or shifted by 8 do
        yield Probe(_edges()[:, None], ones[:, :6], bias, (1.0, 1.0, 2.0**-7))
    pairs_a = _tuples((0, 1, 127, -128, 255, 32767, -32768), 2)
    pairs_b = _tuples((0, 1, -1, 127, -128, 32767, -32768), 2).T
    for scales, bias in product(_SCALES[:2], (0, 2**31 - 1, -(2**31))):
        yield Probe(pairs_a, pairs_b, bias, scales)
    fours = _tuples((0, 1, 127, 255, -128), 4)
    signs = _tuples((1, 127, -128), 4).T
    for bias in (0, 2**31 - 1, -(2**31), 2**31 - 100):
        yield Probe(fours, signs, bias, _SCALES[0])
    for k in (8, 16, 64, 256, 512):
        full = np.array(
            [[2**26 - 1] * k, [127] * k, [255] * k, [-128] * k, [7] * k, [1] * k], dtype=np.int64
        )
        turns = np.array([1, -1] * (k // 2), dtype=np.int64)
        halves = np.array([1] * (k // 2) + [-1] * (k // 2), dtype=np.int64)
        weights = np.stack(
            [
                np.full(k, 2**17 - 1),
                np.full(k, 127),
                np.full(k, -128),
                np.full(k, 7),
                turns,
                halves,
                127 * halves,
            ],
            axis=1,
        )
        for scales, bias in product((_SCALES[0], _SCALES[3]), (0, 2**31 - 1)):
            yield Probe(full, weights, bias, scales)
    for k in (33_100, 140_000):  # what an unsigned, a signed 32-bit sum cannot hold
        longest = np.array([[255] * k, [127] * k, [-128] * k, [2] * k], dtype=np.int64)
        yield Probe(longest, longest.T, 0, _SCALES[0])


@cache
def all_probes() -> tuple[Probe, ...]:
    """Fixed inputs for all targets, of 1 to 140,000 products."""
    return tuple(_probes())


@cache
def answers(target: Target) -> tuple[Answer, ...]:
    """What a target makes of every probe."""
    return tuple(probe.answer(target) for probe in all_probes())
