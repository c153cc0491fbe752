"""Runtimes as fixtures: absent ones skip a test with their name, or fail it where CI insists."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from ledger import needs


def _fixture(name: str, *packages: str) -> Any:
    @pytest.fixture(scope="session", name=name)
    def peer() -> Any:
        for package in packages:
            needs(package)
        return import_module(f"peers.{name}")

    return peer


litert = _fixture("litert", "ai_edge_litert")
tflm = _fixture("tflm", "ai_edge_litert", "tflite_micro")
tflite_model = _fixture("tflite_model", "ai_edge_litert")
onnx_model = _fixture("onnx_model", "onnx")
ort = _fixture("ort", "onnxruntime")
torch_engines = _fixture("torch_engines", "torch")


@pytest.fixture(scope="session")
def ap_fixed() -> Any:
    """The headers only: hls4ml itself, which asks for a lot, is not imported."""
    needs("hls4ml", found=find_spec("hls4ml"), reason="pip install --no-deps hls4ml")
    needs("g++")
    return import_module("peers.ap_fixed")


qonnx_model = _fixture("qonnx_model", "qonnx")
tosa = _fixture("tosa", "tosa_serializer", "tosa_reference_model")
apytypes = pytest.fixture(scope="session", name="apytypes")(lambda: needs("apytypes"))


@pytest.fixture
def run(request: pytest.FixtureRequest, path: str) -> Any:
    """The interpreter of a path of LiteRT, or "micro": (model, inputs) -> codes."""
    if path == "micro":
        return request.getfixturevalue("tflm").run_model
    return partial(request.getfixturevalue("litert").run_model, path=path)


@pytest.fixture(scope="session")
def call_emulated() -> Any:
    """Runs a peer on an emulated x86-64 CPU without VNNI and AVX-512."""
    needs("linux", found=sys.platform == "linux", reason="qemu-user emulates Linux programs")
    needs("qemu-x86_64", reason="Debian and Ubuntu have it in qemu-user")
    return import_module("peers.emulation").call_emulated
