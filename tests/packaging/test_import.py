"""What `import pyqsim` alone imports, and that the rest is there when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

ROOMS = ("data", "diagnostics", "model", "targets", "testing")


def printed(code: str) -> list[str]:
    """The lines that a process of its own prints: this one has imported everything."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def test_rooms_on_request() -> None:
    found = printed("import sys, pyqsim; print(*sys.modules, sep='\\n')")
    rooms = {name.split(".")[1] for name in found if name.startswith("pyqsim.")}
    assert {"ops", "requantize", "formats", "calibration"} < rooms
    assert rooms.isdisjoint(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_an_attribute(room: str) -> None:
    assert printed(f"import pyqsim; print(pyqsim.{room}.__name__)") == [f"pyqsim.{room}"]


def test_every_public_name_is_there() -> None:
    code = "import pyqsim as q; print({*q.__all__} - {*dir(q)}, *[type(getattr(q, n)) for n in {}])"
    missing, *_ = printed(code.replace("{}", "q.__all__"))
    assert missing.startswith("set()")
    code = "from pyqsim import *; print(headroom.__module__, targets.__name__)"
    assert printed(code) == ["pyqsim.diagnostics.headroom pyqsim.targets"]
