"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--level 2`` runs hours of random cases instead of seconds."""
    parser.addoption(
        "--level", type=int, choices=(1, 2), default=1, help="1: minutes (default); 2: hours"
    )


@pytest.fixture(scope="session")
def level(request: pytest.FixtureRequest) -> int:
    """1 or 2."""
    chosen: int = request.config.getoption("--level")
    return chosen
