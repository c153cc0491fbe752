"""The same call on every kernel and instruction set that takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyqsim as qs

#: Reference first; the others are free to refuse a call, never to differ.
KERNELS = (("reference", "auto"), *(("lanes", isa) for isa in qs.ops.ISAS))


def on_each_kernel(a: Any, b: Any, datapath: qs.Datapath, **data: Any) -> Iterator[tuple[str, Any]]:
    """Name and result of every kernel that can run the call; at least the reference."""
    for kernel, isa in KERNELS:
        try:
            yield f"{kernel}-{isa}", qs.matmul(a, b, datapath, kernel=kernel, isa=isa, **data)
        except (qs.errors.ModeError, qs.errors.DatapathError):
            if kernel == "reference":
                raise


def lanes_took_it(a: Any, b: Any, datapath: qs.Datapath, **data: Any) -> bool:
    """Whether a fast kernel ran the call, so that a test of it is no test of nothing."""
    return len(list(on_each_kernel(a, b, datapath, **data))) > 1
