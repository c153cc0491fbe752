"""Why two schemes make two codes of one sum: exact products say who rounded how."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Clamp
from pyqsim.diagnostics.target_machine import TargetMachine
from pyqsim.parameters import (
    DoubleFactor,
    FixedPointFactor,
    FloatChain,
    FloatFactor,
    Multiplier,
    Parameters,
)

__all__ = ["scheme_causes"]

_MOST = 20_000  # outputs of one pair whose cause is looked for


def scheme_causes(
    first: TargetMachine, second: TargetMachine, explained: npt.NDArray[np.bool_]
) -> Counter[str]:
    """Compare what each scheme made of the same sum with the exact product of sum and factor."""
    causes: Counter[str] = Counter()
    places = np.argwhere(explained)
    if len(places) > _MOST:
        causes["not looked at"] += len(places) - _MOST
        places = places[:_MOST]
    made, factors = [], []
    for machine in (first, second):
        assert machine.scheme is not None
        parameters = machine.encoded(first.target)
        wide = (Clamp(-(2**31), 2**31 - 1),)
        made.append(machine.finish(first.accumulators, machine.scheme, parameters, wide))
        factors.append(_factors(parameters, explained.shape))
    for m, n in places:
        acc = int(first.accumulators[m, n])
        exact = [acc * factor[m, n] for factor in factors]
        ours = [int(y[m, n]) for y in made]
        causes[_rounding_cause(exact, ours, (first.target.name, second.target.name))] += 1
    return causes


def _factors(parameters: Parameters, shape: tuple[int, ...]) -> Any:
    """The real factors that parameters stand for, as exact fractions."""
    assert not isinstance(parameters, FloatChain)  # encode makes none
    if isinstance(parameters, (FloatFactor, DoubleFactor)):
        found = np.vectorize(Fraction, otypes=[object])(parameters.scale.astype(np.float64))
    elif isinstance(parameters, (Multiplier, FixedPointFactor)):
        powers = np.vectorize(lambda s: Fraction(2) ** int(s), otypes=[object])
        fraction_bits = 31 if isinstance(parameters, Multiplier) else 0
        found = parameters.multiplier.astype(object) * powers(parameters.shift - fraction_bits)
    else:
        found = np.vectorize(lambda s: Fraction(2) ** int(s), otypes=[object])(parameters.shift)
    return np.broadcast_to(found, shape)


def _rounding_cause(exact: list[Fraction], made: list[int], names: tuple[str, str]) -> str:
    """Both nearest: a tie, or another factor. Else who is not nearest rounded on the way."""
    off = [abs(value - number) > Fraction(1, 2) for value, number in zip(exact, made, strict=True)]
    if any(abs(value) >= 2**31 for value in exact):
        return "saturation: 32 bits of the scheme"
    for wrong, name in zip(off, names, strict=True):
        if wrong:
            return f"rounded on the way: {name} misses the nearest integer"
    ties = [
        abs(value - number) == Fraction(1, 2) for value, number in zip(exact, made, strict=True)
    ]
    if any(ties):
        return "tie"
    return "scale encoding"
