"""The command line's front: help, versions, errors in one line."""

import subprocess
import sys

import pytest

from pyqsim import __version__
from pyqsim.cli import main


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "pyqsim demo --quick" in shown
    assert "exit status: 0" in shown


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"pyqsim {__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["bench", "--size", "1"],
        ["demo", "--digits", "0"],
        ["demo", "--digits", "2001"],
        ["demo", "--threads=x"],
    ],
    ids=" ".join,
)
def test_arguments_that_do_not_exist(argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2


def test_python_m_and_no_rich_at_import():
    code = "import sys, pyqsim.__main__; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    command = [sys.executable, "-m", "pyqsim", "info"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.startswith("pyqsim")


@pytest.mark.parametrize("command", ["info", "formats"])
def test_output_that_nobody_reads(command):
    call = [sys.executable, "-m", "pyqsim", command]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
