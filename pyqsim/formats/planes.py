"""User-made formats: one table of integers a plane, indexed by the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_bool, check_int, check_sequence
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.formats.base import N_LIMIT, Format
from pyqsim.modes import Rounding

__all__ = ["Planes"]


@dataclass(frozen=True, slots=True)
class Planes(Format):
    """``real = sum over planes j of scale_j * tables[j][code]``.

    Tensors of such formats are made from codes that exist: `encode` raises.

    Parameters
    ----------
    tables : sequence of sequences of int, shape (planes, codes)
        At least one plane; codes a power of two, 2..65536; magnitudes below 2**62.

    Raises
    ------
    DatapathError
        For tables of other shapes or numbers.

    Examples
    --------
    The two digits of a four-bit number:

    >>> digits = Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])
    >>> digits.planes, digits.code_bits
    (2, 4)
    >>> digits.decode(np.array([6, 15]))
    array([[2, 3],
           [1, 3]])
    """

    tables: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        low, high = 1 - N_LIMIT, N_LIMIT - 1
        tables = tuple(
            tuple(
                check_int("Planes", f"tables[{j}][{c}]", n, low, high)
                for c, n in enumerate(check_sequence("Planes", f"tables[{j}]", row))
            )
            for j, row in enumerate(check_sequence("Planes", "tables", self.tables))
        )
        object.__setattr__(self, "tables", tables)
        lengths = {len(row) for row in tables}
        if len(lengths) != 1 or lengths.isdisjoint(1 << bits for bits in range(1, 17)):
            raise DatapathError(
                f"Planes: {len(tables)} tables of lengths {sorted(lengths)}, allowed: at least one "
                "table, all of one length, a power of two in 2..65536"
            )

    @classmethod
    def digits(cls, bits: int, width: int, signed: bool = True) -> Self:
        """Digits of an integer, one plane each, as hardware with narrow multipliers takes them.

        Parameters
        ----------
        bits : int
            1..16, of the integer; it is stored as its bit pattern.
        width : int
            1..bits, of a digit. The top digit has the bits that are left.
        signed : bool
            Whether the integer is two's complement; its top digit then is, too. All other digits
            are 0..2**width - 1.

        Returns
        -------
        Planes
            Plane j is digit j, digit 0 the least significant one:
            ``sum over j of 2**(width*j) * N_j`` is the integer.

        Raises
        ------
        DatapathError
            For numbers outside these ranges.

        Examples
        --------
        The scales of the planes are those of the integer times ``2**(width*j)``, and so are the
        multipliers by which `pyqsim.Merge` makes the exact product of both integers:

        >>> import pyqsim as qs
        >>> fmt = Planes.digits(8, 4)
        >>> fmt.decode(np.array([-100 & 255]))      # -100 = 12 - 7 * 16
        array([[12],
               [-7]])
        >>> a = qs.QTensor([[-100 & 255, 77]], fmt, scale=[0.5, 0.5 * 16])
        >>> b = qs.QTensor([[3], [200]], Planes.digits(8, 4, signed=False), scale=[1, 16])
        >>> weight = 16 ** np.arange(2)
        >>> merge = np.multiply.outer(weight, weight)[:, :, None, None, None]
        >>> qs.matmul(a, b, qs.Datapath(output=(qs.Merge(),)), merge=merge)
        array([[15100]])
        >>> -100 * 3 + 77 * 200
        15100
        """
        bits = check_int("Planes.digits", "bits", bits, 1, 16)
        width = check_int("Planes.digits", "width", width, 1, bits)
        patterns = np.arange(1 << bits)
        integers = (
            _two_s_complement(bits) if check_bool("Planes.digits", "signed", signed) else patterns
        )
        shifts = range(0, bits, width)
        lower = [patterns >> shift & ((1 << width) - 1) for shift in shifts[:-1]]
        return cls([*(digit.tolist() for digit in lower), (integers >> shifts[-1]).tolist()])

    @classmethod
    def split(cls, threshold: int, bits: int = 8, signed: bool = True) -> Self:
        """Small numbers in one plane, outliers in another, as mixed-precision kernels take them.

        Parameters
        ----------
        threshold : int
            >= 0. Plane 0 is the integer where its magnitude is at most this, else 0; plane 1 the
            integer where it is larger, else 0.
        bits : int
            1..16, of the integer; it is stored as its bit pattern.
        signed : bool
            Whether the integer is two's complement.

        Returns
        -------
        Planes
            Both planes have the scale of the integer, and all multipliers by which
            `pyqsim.Merge` makes the exact product are 1, its default.

        Raises
        ------
        DatapathError
            For numbers outside these ranges.

        Examples
        --------
        >>> import pyqsim as qs
        >>> a = qs.QTensor([[3, 100, -7 & 255]], Planes.split(15))
        >>> b = [[1], [2], [3]]
        >>> qs.matmul(a, b, qs.Datapath())[:, 0, 0]      # 3 - 21, 200
        array([-18, 200])
        >>> qs.matmul(a, b, qs.Datapath(output=(qs.Merge(),)))
        array([[182]])
        """
        bits = check_int("Planes.split", "bits", bits, 1, 16)
        threshold = check_int("Planes.split", "threshold", threshold, 0, 2**16)
        signed = check_bool("Planes.split", "signed", signed)
        integers = _two_s_complement(bits) if signed else np.arange(1 << bits)
        small = np.where(np.abs(integers) <= threshold, integers, 0)
        return cls([small.tolist(), (integers - small).tolist()])

    def __str__(self) -> str:
        return f"Planes of {self.planes} x {1 << self.code_bits} integers"

    @property
    def code_bits(self) -> int:
        """Width of a stored code."""
        return len(self.tables[0]).bit_length() - 1

    @property
    def planes(self) -> int:
        """How many tables there are."""
        return len(self.tables)

    @property
    def zero_code(self) -> int | None:
        """The smallest code that is 0 in every plane, if there is one."""
        zeros = (code for code, row in enumerate(zip(*self.tables, strict=True)) if not any(row))
        return next(zeros, None)

    def integers(self) -> npt.NDArray[np.int64]:
        """The tables; see `Format.integers`."""
        table = np.array(self.tables, dtype=np.int64)
        return table if self.planes > 1 else table[0]

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> NoReturn:
        raise QuantizationError(
            f"x of shape {x.shape} in {self} with scale {scale} and rounding={rounding!r}, "
            "allowed: QTensor(codes, ...): this format is made from codes"
        )


def _two_s_complement(bits: int) -> npt.NDArray[np.int64]:
    """The integer of every bit pattern."""
    patterns = np.arange(1 << bits, dtype=np.int64)
    return patterns - (patterns >> (bits - 1) << bits)
