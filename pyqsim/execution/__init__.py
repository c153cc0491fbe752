"""Run datapaths on exact integers; this package computes nothing itself.

The C library computes, `pyqsim.bounds` proves that its words hold everything.
"""

from pyqsim.execution.call_data import CallData
from pyqsim.execution.depthwise import ChannelPatches, DepthwiseRunner
from pyqsim.execution.kernels import ISAS, KERNELS
from pyqsim.execution.operand import Operand, Patches
from pyqsim.execution.output import output_of_array
from pyqsim.execution.runner import Runner

__all__ = [
    "ISAS",
    "KERNELS",
    "CallData",
    "ChannelPatches",
    "DepthwiseRunner",
    "Operand",
    "Patches",
    "Runner",
    "output_of_array",
]
