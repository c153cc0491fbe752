"""Several targets on one layer: how many outputs differ, by how much, where first, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyqsim.diagnostics.target_causes import target_causes
from pyqsim.diagnostics.target_machine import TargetMachine
from pyqsim.errors import OperandError, PyqsimError
from pyqsim.targets import IntegerRange, LayerData, Target

__all__ = ["TargetDifference", "TargetMatrix", "compare_targets"]


@dataclass(frozen=True)
class TargetDifference:
    """Two targets on one layer.

    Attributes
    ----------
    first, second : str
    outputs, differing : int
    largest : int
        Largest magnitude of a difference.
    place : tuple of int or None
        (m, n) of the first one.
    values : tuple of int or None
        What the two make there.
    causes : dict
        How many differing outputs each cause explains, the most frequent first.
    """

    first: str
    second: str
    outputs: int
    differing: int
    largest: int
    place: tuple[int, int] | None
    values: tuple[int, int] | None
    causes: dict[str, int]


@dataclass(frozen=True)
class TargetMatrix:
    """Every pair of targets on one layer.

    Attributes
    ----------
    names : tuple of str
        Targets that took the layer.
    refused : dict
        Why the others did not.
    differences : tuple of TargetDifference
        One a pair, in the order of the names.
    """

    names: tuple[str, ...]
    refused: dict[str, str]
    differences: tuple[TargetDifference, ...]

    def of(self, first: str, second: str) -> TargetDifference:
        """The pair of two names, in either order."""
        for one in self.differences:
            if {one.first, one.second} == {first, second}:
                return one
        raise OperandError(f"{first!r}, {second!r}, allowed: two of {self.names}")


def compare_targets(
    layer: LayerData, targets: Sequence[Target], codes: IntegerRange | None = None
) -> TargetMatrix:
    """Run one layer on several targets, and say why they differ.

    Parameters
    ----------
    layer : LayerData
        To targets whose codes are signed where the layer's are not (or the reverse) the same real
        numbers are given: codes and zero points moved by 128, results moved back. Where a target
        hands out accumulators, those are compared, and the scales not used.
    targets : sequence of Target
    codes : IntegerRange, optional
        Of the results, in the layer's convention; default: the first target's own.

    Returns
    -------
    TargetMatrix

    Examples
    --------
    >>> from pyqsim import targets
    >>> layer = LayerData([[255, 255]], [[127], [127]])
    >>> both = [targets.get(name) for name in ("ort-vnni", "ort-avx2-u8s8")]
    >>> compare_targets(layer, both).differences[0].causes
    {'saturation: ort-avx2-u8s8, sum step 0, 16 bits': 1}
    """
    if any(target.scheme is None for target in targets):
        layer = replace(layer, a_scale=None, b_scale=None, out_scale=None)
    clamp = targets[0].clamp if targets else None
    if codes is None and clamp is not None:
        codes = IntegerRange(clamp.min, clamp.max)
    machines: list[TargetMachine] = []
    refused: dict[str, str] = {}
    for target in targets:
        try:
            machine = TargetMachine.of(layer, target, codes)
            machine.result  # noqa: B018 - runs it, or raises
        except PyqsimError as error:
            refused[target.name] = str(error)
        else:
            machines.append(machine)
    pairs = tuple(
        _difference(first, second)
        for index, first in enumerate(machines)
        for second in machines[index + 1 :]
    )
    return TargetMatrix(tuple(one.target.name for one in machines), refused, pairs)


def _difference(first: TargetMachine, second: TargetMachine) -> TargetDifference:
    x, y = first.result, second.result
    differ = x != y
    places = np.argwhere(differ)
    place = (int(places[0][0]), int(places[0][1])) if len(places) else None
    causes = target_causes(first, second, differ) if len(places) else Counter()
    return TargetDifference(
        first=first.target.name,
        second=second.target.name,
        outputs=x.size,
        differing=len(places),
        largest=int(np.abs(x - y).max()) if x.size else 0,
        place=place,
        values=None if place is None else (int(x[place]), int(y[place])),
        causes=dict(causes.most_common()),
    )
