"""How far targets have been verified: the test ledger's numbers, as package data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Verification", "all_verifications", "verifications"]


@dataclass(frozen=True, slots=True)
class Verification:
    """One comparison with the thing itself.

    Attributes
    ----------
    peer : str
        What a target was compared with.
    version : str
    cases, mismatches : int
        Numbers compared, numbers that differed.
    """

    peer: str
    version: str
    cases: int
    mismatches: int


@cache
def all_verifications() -> dict[str, tuple[Verification, ...]]:
    """By target; made by ``benchmarks/verified_targets.py`` from the ledger of a test run."""
    text = files("pyqsim.targets").joinpath("verified.json").read_text(encoding="utf-8")
    return {
        name: tuple(Verification(*record) for record in records)
        for name, records in json.loads(text).items()
    }


def verifications(name: str) -> tuple[Verification, ...]:
    """Those of one target."""
    return all_verifications().get(name, ())
