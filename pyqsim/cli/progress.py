"""A progress bar on a terminal's standard error, for commands that take more than a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TypeVar

__all__ = ["counted"]

_T = TypeVar("_T")


def counted(items: Sequence[_T], what: str) -> Iterator[_T]:
    """Go through items, and show how many are done and how long the others will take.

    Parameters
    ----------
    items : sequence
    what : str
        In front of the bar.

    Yields
    ------
    item
        Silently where standard error is no terminal, and without rich (``pip install
        'pyqsim[cli]'``).
    """
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, console=Console(stderr=True), transient=True)
