"""A call that must be refused: its exception class and a pattern of its message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

import pyqsim as qs

ROW, COLUMN = ((1, 2, 3),), ((1,), (1,), (1,))


@dataclass(frozen=True)
class Refusal:
    """`function(*arguments, **options)` raises `error`; the message holds name, value, range."""

    error: type[Exception]
    message: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def call(self) -> Any:
        return self.function(*self.arguments, **self.options)

    def __str__(self) -> str:
        return f"{getattr(self.function, '__name__', self.function)}: {self.message}"


def row(
    error: type[Exception], message: str, function: Callable[..., Any], *args: Any, **options: Any
) -> Refusal:
    """One line of a table."""
    return Refusal(error, message, function, args, options)


def matmul(a: Any = ROW, b: Any = COLUMN, datapath: Any = None, **options: Any) -> Any:
    """One row times one column, exactly, but for what is given."""
    return qs.matmul(a, b, qs.Datapath() if datapath is None else datapath, **options)


def reduce(*steps: Any, **options: Any) -> Any:
    """The same through these reduce steps."""
    return matmul(datapath=qs.Datapath(reduce=steps), **options)


def output(*steps: Any, **options: Any) -> Any:
    """The same through these output steps."""
    return matmul(datapath=qs.Datapath(output=steps), **options)


def giant(*shape: int) -> Any:
    """An array of one byte and astronomical shape."""
    return as_strided(np.zeros(1, np.int8), shape, (0,) * len(shape))
