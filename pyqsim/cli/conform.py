"""``pyqsim conform``: whether somebody else's kernel is bit exact; if not, where and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.machine import add_machine, machine
from pyqsim.cli.options import UsageError, int_in
from pyqsim.datapath_json import to_json
from pyqsim.diagnostics import Call
from pyqsim.testing import vectors
from pyqsim.testing.conformance import (
    CFunction,
    Isolated,
    Kernel,
    Plan,
    Program,
    PythonKernel,
    Report,
    conform,
    conform_recorded,
    write_junit,
)

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY = "is a kernel of yours bit exact? counterexample and likely cause"
DESCRIPTION = """\
Run a kernel that is not ours against a machine, compare every output, make the first difference
small and name its likely cause.
  pyqsim conform --target ort-vnni --python mykernels:matmul
  pyqsim conform --datapath machine.json --library ./libmac.so --declaration \\
      "void mac(size_t m, size_t n, size_t k, const int8_t *a, const int8_t *b, int32_t *out)"
  pyqsim conform --datapath machine.json --program "vvp bench.vvp" --timeout 30
  pyqsim conform --vectors FOLDER --outputs device.npy

--python      module:function, called as f(a, b, **numbers); the working folder is searched too
--library     a C function; its parameters' names say what each is given: m, n, k, a, b, out,
              a_stride, b_stride, out_stride, a_zero_point, b_zero_point, bias, multiplier, shift,
              scale, out_zero_point (pyqsim.testing.conformance.CFunction has the table)
--program     reads a line a call on stdin:   NUMBER m=2 n=1 k=2 a=1,-2,3,4 b=5,6 [bias=7]
              and answers a line on stdout:   NUMBER y,y
--target      draws what the target states: operands, bias, shifts, K; a zero point only where an
              operand is given as a format: --a "Affine(8)"
--vectors     outputs that were recorded for the calls of `pyqsim vectors`

exit status: 0 every output is the machine's, 1 some are not, 2 the kernel gave no numbers
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_machine(parser)
    kernel = parser.add_mutually_exclusive_group(required=True)
    kernel.add_argument("--python", metavar="MODULE:FUNCTION", help="a Python callable")
    kernel.add_argument("--library", type=Path, metavar="FILE", help="a shared library")
    kernel.add_argument("--program", metavar="COMMAND", help="a program that answers lines")
    kernel.add_argument("--vectors", type=Path, metavar="FOLDER", help="recorded vectors")
    parser.add_argument("--declaration", metavar="C", help="of the library's function")
    parser.add_argument("--outputs", type=Path, metavar="FILE", help=".npy of recorded outputs")
    parser.add_argument(
        "--radix", type=int, choices=(10, 16), default=10, help="of a program's codes and outputs"
    )
    parser.add_argument(
        "--timeout",
        type=int_in(1, 10**6),
        default=60,
        metavar="S",
        help="seconds a program or a C function may be silent (default: 60)",
    )
    parser.add_argument(
        "--level",
        type=int,
        choices=(1, 2),
        default=1,
        help="1: seconds (default); 2: exhaustive where finite, then millions",
    )
    parser.add_argument("--seed", type=int_in(0, 2**31 - 1), default=0, metavar="N")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Run, print the report, write the files."""
    for path in filter(None, (options.junit, options.json)):
        check_writable(path)
    if options.vectors is not None:
        report = _recorded(options.vectors, options.outputs)
    else:
        report = _live(options)
    print(report)
    if options.junit is not None:
        write_junit(options.junit, report)
    if options.json is not None:
        write_json(options.json, _as_json(report))
    if report.error is not None:
        return 2
    return 0 if report.passed else 1


def _live(options: argparse.Namespace) -> Report:
    given = machine(options)
    plan = Plan(
        given.datapath, given.a, given.b, options.level, options.seed, given.k, given.ranges
    )
    report = conform(_kernel(options), plan, _progress())
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return report


def _kernel(options: argparse.Namespace) -> Kernel:
    if options.python is not None:
        sys.path.insert(0, "")
        return PythonKernel.named(options.python)
    if options.library is not None:
        if options.declaration is None:
            raise UsageError("--declaration: missing, allowed: that of the library's function")
        function = CFunction(options.library, options.declaration)
        return Isolated(function, timeout=options.timeout)
    return Program(options.program, timeout=options.timeout, radix=options.radix)


def _recorded(folder: Path, outputs: Path | None) -> Report:
    recorded = vectors.read(folder)
    recipe, out = recorded.recipe, recorded.arrays["out"]
    if outputs is not None:
        out = _outputs(outputs, out.shape)
    plan = Plan(recipe.datapath, recipe.a, recipe.b, seed=recipe.seed)
    cases: Sequence[tuple[Call, Any]] = list(zip(vectors.calls_of(recorded), out, strict=True))
    return conform_recorded(str(outputs or folder), plan, cases)


def _outputs(path: Path, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"--outputs {path}: {error}") from None
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise UsageError(
            f"--outputs {path}: {array.dtype} {array.shape}, allowed: integers of shape {shape}"
        )
    return np.asarray(array)


def _progress() -> Callable[[Report], None]:
    """A line on a terminal's standard error that counts outputs."""
    if not sys.stderr.isatty():
        return lambda _: None

    def show(report: Report) -> None:
        words = f"{report.outputs:,} outputs compared, {report.seconds:.0f} s"
        print(f"\r{words}\033[K", end="", file=sys.stderr, flush=True)

    return show


def _as_json(report: Report) -> dict[str, Any]:
    example, found = report.counterexample, report.verdict
    return {
        "kernel": report.kernel,
        "datapath": to_json(report.plan.datapath),
        "level": report.plan.level,
        "seed": report.plan.seed,
        "passed": report.passed,
        "error": report.error,
        "seconds": round(report.seconds, 3),
        "sections": [
            {
                "name": section.name,
                "calls": section.calls,
                "outputs": section.outputs,
                "refused": section.refused,
                "different": section.different,
            }
            for section in report.sections
        ],
        "counterexample": example and {
            "place": example.place,
            "inputs": example.inputs(),
            "observed": example.observed.tolist(),
            "expected": example.expected.tolist(),
        },
        "causes": [{"cause": c.cause, "detail": c.detail} for c in found.causes] if found else [],
    }  # fmt: skip
