"""Write golden_FAMILY.npz: what the instructions gave, for machines that cannot run them.

Run ``python tests/instructions/make_golden.py`` (cross compilers and qemu-user are needed) after a
change here. test_golden.py compares pyqsim with the files, and, where probes run, the files with
what this script makes of them. Rules with equal operands share one copy of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from instructions.cases import Cases, cases_of
from instructions.machines import Probe, build
from instructions.rules import FAMILIES, Rule, rules_of

__all__ = ["cases_in", "file_of", "made", "results_in"]

Arrays = dict[str, np.ndarray]


def file_of(family: str) -> Path:
    """The file of a family."""
    return Path(__file__).with_name(f"golden_{family}.npz")


def made(family: str, probe: Probe) -> Arrays:
    """What a family's file holds."""
    arrays: Arrays = {}
    for rule in rules_of(family):
        for part, cases in enumerate(cases_of(rule, 0)):
            results, flags = probe.run(rule, cases)
            arrays |= _operands(rule, part, cases)
            arrays[f"{_name(rule)}.out{part}"] = results
            if rule.flag:
                arrays[f"{_name(rule)}.flag{part}"] = flags
    return arrays


def cases_in(arrays: Arrays, rule: Rule) -> list[Cases]:
    """A rule's operands, as stored."""
    key = _key(rule)
    parts = sum(name.startswith(f"{key}.a") for name in arrays)
    return [
        Cases(arrays[f"{key}.a{i}"], arrays[f"{key}.b{i}"], arrays.get(f"{key}.c{i}"))
        for i in range(parts)
    ]


def results_in(arrays: Arrays, rule: Rule, part: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A rule's results and saturation flags, as stored."""
    name = f"{_name(rule)}.{{}}{part}"
    return arrays[name.format("out")], arrays.get(name.format("flag"))


def _operands(rule: Rule, part: int, cases: Cases) -> Arrays:
    named = {"a": cases.a, "b": cases.b, "c": cases.c}
    return {f"{_key(rule)}.{x}{part}": array for x, array in named.items() if array is not None}


def _name(rule: Rule) -> str:
    return f"{rule.target}.{rule.instruction}"


def _key(rule: Rule) -> str:
    """Equal for rules with equal operands."""
    return f"operands-{crc32(repr(rule.operands).encode()):08x}"


def main() -> None:
    """Write every file."""
    with TemporaryDirectory() as folder:
        for family in FAMILIES:
            np.savez_compressed(file_of(family), **made(family, build(family, Path(folder))))
            print(file_of(family).name, file_of(family).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
