"""The progress bar: on terminals only, and never between the lines of standard output."""

import io
import sys

import numpy as np
import pytest

from pyqsim.cli import main
from pyqsim.cli.progress import counted
from pyqsim.formats.catalogue import family


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_counted(monkeypatch, capsys, terminal, rich):
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    if not rich:
        monkeypatch.setattr("pyqsim.cli.progress.find_spec", lambda name: None)
    assert list(counted([3, 1, 2], "cells")) == [3, 1, 2]
    assert ("cells" in stream.getvalue()) == (terminal and rich)
    assert ("100%" in stream.getvalue()) == (terminal and rich)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["accuracy", "compare"])
def test_commands_that_take_seconds_show_it(monkeypatch, capsys, tmp_path, command):
    monkeypatch.setattr("pyqsim.cli.accuracy.NETWORK_FAMILIES", [family("Affine")])
    np.save(tmp_path / "x.npy", np.arange(9.0))
    argv = {
        "accuracy": ["accuracy", "--digits", "1", "--network", "mlp"],
        "compare": ["compare", str(tmp_path / "x.npy"), "--bits", "2"],
    }[command]
    shown = []
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(argv) == 0
        shown.append((capsys.readouterr().out, "100%" in stream.getvalue()))
    assert shown[0][0] == shown[1][0]
    assert [bar for _, bar in shown] == [False, True]
