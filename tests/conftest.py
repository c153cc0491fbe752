"""Options of the whole suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger, write_ledger

from pyqsim import _native

_LEDGER = pytest.StashKey[Ledger]()
_COLLECTED = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--level 2`` runs hours of random cases instead of seconds; ``--ledger FILE``: ledger.py."""
    parser.addoption(
        "--level", type=int, choices=(1, 2), default=1, help="1: minutes (default); 2: hours"
    )
    parser.addoption(
        "--ledger", type=Path, metavar="FILE", help="write comparisons with real peers as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Open the ledger of this process."""
    config.stash[_LEDGER] = Ledger()
    config.stash[_COLLECTED] = []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's records to the controller, or write all of them."""
    config = session.config
    config.stash[_COLLECTED] += map(asdict, config.stash[_LEDGER].records)
    if hasattr(config, "workeroutput"):
        config.workeroutput["ledger"] = config.stash[_COLLECTED]
    elif (path := config.getoption("--ledger")) is not None:
        write_ledger(path, config.stash[_COLLECTED])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over the records of a pytest-xdist worker."""
    node.config.stash[_COLLECTED] += getattr(node, "workeroutput", {}).get("ledger", [])


@pytest.fixture(scope="session")
def level(request: pytest.FixtureRequest) -> int:
    """1 or 2."""
    chosen: int = request.config.getoption("--level")
    return chosen


@pytest.fixture(params=[isa for isa in _native.ISAS if isa != "auto"])
def isa(request: pytest.FixtureRequest) -> str:
    """Every instruction set that this CPU has."""
    if not _native.isa_available(request.param):
        pytest.skip(f"this CPU has no {request.param}")
    return str(request.param)


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``ledger(target, peer, cases, mismatches, version=...)`` records a comparison."""
    return request.config.stash[_LEDGER].recorder(request.node.nodeid)
