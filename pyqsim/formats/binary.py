"""Binary codes: one bit, {-1, +1} or {0, 1} times the scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.formats.base import Format, refuse_rounding
from pyqsim.formats.quotient import nearest_level
from pyqsim.modes import HALF_AWAY, HALF_TOWARD_ZERO, Rounding

__all__ = ["Binary"]


@dataclass(frozen=True, slots=True)
class Binary(Format):
    """One bit: ``scale * (2 * bit - 1)`` or ``scale * bit``.

    With ``values="pm1"`` bit 1 stands for +1, bit 0 for -1; encoding takes the sign, and the sign
    of 0 (and of -0) is +. No code stands for 0, and no other rounding is taken. With
    ``values="01"`` encoding takes the nearer value; a tie (x / scale = 1/2) goes to 0
    (HALF_TOWARD_ZERO, the default) or to 1 (HALF_AWAY). Weights of XNOR-Net (Rastegari et al.
    2016) are "pm1" with the scale that `pyqsim.calibration` calls "mean_abs".

    Parameters
    ----------
    values : {"pm1", "01"}

    Raises
    ------
    DatapathError
        For other values.

    Examples
    --------
    >>> Binary().encode([-0.1, 0.0, 3.0])
    array([0, 1, 1], dtype=uint8)
    >>> Binary().levels(), Binary("01").levels()
    (array([-1.,  1.]), array([0., 1.]))
    """

    values: str = "pm1"

    def __post_init__(self) -> None:
        check_choice("Binary", "values", self.values, ("pm1", "01"))

    @property
    def code_bits(self) -> int:
        """1."""
        return 1

    @property
    def shifts(self) -> bool:
        """True: N is -1, 0 or 1."""
        return True

    @property
    def zero_code(self) -> int | None:
        """None for "pm1", 0 for "01"."""
        return None if self.values == "pm1" else 0

    def integers(self) -> npt.NDArray[np.int64]:
        """-1, 1 or 0, 1; see `Format.integers`."""
        return np.array([-1 if self.values == "pm1" else 0, 1], dtype=np.int64)

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        if self.values == "pm1":
            if rounding is not None:
                raise refuse_rounding(self, Rounding.of(rounding), "none but the sign")
            return np.asarray(x >= 0, dtype=np.int64)
        rule = HALF_TOWARD_ZERO if rounding is None else Rounding.of(rounding)
        if rule not in (HALF_TOWARD_ZERO, HALF_AWAY):
            raise refuse_rounding(self, rule, "'half_toward_zero', 'half_away'")
        return nearest_level(np.maximum(x, 0.0), scale, 0, self.integers(), rule)
