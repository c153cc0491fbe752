"""``pyqsim info``."""

import json

import numpy as np

from pyqsim import __version__
from pyqsim.cli import main


def test_text_and_json_say_the_same(capsys, tmp_path):
    path = tmp_path / "info.json"
    assert main(["info", "--json", str(path)]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    facts = json.loads(path.read_text())
    assert facts.keys() == shown.keys()
    assert facts["pyqsim"] == shown["pyqsim"] == __version__
    assert facts["numpy"] == np.__version__
    assert facts["cores"] >= 1
    assert facts["cpu"]
    assert facts["compiler"].startswith(("gcc ", "clang "))
    assert "reference" in facts["kernels"]
    assert "portable" in facts["isas"]


def test_a_file_that_cannot_be_written(capsys, tmp_path):
    assert main(["info", "--json", str(tmp_path / "no" / "file.json")]) == 2
    assert capsys.readouterr().err.startswith("pyqsim: error: [Errno 2]")
