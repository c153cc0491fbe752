"""Run a kernel against the reference, shrink what differs, and say why."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call, Verdict, verdict
from pyqsim.diagnostics.call import codes_of, take
from pyqsim.errors import PyqsimError
from pyqsim.tensor import QTensor
from pyqsim.testing import oracle
from pyqsim.testing.conformance.cases import Batch, Case, Plan, batches
from pyqsim.testing.conformance.kernels import Kernel, KernelError
from pyqsim.testing.conformance.plain import plain_numbers
from pyqsim.testing.conformance.shrink import columns_of_data, shrink
from pyqsim.testing.random_operands import OperandKind, limits_of

__all__ = [
    "Counterexample",
    "Report",
    "Section",
    "conform",
    "conform_recorded",
    "counterexample",
    "explain_failures",
]

_CALLS_FOR_THE_VERDICT = 400
_FAILURES_FOR_THE_VERDICT = 60


def _latest() -> deque[Case]:
    return deque(maxlen=_CALLS_FOR_THE_VERDICT)


@dataclass
class Section:
    """One kind of calls: how many, and how many of them differ.

    Attributes
    ----------
    name : str
    calls, outputs : int
    refused : int
        Calls left out, as the reference refuses them.
    failures, different : int
        Calls, and outputs, that are not the machine's.
    seconds : float
    agreeing, failing : sequence of (Call, ndarray)
        The calls and what was observed; of those that agree the latest.
    """

    name: str
    calls: int = 0
    outputs: int = 0
    refused: int = 0
    failures: int = 0
    different: int = 0
    seconds: float = 0.0
    agreeing: deque[Case] = field(default_factory=_latest, repr=False)
    failing: list[Case] = field(default_factory=list, repr=False)

    def add(self, call: Call, expected: npt.NDArray[Any], observed: npt.NDArray[Any]) -> None:
        """Count a call, and keep it with what was observed."""
        different = int((observed != expected).sum())
        self.calls += 1
        self.outputs += observed.size
        self.failures += different > 0
        self.different += different
        (self.failing if different else self.agreeing).append((call, observed))


@dataclass(frozen=True, eq=False)
class Counterexample:
    """The smallest call found on which kernel and machine differ.

    Attributes
    ----------
    call : Call
    observed, expected : ndarray
    place : (int, int, int)
        First (m, n), and k: the last term that is needed for the difference.
    """

    call: Call
    observed: npt.NDArray[Any]
    expected: npt.NDArray[Any]
    place: tuple[int, int, int]

    def __str__(self) -> str:
        m, n, k = self.place
        lines = [
            f"shapes: a {_shape(self.call.a)}, b {_shape(self.call.b)}",
            f"first (m, n, k): ({m}, {n}, {k})",
            f"{self.inputs()} => {self.observed[m, n]}  expected: {self.expected[m, n]}",
        ]
        return "\n".join(lines)

    def inputs(self) -> str:
        """The operands of the first output, and its numbers."""
        m, n, _ = self.place
        numbers = plain_numbers(self.call)
        a, b = numbers.pop("a")[m], numbers.pop("b")[:, n]
        words = [f"a={_list(a)}", f"b={_list(b)}"]
        for name, values in numbers.items():
            words.append(f"{name}={values[m if name == 'a_zero_point' else n]}")
        return " ".join(words)


def _shape(operand: QTensor | npt.NDArray[Any]) -> str:
    codes = codes_of(operand)
    kind = operand.format if isinstance(operand, QTensor) else codes.dtype
    return f"{codes.shape} {kind}"


def _list(values: npt.NDArray[Any]) -> str:
    """Runs of one value are written once: ``[127, -128 x 40]``."""
    runs = [(int(value), len(list(group))) for value, group in groupby(values.tolist())]
    texts = [str(v) if count == 1 else f"{v} x {count}" for v, count in runs]
    if len(texts) > 24:
        texts = [*texts[:12], f"({len(texts) - 24} more)", *texts[-12:]]
    return "[" + ", ".join(texts) + "]"


@dataclass
class Report:
    """What a conformance run found.

    Attributes
    ----------
    kernel : str
    plan : Plan
    sections : list of Section
    error : str or None
        Why the kernel gave no numbers, if so.
    counterexample : Counterexample or None
    verdict : Verdict or None
    seconds : float
    """

    kernel: str
    plan: Plan
    sections: list[Section] = field(default_factory=list)
    error: str | None = None
    counterexample: Counterexample | None = None
    verdict: Verdict | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every output of every call was the machine's."""
        return self.error is None and not any(section.failures for section in self.sections)

    @property
    def failing(self) -> list[Case]:
        """Calls that differ, with what was observed."""
        return [case for section in self.sections for case in section.failing]

    @property
    def outputs(self) -> int:
        """Outputs compared."""
        return sum(section.outputs for section in self.sections)

    def __str__(self) -> str:
        lines = [f"kernel: {self.kernel}", f"machine: {self.plan.datapath}"]
        for section in self.sections:
            line = (
                f"{section.name}: {section.outputs:,} outputs of {section.calls:,} calls, "
                f"{section.different:,} differ"
            )
            refused = f" ({section.refused:,} calls the machine refuses)"
            lines.append(line + refused * (section.refused > 0))
        if self.error:
            lines.append(f"error: {self.error}")
        if self.counterexample:
            lines += ["smallest difference found:", str(self.counterexample)]
        if self.verdict:
            lines.append(f"likely cause: {self.verdict}")
        lines.append(f"{'conforms' if self.passed else 'DOES NOT CONFORM'}, {self.seconds:.1f} s")
        return "\n".join(lines)


def conform(
    kernel: Kernel, plan: Plan, progress: Callable[[Report], None] = lambda _: None
) -> Report:
    """Run a kernel on the calls of a plan and compare every output with the reference.

    Parameters
    ----------
    kernel : Kernel
    plan : Plan
    progress : callable
        Is told the report as it grows, after every batch.

    Returns
    -------
    Report
    """
    began = time.perf_counter()
    report = Report(kernel.name, plan)
    try:
        for batch in batches(plan, kernel):
            _run_batch(kernel, batch, report)
            report.seconds = time.perf_counter() - began
            progress(report)
            if len(report.failing) >= _FAILURES_FOR_THE_VERDICT:
                break
        if report.outputs == 0:
            raise KernelError("no call of this machine could be run, so nothing was compared")
        explain_failures(kernel, report)
    except KernelError as error:
        report.error = str(error)
    report.seconds = time.perf_counter() - began
    return report


def _run_batch(kernel: Kernel, batch: Batch, report: Report) -> None:
    if not report.sections or report.sections[-1].name != batch.name:
        report.sections.append(Section(batch.name))
    section, began = report.sections[-1], time.perf_counter()
    section.refused += batch.refused
    observations = kernel.run([call for call, _ in batch.cases])
    for (call, expected), observed in zip(batch.cases, observations, strict=True):
        section.add(call, expected, observed)
    section.seconds += time.perf_counter() - began


def conform_recorded(name: str, plan: Plan, cases: Sequence[Case]) -> Report:
    """Compare outputs that were recorded elsewhere with the reference.

    Parameters
    ----------
    name : str
        What the report calls them.
    plan : Plan
    cases : sequence of (Call, ndarray)
        Calls and what came out.

    Returns
    -------
    Report
        Its counterexample is one recorded output, as nothing can be run again.
    """
    began = time.perf_counter()
    section = Section("recorded calls")
    report = Report(name, plan, [section])
    for call, observed in cases:
        section.add(call, call.run(), observed)
    if report.failing:
        report.counterexample = _recorded_output(*report.failing[0])
        report.verdict = _verdict(report)
    section.seconds = report.seconds = time.perf_counter() - began
    return report


def _recorded_output(call: Call, observed: npt.NDArray[Any]) -> Counterexample:
    """The first output that differs, alone."""
    m, n = (int(i) for i in np.argwhere(observed != call.run())[0])
    one = replace(call, a=take(call.a, slice(m, m + 1), slice(None)))
    data = columns_of_data(one.data, slice(n, n + 1), call.sizes[1])
    one = replace(one, b=take(one.b, slice(None), slice(n, n + 1)), data=data)
    return Counterexample(one, observed[m : m + 1, n : n + 1], one.run(), (0, 0, call.sizes[2] - 1))


def _verdict(report: Report) -> Verdict:
    """Of the failures with few outputs, and of calls that agree."""
    small = sorted(report.failing, key=lambda one: one[1].size)[:_FAILURES_FOR_THE_VERDICT]
    agreeing = [one for section in report.sections for one in section.agreeing if one[1].size]
    chosen = [*small, *agreeing[-_CALLS_FOR_THE_VERDICT:]]
    return verdict([call for call, _ in chosen], [y for _, y in chosen])


def explain_failures(kernel: Kernel, report: Report) -> None:
    """Add the smallest counterexample and the verdict to a report with failures."""
    if report.failing:
        smallest = min(report.failing, key=lambda one: (one[0].sizes[2], one[1].size))
        report.counterexample = counterexample(kernel, report.plan, *smallest)
        report.verdict = _verdict(report)


def counterexample(
    kernel: Kernel, plan: Plan, call: Call, seen: npt.NDArray[Any]
) -> Counterexample:
    """Shrink a failing call; the oracle must agree with the reference on the result."""

    def fails(candidate: Call) -> bool:
        if not (_inside(candidate.a, plan.a) and _inside(candidate.b, plan.b)):
            return False
        (observed,) = kernel.run([candidate])
        return bool((observed != candidate.run()).any())

    alone = _recorded_output(call, seen).call
    small = shrink(alone if fails(alone) else call, fails)
    expected, (observed,) = small.run(), kernel.run([small])
    if small.sizes[2] <= 4096:
        _check_oracle(small, expected)
    if not (observed != expected).any():
        raise KernelError(f"{kernel.name}: gives other numbers when the same call is repeated")
    m, n = (int(i) for i in np.argwhere(observed != expected)[0])
    return Counterexample(small, observed, expected, (m, n, _first_k(small, fails)))


def _inside(operand: QTensor | npt.NDArray[Any], kind: OperandKind) -> bool:
    low, high = limits_of(kind)
    codes = codes_of(operand)
    return not codes.size or (low <= int(codes.min()) and int(codes.max()) <= high)


def _check_oracle(call: Call, expected: npt.NDArray[Any]) -> None:
    independent = oracle.matmul(call.a, call.b, call.datapath, **call.data)
    if not np.array_equal(independent, expected):
        raise AssertionError(f"pyqsim itself: oracle {independent}, reference {expected}: {call}")


def _first_k(call: Call, fails: Callable[[Call], bool]) -> int:
    """The last term of the shortest sum that differs; -1 if none is needed."""
    k = call.sizes[2]
    if call.datapath.order is not None:
        return k - 1
    for count in range(k):
        kept = slice(0, count)
        shorter = replace(
            call, a=take(call.a, slice(None), kept), b=take(call.b, kept, slice(None))
        )
        try:
            if fails(shorter):
                return count - 1
        except PyqsimError:
            continue
    return k - 1
