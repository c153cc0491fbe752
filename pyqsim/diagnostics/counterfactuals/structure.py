"""Groups, order, and terms or steps that are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from pyqsim.datapath import Accumulate, Narrow
from pyqsim.diagnostics.call import Call, take
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual, changed_machine, sites

__all__ = ["dropped_terms", "groups", "missing_steps", "orders"]


def groups(call: Call) -> Iterator[Counterfactual]:
    """Groups one longer or shorter, half or double, and lanes likewise."""
    for site in sites(call.datapath):
        step = site.step
        group = getattr(step, "group", None)
        if group is None:
            continue
        for size in sorted({group - 1, group + 1, group * 2, group // 2} - {0, group}):
            yield from changed_machine(
                "group size",
                f"{site.where}: groups of {size} instead of {group}",
                site.with_fields,
                group=size,
            )
        if isinstance(step, Accumulate) and step.interleave > 1:
            yield from changed_machine(
                "group size",
                f"{site.where}: one accumulator instead of {step.interleave} that take turns",
                site.with_fields,
                interleave=1,
            )


def missing_steps(call: Call) -> Iterator[Counterfactual]:
    """A reduce step that does not happen."""
    for site in sites(call.datapath):
        is_grouped = isinstance(site.step, Accumulate) and site.step.group is not None
        if site.where.startswith("reduce") and (is_grouped or isinstance(site.step, Narrow)):
            yield from changed_machine("missing step", f"{site.where} does not happen", site.put)


def _reordered(
    cause: str, detail: str, order: Callable[[int], list[int]]
) -> Iterator[Counterfactual]:
    def run(call: Call) -> npt.NDArray[Any]:
        ks = order(call.sizes[2])
        return replace(call, datapath=replace(call.datapath, order=tuple(ks))).run()

    yield Counterfactual(cause, detail, run)


def orders(call: Call) -> Iterator[Counterfactual]:
    """Other orders of addition."""
    if call.datapath.order is not None:
        yield from changed_machine("order", "ascending k", replace, call.datapath, order=None)
        return
    yield from _reordered("order", "descending k", lambda k: list(range(k))[::-1])
    for lanes in (2, 4, 8, 16):

        def strided(k: int, lanes: int = lanes) -> list[int]:
            return [i for lane in range(lanes) for i in range(lane, k, lanes)]

        yield from _reordered("order", f"every {lanes}th k first", strided)

        def split(k: int, lanes: int = lanes) -> list[int]:
            step = -(-k // lanes)
            return [i for at in range(step) for i in range(at, k, step)]

        yield from _reordered("order", f"{lanes} parts of K in turns", split)
    for site in sites(call.datapath):
        step = site.step
        if isinstance(step, Accumulate) and step.group is None and not step.spill:
            for lanes in (2, 4, 8, 16):
                yield from changed_machine(
                    "order",
                    f"{site.where}: {lanes} accumulators that take turns, then their sum",
                    site.put,
                    replace(step, interleave=lanes),
                    replace(step, start="zero"),
                )


def dropped_terms(call: Call) -> Iterator[Counterfactual]:
    """Loop bounds: a short last group, the last term or the first one is left out."""
    sizes = {
        site.step.group * getattr(site.step, "interleave", 1)
        for site in sites(call.datapath)
        if getattr(site.step, "group", None) is not None
    }
    for size in [*sorted(sizes), *(n for n in (2, 4, 8, 16, 32) if n not in sizes)]:
        yield _only(f"a last group of less than {size} terms", 0, size)
    yield _only("the last term", 0, 1, short=1)
    yield _only("the first term", 1, 1)


def _only(what: str, first: int, group: int, short: int = 0) -> Counterfactual:
    """From `first` on, whole groups of what is left without the last `short` terms."""

    def run(call: Call) -> npt.NDArray[Any]:
        kept = slice(first, max(call.sizes[2] - short, 0) // group * group)
        a, b = take(call.a, slice(None), kept), take(call.b, kept, slice(None))
        return replace(call, a=a, b=b).run()

    return Counterfactual("dropped terms", f"{what} is left out", run)
