"""User-made formats: one table of integers a plane, indexed by the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
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
            tuple(check_int("Planes", f"tables[{j}][{c}]", n, low, high) for c, n in enumerate(row))
            for j, row in enumerate(self.tables)
        )
        object.__setattr__(self, "tables", tables)
        lengths = {len(row) for row in tables}
        if len(lengths) != 1 or lengths.isdisjoint(1 << bits for bits in range(1, 17)):
            raise DatapathError(
                f"Planes: {len(tables)} tables of lengths {sorted(lengths)}, allowed: at least one "
                "table, all of one length, a power of two in 2..65536"
            )

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
