"""Strategies for whole layers: operands, machine and data that go together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pyqsim.datapath import Datapath, Shift
from pyqsim.diagnostics import Call
from pyqsim.formats import Affine, LogQuant
from pyqsim.testing.random_calls import draw_call
from pyqsim.testing.strategies._checks import check_between, check_datapath, operand_kind
from pyqsim.testing.strategies._drawn import DrawnChoices
from pyqsim.testing.strategies.values import datapaths

__all__ = ["layers"]


def layers(
    datapath: Datapath | st.SearchStrategy | None = None,
    *,
    a: Any = None,
    b: Any = None,
    zero_points: bool = True,
    per_row: bool = True,
    max_side: int = 5,
) -> st.SearchStrategy:
    """Return a strategy for `pyqsim.diagnostics.Call`: a, b, datapath and data of one layer.

    * ``datapath`` is one, or a strategy for some; default: `datapaths`.
    * ``a``, ``b`` say what operands are: a Format (they are QTensors then, often with zero points
      at both ends) or an integer dtype (arrays, at all sorts of strides). Default: signed 8-bit
      codes, and 4-bit logarithmic weights where the product is `Shift`.
    * ``zero_points=False`` leaves zero points 0; ``per_row=False`` gives all rows of a the same.
    * ``max_side`` bounds M and N; K is chosen by the datapath: around the ends of its groups, and
      long enough to leave its registers.

    Rows are steered: their sums are ties of a rounding, the last number inside or the first
    outside of a register, or leave a register on the way and come back.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from hypothesis import find
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
    >>> def overflows(layer):
    ...     return qs.matmul(layer.a, layer.b, machine, events=True)[1].overflows > 0
    >>> find(layers(machine, a="int8", b="int8"), overflows).sizes[:2]
    (1, 1)
    """
    check_between("max_side", max_side, 1, 64)
    kinds = [
        None if kind is None else operand_kind(name, kind) for name, kind in (("a", a), ("b", b))
    ]
    if datapath is None:
        machines = datapaths()
    elif isinstance(datapath, st.SearchStrategy):
        machines = datapath
    else:
        check_datapath(datapath)
        machines = st.just(datapath)

    @st.composite
    def drawn(draw: Any) -> Call:
        machine = draw(machines)
        shifts = isinstance(machine.product, Shift)
        default_b = LogQuant(3, signed=True) if shifts else Affine(8)
        return draw_call(
            DrawnChoices(draw),
            machine,
            a=Affine(8) if kinds[0] is None else kinds[0],
            b=default_b if kinds[1] is None else kinds[1],
            zero_points=zero_points,
            per_row=per_row,
            max_side=max_side,
        )

    return drawn()
