"""Zero points and signs of the operands, and the bias: treated otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, AddBias, CorrectZeroPoints, Datapath, Multiply
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual, changed_machine, sites
from pyqsim.errors import DatapathError, OperandError
from pyqsim.formats import Affine
from pyqsim.tensor import QTensor

__all__ = ["biases", "signs", "zero_points"]

_Operand = QTensor | npt.NDArray[Any]


def _with_operands(
    cause: str, detail: str, which: str, change: Callable[[_Operand], _Operand]
) -> Counterfactual:
    def run(call: Call) -> npt.NDArray[Any]:
        a = change(call.a) if "a" in which else call.a
        b = change(call.b) if "b" in which else call.b
        return replace(call, a=a, b=b).run()

    return Counterfactual(cause, detail, run)


def zero_points(call: Call) -> Iterator[Counterfactual]:
    """Folded instead of subtracted and the reverse; ignored."""
    datapath = call.datapath
    if datapath.product == Multiply("subtract"):
        yield from changed_machine(
            "zero-point placement",
            "raw codes are multiplied, zero points corrected after the sum",
            replace,
            datapath,
            product=Multiply("fold"),
            output=(CorrectZeroPoints(), *datapath.output),
        )
    if datapath.product == Multiply("fold"):
        output = tuple(s for s in datapath.output if not isinstance(s, CorrectZeroPoints))
        yield from changed_machine(
            "zero-point placement",
            "zero points are subtracted before the product",
            replace,
            datapath,
            product=Multiply(),
            output=output,
        )
    for which in ("a", "b", "ab"):
        names = " and ".join(which)
        yield _with_operands("zero point ignored", f"zero point of {names}", which, _without)


def _without(operand: _Operand) -> _Operand:
    if not isinstance(operand, QTensor):
        return operand
    return QTensor(
        operand.codes,
        operand.format,
        operand.scale,
        0,
        operand.axis,
        operand.group,
        operand.group_axis,
    )


def signs(_: Call) -> Iterator[Counterfactual]:
    """Codes read as signed where they are unsigned, and the reverse."""
    for which in ("a", "b", "ab"):
        names = " and ".join(which)
        detail = f"codes of {names} read with the other sign"
        yield _with_operands("signedness", detail, which, _other_sign)


def _other_sign(operand: _Operand) -> _Operand:
    if not isinstance(operand, QTensor):
        if operand.dtype.itemsize > 2:
            raise OperandError(f"dtype={operand.dtype}, allowed: 8 or 16 bits")
        flipped = ("i" if operand.dtype.kind == "u" else "u") + str(operand.dtype.itemsize)
        return operand.astype(np.dtype(flipped))
    if not isinstance(operand.format, Affine):
        raise OperandError(f"format={operand.format}, allowed: Affine")
    fmt = Affine(operand.format.bits, not operand.format.signed)
    integers = operand.patterns()
    if fmt.signed:
        integers = integers - (integers >> (fmt.bits - 1) << fmt.bits)
    if operand.group is not None:
        raise OperandError("group, allowed: none")
    wide = Affine(min(fmt.bits + 2, 16), signed=True)
    return QTensor(integers, wide, operand.scale, operand.zero_point, operand.axis)


def biases(call: Call) -> Iterator[Counterfactual]:
    """The bias at another place, left out, or that of the first channel for all."""
    datapath = call.datapath
    if not datapath.reads_bias:
        return
    unbiased = _without_bias(datapath)
    for index in range(len(unbiased.output) + 1):
        output = (*unbiased.output[:index], AddBias(), *unbiased.output[index:])
        if output != datapath.output:
            detail = f"added before output step {index}"
            yield from changed_machine("bias place", detail, replace, unbiased, output=output)
    for site in sites(unbiased):
        if isinstance(site.step, Accumulate):
            yield from changed_machine(
                "bias place",
                f"{site.where} starts from it",
                site.with_fields,
                start="bias",
            )
    yield _with_bias("is left out", np.zeros_like)
    yield _with_bias("of the first column is used for all", _first_column)


def _first_column(bias: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return bias[..., :1] if bias.ndim else bias


def _without_bias(datapath: Datapath) -> Datapath:
    reduce = tuple(
        replace(step, start="zero") if isinstance(step, Accumulate) else step
        for step in datapath.reduce
    )
    output = tuple(step for step in datapath.output if not isinstance(step, AddBias))
    return replace(datapath, reduce=reduce, output=output)


def _with_bias(
    detail: str, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
) -> Counterfactual:
    def run(call: Call) -> npt.NDArray[Any]:
        if "bias" not in call.data:
            raise DatapathError("bias: none, allowed: one")
        bias = change(np.asarray(call.data["bias"]))
        return replace(call, data={**call.data, "bias": bias}).run()

    return Counterfactual("bias", detail, run)
