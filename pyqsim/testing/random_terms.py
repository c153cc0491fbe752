"""Rows for products that are no multiplication: tables and logarithms, steered term by term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddLogs, Datapath, Lookup
from pyqsim.testing.choices import Choices
from pyqsim.testing.random_operands import Side
from pyqsim.testing.steering import Target

__all__ = ["TermPlace", "end_codes", "largest_term", "terms_of"]

Ints = npt.NDArray[np.int64]


def terms_of(datapath: Datapath, a: Side, b: Side, column: Ints) -> Ints:
    """(K, codes of a): the term that each code of a makes with each code of a column of b."""
    low, high = a.limits
    codes = np.arange(low, high + 1)
    product = datapath.product
    if isinstance(product, Lookup):
        table = product.table.values
        patterns = codes % table.shape[-2]
        others = column % table.shape[-1]
        ks = np.arange(len(column))[:, None]
        at = (patterns, others[:, None]) if table.ndim == 2 else (ks, patterns, others[:, None])
        entries: Ints = table[at]
        return entries
    assert isinstance(product, AddLogs)
    wanted = 1 if product.sign == "positive" else -1
    x, y = a.integers(codes)[None, :], b.integers(column)[:, None]
    counted = np.sign(x) * np.sign(y) == wanted
    logs = np.log2(np.maximum(np.abs(x), 1)) + np.log2(np.maximum(np.abs(y), 1))
    return np.where(counted, logs.astype(np.int64) << product.guard_bits, -1)


def end_codes(datapath: Datapath, b: Side) -> tuple[int, int]:
    """The smallest and the largest code of b; of a table, those of its end entries."""
    low, high = b.limits
    if not isinstance(datapath.product, Lookup):
        return low, high
    table = datapath.product.table.values
    columns = table.reshape(-1, table.shape[-1])[:, np.arange(low, high + 1) % table.shape[-1]]
    return low + int(columns.min(0).argmin()), low + int(columns.max(0).argmax())


def largest_term(datapath: Datapath, a: Side, b: Side) -> int:
    """Largest magnitude of a term without zero points."""
    if isinstance(datapath.product, Lookup):
        return int(np.abs(datapath.product.table.values).max())
    return a.reach * b.reach


@dataclass(frozen=True, eq=False)
class TermPlace:
    """One row to be steered for one column.

    Attributes
    ----------
    terms : ndarray of int64, (K, codes)
    low : int
        The first code.
    wanted : list of Target
        Sums worth hitting.
    """

    terms: Ints
    low: int
    wanted: list[Target]

    def row(self, choices: Choices, codes: Ints) -> Ints:
        """The row's codes: as drawn, all largest, there and back, or near a target."""
        way = choices.pick(("as drawn", "extremes", "return", "tie", "edge", "edge"))
        kept = [target for target in self.wanted if target.kind == way]
        if way in ("as drawn", "tie", "edge") and not kept:
            return codes
        if way in ("tie", "edge"):
            target = choices.pick(kept)
            q = choices.integer(-4, 4) if way == "tie" else choices.pick((1, 0, 2, -1))
            return self._near(target.sum_for(q, choices.pick((True, False))), target.span)
        largest, smallest = self.terms.argmax(1), self.terms.argmin(1)
        if choices.pick((False, True)):
            largest, smallest = smallest, largest
        turn = len(codes) if way == "extremes" else choices.integer(0, len(codes))
        row: Ints = np.where(np.arange(len(codes)) < turn, largest, smallest) + self.low
        return row

    def _near(self, total: int, span: int | None) -> Ints:
        """Codes whose first `span` terms sum to about `total`: large terms first, units last."""
        chosen: Ints = np.abs(self.terms).argmin(1)
        terms = self.terms[: span or None]
        for k in np.argsort(-np.abs(terms).max(1), kind="stable").tolist():
            chosen[k] = np.abs(terms[k] - total).argmin()
            total -= int(terms[k, chosen[k]])
        chosen += self.low
        return chosen
