"""A target with a layer in its own convention, cut into the aspects that can be exchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Datapath, OutputStep, ReduceStep, Requantize, Scheme
from pyqsim.errors import OperandError
from pyqsim.execution import output_of_array
from pyqsim.parameters import Parameters
from pyqsim.requantize.base import encoded
from pyqsim.targets import IntegerRange, LayerData, Target

__all__ = ["TargetMachine"]

Ints = npt.NDArray[Any]
_UNSIGNED = 128  # the same tensor as u8 or s8: codes and zero point move by this


@dataclass(frozen=True)
class TargetMachine:
    """A target with the layer in its own convention, cut into the aspects that can be exchanged."""

    target: Target
    layer: LayerData
    moved: int  # the results' codes minus those of the convention that the layer came in

    @staticmethod
    def of(layer: LayerData, target: Target, codes: IntegerRange | None) -> TargetMachine:
        """Move a layer's codes into a target's ranges; `codes`: its results', as it came."""
        a = np.asarray(layer.a, dtype=np.int64)
        for move in (-_UNSIGNED, _UNSIGNED):
            if not target.a.holds(a) and target.a.holds(a + move) and target.zero_points:
                layer = replace(layer, a=a + move, a_zero_point=layer.a_zero_point + move)
        moved = 0
        if layer.has_scales and target.clamp is not None and codes is not None:
            moved = _moved(target, IntegerRange(target.clamp.min, target.clamp.max), codes)
        zero_point = np.asarray(layer.out_zero_point) + moved
        return TargetMachine(target, replace(layer, out_zero_point=zero_point), moved)

    @property
    def scheme(self) -> Scheme | None:
        """The target's, where the layer has scales."""
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
        """All sums, computed once."""
        return self.sums()

    @property
    def last_steps(self) -> tuple[OutputStep, ...]:
        """What follows the scheme."""
        return self.target.datapath.output[self._cut + 1 :]

    def encoded(self, rule: Target) -> Parameters:
        """The real factor as this scheme encodes it, computed by another target's rule."""
        assert self.scheme is not None
        assert self.layer.a_scale is not None
        assert self.layer.b_scale is not None
        assert self.layer.out_scale is not None
        scale = rule.real_scale(self.layer.a_scale, self.layer.b_scale, self.layer.out_scale)
        return encoded(self.scheme, scale)

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
        """In the convention that the layer came in, int64."""
        if self.scheme is None:
            return self.accumulators.astype(np.int64)
        y = self.finish(self.accumulators, self.scheme, self.encoded(self.target), self.last_steps)
        return y.astype(np.int64) - self.moved


def _moved(target: Target, made: IntegerRange, codes: IntegerRange) -> int:
    """What the target adds to every code, by way of its output's zero point."""
    moved = made.low - codes.low
    if moved and (abs(moved) != _UNSIGNED or not target.zero_points):
        raise OperandError(
            f"{target.name}: makes codes {made}, allowed: {codes}, or moved by 128 by a zero point"
        )
    return moved
