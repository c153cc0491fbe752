"""Why two targets differ, output by output, by counterfactual runs.

One aspect of the second machine at a time is put into the first one: its sum, its scheme, its
encoding of the real factor, its last steps. The aspect whose change alone makes the second
machine's number is the cause; inside a sum or a scheme it is looked for more closely.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics.scheme_causes import scheme_causes
from pyqsim.diagnostics.sum_causes import sum_causes
from pyqsim.diagnostics.target_machine import TargetMachine
from pyqsim.errors import PyqsimError

__all__ = ["target_causes"]

_ASPECTS = ("sum", "scheme", "scale encoding", "last steps")


def target_causes(
    first: TargetMachine, second: TargetMachine, differ: npt.NDArray[np.bool_]
) -> Counter[str]:
    """Exchange one aspect, then two, then three; inside a single one look closer."""
    causes: Counter[str] = Counter()
    left = differ.copy()
    if first.scheme is None:
        return sum_causes(first, second, left)
    for count in range(1, len(_ASPECTS) + 1):
        for aspects in combinations(_ASPECTS, count):
            explained = left & _explains(first, second, aspects)
            left &= ~explained
            if not explained.any():
                continue
            if aspects == ("sum",):
                causes += sum_causes(first, second, explained)
            elif aspects == ("scheme",):
                causes += scheme_causes(first, second, explained)
            else:
                causes[" and ".join(aspects)] += int(explained.sum())
    return causes


def _explains(
    first: TargetMachine, second: TargetMachine, aspects: tuple[str, ...]
) -> npt.NDArray[np.bool_]:
    """Where the first machine with some aspects of the second makes the second's number."""
    of = {aspect: second if aspect in aspects else first for aspect in _ASPECTS}
    scheme, last = of["scheme"], of["last steps"]
    assert scheme.scheme is not None
    try:
        parameters = scheme.encoded(of["scale encoding"].target)
        sums = of["sum"].accumulators
        y = last.finish(sums, scheme.scheme, parameters, last.last_steps)
    except PyqsimError:  # a hybrid that cannot be built explains nothing
        return np.zeros(first.result.shape, dtype=bool)
    return np.asarray(y.astype(np.int64) - last.moved == second.result)
