"""What a call did, as a value that two witnesses must agree on."""

from __future__ import annotations

from typing import Any

import pyqsim as qs


def outcome(run: Any) -> tuple[Any, ...]:
    """What a call did: its result and events, or its error."""
    try:
        y, events = run()
    except qs.errors.OverflowTrap as trap:
        return ("trap", trap.place)
    except qs.errors.AccumulatorRangeError:
        return ("range",)
    except qs.errors.PyqsimError as error:
        return (type(error).__name__,)
    counts = events.counts.tolist()
    places = [(s.overflows, s.first, s.minimum, s.maximum) for s in events.steps]
    extremes = (events.overflows, events.first, events.minimum, events.maximum)
    return ("value", y.dtype, y.shape, y.tolist(), places, extremes, counts)
