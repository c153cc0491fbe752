"""Register widths that can never overflow, and inputs that overflow one bit less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.datapath import Accumulate, Datapath, ReduceStep
from pyqsim.diagnostics.extremes import Activations, Layer
from pyqsim.diagnostics.order_freedom import OrderWitness, any_order, order_matters
from pyqsim.diagnostics.published_bounds import (
    centred_bits,
    data_type_bits,
    l1_bits,
    signed_bits,
)
from pyqsim.diagnostics.step_headroom import StepHeadroom, Witness, step_headroom, witness_of
from pyqsim.ops.operands import Matrix
from pyqsim.text_table import aligned

__all__ = ["Headroom", "StepHeadroom", "Witness", "headroom"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Headroom:
    """Proofs about a layer's registers, for every input that it may meet.

    Attributes
    ----------
    datapath : Datapath
    k, n : int
    chains : tuple of (int, int, int)
        (plane of a, plane of b, scale group), the first axis of the arrays.
    steps : tuple of StepHeadroom
        One a reduce step.
    any_order_bits : ndarray of int64, (chains, N)
        A signed accumulator so wide holds every partial sum of the terms in every order.
    data_type_bits : int or None
        What K and the widths of the operands ask for (A2Q's bound); None: not a plain product.
    l1_bits : ndarray of int64, (chains, N), or None
        What the weights' L1 norms ask for (A2Q).
    centred_bits : ndarray of int64, (chains, N), or None
        The same for weights whose sum is 0 (A2Q+); 0 where it is not. None of the three knows a
        bias.
    order_matters : bool or None
        Whether the result can depend on the order of the terms: False is proven, True was seen
        (`order_witness`), None is open.
    order_witness : tuple or None
        (n, codes, order, result in the datapath's order, result in that order).
    """

    datapath: Datapath
    k: int
    n: int
    chains: tuple[tuple[int, int, int], ...]
    steps: tuple[StepHeadroom, ...]
    any_order_bits: Ints
    data_type_bits: int | None
    l1_bits: Ints | None
    centred_bits: Ints | None
    order_matters: bool | None
    order_witness: OrderWitness | None
    _layer: Layer

    @property
    def proven(self) -> bool:
        """Whether no register of the datapath can overflow."""
        return all(step.proven for step in self.steps)

    def __repr__(self) -> str:
        needed = ", ".join(f"{s.name} {s.needed} of {s.given}" for s in self.steps)
        return f"Headroom(K={self.k}, N={self.n}, bits needed: {needed}, proven={self.proven})"

    def __str__(self) -> str:
        header = ("step", "what", "given", "needs", "smallest", "largest", "")
        rows = [
            (
                str(s.step),
                s.name,
                "exact" if s.given is None else str(s.given),
                _bits(s.needed),
                str(s.minimum.min(initial=0)),
                str(s.maximum.max(initial=0)),
                _verdict(s),
            )
            for s in self.steps
        ]
        beside = [
            ("any order", self.any_order_bits.max(initial=2)),
            ("data type", self.data_type_bits),
            ("L1 norm (A2Q)", None if self.l1_bits is None else self.l1_bits.max(initial=2)),
            ("zero-centred (A2Q+)", _centred(self.centred_bits)),
        ]
        bounds = ", ".join(f"{name} {'-' if bits is None else bits}" for name, bits in beside)
        order = {None: "not known", True: "yes, seen", False: "no, proven"}[self.order_matters]
        return "\n".join(
            (
                aligned(header, rows, left=2),
                "",
                f"signed bits by other bounds: {bounds}",
                f"can the result depend on the order of the terms? {order}",
            )
        )

    def witness(self, step: int | None = None, n: int | None = None) -> Witness | None:
        """An input that overflows a register one bit narrower than needed, run in the reference.

        Parameters
        ----------
        step : int, optional
            Default: the last `Accumulate`.
        n : int, optional
            The column; default: the one that needs most.

        Returns
        -------
        Witness or None
            None where no narrower register exists or the bias alone does not fit into it, or where
            the width is only a bound.
        """
        number = _last_sum(self.datapath.reduce) if step is None else step
        check_int("witness", "step", number, 0, len(self.steps) - 1)
        own = self.steps[number]
        if own.bits.size == 0:
            return None
        columns = range(self.n) if n is None else [check_int("witness", "n", n, 0, self.n - 1)]
        chain, column = max(
            ((c, x) for c in range(len(self.chains)) for x in columns),
            key=lambda at: int(own.bits[at]),
        )
        if not own.exact[chain, column]:
            return None
        return witness_of(self._layer, chain, own, column)

    def to_json(self) -> dict[str, Any]:
        """Everything in values that the json module takes."""
        last = self.witness() if self.steps else None
        return {
            "datapath": repr(self.datapath),
            "k": self.k,
            "n": self.n,
            "chains": self.chains,
            "proven": self.proven,
            "order_matters": self.order_matters,
            "data_type_bits": self.data_type_bits,
            "any_order_bits": self.any_order_bits.tolist(),
            "l1_bits": None if self.l1_bits is None else self.l1_bits.tolist(),
            "centred_bits": None if self.centred_bits is None else self.centred_bits.tolist(),
            "steps": [
                {
                    "step": s.step,
                    "name": s.name,
                    "given": s.given,
                    "needed": s.needed,
                    "proven": s.proven,
                    "bits": s.bits.tolist(),
                    "minimum": s.minimum.tolist(),
                    "maximum": s.maximum.tolist(),
                    "exact": s.exact.tolist(),
                }
                for s in self.steps
            ],
            "witness": None
            if last is None
            else {name: getattr(last, name) for name in Witness.__slots__},
        }


def headroom(
    b: Matrix,
    datapath: Datapath,
    activations: Activations,
    *,
    bias: npt.ArrayLike | None = None,
) -> Headroom:
    """Prove how wide every register of a datapath must be for given weights.

    Parameters
    ----------
    b : array_like of int or QTensor, (K, N)
        Weights.
    datapath : Datapath
        Its output steps are not looked at.
    activations : Format, Encoding or (int, int)
        Which inputs may come: every code of a format (zero point 0, or the encoding's), or all
        plain integers low..high.
    bias : array_like of int, optional
        For a datapath that starts from it; broadcasts to (N,).

    Returns
    -------
    Headroom

    Raises
    ------
    PyqsimError
        As `matmul`: in particular `AccumulatorRangeError` where a sum may leave int64.

    Notes
    -----
    Terms are chosen freely and independently within what each weight allows. Adding, saturating
    and every rounding that never falls keep order: if no term is smaller, no value on the way is.
    So the input with the largest possible terms and that with the smallest make the extremes of
    every partial sum, in trees, groups, lanes and spills alike; the C reference runs both. A
    register that wraps, zeroes or holds keeps order only where neither of them overflows it.

    Examples
    --------
    >>> import pyqsim as qs
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(12, "saturate"),))
    >>> proof = qs.headroom([[3], [-2], [4]], machine, (0, 255))
    >>> proof.steps[0].needed, proof.proven
    (12, True)
    >>> proof.witness().codes, proof.witness().bits, proof.witness().seen
    ((255, 0, 255), 11, 1785)
    """
    layer = Layer(b, datapath, activations, bias)
    shape = (len(layer.chains), layer.n)
    steps = tuple(
        step_headroom(layer, number, step, shape) for number, step in enumerate(datapath.reduce)
    )
    sums = any_order(layer)
    matters, witness = order_matters(layer, sums)
    return Headroom(
        datapath=datapath,
        k=layer.k,
        n=layer.n,
        chains=tuple(chain.place for chain in layer.chains),
        steps=steps,
        any_order_bits=np.array(
            [[signed_bits(x) for x in row] for row in sums], dtype=np.int64
        ).reshape(shape),
        **_published(layer, shape),
        order_matters=matters,
        order_witness=witness,
        _layer=layer,
    )


def _last_sum(steps: tuple[ReduceStep, ...]) -> int:
    sums = [i for i, step in enumerate(steps) if isinstance(step, Accumulate)]
    return sums[-1] if sums else len(steps) - 1


def _published(layer: Layer, shape: tuple[int, int]) -> dict[str, Any]:
    """The bounds of A2Q and A2Q+, for products that multiply exactly."""
    if layer.multiplies:
        l1, centred, widest = [], [], 0
        for chain in layer.chains:
            norms = np.abs(chain.w).astype(object).sum(axis=1).tolist()
            sums = chain.w.sum(axis=1).tolist()
            x = chain.input_interval
            l1.append([l1_bits(norm, x) for norm in norms])
            centred.append(
                [
                    0 if total else centred_bits(norm, x)
                    for norm, total in zip(norms, sums, strict=True)
                ]
            )
            widest = max(widest, data_type_bits(chain.w.shape[1], x, chain.weight_bits))
        return {
            "data_type_bits": widest,
            "l1_bits": np.array(l1, dtype=np.int64).reshape(shape),
            "centred_bits": np.array(centred, dtype=np.int64).reshape(shape),
        }
    return dict.fromkeys(("data_type_bits", "l1_bits", "centred_bits"))


def _bits(bits: int) -> str:
    return "none" if bits == 0 else str(bits)


def _centred(bits: Ints | None) -> int | None:
    return None if bits is None or not bits.all() else int(bits.max(initial=2))


def _verdict(step: StepHeadroom) -> str:
    if step.given is None:
        return ""
    if step.proven:
        return "never overflows"
    return "overflows" if step.exact.all() else "not proven"
