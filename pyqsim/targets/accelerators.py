"""Accelerators: Gemmini, VTA, GNA, BitNet's lanes, Hexagon HVX, an in-memory array."""

from __future__ import annotations

from pyqsim.datapath import Accumulate, AddBias, Datapath, Narrow, Requantize
from pyqsim.modes import FLOOR, HALF_UP, SATURATE, WRAP
from pyqsim.requantize import FloatScale, ShiftOnly
from pyqsim.targets.common import CODES_S8, ONE, S8, S16, S32, U8, dot, shifter
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]

_GEMMINI_OUTPUT = (AddBias(32), Requantize(FloatScale()), CODES_S8)
_GEMMINI_SCALE = (
    "The comment in Arithmetic.scala says the shift rounds away from 0; it rounds half to even",
)

TARGETS = (
    Target(
        name="gemmini-functional",
        family="accelerators",
        title="Gemmini's C library and Spike model: 32-bit sums",
        datapath=Datapath(reduce=(Accumulate(32),), output=_GEMMINI_OUTPUT),
        a=S8,
        b=S8,
        scale_rule="float32",
        source="ucb-bar/gemmini-rocc-tests@180c468 include/gemmini.h; libgemmini@5b1254a",
        confidence="read",
        notes="ReLU, where asked for, comes before the scale: Clamp(0, ...) after AddBias",
        pitfalls=(*_GEMMINI_SCALE, "The hardware's wires are narrower: gemmini-20bit"),
    ),
    Target(
        name="gemmini-20bit",
        family="accelerators",
        title="Gemmini's RTL, weight stationary: 20-bit columns of 16 rows",
        datapath=Datapath(
            reduce=(Accumulate(20, WRAP, group=16), Accumulate(32)), output=_GEMMINI_OUTPUT
        ),
        a=S8,
        b=S8,
        scale_rule="float32",
        source="ucb-bar/gemmini@8c3f992 Configs.scala l.23-29, PE.scala, AccumulatorMem.scala",
        confidence="read",
        notes="spatialArrayOutputType is 20 bits; sums of 16 int8 products reach 2**18 and fit. "
        "Output stationary, the whole sum would be in 20 bits",
        pitfalls=_GEMMINI_SCALE,
    ),
    Target(
        name="vta",
        family="accelerators",
        title="TVM VTA: dot of 16, 32-bit sum, floor shift, low 8 bits",
        datapath=Datapath(
            reduce=(Accumulate(group=16), Accumulate(32, WRAP)),
            output=(
                AddBias(32),
                Requantize(ShiftOnly(FLOOR, 32, WRAP)),
                CODES_S8,
                Narrow(bits=8, overflow=WRAP),
            ),
        ),
        a=S8,
        b=S8,
        source="apache/tvm-vta@d4a15f6 hardware/xilinx/src/vta.{h,cc}, sim_driver.cc, TensorAlu",
        confidence="read",
        notes="The clamp is two ALU instructions (MIN, MAX) that compilers emit",
        pitfalls=(
            "Without that clamp the output is the low 8 bits: it wraps",
            "HLS reads the low 5 shift bits as signed (16..31 shift left), Chisel as unsigned, the "
            "simulator the whole int",
        ),
    ),
    Target(
        name="gna-int16",
        family="accelerators",
        title="Intel GNA 2, int16: wide sums over 12288 inputs, then saturated to 32 bits",
        datapath=Datapath(
            reduce=(
                Accumulate(group=12288, start="bias", spill=(Narrow(bits=32, overflow=SATURATE),)),
            )
        ),
        a=S16,
        b=S16,
        source="intel/gna src/gna-lib/kernels/igemv16_generic-sat.cpp, saturate.h, "
        "HardwareCapabilities.cpp",
        confidence="read",
        notes="12288 is the buffer of one vector (grouping 1); with 3, 5, 6 or 7 vectors at once "
        "12096 or 12000. Activations follow as piecewise linear segments",
        pitfalls=("Between two buffers the sum starts again from the saturated value",),
    ),
    Target(
        name="bitnet-i2s-avx2",
        family="accelerators",
        title="BitNet ternary weights on AVX2: 16-bit lanes over 4096 inputs wrap",
        datapath=Datapath(
            reduce=(
                Accumulate(16, SATURATE, group=2),
                Accumulate(16, WRAP, group=128, interleave=16),
                Accumulate(32, WRAP),
            )
        ),
        a=S8,
        b=IntegerRange(0, 2),
        source="microsoft/BitNet src/ggml-bitnet-mad.cpp, ggml_vec_dot_i2_i8_s; issue 629",
        confidence="read",
        notes="Weights -1, 0, 1 are stored as 0, 1, 2; the sum of a is subtracted afterwards. "
        "A lane adds 128 pairs, up to 256 * 2 * 127",
        pitfalls=("The lanes overflow where activations are large and alike; sums hide it often",),
    ),
    Target(
        name="hexagon-vrmpy",
        family="accelerators",
        title="Hexagon HVX vrmpy(ub, b): accumulator + 4 products, wraps",
        datapath=dot(4, 32, WRAP),
        a=U8,
        b=S8,
        source="qemu 7.2 target/hexagon/imported/mmvec/ext.idef",
        confidence="read",
        pitfalls=("Its comment says 'and saturation'; the code adds plainly",),
    ),
    Target(
        name="hexagon-vasr-rnd-sat",
        family="accelerators",
        title="Hexagon HVX vasr(w, w, R):rnd:sat: 32 bits rounded to 16",
        datapath=shifter(HALF_UP, 16, SATURATE),
        a=S32,
        b=ONE,
        k=1,
        source="qemu 7.2 target/hexagon/imported/mmvec/ext.idef",
        confidence="read",
        shifts=IntegerRange(-15, 0),
        notes="The shift comes with the call, PowerOfTwoFactor(-s), s in 0..15; without :rnd FLOOR",
    ),
    Target(
        name="adc-column",
        family="accelerators",
        title="in-memory array: columns of 64 rows read by a 5-bit converter",
        datapath=Datapath(
            reduce=(
                Accumulate(group=64),
                Narrow(shift=6, rounding=HALF_UP, bits=5, overflow=SATURATE),
                Accumulate(),
            )
        ),
        a=IntegerRange(-8, 7),
        b=IntegerRange(-8, 7),
        source="A textbook array, after the design of such machines in general; no product",
        confidence="unconfirmed",
        notes="An example to copy: rows, converter bits and step differ from chip to chip",
        pitfalls=("Real converters also have noise and offset, which no integer model holds",),
    ),
)
