"""Another overflow rule, another width, the range rule at another place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyqsim.datapath import Accumulate, Narrow
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import (
    Counterfactual,
    Site,
    changed_machine,
    sites,
    stage_sites,
)
from pyqsim.modes import OVERFLOWS, SATURATE, SATURATE_HOLD, TRAP, WRAP, Overflow

__all__ = ["overflow_rules", "product_registers", "range_rule_places", "widths"]


def _registers(call: Call) -> Iterator[Site]:
    """Every step with a register of stated width."""
    for site in sites(call.datapath):
        if getattr(site.step, "bits", None) is not None:
            yield site


def overflow_rules(call: Call) -> Iterator[Counterfactual]:
    """Every other rule, in every register."""
    for site in _registers(call):
        for rule in OVERFLOWS:
            if rule not in (site.step.overflow, TRAP):
                yield from changed_machine(
                    "overflow rule",
                    f"{site.where}: {rule!r} instead of {site.step.overflow!r}",
                    site.with_fields,
                    overflow=rule,
                )
    for site in stage_sites(call.datapath):
        narrow = site.step.narrow
        for rule in (WRAP, SATURATE):
            if narrow.bits is not None and rule != narrow.overflow:
                yield from changed_machine(
                    "overflow rule",
                    f"{site.where}: {rule!r} instead of {narrow.overflow!r}",
                    site.with_fields,
                    narrow=replace(narrow, overflow=rule),
                )


def widths(call: Call) -> Iterator[Counterfactual]:
    """One bit more or less, 32 bits, the other signedness."""
    for site in _registers(call):
        step = site.step
        for bits in sorted({step.bits - 1, step.bits + 1, 32} - {step.bits}):
            yield from changed_machine(
                "register width",
                f"{site.where}: {bits} bits instead of {step.bits}",
                site.with_fields,
                bits=bits,
            )
        yield from changed_machine(
            "register width",
            f"{site.where}: {'unsigned' if step.signed else 'signed'} register",
            site.with_fields,
            signed=not step.signed,
        )


def range_rule_places(call: Call) -> Iterator[Counterfactual]:
    """The range rule after the sum, or at every few additions, instead of at every one."""
    for site in _registers(call):
        step = site.step
        if not isinstance(step, Accumulate):
            continue
        after = Narrow(bits=step.bits, overflow=_narrowing(step), signed=step.signed)
        exact = replace(step, bits=None, overflow=WRAP)
        if step.overflow != WRAP:
            yield from changed_machine(
                "range rule after the sum",
                f"{site.where}: {step.overflow!r} once, after the sum, not at every addition",
                site.put,
                exact,
                after,
            )
        if step.group is None and not step.spill:
            for few in (2, 4, 8, 16, 32):
                yield from changed_machine(
                    "range rule every few additions",
                    f"{site.where}: {few} terms are summed exactly, then the range rule acts",
                    site.put,
                    Accumulate(group=few),
                    step,
                )


def _narrowing(step: Accumulate) -> Overflow:
    """The rule of a Narrow that ends like the accumulator's."""
    return SATURATE if step.overflow == SATURATE_HOLD else step.overflow


def product_registers(call: Call) -> Iterator[Counterfactual]:
    """Products cast to a narrow word, or the pair sums of VPMADDUBSW."""
    datapath = call.datapath
    for bits in (8, 16, 32):
        for rule in (WRAP, SATURATE):
            yield from changed_machine(
                "product register",
                f"every product is cast to {bits} bits, {rule!r}",
                replace,
                datapath,
                reduce=(Narrow(bits=bits, overflow=rule), *datapath.reduce),
            )
    yield from changed_machine(
        "product register",
        "pairs of products saturate to 16 bits (VPMADDUBSW)",
        replace,
        datapath,
        reduce=(Accumulate(16, SATURATE, group=2), *datapath.reduce),
    )
