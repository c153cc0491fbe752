"""Numbers of 32 bits to cast to 16: ties, ends of the range, and all lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["numbers"]


def numbers(lost: int) -> npt.NDArray[np.int64]:
    """For a cast that loses some bits (negative: gains): ties and their neighbours, and others."""
    rng = np.random.default_rng(64 + lost)
    unit = 1 << max(lost - 1, 0)
    codes = [np.arange(-300, 300), *(e + np.arange(-40, 40) for e in (-(2**16), 2**16, 2**17))]
    ties = (np.concatenate(codes)[:, None] * unit + np.array([-1, 0, 1])).reshape(-1)
    wide = rng.integers(-(2**31), 2**31, 4000) >> rng.integers(0, 31, 4000)
    every = np.concatenate([ties, wide, [-(2**31), 2**31 - 1]])
    return every[(every >= -(2**31)) & (every < 2**31)]
