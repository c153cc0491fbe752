"""The one importer of the C library: arrays to pointers, values to structs, status to exception."""

from __future__ import annotations

from pyqsim._native.gemm import BitCodes, Gemm, GemmForm, sixteen_integers
from pyqsim._native.merge import MergeProgram
from pyqsim._native.output import Int32Program, OutputOp, OutputProgram, output
from pyqsim._native.primitives import narrow_array, philox
from pyqsim._native.reduce import TRACE, RawEvents, RawTrace, ReduceProgram, zero_point_correction
from pyqsim._native.values import ISAS, NoKernelError, RawPlace, compiler, isa_available
from pyqsim._native.wide import Wide, WideForm
from pyqsim._native.windows import Depthwise, Windows

__all__ = [
    "ISAS",
    "TRACE",
    "BitCodes",
    "Depthwise",
    "Gemm",
    "GemmForm",
    "Int32Program",
    "MergeProgram",
    "NoKernelError",
    "OutputOp",
    "OutputProgram",
    "RawEvents",
    "RawPlace",
    "RawTrace",
    "ReduceProgram",
    "Wide",
    "WideForm",
    "Windows",
    "compiler",
    "isa_available",
    "narrow_array",
    "output",
    "philox",
    "sixteen_integers",
    "zero_point_correction",
]
