"""The formats that come with the package, by family: the one list that tables and tests read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, log2
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.errors import DatapathError
from pyqsim.formats.affine import Affine
from pyqsim.formats.apot import APoT
from pyqsim.formats.base import Format
from pyqsim.formats.binary import Binary
from pyqsim.formats.bit_planes import BitPlanes
from pyqsim.formats.codebook import Codebook
from pyqsim.formats.log_quant import LogQuant
from pyqsim.formats.piecewise_linear import PiecewiseLinear
from pyqsim.formats.planes import Planes
from pyqsim.formats.power_of_two import PowerOfTwo
from pyqsim.formats.ternary import Ternary

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "NETWORK_FAMILIES",
    "Family",
    "example_scales",
    "example_values",
    "family",
    "formats_of_bits",
]


@dataclass(frozen=True, slots=True)
class Family:
    """Formats of one kind, one for each width of a stored code.

    Parameters
    ----------
    name : str
        What commands and tables call it.
    build : callable
        The format whose stored codes have so many bits; raises `DatapathError` where the kind has
        no such width.
    usual : tuple of int
        Widths that tables show.
    """

    name: str
    build: Callable[[int], Format]
    usual: tuple[int, ...]

    def of_bits(self, bits: int) -> Format:
        """The format whose stored codes have `bits` bits.

        Raises
        ------
        DatapathError
            Where there is none.
        """
        try:
            fmt = self.build(check_int(self.name, "bits", bits, 1, 16))
        except DatapathError as error:
            raise DatapathError(f"{self.name} of {bits} bits: {error}") from None
        if fmt.code_bits != bits:
            raise DatapathError(
                f"{self.name} of {bits} bits, allowed: {', '.join(map(str, self.usual))}"
            )
        return fmt


def _normal_levels(bits: int) -> Codebook:
    """Quantiles of the normal distribution, 0 among them, as integers up to 127."""
    half = (1 << (check_int("Codebook of normal levels", "bits", bits, 2, 6) - 1)) - 1
    normal = NormalDist()
    places = [normal.inv_cdf(0.5 + i / (2 * half + 2)) for i in range(1, half + 1)]
    upper = [round(127 * place / places[-1]) for place in places]
    return Codebook([-n for n in reversed(upper)] + [0, *upper], frac_bits=7)


def _nibbles(bits: int) -> Planes:
    """Two or more digits of four bits."""
    return Planes.digits(check_int("Planes-digits", "bits", bits, 5, 16), 4)


#: Every family; a format of the same kind with other options is a family of its own.
FAMILIES: tuple[Family, ...] = (
    Family("Binary", lambda _: Binary(), (1,)),
    Family("Ternary", lambda _: Ternary(), (2,)),
    Family("Affine", lambda bits: Affine(bits, narrow=True), (2, 3, 4, 5, 8)),
    Family("Affine-full", lambda bits: Affine(bits), (4, 8)),
    Family("Affine-unsigned", lambda bits: Affine(bits, signed=False), (4, 8)),
    Family("LogQuant", lambda bits: LogQuant(bits - 1, signed=True), (3, 4, 5)),
    Family("LogQuant-sqrt2", lambda bits: LogQuant(bits - 1, True, base="sqrt2"), (4, 5)),
    Family("PowerOfTwo", lambda bits: PowerOfTwo(bits), (3, 4, 5)),
    Family("PowerOfTwo-paper", lambda bits: PowerOfTwo(bits - 1, "pot_paper"), (4,)),
    Family("PowerOfTwo-inq", lambda bits: PowerOfTwo(bits, "inq"), (4, 5)),
    Family("PowerOfTwo-deepshift-q", lambda bits: PowerOfTwo(bits, "deepshift_q"), (4, 5)),
    Family("PowerOfTwo-deepshift-ps", lambda bits: PowerOfTwo(bits, "deepshift_ps"), (4, 5)),
    Family("PowerOfTwo-qkeras", lambda bits: PowerOfTwo(bits, "qkeras_po2"), (4,)),
    Family("APoT", lambda bits: APoT(bits), (3, 4, 5, 6, 7)),
    Family("Codebook", _normal_levels, (3, 4, 5)),
    Family("PiecewiseLinear", lambda bits: PiecewiseLinear(bits - 1), (4, 5)),
    Family("PiecewiseLinear-repo", lambda bits: PiecewiseLinear(bits - 1, "repo"), (4, 5)),
    Family(
        "PiecewiseLinear-overlapping",
        lambda bits: PiecewiseLinear(bits - 1, "overlapping"),
        (4, 5),
    ),
    Family("BitPlanes", lambda bits: BitPlanes(bits), (2, 3, 4)),
    Family("Planes-digits", _nibbles, (8,)),
)

#: Those that `pyqsim.model.quantize_network` takes: fitted to data, with a sign, zero points of 0.
NETWORK_FAMILIES: tuple[Family, ...] = tuple(
    one
    for one in FAMILIES
    if not isinstance(one.of_bits(one.usual[0]), Planes)
    and one.of_bits(one.usual[0]).integers().min() < 0
)

#: One example of every family and usual width.
CATALOGUE: tuple[Format, ...] = tuple(one.of_bits(bits) for one in FAMILIES for bits in one.usual)


def family(name: str) -> Family:
    """The family of a name, in upper or lower case.

    Raises
    ------
    DatapathError
        Where there is none.

    Examples
    --------
    >>> family("apot").of_bits(4)
    APoT(bits=4, base_bits=2, signed=True)
    """
    for one in FAMILIES:
        if one.name.lower() == name.lower():
            return one
    raise DatapathError(f"format {name!r}, allowed: {', '.join(one.name for one in FAMILIES)}")


def formats_of_bits(bits: int) -> Iterator[tuple[str, Format]]:
    """Every family that has formats of `bits` stored bits, and that format.

    Parameters
    ----------
    bits : int
        1..16.

    Yields
    ------
    name : str
    fmt : Format

    Examples
    --------
    >>> [name for name, _ in formats_of_bits(1)]
    ['Binary', 'Affine-full', 'Affine-unsigned', 'BitPlanes']
    """
    check_int("formats_of_bits", "bits", bits, 1, 16)
    for one in FAMILIES:
        try:
            fmt = one.of_bits(bits)
        except DatapathError:
            continue
        yield one.name, fmt


def example_scales(fmt: Format) -> npt.NDArray[np.float64]:
    """Scales at which the largest magnitude of a format is about 1, to show and to test it.

    Parameters
    ----------
    fmt : Format

    Returns
    -------
    ndarray of float64, (), or (planes,) where planes > 1
        Of one plane: the reciprocal of the largest level (`LogQuant`: of the power of two
        from there upwards).
        `PiecewiseLinear`: range 1, the breakpoint at 3/8 of it (several: equally spaced up to
        there). Other planes: powers of 2 (`Planes`: of 16, as in ``Planes.digits(bits, 4)``),
        divided by the largest sum.

    Examples
    --------
    >>> example_scales(BitPlanes(2))
    array([0.33333333, 0.66666667])
    """
    if isinstance(fmt, PiecewiseLinear):
        parts = [0.375 * i / fmt.breakpoints for i in range(1, fmt.breakpoints + 1)]
        return fmt.scales(1.0, *parts)
    if fmt.planes > 1:
        weights = (16.0 if isinstance(fmt, Planes) else 2.0) ** np.arange(fmt.planes)
        return np.asarray(weights / np.abs(weights @ fmt.integers()).max())
    largest = float(np.abs(fmt.levels()).max())
    if isinstance(fmt, LogQuant):
        return np.array(2.0 ** -ceil(log2(largest)))
    return np.array(1 / largest)


def example_values(fmt: Format) -> npt.NDArray[np.float64]:
    """The distinct real numbers that a format holds at `example_scales`, ascending.

    Parameters
    ----------
    fmt : Format

    Returns
    -------
    ndarray of float64
        Of several planes: to 12 digits, so that sums that differ by rounding errors are one.

    Examples
    --------
    >>> example_values(BitPlanes(2))
    array([-1.        , -0.33333333,  0.33333333,  1.        ])
    """
    scales = example_scales(fmt)
    if fmt.planes == 1:
        return np.asarray(scales * fmt.levels())
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    return np.unique(np.round(scales @ fmt.decode(codes), 12))
