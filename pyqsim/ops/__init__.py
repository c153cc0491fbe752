"""Operators on quantized tensors: shapes and calls, no arithmetic of their own. Layout NHWC."""

from pyqsim.execution import ISAS, KERNELS
from pyqsim.ops.activation import clamp, lookup, relu
from pyqsim.ops.add import add, subtract
from pyqsim.ops.conv2d import Conv2dPlan, conv2d, plan_conv2d
from pyqsim.ops.encoding import Encoding
from pyqsim.ops.linear import linear
from pyqsim.ops.matmul import DataOptions, Plan, matmul, plan
from pyqsim.ops.multiply import multiply
from pyqsim.ops.narrow import narrow
from pyqsim.ops.pool import average_pool2d, max_pool2d
from pyqsim.ops.rescale import rescale
from pyqsim.ops.weighted_add import weighted_add

__all__ = [
    "ISAS",
    "KERNELS",
    "Conv2dPlan",
    "DataOptions",
    "Encoding",
    "Plan",
    "add",
    "average_pool2d",
    "clamp",
    "conv2d",
    "linear",
    "lookup",
    "matmul",
    "max_pool2d",
    "multiply",
    "narrow",
    "plan",
    "plan_conv2d",
    "relu",
    "rescale",
    "subtract",
    "weighted_add",
]
