"""Garbage to every public function: a `PyqsimError`, or an answer that the oracle gives too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

import pyqsim as qs
from pyqsim.testing import oracle

# A garbage argument may have a long repr; that says nothing about the package.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

EXAMPLES = {1: 60, 2: 5_000}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70),
    st.integers(),
    st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**400, -1, 0]),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.sampled_from(["wrap", "saturate", "floor", "half_even", "max", "trap", "auto", "subtract"]),
    st.sampled_from([qs.WRAP, qs.HALF_UP, qs.SATURATE_HOLD, qs.STOCHASTIC(3), qs.Affine, object()]),
)
arrays = st.one_of(
    nps.arrays(
        st.one_of(
            nps.integer_dtypes(), nps.unsigned_integer_dtypes(), nps.floating_dtypes(sizes=(64,)),
            nps.boolean_dtypes(), nps.datetime64_dtypes(),
        ),
        nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    st.just(np.array([[1, None]], dtype=object)),
    st.just(np.ones((2, 2), np.int8)[::-1, ::2]),
    st.just(np.ma.masked_array([[1, 2]], [[0, 1]])),
)  # fmt: skip
nested = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner))
values = st.one_of(
    scalars,
    arrays,
    nested,
    st.dictionaries(st.text(max_size=3), scalars, max_size=2),
    st.sampled_from(
        [
            qs.Affine(8),
            qs.LogQuant(3),
            qs.PiecewiseLinear(4),
            qs.QTensor([[1, 2], [3, 4]], qs.Affine(8), 0.5, 3),
            qs.QTensor([[1], [2]], qs.APoT(4)),
            qs.QTensor(np.zeros((1, 2, 2, 1), int), qs.Affine(4, signed=False), 1.0),
            qs.Datapath(),
            qs.Datapath(reduce=(qs.Accumulate(8, "saturate", start="bias"),)),
            qs.Accumulate(8),
            qs.Narrow(),
            qs.Encoding(qs.Affine(8)),
            qs.requantize.Multiplier(2**30, 1),
            qs.requantize.FloatFactor(0.5),
            qs.requantize.DoubleRounding(),
        ]
    ),
)

#: Callables, their required arguments, their options.
DOORS: dict[str, tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]] = {
    "matmul": (
        qs.matmul,
        ("a", "b", "datapath"),
        ("bias", "requantize", "out_zero_point", "merge", "kernel", "isa", "threads", "out",
         "n_first", "events", "counts"),
    ),
    "plan": (qs.plan, ("b", "datapath"), ("kernel", "isa")),
    "narrow": (
        qs.narrow, ("x",),
        ("shift", "multiplier", "divisor", "rounding", "bits", "overflow", "signed"),
    ),
    "quantize": (
        qs.quantize, ("x", "fmt"),
        ("axis", "method", "rounding", "scale", "zero_point", "group", "group_axis", "arithmetic"),
    ),
    "QTensor": (
        qs.QTensor, ("codes", "fmt"), ("scale", "zero_point", "axis", "group", "group_axis")
    ),
    "Encoding.tensor": (lambda codes, **o: qs.Encoding(qs.Affine(8), **o).tensor(codes), ("codes",),
                        ("scale", "zero_point")),
    "explain": (qs.explain, ("a", "b", "datapath", "m", "n"), ("bias", "requantize", "merge")),
    "diff": (qs.diff, ("x", "y", "a", "b"), ("y_data", "bias")),
    "headroom": (qs.headroom, ("b", "datapath", "activations"), ("bias",)),
    "Accumulate": (
        qs.Accumulate, (),
        ("bits", "overflow", "group", "interleave", "start", "spill", "signed"),
    ),
    "AccumulateLogs": (
        qs.AccumulateLogs, (), ("guard_bits", "bits", "overflow", "group", "signed"),
    ),
    "Narrow": (
        qs.Narrow, (),
        ("shift", "multiplier", "divisor", "rounding", "bits", "overflow", "signed"),
    ),
    "Datapath": (qs.Datapath, (), ("product", "reduce", "output", "order")),
    "Shift": (qs.Shift, (), ("drop", "rounding", "sign", "per")),
    "Multiply": (qs.Multiply, (), ("zero_points",)),
    "Lookup": (qs.Lookup, ("table",), ()),
    "Clamp": (qs.Clamp, ("min", "max"), ()),
    "Thresholds": (qs.Thresholds, ("values",), ()),
    "Requantize": (qs.Requantize, ("scheme",), ()),
    "AddBias": (qs.AddBias, (), ("bits", "overflow", "signed")),
    "Merge": (qs.Merge, (), ("bits", "overflow", "signed")),
    "Rounding": (qs.Rounding, ("table",), ("seed", "random_bits")),
    "STOCHASTIC": (qs.STOCHASTIC, ("seed",), ("random_bits",)),
    "WRAP_SATURATED_BITS": (qs.WRAP_SATURATED_BITS, ("n",), ()),
    "Affine": (qs.Affine, ("bits",), ("signed", "narrow")),
    "Binary": (qs.Binary, (), ("values",)),
    "LogQuant": (qs.LogQuant, ("bits",), ("signed", "log_rounding")),
    "PowerOfTwo": (qs.PowerOfTwo, ("bits",), ("member",)),
    "APoT": (qs.APoT, ("bits",), ("base_bits", "signed")),
    "PiecewiseLinear": (qs.PiecewiseLinear, ("bits",), ("variant",)),
    "Codebook": (qs.Codebook, ("levels",), ("thresholds",)),
    "BitPlanes": (qs.BitPlanes, ("bits",), ("values",)),
    "Planes": (qs.Planes, ("tables",), ()),
    "Multiplier": (qs.requantize.Multiplier, ("multiplier", "shift"), ()),
    "FloatFactor": (qs.requantize.FloatFactor, ("scale",), ()),
    "PowerOfTwoFactor": (qs.requantize.PowerOfTwoFactor, ("shift",), ()),
    "DoubleRounding": (qs.requantize.DoubleRounding, (), ("final",)),
    "DoubleRounding.encode": (qs.requantize.DoubleRounding().encode, ("real_scale",), ()),
    "SingleRounding.apply": (
        qs.requantize.SingleRounding().apply, ("acc", "parameters"), ("zero_point", "clamp"),
    ),
    "FloatScale.encode": (qs.requantize.FloatScale().encode, ("real_scale",), ()),
    "ShiftOnly": (qs.requantize.ShiftOnly, ("rounding",), ()),
    "FixedPointFactor": (
        qs.requantize.FixedPointFactor, ("multiplier", "right_shift"), ("offset",),
    ),
    "DoubleFactor": (qs.requantize.DoubleFactor, ("scale",), ()),
    "DoubleScale.encode": (qs.requantize.DoubleScale().encode, ("real_scale",), ()),
    "NvdlaOutput": (qs.requantize.NvdlaOutput, (), ("result_bits",)),
    "FixedPoint": (
        qs.requantize.FixedPoint, (), tuple(qs.requantize.FixedPoint.__dataclass_fields__),
    ),
    "EthosU": (qs.requantize.EthosU, (), tuple(qs.requantize.EthosU.__dataclass_fields__)),
    "ApFixed": (
        qs.requantize.ApFixed, ("width",),
        ("quantization", "overflow", "saturated_bits", "signed"),
    ),
    "targets.get": (qs.targets.get, ("name",), ()),
    "average_pool2d": (qs.ops.average_pool2d, ("x", "size"), ()),
    "add": (qs.ops.add, ("x", "y", "encoding"), ("left_shift", "scheme", "operand_scheme")),
    "multiply": (
        qs.ops.multiply, ("x", "y", "encoding"), ("scheme", "scale_rule", "scaled_bits")
    ),
    "rescale": (qs.ops.rescale, ("x", "encoding"), ("scheme", "requantize")),
    "subtract": (qs.ops.subtract, ("x", "y", "encoding"), ("left_shift",)),
    "weighted_add": (qs.ops.weighted_add, ("x", "y", "encoding"), ("subtract",)),
    "linear": (qs.ops.linear, ("x", "weight", "datapath"), ("encoding", "bias", "threads")),
    "conv2d": (
        qs.ops.conv2d, ("x", "weight", "datapath"),
        ("stride", "padding", "dilation", "groups", "encoding", "bias"),
    ),
    "max_pool2d": (qs.ops.max_pool2d, ("x", "size"), ()),
    "relu": (qs.ops.relu, ("x",), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", DOORS)
def test_garbage_is_refused_by_name(name: str, level: int) -> None:
    """Whatever comes: nothing but the package's own exceptions."""
    function, required, optional = DOORS[name]
    arguments = st.fixed_dictionaries(
        dict.fromkeys(required, values), optional=dict.fromkeys(optional, values)
    )

    @settings(
        max_examples=EXAMPLES[level],
        deadline=None,
        derandomize=level == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(arguments)
    def garbage(given_arguments: dict[str, Any]) -> None:
        with suppress(qs.errors.PyqsimError):
            function(**given_arguments)

    garbage()


matrices = nps.arrays(
    st.sampled_from([np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64]),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
steps = st.one_of(
    st.builds(
        qs.Accumulate,
        st.sampled_from([None, 2, 8, 31, 64]),
        st.sampled_from(["wrap", "saturate", "saturate_hold", "trap"]),
        st.sampled_from([None, None, 1, 2]),
    ),
    st.builds(
        qs.Narrow, st.integers(-70, 70), st.integers(-(2**63), 2**63 - 1), st.just(1),
        st.sampled_from(["floor", "half_even", "to_odd"]), st.sampled_from([None, 8]),
    ),
)  # fmt: skip


def test_what_is_accepted_is_what_the_oracle_computes(level: int) -> None:
    """Any integers in any layout, steps that may not fit: refused, or right to the bit."""

    @settings(
        max_examples=10 * EXAMPLES[level], deadline=None, derandomize=level == 1, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(matrices, matrices, st.lists(steps, max_size=3), st.booleans(), values)
    def call(a: Any, b: Any, reduce: list[Any], turned: bool, bias: Any) -> None:
        a = np.asfortranarray(a)[::-1] if turned else a
        try:
            with_bias = turned and bias is not None
            dp = qs.Datapath(reduce=reduce, output=(qs.AddBias(),) if with_bias else ())
            data = {"bias": bias} if with_bias else {}
            y, events = qs.matmul(a, b, dp, events=True, counts=True, **data)
        except qs.errors.PyqsimError:
            return
        z, told = oracle.matmul(a, b, dp, events=True, counts=True, **data)
        assert y.dtype == z.dtype
        assert y.tolist() == z.tolist()
        assert (events.steps, events.first) == (told.steps, told.first)

    call()
