"""What tells candidates apart: inputs on which they differ, and the pairs without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Distinction", "Pair", "Witness"]


@dataclass(frozen=True)
class Witness:
    """One input, and what the candidates make of it.

    Attributes
    ----------
    inputs : mapping
        Of targets: a (one row), b (one column), bias, a_scale, b_scale, out_scale, out_zero_point;
        of schemes: acc, and what `SchemeNumbers` takes.
    outputs : mapping of str to int or None
        None where a candidate cannot take the input.
    """

    inputs: Mapping[str, Any]
    outputs: Mapping[str, int | None]

    def separates(self, first: str, second: str) -> bool:
        """Whether two candidates give two numbers."""
        x, y = self.outputs[first], self.outputs[second]
        return x is not None and y is not None and x != y


@dataclass(frozen=True, slots=True)
class Pair:
    """Two candidates that no witness separates, and why.

    Attributes
    ----------
    first, second : str
    proof : str
        Over which domain they are equal; "" where that is not known.
    incomparable : str
        Why no input can be given to both; "" where one can.
    """

    first: str
    second: str
    proof: str = ""
    incomparable: str = ""


@dataclass(frozen=True)
class Distinction:
    """Inputs that tell candidates apart, and the pairs that none of them does.

    Attributes
    ----------
    witnesses : tuple of Witness
        As few as suffice for all pairs that differ, each the smallest for some pair.
    pairs : tuple of Pair
    """

    witnesses: tuple[Witness, ...]
    pairs: tuple[Pair, ...]

    @property
    def open(self) -> tuple[Pair, ...]:
        """Pairs neither separated nor proven equal."""
        return tuple(p for p in self.pairs if not p.proof and not p.incomparable)
