"""The likely cause of a disagreement: which changed machine makes exactly what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals import Counterfactual, counterfactuals
from pyqsim.errors import PyqsimError

__all__ = ["Verdict", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """Which counterfactual machines explain what was observed.

    Attributes
    ----------
    causes : tuple of Counterfactual
        Those that reproduce every observed number of every call; the likeliest first.
    calls, differing : int
        How many calls were compared, and in how many the observed numbers are not the machine's.
    tried : int
        How many counterfactuals there were.
    partial : Counterfactual or None
        Where there are no causes: the one that reproduces the most differing calls.
    reproduced : int
        How many differing calls it (or a cause) reproduces.
    """

    causes: tuple[Counterfactual, ...]
    calls: int
    differing: int
    tried: int
    partial: Counterfactual | None = None
    reproduced: int = 0

    @property
    def cause(self) -> str | None:
        """The name of the likeliest cause, if one reproduces everything."""
        return self.causes[0].cause if self.causes else None

    def __str__(self) -> str:
        if not self.differing:
            return "no difference"
        if self.causes:
            first, *others = self.causes
            scope = f"reproduces all {self.calls} calls, {self.differing} of them differing"
            lines = [f"{first} ({scope})", *(f"  or {other}" for other in others[:4])]
            if len(others) > 4:
                lines.append(f"  or one of {len(others) - 4} more")
            return "\n".join(lines)
        if self.partial is not None:
            share = f"{self.reproduced} of {self.differing} differing calls"
            return f"unknown; nearest is {self.partial} ({share})"
        return f"unknown: none of {self.tried} changed machines makes these numbers"


def verdict(calls: Sequence[Call], observed: Sequence[npt.ArrayLike]) -> Verdict:
    """Find the changed machines that make exactly the observed numbers.

    Parameters
    ----------
    calls : sequence of Call
        All of one datapath. Calls that agree count as well: a cause must leave them as they are.
    observed : sequence of array_like of int
        What came out, one a call, of the result's shape.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> import pyqsim as qs
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(14, "saturate"),))
    >>> call = Call(np.array([[127, 127, -128]]), np.array([[127], [127], [127]]), machine)
    >>> print(verdict([call], [[[8191]]]).cause)
    range rule after the sum
    """
    seen = [np.asarray(array) for array in observed]
    differing = [i for i, call in enumerate(calls) if not _same(call.run(), seen[i])]
    if not differing:
        return Verdict((), len(calls), 0, 0)
    agreeing = [i for i in range(len(calls)) if i not in set(differing)]
    hypotheses = counterfactuals(calls[differing[0]])
    causes: list[Counterfactual] = []
    best: tuple[int, Counterfactual | None] = (0, None)
    for hypothesis in hypotheses:
        hits = sum(_reproduces(hypothesis, calls[i], seen[i]) for i in differing[:1])
        if not hits:
            continue
        hits = sum(_reproduces(hypothesis, calls[i], seen[i]) for i in differing)
        whole = hits == len(differing)
        if whole and all(_reproduces(hypothesis, calls[i], seen[i]) for i in agreeing):
            causes.append(hypothesis)
        elif hits > best[0]:
            best = hits, hypothesis
    count = len(differing)
    if causes:
        return Verdict(tuple(causes), len(calls), count, len(hypotheses), None, count)
    return Verdict((), len(calls), count, len(hypotheses), best[1], best[0])


def _reproduces(hypothesis: Counterfactual, call: Call, observed: npt.NDArray[Any]) -> bool:
    try:
        return _same(hypothesis.run(call), observed)
    except (PyqsimError, NotImplementedError):
        return False


def _same(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> bool:
    return x.shape == y.shape and bool((x == y).all())
