"""Counts codes that differ between a peer and a target, and describes the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Tally"]


@dataclass
class Tally:
    """Cases and mismatches of one target against one peer.

    Attributes
    ----------
    cases, mismatches : int
    first : str
        Layer, index, codes of the first mismatch.
    """

    cases: int = 0
    mismatches: int = 0
    first: str = ""

    def add(self, peer: npt.NDArray[Any], ours: npt.NDArray[Any], of: Any = "") -> None:
        """Compare two arrays of one shape and type."""
        assert peer.shape == ours.shape, (peer.shape, ours.shape)
        assert peer.dtype == ours.dtype, (peer.dtype, ours.dtype)
        wrong = peer != ours
        self.cases += wrong.size
        if wrong.any() and not self.mismatches:
            index = tuple(np.argwhere(wrong)[0].tolist())
            with np.printoptions(threshold=16, edgeitems=4):
                self.first = f"{of}\nat {index}: peer {peer[index]}, target {ours[index]}"
        self.mismatches += int(wrong.sum())

    def check(self, ledger: Any, target: str, peer: str, at_least: int = 1, **version: str) -> None:
        """Put the counts into the ledger; then there must be enough cases and no mismatch."""
        ledger(target, peer, self.cases, self.mismatches, **version)
        assert self.cases >= at_least
        found = f"{target} against {peer}: {self.mismatches} of {self.cases} differ"
        assert not self.mismatches, f"{found}; first: {self.first}"
