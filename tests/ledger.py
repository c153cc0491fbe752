"""What test runs against real peers found: recorded for the table of targets, as JSON.

A test of a target asks for the fixture `ledger` and calls ``ledger(target, peer, cases,
mismatches)`` before it asserts that there are none. `needs` skips where a peer is absent, and fails
where the environment variable PYQSIM_REQUIRE (a comma list of names, or "all") insists on it.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pyqsim import ops, targets

__all__ = ["Ledger", "Record", "merged", "needs"]


@dataclass(frozen=True, slots=True)
class Record:
    """One comparison of a target with the thing itself."""

    target: str
    peer: str
    version: str
    cases: int
    mismatches: int
    test: str


class Ledger:
    """Collects the records of one process."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def recorder(self, test: str) -> Callable[..., None]:
        """Make the function that the fixture gives to a test."""

        def record(
            target: str, peer: str, cases: int, mismatches: int, *, version: str | None = None
        ) -> None:
            """Record one comparison; without `version`, that of the installed package `peer`.

            `target` may also be an operator, as "ops.add".
            """
            known = target in targets.names() or target.removeprefix("ops.") in ops.__all__
            assert known, f"target={target!r}, allowed: qs.targets.names(), ops.NAME"
            cases, mismatches = int(cases), int(mismatches)
            assert 0 <= mismatches <= cases, (cases, mismatches)
            assert cases > 0, "a comparison of nothing"
            found = _version(peer) if version is None else version
            self.records.append(Record(target, peer, found, cases, mismatches, test))

        return record


def _version(peer: str) -> str:
    try:
        return version(peer)
    except PackageNotFoundError:
        raise AssertionError(f"peer={peer!r} is no installed package: give version=") from None


def merged(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record for every target, peer, version and test, sorted; counts are added."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for one in records:
        key = tuple(one[name] for name in ("target", "peer", "version", "test"))
        count = sums.setdefault(key, [0, 0])
        count[0] += one["cases"]
        count[1] += one["mismatches"]
    return [
        asdict(Record(key[0], key[1], key[2], *count, test=key[3]))
        for key, count in sorted(sums.items())
    ]


def write_ledger(path: Path, records: list[dict[str, Any]]) -> None:
    """Write all records as JSON."""
    path.write_text(json.dumps(merged(records), indent=1) + "\n", encoding="utf-8")


def needs(name: str, *, found: bool | None = None, reason: str = "") -> Any:
    """Return a peer, or skip the test where it is absent.

    Parameters
    ----------
    name : str
        A module to import (returned), else a program (its path is returned), else anything whose
        presence `found` says.
    found : bool, optional
        Do not look: this is the answer, and what is returned.
    reason : str
        Added to the message.
    """
    what: Any = found if found is not None else _look_for(name)
    if what:
        return what
    message = f"{name} is not here{': ' if reason else ''}{reason}"
    required = os.environ.get("PYQSIM_REQUIRE", "").split(",")
    if name in required or "all" in required:
        pytest.fail(f"{message}; PYQSIM_REQUIRE={os.environ['PYQSIM_REQUIRE']}")
    pytest.skip(message)


def _look_for(name: str) -> Any:
    if find_spec(name.split(".")[0]) is None:
        return shutil.which(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's own deprecations are not ours
        return import_module(name)
