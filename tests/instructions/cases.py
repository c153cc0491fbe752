"""Operands on which wrong arithmetic shows: extremes, ties, saturation edges, then random ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from instructions.rules import Rule

__all__ = ["Cases", "cases_of"]

#: A block of columns of the probes.
BLOCK = 64

#: Sizes (M, N) for the golden files (0), the default run (1), the long one (2).
_SIZES = {
    "product": ((32, 64), (48, 4096), (256, 65536)),
    "groups": ((32, 64), (64, 8192), (1024, 32768)),
    "sum": ((32, 64), (48, 4096), (256, 65536)),
    "signed byte": ((192, 64), (544, 256), (65536, 256)),
    "low bits": ((192, 64), (544, 256), (65536, 256)),
    "few bits": ((192, 64), (544, 256), (65536, 256)),
    "constant": ((192, 64), (65536, 64), (1_048_576, 64)),
    "power": ((192, 64), (4096, 128), (524_288, 128)),
    "unary": ((1, 2048), (1, 262_144), (1, 16_777_216)),
    "float": ((32, 64), (512, 256), (65536, 256)),
}
#: By level, sizes (M, N) and groups of sums of products: single groups, then chains.
_SUMS = (
    [(32, 64, 1), (8, 64, 9)],
    [(32, 4096, 1), (8, 2048, 33)],
    [*[(32, 16384, 1)] * 20, *[(8, 8192, 65)] * 20],
)
#: The same for sums that are spilled every 128 groups.
_SPILLED = (
    [(8, 64, 72)],
    [(8, 2048, 264), (32, 4096, 130)],
    [(32, 16384, 128 * spills + d) for spills in range(4) for d in (3, 64, 127, 128, 129)],
)
#: Results of one part at most: what memory holds with ease.
_PART = 1 << 22


@dataclass(frozen=True, slots=True)
class Cases:
    """Every row of a with every column of b: a (M, K), b (K, N), c (M, N) or None."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray | None = None

    @property
    def count(self) -> int:
        """How many differ."""
        if self.c is not None:
            return self.c.size
        return len(_first_places(self.a)) * len(_first_places(self.b.T))


def cases_of(rule: Rule, level: int) -> Iterator[Cases]:
    """All cases of a rule, in parts; equal for rules with equal operands."""
    rng = np.random.default_rng(crc32(repr(rule.operands).encode()))
    if rule.accumulates:
        sizes = _SPILLED if rule.probe else _SUMS
        yield from (_products(rule, *size, rng) for size in sizes[level])
    elif rule.group > 1:
        whole = _products(rule, *_SIZES["groups"][level], 1, rng)
        yield from _parts(whole) if level else [whole]
    else:
        whole = _lanewise(rule, level, rng)
        yield from _parts(whole) if level else [whole]


def _lanewise(rule: Rule, level: int, rng: np.random.Generator) -> Cases:
    """Numbers, each with each."""
    m, n = _SIZES[rule.amount if rule.kind == "shift" else rule.kind][level]
    a, b, out = (np.dtype(name) for name in (rule.a, rule.b, rule.out))
    if level and rule.kind in ("product", "sum") and a.itemsize == 1:
        m = 256  # every pair
    first = np.ones(1, a) if rule.kind == "unary" else _numbers(a, m, rng)
    if rule.kind == "product":
        second = _numbers(b, n, rng, _ties(first, b))
    elif rule.kind == "sum":
        second = _numbers(b, n, rng, _sum_edges(first, b))
    elif rule.kind == "unary":
        second = _numbers(b, n, rng)
    elif rule.kind == "float":
        second = _scales(n, rng)
    else:
        first = (
            _short(m, rng) if rule.amount == "power" else _numbers(a, m, rng, _shift_edges(a, out))
        )
        second = _amounts(rule, n, rng)
    return Cases(first[:, None], second[None, :])


def _parts(whole: Cases) -> Iterator[Cases]:
    """Some rows with all columns; of a single row some columns. No case is in two parts."""
    if len(whole.a) == 1:
        columns = _distinct(whole.b.T, BLOCK).T
        for n in range(0, columns.shape[1], _PART):
            yield Cases(whole.a, columns[:, n : n + _PART])
    else:
        rows = _distinct(whole.a, 8)
        step = max(8, _PART // whole.b.shape[1])
        for m in range(0, len(rows), step):
            yield Cases(rows[m : m + step], whole.b)


def _distinct(rows: np.ndarray, multiple: int) -> np.ndarray:
    """Rows in their order, each once; of the last ones as many as a multiple has."""
    order = np.sort(_first_places(rows))
    return rows[order[: len(order) // multiple * multiple]]


def _first_places(rows: np.ndarray) -> np.ndarray:
    """Where each different row stands first."""
    if rows.shape[1] == 1:  # much faster without an axis
        return np.unique(rows[:, 0], return_index=True)[1]
    return np.unique(rows, axis=0, return_index=True)[1]


def _limits(dtype: np.dtype) -> tuple[int, int]:
    """Range of a type; of 64 unsigned bits the half that int64 holds."""
    limits = np.iinfo(dtype)
    return int(limits.min), min(int(limits.max), 2**63 - 1)


def _bits(dtype: np.dtype) -> int:
    return dtype.itemsize * 8


def _numbers(
    dtype: np.dtype, count: int, rng: np.random.Generator, edges: list[int] | None = None
) -> np.ndarray:
    """All numbers of a type where they are so few, else corners, edges, and random ones."""
    low, high = _limits(dtype)
    if high - low < count:
        return np.resize(np.arange(low, high + 1), -(-(high - low + 1) // BLOCK) * BLOCK).astype(
            dtype
        )
    half = 1 << (_bits(dtype) // 2)
    quarter = (high + 1) // 2
    first = [low, high, 0, 1, -1, low + 1, high - 1, quarter, -quarter, quarter + 1, half, -half]
    powers = [s * (1 << i) + d for i in range(1, _bits(dtype)) for s in (1, -1) for d in (-1, 0, 1)]
    rest = rng.permutation(np.array([*powers, *(edges or [])], dtype=object)).tolist()
    corners = [v for v in dict.fromkeys([*first, *rest]) if low <= v <= high]
    kept = np.array(corners[: max(len(first), 2 * count // 3)], dtype=dtype)
    return np.concatenate([kept, _random(dtype, count - len(kept), rng)])[:count]


def _random(dtype: np.dtype, count: int, rng: np.random.Generator) -> np.ndarray:
    """Any number; of any magnitude; odd multiples of powers of two: a third each."""
    low, high = _limits(dtype)
    numbers = rng.integers(low, high, count, dtype=np.int64, endpoint=True)
    shifts = rng.integers(0, _bits(dtype) - 1, count)
    which = rng.integers(0, 3, count)
    small = numbers >> shifts
    multiples = (numbers | 1) << shifts
    chosen = np.where(which == 0, numbers, np.where(which == 1, small, multiples))
    return chosen.astype(dtype) if low < 0 else (chosen & high).astype(dtype)


def _sum_edges(first: np.ndarray, dtype: np.dtype) -> list[int]:
    """What makes sums with, and differences to, `first` meet the ends of the range."""
    near = range(-2, 3)
    return [
        rail + sign * int(a) + d
        for a in first
        for rail in _limits(dtype)
        for sign in (1, -1)
        for d in near
    ]


def _ties(first: np.ndarray, dtype: np.dtype) -> list[int]:
    """What makes products with odd numbers end in exactly one half, or next to it."""
    bits = _bits(dtype)
    odd = [int(a) for a in first if a % 2][:24]
    halves = [1 << (bits - 2), 1 << (bits - 1), 3 << (bits - 2)]
    found = [(half + d) * pow(a, -1, 1 << bits) for a in odd for half in halves for d in (-1, 0, 1)]
    return [_signed(v, bits) for v in found]


def _signed(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def _shift_edges(wide: np.dtype, out: np.dtype) -> list[int]:
    """Ties and saturation edges of every right shift."""
    low, high = _limits(out)
    results = [low, high, high // 2, 0, 1, 2, -1, -2]
    found = []
    for shift in range(_bits(wide)):
        half = (1 << shift) >> 1
        parts = {0, 1, half, half - 1, half + 1, (1 << shift) - 1}
        found += [(result << shift) + part for result in results for part in parts]
    return found


def _short(count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of at most 24 bits, which float32 holds exactly."""
    corners = [s * (1 << i) + d for i in range(24) for s in (1, -1) for d in (-1, 0, 1)]
    kept = rng.permutation(np.array(list(dict.fromkeys(corners)), dtype="i4"))[: count // 2]
    return np.concatenate([kept, _random(np.dtype("i4"), count - len(kept), rng) >> 8])


def _amounts(rule: Rule, count: int, rng: np.random.Generator) -> np.ndarray:
    """Every amount, also those beyond the lane; bits that do not count are random."""
    b = np.dtype(rule.b)
    if rule.amount == "power":  # x86 has no saturation: the largest result is 2**30 there
        amounts = np.arange(-40, 40 if rule.family != "x86" else 7)
    elif rule.amount == "constant":
        amounts = np.arange(1, _bits(b) + 1)
    else:
        step = 256 // count if count < 256 else 1
        noise = rng.integers(-128, 127, count) << 8 if _bits(b) > 8 else 0
        return ((np.arange(count) * step) ^ noise).astype(b)
    return np.resize(amounts, -(-max(len(amounts), 1) // BLOCK) * BLOCK).astype(b)


def _scales(count: int, rng: np.random.Generator) -> np.ndarray:
    """Factors below 1, powers of two among them."""
    exact = np.exp2(-1.0 - np.arange(count // 4) % 40)
    any_ = rng.uniform(0.5, 1.0, count - len(exact)) * np.exp2(
        -rng.integers(0, 33, count - len(exact))
    )
    return np.concatenate([exact, any_]).astype("f4")


def _products(rule: Rule, m: int, n: int, groups: int, rng: np.random.Generator) -> Cases:
    """Groups of products, and an accumulator from which the first group reaches the range's end."""
    a, b, out = (np.dtype(name) for name in (rule.a, rule.b, rule.out))
    k = groups * rule.group
    first, second = _mixed(a, (m, k), rng), _mixed(b, (k, n), rng)
    first[0], second[:, 0] = _limits(a)[0], _limits(b)[0]  # only together do they wrap VPMADDWD
    first[1], second[:, 1] = _limits(a)[1], _limits(b)[1]
    if not rule.accumulates:
        return Cases(first, second)
    if rule.probe:
        return Cases(first, second, np.zeros((m, n), out))
    low, high = _limits(out)
    total = first[:, : rule.group].astype(np.int64) @ second[: rule.group].astype(np.int64)
    terms = (total, total << 1, total >> (_bits(out) - 1), total * 0)
    with np.errstate(over="ignore"):
        rails = np.where(rng.integers(0, 2, (m, n)) == 1, low, high)
        edge = rails - np.choose(rng.integers(0, len(terms), (m, n)), terms)
        edge += rng.integers(-2, 3, (m, n))
    other = _mixed(out, (m, n), rng)
    return Cases(first, second, np.where(rng.integers(0, 4, (m, n)) == 0, other, edge.astype(out)))


def _mixed(dtype: np.dtype, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random numbers, every fourth at an end of the range or next to 0."""
    low, high = _limits(dtype)
    numbers = _random(dtype, int(np.prod(shape)), rng).reshape(shape)
    corners = np.array([low, low + 1, high, high - 1, 0, 1, max(low, -1)]).astype(dtype)
    return np.where(rng.integers(0, 4, shape) == 0, rng.choice(corners, shape), numbers)
