"""Piecewise linear codes: a fine uniform step up to a breakpoint, coarser ones beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int
from pyqsim.errors import QuantizationError, ShapeError
from pyqsim.formats.base import scale_array
from pyqsim.formats.cuts import CutFormat, cut, exact_integers
from pyqsim.modes import HALF_EVEN, Rounding

__all__ = ["PiecewiseLinear"]

_Reals = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

#: One region of the real line: the cut at which it begins, cuts between its levels, their codes.
_Piece = tuple[float, list[float], list[int]]


@dataclass(frozen=True, slots=True)
class PiecewiseLinear(CutFormat):
    """``real = s1*N_0 + s2*N_1 + p*N_2``: a centre [-p, p] and two tails up to m (ECCV 2020).

    One plane a step size and one an offset, each with a scale of its own; an element is in one
    region, and the planes of the others are 0 there. With b bits and ``n = 2**(b-1) - 1``, code
    word ``[region | sign | k]``, region 0 the centre, the rest b bits:

    ================  ==========================  ================================  ==============
    variant           centre                      tails                             distinct reals
    ================  ==========================  ================================  ==============
    ``paper``         ``+-k * s1``, s1 = p/n,     ``+-(p + k*s2)``,                 2**(b+1) - 3
                      if abs(x) <= p              s2 = (m-p)/n
    ``repo``          two's complement            ``p + k*s2`` and ``-m + k*s2``    2**(b+1) - 1
                      ``k * s1``, s1 =            = ``-p + (k-n)*s2``,
                      2p/(2**b - 1),              s2 = (m-p)/n
                      if abs(x) < p
    ``overlapping``   likewise                    two's complement ``k * s2``,
                                                  s2 = 2m/(2**b - 1)
    ================  ==========================  ================================  ==============

    ``paper`` is the formula of the paper, ``repo`` and ``overlapping`` are the published
    program's option 2 (its default) and option 1. Overlapping has two planes, as nothing is
    offset; its breakpoint is ``s1 * (2**b - 1) / 2``. The lowest two's complement code of a
    centre decodes, but encoding does not give it.

    Encoding chooses the region by exact comparison with p and then rounds HALF_EVEN in it, k
    ending at n (the tails of `overlapping` at ``-2**(b-1)`` and ``2**(b-1) - 1``). The two tails
    of ``repo`` round their own k, so that ties are no mirror images. Scales that do not fit
    together (p other than n * s1) are taken as they are.

    Parameters
    ----------
    bits : int
        b, 2 to 16 less the bits of the region. A code has one bit (two with two or three
        breakpoints, ...) more.
    variant : {"paper", "repo", "overlapping"}
    breakpoints : int
        More than 1 in ``paper`` only: region r >= 1 begins at breakpoint r and adds two planes,
        its step and its offset; the scales are ``s1, s2, p1, s3, p2, ...``.

    Raises
    ------
    DatapathError
        For parameters outside these ranges.

    References
    ----------
    Fang et al., "Post-Training Piecewise Linear Quantization for Deep Neural Networks", ECCV
    2020, and its supplement; program jun-fang/PWLQ, quant/pwlq.py and quant/uniform.py.

    Examples
    --------
    >>> fmt = PiecewiseLinear(4)
    >>> scales = fmt.scales(1.0, 0.25)              # m and p / m: s1, s2, p
    >>> codes = fmt.encode([0.1, -0.25, 0.26, -1.0], scales)
    >>> codes.tolist()                              # region, sign, k
    [3, 15, 16, 31]
    >>> fmt.decode(codes)
    array([[ 3, -7,  0,  0],
           [ 0,  0,  0, -7],
           [ 0,  0,  1, -1]])
    """

    bits: int
    variant: str = "paper"
    breakpoints: int = 1

    def __post_init__(self) -> None:
        where = "PiecewiseLinear"
        check_choice(where, "variant", self.variant, ("paper", "repo", "overlapping"))
        most = 2**14 - 1 if self.variant == "paper" else 1
        parts = check_int(where, "breakpoints", self.breakpoints, 1, most)
        object.__setattr__(self, "breakpoints", parts)
        most_bits = 16 - parts.bit_length()
        object.__setattr__(self, "bits", check_int(where, "bits", self.bits, 2, most_bits))

    @property
    def code_bits(self) -> int:
        """Width of a stored code: b and the bits of the region."""
        return self.bits + self.breakpoints.bit_length()

    @property
    def code_max(self) -> int:
        """Largest code allowed: the last one of the last region."""
        return ((self.breakpoints + 1) << self.bits) - 1

    @property
    def planes(self) -> int:
        """``2 * breakpoints + 1``; 2 in ``overlapping``."""
        return 2 if self.variant == "overlapping" else 2 * self.breakpoints + 1

    @property
    def rounding(self) -> Rounding:
        """HALF_EVEN."""
        return HALF_EVEN

    @property
    def _steps(self) -> int:
        """n, the largest k of a code of sign and magnitude."""
        return (1 << (self.bits - 1)) - 1

    def scales(self, largest: npt.ArrayLike, *ratios: npt.ArrayLike) -> _Reals:
        """The scale of every plane from the range and the breakpoints.

        Parameters
        ----------
        largest : array_like of float, any shape
            m, finite and > 0.
        *ratios : array_like of float
            Breakpoint by breakpoint, ascending, ``p / m`` inside (0, 1); they broadcast with m.

        Returns
        -------
        ndarray of float64, shape (planes, ...)
            ``s1, s2, p`` as the table of the class says, in elementwise double arithmetic
            (``p = ratio * m``).

        Raises
        ------
        QuantizationError
            For numbers outside these ranges, or a scale that is 0 or infinite in double.
        ShapeError
            For another number of ratios, or shapes that do not broadcast.

        Examples
        --------
        >>> PiecewiseLinear(4, "repo").scales([7.5, 15.0], 0.5)
        array([[0.5       , 1.        ],
               [0.53571429, 1.07142857],
               [3.75      , 7.5       ]])
        """
        if len(ratios) != self.breakpoints:
            raise ShapeError(f"{len(ratios)} ratios, allowed: {self.breakpoints} for {self}")
        m = scale_array(largest)
        parts = [scale_array(ratio) for ratio in ratios]
        try:
            m, *parts = np.broadcast_arrays(m, *parts)
        except ValueError as error:
            raise ShapeError(f"largest, ratios: {error}, allowed: shapes that broadcast") from None
        for low, high in zip([np.zeros_like(m), *parts], [*parts, np.ones_like(m)], strict=True):
            if not bool((low < high).all()):
                raise QuantizationError(f"ratios={ratios}, allowed: ascending in (0, 1)")
        with np.errstate(over="ignore", invalid="ignore"):
            scales = self.plane_scales(m, [part * m for part in parts])
        self.check_scale(scales)
        return scales

    def plane_scales(self, m: _Reals, offsets: Sequence[_Reals]) -> _Reals:
        """The scale of every plane from the range and the breakpoints themselves, unchecked.

        Parameters
        ----------
        m : ndarray of float64
        offsets : sequence of ndarray of float64, the shape of `m`
            p1, p2, ...

        Returns
        -------
        ndarray of float64, shape (planes, ...)
            s1, s2, p1, s3, p2, ...
        """
        full = float((1 << self.bits) - 1)
        if self.variant == "overlapping":
            return np.stack([2 * offsets[0] / full, 2 * m / full])
        planes = [offsets[0] / self._steps if self.variant == "paper" else 2 * offsets[0] / full]
        for low, high in zip(offsets, [*offsets[1:], m], strict=True):
            planes += [(high - low) / self._steps, low]
        return np.stack(planes)

    def check_scale(self, scale: _Reals) -> None:
        """Raise unless all scales are finite and > 0, and breakpoints ascend.

        Parameters
        ----------
        scale : ndarray of float64, shape (planes, ...)

        Raises
        ------
        QuantizationError
            Otherwise.
        """
        super(PiecewiseLinear, self).check_scale(scale)
        offsets = scale[2::2] if scale.ndim else scale[np.newaxis]
        if not bool((offsets[1:] >= offsets[:-1]).all()):
            raise QuantizationError(
                f"scale[2::2]={offsets.tolist()}, allowed: ascending breakpoints for {self}"
            )

    def integers(self) -> _Integers:
        """N of every plane and bit pattern; see `Format.integers`. Unused patterns are 0."""
        table = np.zeros((self.planes, 1 << self.code_bits), dtype=np.int64)
        for region in range(self.breakpoints + 1):
            part = table[:, region << self.bits : (region + 1) << self.bits]
            part[max(2 * region - 1, 0)] = self._region_integers(region)
            if region and self.variant != "overlapping":
                part[2 * region] = np.repeat([1, -1], self._steps + 1)
        return table

    def _region_integers(self, region: int) -> _Integers:
        """N in steps, of the b bits below the region."""
        k = np.arange(self._steps + 1)
        if self.variant == "paper":
            return np.concatenate([k, -k])
        if self.variant == "repo" and region:
            return np.concatenate([k, k - self._steps])
        return np.concatenate([k, k - self._steps - 1])

    def _cuts(self, scales: tuple[float, ...]) -> tuple[_Reals, _Integers]:
        integers, exponent = exact_integers(scales)
        pieces = {"paper": _paper, "repo": _repo, "overlapping": _overlapping}[self.variant]
        return _joined(list(pieces(self, integers, exponent)))


def _thresholds(offset: int, step: int, exponent: int, low: int, high: int) -> list[float]:
    """Cuts between the levels ``offset + j*step``, j in low..high, ties to even j."""
    return [
        cut(2 * offset + (2 * j + 1) * step, exponent - 1, inclusive=bool(j & 1))
        for j in range(low, high)
    ]


def _paper(fmt: PiecewiseLinear, scales: list[int], exponent: int) -> Iterator[_Piece]:
    """Regions of sign and magnitude, from the most negative one upwards."""
    n, sign = (1 << (fmt.bits - 1)) - 1, 1 << (fmt.bits - 1)
    steps, offsets = scales[1::2], scales[2::2]
    start = -inf
    for region in range(fmt.breakpoints, 0, -1):
        step, offset, base = steps[region - 1], offsets[region - 1], region << fmt.bits
        codes = [base | sign | k for k in range(n, -1, -1)]
        yield start, _thresholds(-offset, step, exponent, -n, 0), codes
        start = cut(-offset, exponent, inclusive=True)
    codes = [sign | k for k in range(n, 0, -1)] + list(range(n + 1))
    yield start, _thresholds(0, scales[0], exponent, -n, n), codes
    for region, (step, offset) in enumerate(zip(steps, offsets, strict=True), start=1):
        codes = [region << fmt.bits | k for k in range(n + 1)]
        yield cut(offset, exponent), _thresholds(offset, step, exponent, 0, n), codes


def _repo(fmt: PiecewiseLinear, scales: list[int], exponent: int) -> Iterator[_Piece]:
    """Two's complement centre, tails that count upwards from -m and from p."""
    n, base, sign = (1 << (fmt.bits - 1)) - 1, 1 << fmt.bits, 1 << (fmt.bits - 1)
    fine, coarse, offset = scales
    bottom = -offset - n * coarse
    yield -inf, _thresholds(bottom, coarse, exponent, 0, n), [base | sign | k for k in range(n + 1)]
    centre = [j & (base - 1) for j in range(-n, n + 1)]
    yield cut(-offset, exponent), _thresholds(0, fine, exponent, -n, n), centre
    start = cut(offset, exponent, inclusive=True)
    yield start, _thresholds(offset, coarse, exponent, 0, n), [base | k for k in range(n + 1)]


def _overlapping(fmt: PiecewiseLinear, scales: list[int], exponent: int) -> Iterator[_Piece]:
    """Two's complement centre and two's complement full range."""
    n, base = (1 << (fmt.bits - 1)) - 1, 1 << fmt.bits
    fine, coarse = scales
    edge = fine * (base - 1)  # twice the breakpoint
    tail = _thresholds(0, coarse, exponent, -n - 1, n)
    tail_codes = [base | (j & (base - 1)) for j in range(-n - 1, n + 1)]
    yield -inf, tail, tail_codes
    centre = [j & (base - 1) for j in range(-n, n + 1)]
    yield cut(-edge, exponent - 1), _thresholds(0, fine, exponent, -n, n), centre
    yield cut(edge, exponent - 1, inclusive=True), tail, tail_codes


def _joined(pieces: list[_Piece]) -> tuple[_Reals, _Integers]:
    """Cuts and codes of the whole line: each piece keeps what lies between its ends."""
    starts = [start for start, _, _ in pieces]
    cuts, codes = starts[1:], []
    for (start, inner, inner_codes), end in zip(pieces, [*starts[1:], inf], strict=True):
        kept = [place for place in inner if start < place < end]
        first = sum(place <= start for place in inner)
        cuts += kept
        codes += inner_codes[first : first + len(kept) + 1]
    return np.array(sorted(cuts)), np.array(codes, dtype=np.int64)
