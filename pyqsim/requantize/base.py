"""What every scheme shares: applying it to an array of accumulators; schemes made of stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.datapath import AddZeroPoint, Clamp, OutputStep, Requantize, Scheme, Stage
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.execution import output_of_array
from pyqsim.parameters import Parameters

__all__ = ["SchemeBase", "Staged", "encoded"]


class SchemeBase(Scheme):
    """Derive a frozen dataclass from it to make a scheme of your own.

    Give it `stages` (and `input_bits`, `bits` where they are not 64 and 32), and an `encode` that
    makes one of the parameter classes; everything else works as for the schemes of the library,
    in datapaths, events, the oracle and the C kernels.

    Examples
    --------
    A machine that keeps 8 bits of the multiplier and rounds to odd:

    >>> from dataclasses import dataclass
    >>> from pyqsim.datapath import Narrow, Stage
    >>> from pyqsim.parameters import FixedPointFactor
    >>> @dataclass(frozen=True)
    ... class EightBitsToOdd(SchemeBase):
    ...     @property
    ...     def input_bits(self):
    ...         return 32
    ...     @property
    ...     def stages(self):
    ...         narrow = Narrow(rounding="to_odd", bits=16, overflow="saturate")
    ...         return (Stage(narrow, multiplier=True, shift="all"),)
    ...     def encode(self, real_scale):
    ...         return FixedPointFactor(round(real_scale * 256), 8)
    >>> scheme = EightBitsToOdd()
    >>> scheme.apply([100, 101, 10**6], scheme.encode(0.75)).tolist()  # 75.75 -> 75, to odd
    [75, 75, 32767]
    """

    __slots__ = ()

    def encode(self, real_scale: npt.ArrayLike) -> Parameters:
        """From real factors, finite and > 0, to parameters; here for a scheme that has no way.

        Raises
        ------
        QuantizationError
            For a scheme whose parameters are always given, and for a factor it cannot encode.
        """
        raise QuantizationError(
            f"{type(self).__name__}.encode: real_scale={real_scale!r}, allowed: none; the "
            "parameters of this scheme are given"
        )

    def apply(
        self,
        acc: npt.ArrayLike,
        parameters: Parameters,
        *,
        zero_point: npt.ArrayLike | None = None,
        clamp: tuple[int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """Scale accumulators; with `zero_point` and `clamp`, to codes.

        Parameters
        ----------
        acc : array_like of int
            Any shape; the last axis is the channel axis of per-channel parameters.
        parameters : Parameters
            As the scheme's ``encode`` makes them.
        zero_point : array_like of int, optional
            Added after the scheme.
        clamp : (int, int), optional
            Smallest and largest code, after the zero point.

        Returns
        -------
        ndarray
            int32 (int64 for a scheme with more than 32 bits), shape of `acc`.

        Raises
        ------
        AccumulatorRangeError
            If an accumulator leaves the width that the scheme's arithmetic is defined for.
        """
        steps: list[OutputStep] = [Requantize(self)]
        steps += [] if zero_point is None else [AddZeroPoint()]
        steps += [] if clamp is None else [_clamp(clamp)]
        return output_of_array(acc, tuple(steps), requantize=parameters, out_zero_point=zero_point)


def _clamp(limits: object) -> Clamp:
    if not isinstance(limits, (tuple, list)) or len(limits) != 2:
        raise DatapathError(f"clamp={limits!r}, allowed: (smallest code, largest code)")
    return Clamp(*limits)


def encoded(scheme: Scheme, real_scale: npt.ArrayLike) -> Parameters:
    """The scheme's ``encode`` of a scale, or raise DatapathError where it has none."""
    encode = getattr(scheme, "encode", None)
    if encode is None:
        raise DatapathError(f"scheme={scheme!r}: requantize=None, allowed: parameters of it")
    parameters: Parameters = encode(real_scale)
    return parameters


@dataclass(frozen=True)
class Staged(SchemeBase):
    """A scheme that is nothing but its stages; its parameters are given, not encoded.

    Parameters
    ----------
    steps : tuple of Stage
    width_in : int
        Signed width of the accumulator, 2..64.
    width_out : int
        Signed width of the result, 2..64.

    Examples
    --------
    Half of x, rounded to even, then a shift that cuts:

    >>> from pyqsim.datapath import Narrow, Stage
    >>> from pyqsim.parameters import FixedPointFactor
    >>> scheme = Staged((
    ...     Stage(Narrow(shift=1, rounding="half_even")),
    ...     Stage(Narrow(bits=8, overflow="saturate"), multiplier=True, shift="right"),
    ... ))
    >>> scheme.apply([5, 7, -7, 1000], FixedPointFactor(3, 1)).tolist()
    [3, 6, -6, 127]
    """

    steps: tuple[Stage, ...]
    width_in: int = 64
    width_out: int = 32

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        if not steps or not all(isinstance(step, Stage) for step in steps):
            raise DatapathError(f"Staged: steps={self.steps!r}, allowed: one Stage or more")
        object.__setattr__(self, "steps", steps)
        for name in ("width_in", "width_out"):
            width = check_int("Staged", name, getattr(self, name), 2, 64)
            object.__setattr__(self, name, width)

    @property
    def input_bits(self) -> int:
        """Signed width of the accumulator."""
        return self.width_in

    @property
    def bits(self) -> int:
        """Signed width of the result."""
        return self.width_out

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps."""
        return self.steps
