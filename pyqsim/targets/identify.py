"""Which machine is this? The targets and schemes that make every observed number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.errors import PyqsimError, ShapeError
from pyqsim.parameters import Parameters
from pyqsim.requantize import registered
from pyqsim.targets.layer_data import LayerData
from pyqsim.targets.registry import get, names
from pyqsim.targets.scheme_numbers import AnyScheme, SchemeNumbers
from pyqsim.targets.target import Target

__all__ = ["Identification", "Refutation", "identify", "identify_schemes"]


@dataclass(frozen=True, slots=True)
class Refutation:
    """The first observed number that a candidate does not make.

    Attributes
    ----------
    place : tuple of int
        Index into the observed array.
    observed, computed : int
    differing : int
        How many of all numbers differ.
    """

    place: tuple[int, ...]
    observed: int
    computed: int
    differing: int


@dataclass(frozen=True)
class Identification:
    """What observations say of each candidate.

    Attributes
    ----------
    consistent : tuple of str
        Candidates that make every observed number.
    refuted : mapping of str to Refutation
    skipped : mapping of str to str
        Candidates that cannot take these inputs, and why.
    observations : int
    """

    consistent: tuple[str, ...]
    refuted: Mapping[str, Refutation]
    skipped: Mapping[str, str]
    observations: int

    def __str__(self) -> str:
        found = ", ".join(self.consistent) or "none"
        return (
            f"consistent with all {self.observations} numbers: {found} "
            f"({len(self.refuted)} refuted, {len(self.skipped)} cannot take the inputs)"
        )


def _judge(computed: npt.NDArray[Any], observed: npt.NDArray[Any]) -> Refutation | None:
    """None where all numbers are equal."""
    if computed.shape != observed.shape:
        raise ShapeError(f"out: shape={observed.shape}, allowed: {computed.shape}")
    wrong = np.argwhere(computed != observed)
    if not len(wrong):
        return None
    place = tuple(int(i) for i in wrong[0])
    return Refutation(place, int(observed[place]), int(computed[place]), len(wrong))


def identify(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    out: npt.ArrayLike,
    *,
    candidates: Iterable[str | Target] | None = None,
    **layer: Any,
) -> Identification:
    """Find the targets that make exactly what a machine was seen to make.

    Parameters
    ----------
    a, b : array_like of int
        Codes, (M, K) and (K, N).
    out : array_like of int, (M, N)
        What came out: codes where scales are given, else accumulators.
    candidates : iterable of str or Target, optional
        Default: all targets.
    **layer
        bias, a_scale, b_scale, out_scale, a_zero_point, b_zero_point, out_zero_point: see
        `LayerData`.

    Returns
    -------
    Identification

    Examples
    --------
    >>> from pyqsim import targets
    >>> found = targets.identify([[255, 255]], [[127], [127]], [[32767]])
    >>> "x86-vpmaddubsw" in found.consistent, "ort-vnni" in found.consistent
    (True, False)
    """
    given = LayerData(a, b, **layer)
    observed = integer_array("out", out)
    chosen = names() if candidates is None else candidates
    consistent: list[str] = []
    refuted: dict[str, Refutation] = {}
    skipped: dict[str, str] = {}
    for target in (one if isinstance(one, Target) else get(one) for one in chosen):
        try:
            computed = given.run(target)
        except PyqsimError as error:
            skipped[target.name] = str(error)
            continue
        wrong = _judge(computed, observed)
        if wrong is None:
            consistent.append(target.name)
        else:
            refuted[target.name] = wrong
    return Identification(tuple(consistent), refuted, skipped, observed.size)


def identify_schemes(
    acc: npt.ArrayLike,
    out: npt.ArrayLike,
    *,
    scale: npt.ArrayLike | None = None,
    amount: npt.ArrayLike | None = None,
    parameters: Parameters | None = None,
    zero_point: npt.ArrayLike = 0,
    clamp: tuple[int, int] = (-(2**31), 2**31 - 1),
    candidates: Mapping[str, AnyScheme] | None = None,
) -> Identification:
    """Find the requantize schemes that turn accumulators into exactly what was observed.

    Parameters
    ----------
    acc, out : array_like of int
        Accumulators (bias added) and what came out of them, of one shape.
    scale, amount, parameters : optional
        One of them: see `SchemeNumbers`. `parameters` are numbers read from the device; schemes
        that take others are skipped.
    zero_point : array_like of int
    clamp : (int, int)
    candidates : mapping of str to scheme, optional
        Default: every scheme of `pyqsim.requantize.registered`.

    Returns
    -------
    Identification

    Examples
    --------
    >>> found = identify_schemes([1, 3, 5, -1, -3], [0, 2, 2, 0, -2], scale=0.5)
    >>> "float32" in found.consistent, "tflite-single" in found.consistent
    (True, False)
    """
    numbers = SchemeNumbers(scale, amount, parameters)
    accumulators, observed = integer_array("acc", acc), integer_array("out", out)
    consistent: list[str] = []
    refuted: dict[str, Refutation] = {}
    skipped: dict[str, str] = {}
    for name, scheme in (registered() if candidates is None else candidates).items():
        try:
            own = numbers.parameters_of(scheme)
            computed = scheme.apply(accumulators, own, zero_point=zero_point, clamp=clamp)
        except PyqsimError as error:
            skipped[name] = str(error)
            continue
        wrong = _judge(computed, observed)
        if wrong is None:
            consistent.append(name)
        else:
            refuted[name] = wrong
    return Identification(tuple(consistent), refuted, skipped, observed.size)
