"""Several targets on one layer: how many outputs differ, by how much, where first, and why.

Why is found by counterfactual runs, output by output: one aspect of the second machine at a time is
put into the first one (its sum, its scheme, its encoding of the real factor, its last steps). The
aspect whose change alone makes the second machine's number is the cause; inside it, one register or
one rounding at a time is made exact until the two agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    Accumulate,
    Clamp,
    Datapath,
    Narrow,
    OutputStep,
    ReduceStep,
    Requantize,
    Scheme,
)
from pyqsim.errors import OperandError, PyqsimError
from pyqsim.execution import output_of_array
from pyqsim.modes import WRAP, OverflowRule
from pyqsim.parameters import DoubleFactor, FixedPointFactor, FloatFactor, Multiplier, Parameters
from pyqsim.targets import LayerData, Target

__all__ = ["TargetDifference", "TargetMatrix", "compare_targets"]

Ints = npt.NDArray[Any]
_UNSIGNED = 128  # the same tensor as u8 or s8: codes and zero point move by this
_MOST = 20_000  # outputs of one pair whose cause is looked for
_ASPECTS = ("sum", "scheme", "scale encoding", "last steps")


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


def compare_targets(layer: LayerData, targets: Sequence[Target]) -> TargetMatrix:
    """Run one layer on several targets, and say why they differ.

    Parameters
    ----------
    layer : LayerData
        In the convention of the first target. To targets whose codes are signed where the first
        one's are not (or the reverse) the same real numbers are given: codes and zero points
        moved by 128, results moved back. Where a target hands out accumulators, those are
        compared, and the scales not used.
    targets : sequence of Target

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
    machines: list[_Machine] = []
    refused: dict[str, str] = {}
    for target in targets:
        try:
            machine = _Machine.of(layer, target, targets[0])
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


@dataclass(frozen=True)
class _Machine:
    """A target with the layer in its own convention, cut into the aspects that can be exchanged."""

    target: Target
    layer: LayerData
    moved: int  # the results' codes minus those of the first target's convention

    @staticmethod
    def of(layer: LayerData, target: Target, reference: Target) -> _Machine:
        a = np.asarray(layer.a, dtype=np.int64)
        for move in (-_UNSIGNED, _UNSIGNED):
            if not target.a.holds(a) and target.a.holds(a + move) and target.zero_points:
                layer = replace(layer, a=a + move, a_zero_point=layer.a_zero_point + move)
        moved = 0
        if layer.has_scales and target.clamp is not None and reference.clamp is not None:
            moved = target.clamp.min - reference.clamp.min
        zero_point = np.asarray(layer.out_zero_point) + (moved if target.zero_points else 0)
        return _Machine(target, replace(layer, out_zero_point=zero_point), moved)

    @property
    def scheme(self) -> Scheme | None:
        return self.target.scheme if self.layer.has_scales else None

    @property
    def _cut(self) -> int:
        """Index of the output step that requantizes; without one, of the end."""
        kinds = [type(step) for step in self.target.datapath.output]
        return kinds.index(Requantize) if Requantize in kinds else len(kinds)

    def sums(self, reduce: tuple[ReduceStep, ...] | None = None) -> Ints:
        """The accumulators, correction and bias included."""
        whole = self.target.datapath
        datapath = Datapath(
            whole.product, reduce or whole.reduce, whole.output[: self._cut], whole.order
        )
        return LayerData(
            self.layer.a,
            self.layer.b,
            self.layer.bias,
            a_zero_point=self.layer.a_zero_point,
            b_zero_point=self.layer.b_zero_point,
        ).run(replace(self.target, datapath=datapath))

    @cached_property
    def accumulators(self) -> Ints:
        return self.sums()

    @property
    def last_steps(self) -> tuple[OutputStep, ...]:
        return self.target.datapath.output[self._cut + 1 :]

    def encoded(self, rule: Target) -> Parameters:
        """The real factor as this scheme encodes it, computed by another target's rule."""
        assert self.scheme is not None
        assert self.layer.a_scale is not None
        assert self.layer.b_scale is not None
        assert self.layer.out_scale is not None
        scale = rule.real_scale(self.layer.a_scale, self.layer.b_scale, self.layer.out_scale)
        parameters: Parameters = self.scheme.encode(scale)  # type: ignore[attr-defined]
        return parameters

    def finish(
        self, sums: Ints, scheme: Scheme, parameters: Parameters, last: tuple[OutputStep, ...]
    ) -> Ints:
        """Requantize sums, then these last steps with this machine's zero point."""
        adds = any(type(step).__name__ == "AddZeroPoint" for step in last)
        zero_point = self.layer.out_zero_point if adds else None
        steps = (Requantize(scheme), *last)
        return output_of_array(sums, steps, requantize=parameters, out_zero_point=zero_point)

    @cached_property
    def result(self) -> Ints:
        """In the first target's convention, int64."""
        if self.scheme is None:
            return self.accumulators.astype(np.int64)
        y = self.finish(self.accumulators, self.scheme, self.encoded(self.target), self.last_steps)
        return y.astype(np.int64) - self.moved


def _difference(first: _Machine, second: _Machine) -> TargetDifference:
    x, y = first.result, second.result
    differ = x != y
    places = np.argwhere(differ)
    place = (int(places[0][0]), int(places[0][1])) if len(places) else None
    causes = _causes(first, second, differ) if len(places) else Counter()
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


def _causes(first: _Machine, second: _Machine, differ: npt.NDArray[np.bool_]) -> Counter[str]:
    """Exchange one aspect, then two, then three; inside a single one look closer."""
    causes: Counter[str] = Counter()
    left = differ.copy()
    if first.scheme is None:
        return _sum_causes(first, second, left)
    for count in range(1, len(_ASPECTS) + 1):
        for aspects in combinations(_ASPECTS, count):
            explained = left & _explains(first, second, aspects)
            left &= ~explained
            if not explained.any():
                continue
            if aspects == ("sum",):
                causes += _sum_causes(first, second, explained)
            elif aspects == ("scheme",):
                causes += _scheme_causes(first, second, explained)
            else:
                causes[" and ".join(aspects)] += int(explained.sum())
    return causes


def _explains(first: _Machine, second: _Machine, aspects: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Where the first machine with some aspects of the second makes the second's number."""
    of = {aspect: second if aspect in aspects else first for aspect in _ASPECTS}
    scheme, last = of["scheme"], of["last steps"]
    assert scheme.scheme is not None
    try:
        parameters = scheme.encoded(of["scale encoding"].target)
        sums = of["sum"].accumulators
        y = last.finish(sums, scheme.scheme, parameters, last.last_steps)
    except PyqsimError:  # a hybrid that cannot be built explains nothing
        return np.zeros(first.result.shape, dtype=bool)
    return np.asarray(y.astype(np.int64) - last.moved == second.result)


# ---------------------------------------------------------------------------------------------
# inside the sum: one register at a time is made exact


def _sum_causes(
    first: _Machine, second: _Machine, explained: npt.NDArray[np.bool_]
) -> Counter[str]:
    causes: Counter[str] = Counter()
    left = explained.copy()
    for changed, other in ((second, first), (first, second)):
        for steps in _registers(changed.target.datapath.reduce):
            reduce = [
                _exact(step) if index in steps else step
                for index, step in enumerate(changed.target.datapath.reduce)
            ]
            try:
                sums = changed.sums(tuple(reduce))
            except PyqsimError:
                continue
            found = left & (sums == other.accumulators)
            if found.any():
                causes[_register_cause(changed.target, steps)] += int(found.sum())
                left &= ~found
    if left.any():
        causes["registers of both sums, or their order"] += int(left.sum())
    return causes


def _exact(step: ReduceStep) -> ReduceStep:
    """The step with a register that holds everything, and without rounding."""
    if isinstance(step, Accumulate):
        return replace(step, bits=None, overflow=WRAP, signed=True)
    if isinstance(step, Narrow):
        return Narrow(step.shift, step.multiplier, step.divisor, step.rounding)
    return step


def _registers(reduce: tuple[ReduceStep, ...]) -> list[tuple[int, ...]]:
    """Every step with a register, then all of them."""
    limited = tuple(i for i, step in enumerate(reduce) if _exact(step) != step)
    return [(i,) for i in limited] + ([limited] if len(limited) > 1 else [])


def _register_cause(target: Target, steps: tuple[int, ...]) -> str:
    rules = {target.datapath.reduce[index].overflow.rule for index in steps}
    wraps = rules <= {OverflowRule.WRAP, OverflowRule.SIGN_MAGNITUDE_WRAP}
    word = "wrap" if wraps else "saturation"
    if len(steps) > 1:
        return f"{word}: {target.name}, sum steps {', '.join(map(str, steps))} together"
    return (
        f"{word}: {target.name}, sum step {steps[0]}, {target.datapath.reduce[steps[0]].bits} bits"
    )


# ---------------------------------------------------------------------------------------------
# inside the scheme: exact products say who rounded how


def _scheme_causes(
    first: _Machine, second: _Machine, explained: npt.NDArray[np.bool_]
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
