"""Vectors for a hardware bench: operands, outputs, and every accumulator on the way."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import parameters
from pyqsim.checks import check_int
from pyqsim.datapath import Datapath
from pyqsim.diagnostics import Call, explain
from pyqsim.errors import DatapathError, PyqsimError
from pyqsim.testing.choices import SeededChoices
from pyqsim.testing.conformance.plain import plain_numbers
from pyqsim.testing.random_calls import draw_call
from pyqsim.testing.random_data import ANY_DATA, DataRanges
from pyqsim.testing.random_operands import OperandKind, check_one_plane, operand_of

__all__ = ["Recipe", "Vectors", "calls_of", "make"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that vectors are made from; the same recipe gives the same bytes.

    Parameters
    ----------
    datapath : Datapath
    a, b : Format or dtype
    sizes : (int, int, int)
        M, N, K of every call.
    calls : int
    seed : int
    trace : bool
        Also what every reduce step's register holds after every value, in the order of work.
    ranges : DataRanges
        What bias and shifts may be.
    """

    datapath: Datapath
    a: OperandKind
    b: OperandKind
    sizes: tuple[int, int, int]
    calls: int = 16
    seed: int = 0
    trace: bool = False
    ranges: DataRanges = ANY_DATA

    def __post_init__(self) -> None:
        check_one_plane("a", self.a)
        check_one_plane("b", self.b)
        for name, size in zip("MNK", self.sizes, strict=True):
            check_int("vectors", name, size, 1, 2**16)
        check_int("vectors", "calls", self.calls, 1, 2**20)
        check_int("vectors", "seed", self.seed, 0, 2**63 - 1)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Arrays by name, the first axis is the call.

    Attributes
    ----------
    recipe : Recipe
    arrays : dict of str to ndarray
        ``a`` (calls, M, K), ``b`` (calls, K, N), ``out`` (calls, M, N); where there are any:
        ``a_zero_point`` (calls, M), ``b_zero_point``, ``bias``, ``multiplier``, ``shift``,
        ``scale``, ``out_zero_point`` (calls, N), ``accumulators`` (calls, M, N, values).
    parameters : str or None
        Class of the scheme's parameters.
    """

    recipe: Recipe
    arrays: dict[str, Array]
    parameters: str | None = None


def make(recipe: Recipe) -> Vectors:
    """Make vectors; calls that the reference refuses are passed over.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    Vectors

    Examples
    --------
    >>> import pyqsim as qs
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
    >>> made = make(Recipe(machine, np.dtype("int8"), np.dtype("int8"), (2, 2, 5), trace=True))
    >>> {name: array.shape for name, array in made.arrays.items()}["accumulators"]
    (16, 2, 2, 5)
    """
    calls, outputs = _calls(recipe)
    columns: dict[str, list[Array]] = {}
    found = [plain_numbers(call) for call in calls]
    m, n, _ = recipe.sizes
    for name in dict.fromkeys(name for numbers in found for name in numbers):
        size = m if name == "a_zero_point" else n
        columns[name] = [numbers.get(name, np.zeros(size, np.int64)) for numbers in found]
    arrays = {name: np.stack(values) for name, values in columns.items()}
    if recipe.trace:
        arrays["accumulators"] = np.stack([_trace(call) for call in calls])
    arrays["out"] = np.stack(outputs)
    given = calls[0].data.get("requantize")
    return Vectors(recipe, arrays, None if given is None else type(given).__name__)


def _calls(recipe: Recipe) -> tuple[list[Call], list[Array]]:
    calls: list[Call] = []
    outputs: list[Array] = []
    m, n, k = recipe.sizes
    number = 0
    while len(calls) < recipe.calls:
        call = draw_call(
            SeededChoices((recipe.seed, number)), recipe.datapath, a=recipe.a, b=recipe.b,
            per_row=False, k=k, sides=(m, n), ranges=recipe.ranges,
        )  # fmt: skip
        number += 1
        try:
            outputs.append(call.run())
        except PyqsimError:
            if number > 20 * recipe.calls + 100:
                raise
            continue
        calls.append(call)
    return calls, outputs


def _trace(call: Call) -> Array:
    """(M, N, values): what the reduce steps' registers hold, in the order of work."""
    m, n, _ = call.sizes
    steps = len(call.datapath.reduce)
    rows = [
        [
            line.after
            for line in explain(call.a, call.b, call.datapath, i, j, **call.data).lines
            if 0 <= line.step < steps
        ]
        for i in range(m)
        for j in range(n)
    ]
    if len({len(row) for row in rows}) > 1:
        raise DatapathError("trace: outputs of different length, allowed: no SATURATE_HOLD")
    return np.array(rows, dtype=np.int64).reshape(m, n, -1)


def calls_of(vectors: Vectors) -> list[Call]:
    """The calls that vectors hold."""
    return [_call(vectors, number) for number in range(vectors.recipe.calls)]


def _call(vectors: Vectors, number: int) -> Call:
    recipe, arrays = vectors.recipe, {name: a[number] for name, a in vectors.arrays.items()}
    data: dict[str, Any] = {
        name: arrays[name] for name in ("bias", "out_zero_point") if name in arrays
    }
    if vectors.parameters is not None:
        kind = getattr(parameters, vectors.parameters)
        data["requantize"] = kind(**{f.name: arrays[f.name] for f in dataclasses.fields(kind)})
    operands = (
        operand_of(recipe.a, arrays["a"], arrays.get("a_zero_point"), 0),
        operand_of(recipe.b, arrays["b"], arrays.get("b_zero_point"), 1),
    )
    return Call(*operands, recipe.datapath, data)
