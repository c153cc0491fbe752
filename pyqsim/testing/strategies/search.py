"""Layers drawn by Hypothesis outside of a test function."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from pyqsim.datapath import Datapath
from pyqsim.diagnostics import Call
from pyqsim.errors import PyqsimError
from pyqsim.testing.strategies._checks import check_between
from pyqsim.testing.strategies.layers import layers

__all__ = ["examples_of"]


def examples_of(datapath: Datapath, a: Any, b: Any, zero_points: bool, examples: int) -> list[Call]:
    """The same layers every time, but for those that the reference refuses."""
    check_between("examples", examples, 1, 10**6)
    drawn: list[Call] = []

    @seed(0)
    @settings(
        phases=[Phase.generate],
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(layers(datapath, a=a, b=b, zero_points=zero_points, per_row=False))
    def keep(layer: Call) -> None:
        try:
            layer.run()
        except PyqsimError:
            return
        drawn.append(layer)

    keep()
    return drawn
