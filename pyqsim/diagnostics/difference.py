"""Where two runs part: layer, element, step and k; and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.datapath import Datapath
from pyqsim.diagnostics.aspects import aspects
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.explain import Explanation, Line, explain
from pyqsim.diagnostics.layer_call import layer_call
from pyqsim.diagnostics.verdict import verdict
from pyqsim.errors import DatapathError, OperandError, PyqsimError, ShapeError
from pyqsim.model import Conv2d, LayerRun, Linear, Result
from pyqsim.ops import DataOptions
from pyqsim.ops.operands import Matrix
from pyqsim.tensor import QTensor

__all__ = ["Difference", "diff"]

_Recorded = Sequence[npt.ArrayLike] | Mapping[str, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class Difference:
    """The first place where two runs part. False where they do not.

    Attributes
    ----------
    layer : str or None
        The first layer of two networks that differs.
    element : tuple of int or None
        Index of its first output that differs.
    values : tuple of int or None
        That output, of x and of y.
    differing, total : int
        How many outputs of the call or layer differ, and of how many.
    step : int or None
        The first step (as `Explanation` numbers them; -1: the product) after which they differ.
        Against recorded outputs, whose way is not known: None.
    k : int or None
        The last term inside the first value that differs, -1: none.
    lines : tuple of (Line or None) or None
        That value in x and in y; None where one has no such value.
    causes : tuple of str
        What explains all outputs of the call or layer by itself: the aspect of y that makes x what
        y is, or a changed machine that makes the recorded numbers. Empty: no single one does.
    explanations : tuple of Explanation
        Of x at the element, and of y where it is a machine.
    """

    layer: str | None
    element: tuple[int, ...] | None
    values: tuple[int, int] | None
    differing: int
    total: int
    step: int | None = None
    k: int | None = None
    lines: tuple[Line | None, Line | None] | None = None
    causes: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()

    def __bool__(self) -> bool:
        return self.differing > 0

    @property
    def verdict(self) -> str:
        """The likeliest cause, and what happened in x and y where they part."""
        if not self:
            return "no difference"
        cause = self.causes[0] if self.causes else "no single aspect explains all of it"
        return f"{cause}{self._happened()}"

    def _happened(self) -> str:
        found = []
        first: tuple[Line | None, ...] = self.lines or ()
        if self.lines is None and self.explanations:
            lines = self.explanations[0].lines
            first = tuple(line for line in lines if line.overflowed)[:1]
        for name, line in zip("xy", first, strict=False):
            if line is not None and line.happened:
                place = "" if line.k < 0 else f" at k={line.k}"
                found.append(f"{name} {' and '.join(line.happened)}{place}")
        return f" ({'; '.join(found)})" if found else ""

    def __str__(self) -> str:
        if not self:
            return f"no difference in {self.total} outputs"
        assert self.values is not None
        where = "" if self.layer is None else f"layer {self.layer!r}, "
        lines = [
            f"{where}output {self.element}: {self.values[0]} and {self.values[1]}; "
            f"{self.differing} of {self.total} outputs differ"
        ]
        if self.step is not None:
            k = "" if self.k is None or self.k < 0 else f", k={self.k}"
            after = [None if line is None else line.after for line in self.lines or ()]
            what = next((line.name for line in self.lines or () if line), "")
            lines.append(f"first in step {self.step} ({what}){k}: {after[0]} and {after[1]}")
        lines.append(f"verdict: {self.verdict}")
        lines += [f"  or {other}" for other in self.causes[1:5]]
        return "\n".join(lines)


def diff(
    x: Datapath | Result,
    y: Datapath | Result | npt.ArrayLike | _Recorded,
    a: Matrix | None = None,
    b: Matrix | None = None,
    *,
    y_data: DataOptions | None = None,
    **data: Unpack[DataOptions],
) -> Difference:
    """Find where two runs part, and say why.

    Parameters
    ----------
    x : Datapath or model.Result
    y : Datapath, model.Result, or recorded outputs
        Of a datapath: another one, or an array of outputs. Of a network's run: another run, or
        recorded outputs, a sequence of one a layer or a mapping by the layers' names; what a
        mapping lacks is not compared.
    a, b : array_like of int or QTensor
        Operands, where x is a datapath.
    y_data : dict, optional
        The numbers that y is given, where they are not those of x.
    **data
        bias, requantize, out_zero_point, merge: as in `matmul`.

    Returns
    -------
    Difference

    Examples
    --------
    >>> import pyqsim as qs
    >>> x, y = (qs.Datapath(reduce=(qs.Accumulate(14, rule),)) for rule in ("saturate", "wrap"))
    >>> print(qs.diff(x, y, [[100, 100, 5]], [[100], [-3], [7]]))
    output (0, 0): 7926 and -6649; 1 of 1 outputs differ
    first in step 0 (Accumulate), k=0: 8191 and -6384
    verdict: overflow rule: reduce step 0 (Accumulate): overflow=WRAP instead of SATURATE \
(x saturated at k=0; y wrapped at k=0)
    """
    if isinstance(x, Result):
        if a is not None or b is not None or data or y_data:
            raise DatapathError("diff: operands or data given, allowed: with datapaths only")
        return _diff_networks(x, y)
    if not isinstance(x, Datapath):
        raise OperandError(f"diff: x={type(x).__name__}, allowed: a Datapath or a model.Result")
    if a is None or b is None:
        raise OperandError("diff: a or b missing, allowed: both operands, where x is a Datapath")
    a, b = (one if isinstance(one, QTensor) else integer_array("operand", one) for one in (a, b))
    call = Call(a, b, x, dict(data))
    if isinstance(y, Datapath):
        return _diff_calls(call, Call(a, b, y, dict(data if y_data is None else y_data)))
    if isinstance(y, (Result, Mapping)):
        raise OperandError(
            f"diff: y={type(y).__name__}, allowed: a Datapath or outputs, where x is one"
        )
    if y_data is not None:
        raise DatapathError("diff: y_data given, allowed: where y is a Datapath")
    recorded: Any = y
    return _diff_recorded(call, integer_array("y", recorded))


def _diff_calls(x: Call, y: Call) -> Difference:
    mine, other = x.run(), y.run()
    found = _compare(mine, other)
    if not found:
        return found
    assert found.element is not None
    m, n = found.element[-2:]
    told = tuple(explain(c.a, c.b, c.datapath, m, n, **c.data) for c in (x, y))
    step, k, lines = _parting(*told)
    causes = tuple(str(one) for one in aspects(x, y) if _makes(one.changed, other))
    return replace(found, step=step, k=k, lines=lines, causes=causes, explanations=told)


def _diff_recorded(call: Call, recorded: npt.NDArray[Any]) -> Difference:
    found = _compare(call.run(), recorded)
    if not found:
        return found
    assert found.element is not None
    m, n = found.element[-2:]
    told = explain(call.a, call.b, call.datapath, m, n, **call.data)
    causes = tuple(map(str, verdict([call], [recorded]).causes))
    return replace(found, causes=causes, explanations=(told,))


def _diff_networks(x: Result, y: Any) -> Difference:
    total = 0
    for mine, other in _layer_pairs(x, y):
        numbers = _numbers(other.output if isinstance(other, LayerRun) else other)
        found = _compare(_numbers(mine.output), numbers)
        total += found.total
        if found:
            return _explained(mine, other, numbers, found)
    return Difference(None, None, None, 0, total)


def _explained(
    mine: LayerRun, other: Any, numbers: npt.NDArray[Any], found: Difference
) -> Difference:
    """The difference of one layer, with its place inside the element where that is known."""
    runs = [one for one in (mine, other) if isinstance(one, LayerRun)]
    calls = [
        layer_call(one.layer, one.input) for one in runs if isinstance(one.layer, (Conv2d, Linear))
    ]
    if len(calls) < len(runs):
        return replace(found, layer=mine.layer.name)
    if len(calls) == 2:
        inner = _diff_calls(*calls)
    else:
        inner = _diff_recorded(calls[0], numbers.reshape(-1, numbers.shape[-1]))
    return replace(inner, layer=mine.layer.name, element=found.element)


def _layer_pairs(x: Result, y: Any) -> list[tuple[LayerRun, Any]]:
    names = [run.layer.name for run in x.layers]
    if isinstance(y, Mapping):
        unknown = sorted(set(y) - set(names))
        if unknown:
            raise OperandError(f"diff: y has layers {unknown}, allowed: {', '.join(names)}")
        return [(run, y[run.layer.name]) for run in x.layers if run.layer.name in y]
    others = y.layers if isinstance(y, Result) else y
    if not isinstance(others, Sequence) or len(others) != len(x.layers):
        raise OperandError(
            f"diff: y={type(y).__name__}, allowed: a Result, a mapping, or a sequence of "
            f"{len(x.layers)} outputs"
        )
    return list(zip(x.layers, others, strict=True))


def _numbers(output: Any) -> npt.NDArray[Any]:
    return output.codes if isinstance(output, QTensor) else integer_array("y", output)


def _compare(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Difference:
    if x.shape != y.shape:
        raise ShapeError(f"diff: y.shape={y.shape}, allowed: {x.shape}")
    places = np.argwhere(x != y)
    if not len(places):
        return Difference(None, None, None, 0, x.size)
    element = tuple(places[0].tolist())
    return Difference(None, element, (int(x[element]), int(y[element])), len(places), x.size)


def _makes(call: Call, outputs: npt.NDArray[Any]) -> bool:
    """Whether a call gives exactly these outputs; a call that cannot be made does not."""
    try:
        return np.array_equal(call.run(), outputs)
    except PyqsimError:
        return False


def _parting(
    x: Explanation, y: Explanation
) -> tuple[int | None, int | None, tuple[Line | None, Line | None] | None]:
    """The first step, and in it the first value, after which two explanations differ."""
    last = max(line.step for told in (x, y) for line in told.lines)
    for step in range(-1, last + 1):
        ways = ([line for line in told.lines if line.step == step] for told in (x, y))
        for mine, other in zip_longest(*ways):
            if mine is None or other is None or mine.after != other.after:
                return step, (mine or other).k, (mine, other)
    return None, None, None
