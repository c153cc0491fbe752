"""torch-onednn-avx2 named the chain of torch-onednn, whose kernels multiply scale by scale.

Without VNNI oneDNN's kernels multiply by the product of both operands' scales. Found by layers
beside ties on an emulated CPU; until then that target was compared with scales that are powers of
two alone, where both are the same.
"""

from __future__ import annotations

import pytest

import pyqsim as qs
from pyqsim.requantize import onednn_chain

#: (operator, sum, x scale, weight scale, real bias, y scale, y zero point, code)
#: PyTorch 2.13.0's engine onednn under qemu-x86_64 -cpu Haswell.
RECORDED = [
    ("linear", 234, "0x1.46aa7cp-3", "0x1.c019c4p-3", "-0x1.849242p8", "0x1.992cccp2", 132, 72),
    ("linear", 68, "0x1.250d68p1", "0x1.ba5af2p-1", "-0x1.d6c66ap7", "0x1.5f5d9ap0", 179, 106),
    ("linear", 142, "0x1.d38528p0", "0x1.75b71ep-11", "-0x1.e436a8p1", "0x1.26c0f8p-2", 45, 33),
    ("conv", -18093, "0x1.3c8c1ap-3", "0x1.fd9526p-11", "-0x1.29b538p0", "0x1.ccc590p-4", 69, 35),
    ("conv", -76340, "0x1.bae244p-7", "0x1.c193fep-5", "0x1.3522ccp-2", "0x1.544392p-2", 255, 86),
    ("conv", 1554, "0x1.239a6cp-6", "0x1.6dabb8p8", "-0x1.47a604p13", "0x1.3d9e6cp1", 215, 66),
]


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_codes(case: tuple[str, int, str, str, str, str, int, int]) -> None:
    operator, acc, sx, sw, bias, sy, zero_point, code = case
    scales = [float.fromhex(word) for word in (sx, sw, sy, bias)]
    scheme = qs.targets.get("torch-onednn-avx2").scheme
    codes = {
        cpu: scheme.apply(
            [acc],
            onednn_chain(*scales, operator=operator, cpu=cpu),
            zero_point=zero_point,
            clamp=(0, 255),
        ).item()
        for cpu in ("avx2", "vnni")
    }
    assert codes["avx2"] == code
    assert abs(codes["vnni"] - code) == 1
