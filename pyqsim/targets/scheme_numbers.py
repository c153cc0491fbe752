"""What a requantize scheme is told besides accumulators: a factor, an amount, or its registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyqsim.errors import DatapathError
from pyqsim.parameters import Parameters

__all__ = ["AnyScheme", "SchemeNumbers"]


class AnyScheme(Protocol):
    """What a scheme can do."""

    @property
    def input_bits(self) -> int:
        """Signed width of an accumulator."""

    def encode(self, real_scale: npt.ArrayLike) -> Any:
        """From a real factor to parameters."""

    def apply(
        self,
        acc: npt.ArrayLike,
        parameters: Any,
        *,
        zero_point: npt.ArrayLike | None = None,
        clamp: tuple[int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """From accumulators to codes."""


@dataclass(frozen=True, eq=False)
class SchemeNumbers:
    """Exactly one of three, which every scheme turns into parameters of its own.

    Parameters
    ----------
    scale : array_like of float, optional
        A real factor, which every scheme encodes in its own way.
    amount : array_like of int, optional
        An instruction's shift amount, for schemes that read one (`VtaShift.amount`).
    parameters : Parameters, optional
        The registers themselves; schemes that have others refuse them.
    zero_point : int
        Of the results, beside any of them.
    """

    scale: npt.ArrayLike | None = None
    amount: npt.ArrayLike | None = None
    parameters: Parameters | None = None
    zero_point: int = 0

    def __post_init__(self) -> None:
        if len(self.given) != 1:
            raise DatapathError(
                f"scale=, amount=, parameters=: {', '.join(self.given) or 'none'} given, "
                "allowed: one of them"
            )

    @property
    def given(self) -> dict[str, Any]:
        """What is given, by its name."""
        names = ("scale", "amount", "parameters")
        of = {name: getattr(self, name) for name in names}
        return {name: value for name, value in of.items() if value is not None}

    def parameters_of(self, scheme: AnyScheme) -> Any:
        """A scheme's parameters.

        Raises
        ------
        PyqsimError
            Where the scheme cannot encode the factor, or reads no amount.

        Examples
        --------
        >>> from pyqsim.requantize import VtaShift
        >>> [SchemeNumbers(amount=17).parameters_of(VtaShift(r)) for r in ("hls", "chisel")]
        [PowerOfTwoFactor(shift=15), PowerOfTwoFactor(shift=-17)]
        """
        if self.parameters is not None:
            return self.parameters
        if self.amount is None:
            return scheme.encode(np.asarray(self.scale))
        if not hasattr(scheme, "amount"):
            raise DatapathError(
                f"{type(scheme).__name__}: amount={self.amount!r}, allowed: scale= or parameters="
            )
        return scheme.amount(self.amount)
