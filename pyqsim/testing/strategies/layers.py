"""Strategies for whole layers: operands, machine and data that go together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pyqsim.datapath import Datapath
from pyqsim.diagnostics import Call
from pyqsim.formats import BitPlanes, PiecewiseLinear, Planes
from pyqsim.testing.choices import Choices
from pyqsim.testing.random_calls import draw_call
from pyqsim.testing.random_datapaths import draw_datapath
from pyqsim.testing.random_operands import OperandKind, default_kinds
from pyqsim.testing.strategies._checks import (
    check_between,
    check_datapath,
    check_type,
    operand_kind,
)
from pyqsim.testing.strategies._drawn import DrawnChoices

__all__ = ["layers"]

_FORMS = ("multiply", "fold", "multiply", "fold", "shift", "lookup", "logs", "planes", "groups")
_OF_SEVERAL_PLANES = (BitPlanes(2), Planes([[0, 3, -1, 2], [-2, 1, 1, 0]]), PiecewiseLinear(4))

_Kinds = tuple[OperandKind | None, OperandKind | None]


def layers(
    datapath: Datapath | st.SearchStrategy | None = None,
    *,
    a: Any = None,
    b: Any = None,
    zero_points: bool = True,
    per_row: bool = True,
    max_side: int = 5,
    group: int | None = None,
) -> st.SearchStrategy:
    """Return a strategy for `pyqsim.diagnostics.Call`: a, b, datapath and data of one layer.

    * ``datapath`` is one, or a strategy for some; default: machines of every product, some with
      operands of several planes, some with scale groups along K.
    * ``a``, ``b`` say what operands are: a Format (they are QTensors then, often with zero points
      at both ends) or an integer dtype (arrays, at all sorts of strides). Default: signed 8-bit
      codes, and 4-bit logarithmic weights where the product is `Shift` or `AddLogs`, the codes of
      the table where it is `Lookup`.
    * ``zero_points=False`` leaves zero points 0; ``per_row=False`` gives all rows of a the same.
    * ``max_side`` bounds M and N; K is chosen by the datapath: around the ends of its groups, and
      long enough to leave its registers.
    * ``group`` consecutive k share a scale, those of a, of b, or of both, where it has a format.

    Rows are steered: their sums are ties of a rounding, the last number inside or the first
    outside of a register, or leave a register on the way and come back. Without a `Merge` the
    result of several planes or scale groups has axes of its own.

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
    if group is not None:
        check_between("group", group, 1, 2**10)
    given: _Kinds = (
        None if a is None else operand_kind("a", a),
        None if b is None else operand_kind("b", b),
    )
    if datapath is not None and not isinstance(datapath, st.SearchStrategy):
        check_type("datapath", datapath, Datapath, "a Datapath")
        check_datapath(datapath, _with_defaults(given, datapath), group)

    @st.composite
    def drawn(draw: Any) -> Call:
        choices = DrawnChoices(draw)
        kinds, size = given, group
        if datapath is None:
            machine, kinds, size = _any_machine(choices, given, group)
        elif isinstance(datapath, st.SearchStrategy):
            machine = draw(datapath)
            check_datapath(machine, _with_defaults(kinds, machine), group)
        else:
            machine = datapath
        of_a, of_b = _with_defaults(kinds, machine)
        return draw_call(
            choices,
            machine,
            a=of_a,
            b=of_b,
            zero_points=zero_points,
            per_row=per_row,
            max_side=max_side,
            group=size,
        )

    return drawn()


def _with_defaults(kinds: _Kinds, datapath: Datapath) -> tuple[OperandKind, OperandKind]:
    """What was asked for, else what the datapath's product reads."""
    default_a, default_b = default_kinds(datapath)
    of_a, of_b = kinds
    return default_a if of_a is None else of_a, default_b if of_b is None else of_b


def _any_machine(
    choices: Choices, kinds: _Kinds, group: int | None
) -> tuple[Datapath, _Kinds, int | None]:
    """A machine, kinds and group that go with it; of products that take what was asked for."""
    free = kinds == (None, None) and group is None
    form = choices.pick(_FORMS if free else _FORMS[:2])
    if form == "planes":
        several = choices.pick(_OF_SEVERAL_PLANES)
        kinds = choices.pick(((None, several), (several, None), (several, several)))
        return draw_datapath(choices, products=("multiply",), merge=True), kinds, None
    if form == "groups":
        machine = draw_datapath(choices, merge=True)
        return machine, kinds, choices.pick((2, 32, 1, 3, 8))
    merge = group is not None or any(getattr(kind, "planes", 1) > 1 for kind in kinds)
    return draw_datapath(choices, products=(form,), merge=merge), kinds, group
