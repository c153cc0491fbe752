"""Machines that differ from a given one in one aspect: what a wrong kernel may have computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.float_scale import float_arithmetic
from pyqsim.diagnostics.counterfactuals.operands import biases, signs, zero_points
from pyqsim.diagnostics.counterfactuals.output import step_orders
from pyqsim.diagnostics.counterfactuals.registers import (
    overflow_rules,
    product_registers,
    range_rule_places,
    widths,
)
from pyqsim.diagnostics.counterfactuals.rounding import (
    guard_bits,
    logical_shifts,
    roundings,
    rounds_twice,
    shift_product,
)
from pyqsim.diagnostics.counterfactuals.schemes import encoded_schemes, encodings, schemes
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual
from pyqsim.diagnostics.counterfactuals.structure import (
    dropped_terms,
    groups,
    missing_steps,
    orders,
)

__all__ = ["FAMILIES", "Counterfactual", "counterfactuals"]

#: Where several reproduce what was seen, the first family in this list is named first.
FAMILIES: tuple[Callable[[Call], Iterator[Counterfactual]], ...] = (
    schemes,
    range_rule_places,
    overflow_rules,
    roundings,
    shift_product,
    widths,
    groups,
    zero_points,
    signs,
    biases,
    dropped_terms,
    step_orders,
    orders,
    encodings,
    float_arithmetic,
    encoded_schemes,
    guard_bits,
    rounds_twice,
    logical_shifts,
    missing_steps,
    product_registers,
)


def counterfactuals(call: Call) -> list[Counterfactual]:
    """Every machine that differs from the call's in one aspect.

    Parameters
    ----------
    call : Call
        Its datapath, and the kinds of its operands and data, say which aspects there are.

    Returns
    -------
    list of Counterfactual

    Examples
    --------
    >>> import numpy as np
    >>> import pyqsim as qs
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(20, "saturate"),))
    >>> call = Call(np.zeros((1, 2), np.int8), np.zeros((2, 1), np.int8), machine)
    >>> "range rule after the sum" in {one.cause for one in counterfactuals(call)}
    True
    """
    return [one for family in FAMILIES for one in family(call)]
