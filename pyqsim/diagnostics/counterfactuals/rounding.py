"""Another rounding rule, bits lost before rounding, rounding twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyqsim.datapath import Narrow, Shift, Stage
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import (
    Counterfactual,
    changed_machine,
    sites,
    stage_sites,
)
from pyqsim.modes import FLOOR, ROUNDINGS, TOWARD_ZERO, TRUNCATE_MAGNITUDE, WRAP, Rounding

__all__ = ["guard_bits", "logical_shifts", "roundings", "rounds_twice", "shift_product"]

_CUTS = (FLOOR, TOWARD_ZERO, TRUNCATE_MAGNITUDE)


def _is_to_nearest(rule: Rounding) -> bool:
    return rule.name is not None and rule.name.startswith("HALF")


def _cause(own: Rounding, other: Rounding) -> str:
    if _is_to_nearest(own) and _is_to_nearest(other):
        return "tie rule"
    if _is_to_nearest(own) and other in _CUTS:
        return "missing nudge"
    return "rounding rule"


def _others(own: Rounding) -> Iterator[tuple[str, str, Rounding]]:
    """Cause, what instead of what, and the rule."""
    for other in ROUNDINGS:
        if other != own:
            yield _cause(own, other), f"{other!r} instead of {own!r}", other


def _rounds(step: Narrow) -> bool:
    return step.shift > 0 or step.divisor > 1


def roundings(call: Call) -> Iterator[Counterfactual]:
    """Every other named rule, wherever something is rounded."""
    datapath = call.datapath
    product = datapath.product
    if isinstance(product, Shift) and product.drop:
        for cause, detail, rule in _others(product.rounding):
            changed = replace(product, rounding=rule)
            yield from changed_machine(
                cause, f"product Shift: {detail}", replace, datapath, product=changed
            )
    for site in sites(datapath):
        if isinstance(site.step, Narrow) and _rounds(site.step):
            for cause, detail, rule in _others(site.step.rounding):
                yield from changed_machine(
                    cause, f"{site.where}: {detail}", site.with_fields, rounding=rule
                )
    for site in stage_sites(datapath):
        stage = site.step
        if stage.narrow.shift <= 0 and stage.shift in ("none", "left"):
            continue
        for cause, detail, rule in _others(stage.narrow.rounding):
            narrow = replace(stage.narrow, rounding=rule)
            yield from changed_machine(
                cause, f"{site.where}: {detail}", site.with_fields, narrow=narrow
            )


def guard_bits(call: Call) -> Iterator[Counterfactual]:
    """Bits that are cut off before the rounding that should have seen them."""
    datapath = call.datapath
    for site in sites(datapath):
        step = site.step
        if not isinstance(step, Narrow) or not _rounds(step) or step.divisor != 1:
            continue
        for kept in range(1, min(step.shift, 4)):
            first = Narrow(step.shift - kept, step.multiplier, rounding=FLOOR)
            then = replace(step, shift=kept, multiplier=1)
            yield from changed_machine(
                "guard bits",
                f"{site.where}: only {kept} of {step.shift} dropped bits reach the rounding",
                site.put,
                first,
                then,
            )
    for site in stage_sites(datapath):
        stage = site.step
        if stage.narrow.shift <= 0 and stage.shift in ("none", "left"):
            continue
        cut = (Stage(Narrow(shift=1)), Stage(Narrow(shift=-1)))
        yield from changed_machine(
            "guard bits",
            f"{site.where}: the last bit of its input is cut off",
            site.put,
            *cut,
            stage,
        )
    terms = (Narrow(shift=1), *datapath.reduce, Narrow(shift=-1))
    yield from changed_machine(
        "guard bits",
        "every term loses its last bit before it is added",
        replace,
        datapath,
        reduce=terms,
    )


def rounds_twice(call: Call) -> Iterator[Counterfactual]:
    """Two rounding shifts where there should be one."""
    for site in sites(call.datapath):
        step = site.step
        if not isinstance(step, Narrow) or step.divisor != 1 or not 2 <= step.shift <= 64:
            continue
        for first in range(1, step.shift):
            steps = (
                Narrow(first, step.multiplier, rounding=step.rounding),
                replace(step, shift=step.shift - first, multiplier=1),
            )
            yield from changed_machine(
                "rounded twice",
                f"{site.where}: by {first} bits, then by {step.shift - first}",
                site.put,
                *steps,
            )


def logical_shifts(call: Call) -> Iterator[Counterfactual]:
    """A right shift of an unsigned word."""
    for site in sites(call.datapath):
        if isinstance(site.step, Narrow) and site.step.shift > 0:
            for bits in (16, 32):
                word = Narrow(bits=bits, overflow=WRAP, signed=False)
                yield from changed_machine(
                    "logical shift",
                    f"{site.where}: shifts an unsigned word of {bits} bits",
                    site.put,
                    word,
                    site.step,
                )


def shift_product(call: Call) -> Iterator[Counterfactual]:
    """The product `Shift`: sign, what one rounding acts on, and bits dropped."""
    datapath, product = call.datapath, call.datapath.product
    if not isinstance(product, Shift):
        return
    for sign in ("after", "before"):
        if sign != product.sign:
            yield from changed_machine(
                "sign of the shift",
                f"product Shift: sign {sign} the shift instead of {product.sign}",
                replace,
                datapath,
                product=replace(product, sign=sign),
            )
    for per in ("term", "sum"):
        if per != product.per:
            yield from changed_machine(
                "terms of the shift",
                f"product Shift: rounds per {per} instead of per {product.per}",
                replace,
                datapath,
                product=replace(product, per=per),
            )
    for lost in (1, -1):
        if product.drop + lost >= 0:
            yield from changed_machine(
                "guard bits",
                f"product Shift: {product.drop + lost} bits dropped instead of {product.drop}",
                replace,
                datapath,
                product=replace(product, drop=product.drop + lost),
                reduce=(Narrow(shift=-lost), *datapath.reduce),
            )
