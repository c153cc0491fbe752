"""Strategies for formats, codes, zero points, multipliers and datapaths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pyqsim.datapath import Datapath, Scheme
from pyqsim.errors import PyqsimError, QuantizationError
from pyqsim.formats import Format
from pyqsim.formats.catalogue import FAMILIES
from pyqsim.requantize.base import encoded
from pyqsim.tensor import QTensor
from pyqsim.testing.random_data import draw_parameters
from pyqsim.testing.random_datapaths import draw_datapath
from pyqsim.testing.random_operands import draw_zero_point
from pyqsim.testing.strategies._checks import check_between, check_members, check_type
from pyqsim.testing.strategies._drawn import DrawnChoices

__all__ = [
    "code_tensors",
    "datapaths",
    "formats",
    "multipliers_and_shifts",
    "quantization_parameters",
    "requantize_parameters",
]

_PRODUCTS = ("multiply", "fold", "shift", "lookup", "logs")


def formats(*, min_bits: int = 1, max_bits: int = 8, planes: int | None = 1) -> st.SearchStrategy:
    """Return a strategy for number formats, of every family that the package has.

    * ``min_bits``, ``max_bits`` bound the bits of a stored code, sign included.
    * ``planes`` is how many integers a code stands for; None allows any number.

    It shrinks towards few bits and the first family of the catalogue.
    """
    check_between("min_bits", min_bits, 1, 16)
    check_between("max_bits", max_bits, min_bits, 16)
    if planes is not None:
        check_between("planes", planes, 1, 16)
    found = [
        fmt
        for bits in range(min_bits, max_bits + 1)
        for family in FAMILIES
        if (fmt := _of_bits(family, bits)) is not None and planes in (None, fmt.planes)
    ]
    if not found:
        raise InvalidArgument(
            f"min_bits={min_bits}, max_bits={max_bits}, planes={planes}: no format, allowed: a "
            "range in which there is one"
        )
    return st.sampled_from(found)


def _of_bits(family: Any, bits: int) -> Format | None:
    try:
        fmt: Format = family.of_bits(bits)
    except ValueError:
        return None
    return fmt


def quantization_parameters(
    fmt: Format, *, min_scale: float = 2.0**-20, max_scale: float = 2.0**20
) -> st.SearchStrategy:
    """Return a strategy for pairs (scale, zero point) that a format takes.

    * ``fmt`` says whether there is a zero point, and its range; both ends are drawn often.
    * ``min_scale``, ``max_scale`` bound the scale, which shrinks towards 1 and is often a power
      of two.
    """
    check_type("fmt", fmt, Format, "a Format")
    if not 0 < min_scale <= max_scale < float("inf"):
        raise InvalidArgument(
            f"min_scale={min_scale!r}, max_scale={max_scale!r}, allowed: "
            "0 < min_scale <= max_scale < inf"
        )
    low = int(np.ceil(np.log2(min_scale)))
    high = int(np.floor(np.log2(max_scale)))
    powers = st.integers(low, high).map(lambda e: 2.0**e) if low <= high else st.nothing()
    scales = powers
    if _takes_any_scale(fmt):
        scales = st.one_of(powers, st.floats(min_scale, max_scale))

    @st.composite
    def pairs(draw: Any) -> tuple[float, int]:
        return draw(scales), draw_zero_point(DrawnChoices(draw), fmt)

    return pairs()


def _takes_any_scale(fmt: Format) -> bool:
    """Whether scales need not be powers of two."""
    try:
        fmt.check_scale(np.array(3.0))
    except QuantizationError:
        return False
    return True


def code_tensors(
    fmt: Format, shape: Any, *, zero_points: bool = True, per_channel: bool = False
) -> st.SearchStrategy:
    """Return a strategy for `pyqsim.QTensor`.

    * ``fmt`` is its format; codes are often the smallest, the largest, 0, 1 or -1.
    * ``shape`` is a tuple of ints, or a strategy for such; sizes may be 0.
    * ``zero_points=False`` leaves all zero points 0.
    * ``per_channel=True`` gives every index of the last axis a zero point of its own.
    """
    check_type("fmt", fmt, Format, "a Format")
    if isinstance(shape, (tuple, list)):
        for size in shape:
            check_between("shape: size", size, 0, 2**20)
    elif not isinstance(shape, st.SearchStrategy):
        raise InvalidArgument(f"shape={shape!r}, allowed: a tuple of ints or a strategy for such")

    @st.composite
    def tensors(draw: Any) -> QTensor:
        choices = DrawnChoices(draw)
        sizes = tuple(draw(shape) if isinstance(shape, st.SearchStrategy) else shape)
        low, high = fmt.code_min, fmt.code_max
        corners = sorted({c for c in (0, 1, -1, low, high) if low <= c <= high}, key=abs)
        codes = choices.integers(low, high, int(np.prod(sizes)), corners).reshape(sizes)
        channels = (sizes[-1],) if per_channel and sizes else ()
        count = int(np.prod(channels))
        drawn = [draw_zero_point(choices, fmt) if zero_points else 0 for _ in range(count)]
        axis = len(sizes) - 1 if channels else None
        scale = np.ones((fmt.planes, *channels) if fmt.planes > 1 else channels)
        return QTensor(codes, fmt, scale, np.reshape(drawn, channels).astype(np.int64), axis)

    return tensors()


def multipliers_and_shifts(*, min_shift: int = -31, max_shift: int = 30) -> st.SearchStrategy:
    """Return a strategy for pairs (multiplier, shift) of TFLite's kind.

    * ``min_shift``, ``max_shift`` bound the shift (positive is left), which shrinks towards 0.

    The multiplier is in ``2**30..2**31-1``: both ends (the lower one, a power of two, makes exact
    ties), ``3 * 2**29``, or any.
    """
    check_between("min_shift", min_shift, -31, 30)
    check_between("max_shift", max_shift, min_shift, 30)
    multipliers = st.one_of(
        st.sampled_from([2**30, 3 << 29, 2**31 - 1]), st.integers(2**30, 2**31 - 1)
    )
    return st.tuples(multipliers, st.integers(min_shift, max_shift))


def requantize_parameters(
    scheme: Scheme, *, accumulator_bits: int = 24, channels: int | None = None
) -> st.SearchStrategy:
    """Return a strategy for what a requantize scheme needs: what its ``encode`` makes.

    * ``scheme`` has an ``encode``.
    * ``accumulator_bits`` is the width of what it scales: results then have few bits.
    * ``channels`` is how many columns have one of their own; None: one for all.
    """
    check_type("scheme", scheme, Scheme, "a Scheme")
    try:
        encoded(scheme, 0.5)
    except PyqsimError as error:
        raise InvalidArgument(str(error)) from None
    check_between("accumulator_bits", accumulator_bits, 2, 64)
    if channels is not None:
        check_between("channels", channels, 1, 2**16)
    shape = () if channels is None else (channels,)

    @st.composite
    def parameters(draw: Any) -> Any:
        reach = 1 << (accumulator_bits - 1)
        return draw_parameters(DrawnChoices(draw), scheme, reach, shape)[0]

    return parameters()


def datapaths(
    *,
    products: Sequence[str] = ("multiply", "fold"),
    order_k: int | None = None,
    merge: bool = False,
) -> st.SearchStrategy:
    """Return a strategy for datapaths that never trap.

    * ``products`` is a sequence of "multiply", "fold", "shift", "lookup" (tables of up to 16 x 16
      codes, some with another table for each of 17 k) and "logs".
    * ``order_k`` gives every datapath an explicit order of this many k, often with holes.
    * ``merge=True`` gives every datapath a `Merge` of planes and scale groups.

    It shrinks towards a 16-bit wrapping accumulator and no output steps.
    """
    words = check_members("products", products, _PRODUCTS)
    if order_k is not None:
        check_between("order_k", order_k, 0, 2**10)

    @st.composite
    def machines(draw: Any) -> Datapath:
        return draw_datapath(DrawnChoices(draw), products=words, order_k=order_k, merge=merge)

    return machines()
