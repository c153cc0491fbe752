"""Proofs of kinds of calls, kept at hand for the next call of the kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["KEPT", "kept"]

Key = TypeVar("Key")
Value = TypeVar("Value")

#: Kinds of calls.
KEPT = 64


def kept(cache: dict[Key, Value], key: Key, make: Callable[[], Value]) -> Value:
    """What the cache has for a key, or what `make` makes; other threads may clear it any time."""
    try:
        return cache[key]
    except KeyError:
        pass
    if len(cache) >= KEPT:
        cache.clear()
    made = cache[key] = make()
    return made
