"""The exceptions: every message holds the name, the value and what is allowed."""

from __future__ import annotations

__all__ = [
    "AccumulatorRangeError",
    "CodeError",
    "DatapathError",
    "ModeError",
    "OperandError",
    "OverflowTrap",
    "PyqsimError",
    "QuantizationError",
    "ShapeError",
]


class PyqsimError(Exception):
    """Root of everything this package raises on purpose."""


class ModeError(PyqsimError, ValueError):
    """A rounding, overflow rule or option name that does not exist."""


class DatapathError(PyqsimError, ValueError):
    """A datapath, format or scheme that cannot exist, or that does not fit the call."""


class ShapeError(PyqsimError, ValueError):
    """Shapes, axes or strides that do not meet."""


class OperandError(PyqsimError, TypeError):
    """An operand of a type or dtype that is not taken."""


class CodeError(PyqsimError, ValueError):
    """A code outside its format's range, or a number outside its register's."""


class QuantizationError(PyqsimError, ValueError):
    """A real tensor, scale or zero point that cannot be quantized: NaN, infinity, scale <= 0."""


class AccumulatorRangeError(PyqsimError, ValueError):
    """A step whose bound leaves int64, or the result's dtype; the message names the step."""


class OverflowTrap(PyqsimError, ArithmeticError):  # noqa: N818 - the hardware's word for it
    """An overflow in a register whose rule is TRAP.

    Attributes
    ----------
    place : tuple of int
        ``(step, m, n, k)`` of the first such overflow, as `Events.first` counts them;
        for an output step `step` is ``len(reduce) + index`` and k is -1.
    """

    def __init__(self, place: tuple[int, int, int, int], step: str) -> None:
        self.place = place
        number, m, n, k = place
        super().__init__(
            f"overflow trapped in step {number} ({step}) at m={m}, n={n}, k={k}; "
            "use SATURATE or WRAP to let the sum go on, or more bits"
        )
