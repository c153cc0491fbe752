"""Is a kernel that is not ours bit exact? Adapters, calls, a run, a report."""

from pyqsim.testing.conformance.c_function import CFunction
from pyqsim.testing.conformance.cases import Plan
from pyqsim.testing.conformance.isolated import Isolated
from pyqsim.testing.conformance.junit import write_junit
from pyqsim.testing.conformance.kernels import Kernel, KernelError, PythonKernel
from pyqsim.testing.conformance.program import Program, call_line
from pyqsim.testing.conformance.run import (
    Counterexample,
    Report,
    Section,
    conform,
    conform_recorded,
)

__all__ = [
    "CFunction",
    "Counterexample",
    "Isolated",
    "Kernel",
    "KernelError",
    "Plan",
    "Program",
    "PythonKernel",
    "Report",
    "Section",
    "call_line",
    "conform",
    "conform_recorded",
    "write_junit",
]
