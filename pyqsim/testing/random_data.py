"""The numbers that come with a random call: bias, parameters of a scheme, output zero point."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import frexp, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, AddZeroPoint, Clamp, Datapath, Merge, Requantize
from pyqsim.errors import QuantizationError
from pyqsim.parameters import Multiplier, PowerOfTwoFactor
from pyqsim.requantize import DoubleRounding, SingleRounding
from pyqsim.targets import IntegerRange
from pyqsim.testing.choices import Choices
from pyqsim.testing.steering import Numbers

__all__ = ["ANY_DATA", "DataRanges", "draw_data", "draw_parameters"]


@dataclass(frozen=True, slots=True)
class DataRanges:
    """What the numbers of a call may be, where a machine takes fewer than its registers hold.

    Parameters
    ----------
    bias : IntegerRange, optional
        Also the accumulator that an instruction is given; default: what its register holds.
    shifts : IntegerRange, optional
        Of a scheme that only shifts, positive is left; default: such that most results have 3 to
        10 bits.
    """

    bias: IntegerRange | None = None
    shifts: IntegerRange | None = None


ANY_DATA = DataRanges()


def draw_data(
    choices: Choices,
    datapath: Datapath,
    reach: int,
    n: int,
    *,
    per_column: bool = True,
    ranges: DataRanges = ANY_DATA,
    chains: tuple[int, int, int] = (1, 1, 1),
) -> tuple[dict[str, Any], list[Numbers]]:
    """The data of the call, and what they are in every column.

    `chains` is the number of planes of a, of b, and of scale groups.
    """
    data: dict[str, Any] = {}
    per_column = per_column and choices.pick((False, True)) and n > 0
    shape: tuple[int, ...] = (n,) if per_column else ()
    count = n if per_column else 1
    bias, zero_point = np.zeros(count, np.int64), np.zeros(count, np.int64)
    scales = [Fraction(1)] * count
    if datapath.reads_bias:
        low, high = _bias_limits(datapath, reach, ranges.bias)
        corners = sorted({min(max(c, low), high) for c in (0, 1, -1, low, high)}, key=abs)
        bias = choices.integers(low, high, count, corners)
        data["bias"] = bias.reshape(shape)
    for step in datapath.output:
        if isinstance(step, Requantize):
            parameters, scales = draw_parameters(
                choices, step.scheme, reach, shape, shifts=ranges.shifts
            )
            data["requantize"] = parameters
        elif isinstance(step, AddZeroPoint):
            low, high = _code_limits(datapath)
            zero_point = choices.integers(low, high, count, (0, low, high, low + 1))
            data["out_zero_point"] = zero_point.reshape(shape)
        elif isinstance(step, Merge) and prod(chains) > 1 and choices.pick((True, False)):
            merge = choices.integers(-9, 9, prod(chains), (1, 2, -1, 0, 4))
            data["merge"] = merge.reshape(*chains, 1, 1)
    numbers = [
        Numbers(int(bias[i % count]), scales[i % count], int(zero_point[i % count]))
        for i in range(n if count else 0)
    ]
    return data, numbers


def _bias_limits(datapath: Datapath, reach: int, allowed: IntegerRange | None) -> tuple[int, int]:
    if allowed is not None:
        return allowed.low, allowed.high
    low, high = -min(reach, 2**31 - 1), min(reach, 2**31 - 1)
    for step in datapath.reduce:
        if isinstance(step, Accumulate) and step.start == "bias":
            register = step.register
            if register.minimum is not None and register.maximum is not None:
                return max(register.minimum, -(2**31)), min(register.maximum, 2**31 - 1)
    return low, high


def _code_limits(datapath: Datapath) -> tuple[int, int]:
    """The codes that the output zero point may be: those of the Clamp, else int8."""
    clamps = [step for step in datapath.output if isinstance(step, Clamp)]
    if clamps:
        return max(clamps[-1].min, -(2**15)), min(clamps[-1].max, 2**15 - 1)
    return -128, 127


def draw_parameters(
    choices: Choices,
    scheme: Any,
    reach: int,
    shape: tuple[int, ...],
    *,
    shifts: IntegerRange | None = None,
) -> tuple[Any, list[Fraction]]:
    """Parameters of a scheme, and the real factor of each.

    Parameters
    ----------
    choices : Choices
    scheme : Scheme
        One with ``encode``.
    reach : int
        Largest magnitude of an accumulator: factors are such that most results have 3 to 10 bits.
    shape : tuple of int
        ``()`` or ``(columns,)``.
    shifts : IntegerRange, optional
        Of a scheme that only shifts: those to draw from, both ends often.

    Returns
    -------
    parameters : object
    factors : list of Fraction
    """
    bits = max(reach, 1).bit_length()
    count = shape[0] if shape else 1
    if shifts is not None:
        ends = (shifts.high, shifts.low)
        exponents = choices.integers(shifts.low, shifts.high, count, ends)
        return PowerOfTwoFactor(exponents.reshape(shape)), [
            Fraction(2) ** exponent for exponent in exponents.tolist()
        ]
    factors = []
    for _ in range(count):
        exponent = choices.integer(3, 10) - bits
        mantissa = choices.pick((1, 1, 3, 5, choices.integer(2**23, 2**24 - 1)))
        factor = Fraction(mantissa, 1 << (mantissa.bit_length() - 1)) * Fraction(2) ** exponent
        factors.append(factor)
    if isinstance(scheme, _ANY_MULTIPLIER) and choices.pick((0, 0, 0, 1)):
        ms = choices.integers(2**30, 2**31 - 1, count, (2**30, 2**31 - 1, 3 << 29))
        ss = choices.integers(max(-31, 2 - bits), 2, count, (0, 1, -1))
        factors = [
            Fraction(int(m)) * Fraction(2) ** (int(s) - 31) for m, s in zip(ms, ss, strict=True)
        ]
        return Multiplier(ms.reshape(shape), ss.reshape(shape)), factors
    try:
        return scheme.encode(_reals(factors, shape)), factors
    except QuantizationError:  # a scheme that takes powers of two only
        factors = [Fraction(2) ** (frexp(float(factor))[1] - 1) for factor in factors]
        return scheme.encode(_reals(factors, shape)), factors


def _reals(factors: list[Fraction], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return np.array([float(factor) for factor in factors]).reshape(shape)


_ANY_MULTIPLIER = (DoubleRounding, SingleRounding)
