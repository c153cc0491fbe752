"""All targets, one family a file."""

from __future__ import annotations

from pyqsim.errors import ModeError
from pyqsim.targets import (
    accelerators,
    arm,
    cmsis_nn,
    ethos_u,
    hls,
    nvdla,
    nvidia,
    onnxruntime,
    pytorch,
    riscv,
    tflite,
    tosa,
    x86,
    xilinx,
    xnnpack,
)
from pyqsim.targets.target import Target

__all__ = ["FAMILIES", "get", "names"]

FAMILIES = (
    tflite,
    cmsis_nn,
    xnnpack,
    onnxruntime,
    pytorch,
    tosa,
    ethos_u,
    x86,
    arm,
    riscv,
    nvidia,
    nvdla,
    accelerators,
    xilinx,
    hls,
)

_TARGETS: dict[str, Target] = {t.name: t for family in FAMILIES for t in family.TARGETS}


def names() -> list[str]:
    """Every target's name, family by family.

    Examples
    --------
    >>> "x86-vpdpbusds" in names()
    True
    """
    return list(_TARGETS)


def get(name: str) -> Target:
    """The target of a name.

    Raises
    ------
    ModeError
        For a name that does not exist; the message holds those that resemble it.

    Examples
    --------
    >>> get("x86-vpdpbusds").datapath.reduce[0].group
    4
    """
    if not isinstance(name, str) or name not in _TARGETS:
        words = [word for word in str(name).lower().replace("_", "-").split("-") if word]
        near = [known for known in _TARGETS if any(word in known for word in words)]
        raise ModeError(f"target={name!r}, allowed: {', '.join(near or _TARGETS)}")
    return _TARGETS[name]
