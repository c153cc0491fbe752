"""Places of a datapath where one thing can be changed, and machines with it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from pyqsim.datapath import Accumulate, Datapath, Narrow, Requantize, Scheme, Stage
from pyqsim.diagnostics.call import Call
from pyqsim.errors import PyqsimError
from pyqsim.requantize import Staged

__all__ = ["Counterfactual", "Site", "changed_machine", "sites", "stage_sites"]


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """What would come out if one aspect of the machine were another one.

    Attributes
    ----------
    cause : str
        The aspect, one of a small vocabulary: "tie rule", "overflow rule", "order", ...
    detail : str
        Where, and what instead of what.
    run : callable
        From a call to the outputs of the changed machine; raises a `PyqsimError` where the change
        makes no sense for that call.
    """

    cause: str
    detail: str
    run: Callable[[Call], npt.NDArray[Any]]

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}"


@dataclass(frozen=True, eq=False)
class Site:
    """One step, and `put`, which makes the datapath with other steps in its place."""

    where: str
    step: Any
    put: Callable[..., Datapath]

    def with_fields(self, **fields: Any) -> Datapath:
        """The datapath whose step here has other fields."""
        return self.put(replace(self.step, **fields))


def sites(datapath: Datapath) -> Iterator[Site]:
    """Every reduce step, every spill step inside one, every output step."""
    for name in ("reduce", "output"):
        steps = getattr(datapath, name)
        for index, step in enumerate(steps):
            where = f"{name} step {index} ({type(step).__name__})"

            def put(*new: Any, name: str = name, index: int = index) -> Datapath:
                steps = getattr(datapath, name)
                changed: dict[str, Any] = {name: (*steps[:index], *new, *steps[index + 1 :])}
                return replace(datapath, **changed)

            yield Site(where, step, put)
            if isinstance(step, Accumulate):
                yield from _spill_sites(step, where, put)


def _spill_sites(step: Accumulate, where: str, put: Callable[..., Datapath]) -> Iterator[Site]:
    for index, narrow in enumerate(step.spill):

        def spill(*new: Narrow, index: int = index) -> Datapath:
            return put(replace(step, spill=(*step.spill[:index], *new, *step.spill[index + 1 :])))

        yield Site(f"{where}, spill step {index}", narrow, spill)


def stage_sites(datapath: Datapath) -> Iterator[Site]:
    """Every integer stage of a requantize scheme; `put` takes stages."""
    for site in sites(datapath):
        if isinstance(site.step, Requantize) and site.step.scheme.stages is not None:
            yield from _stages_of(site, site.step.scheme, site.step.scheme.stages)


def _stages_of(site: Site, scheme: Scheme, stages: tuple[Stage, ...]) -> Iterator[Site]:
    for index, stage in enumerate(stages):

        def put(*new: Stage, index: int = index) -> Datapath:
            changed = (*stages[:index], *new, *stages[index + 1 :])
            return site.put(Requantize(Staged(changed, scheme.input_bits, scheme.bits)))

        yield Site(f"{site.where}, stage {index} of {scheme!r}", stage, put)


def changed_machine(
    cause: str, detail: str, make: Callable[..., Datapath], *steps: Any, **fields: Any
) -> Iterator[Counterfactual]:
    """The counterfactual of ``make(*steps, **fields)``; none where there is no such datapath."""
    try:
        datapath = make(*steps, **fields)
    except PyqsimError:
        return
    yield Counterfactual(cause, detail, lambda call: replace(call, datapath=datapath).run())
