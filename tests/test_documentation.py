"""Every example in the README and the docstrings runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import pyqsim
from pyqsim.cli import main

README = Path(__file__).parents[1] / "README.md"
MODULES = [
    module.name
    for module in pkgutil.walk_packages(pyqsim.__path__, "pyqsim.")
    if not module.name.endswith(("__main__", "_libpyqsim"))
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    """Doctests of one module."""
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_the_docstrings_hold_examples() -> None:
    """The check above must have something to check."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES]
    examples = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(examples) > 40


def test_readme_examples() -> None:
    """The Python blocks of the README, in order, in one namespace."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert failed == 0
    assert attempted > 15


def test_readme_accuracy_is_what_the_command_prints(
    level: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every digit of the tables; a minute and a half."""
    if level < 2:
        pytest.skip("level 2: runs every format on every digit")
    assert main(["accuracy"]) == 0
    text = README.read_text()
    begin, end = "<!-- accuracy: begin -->\n", "<!-- accuracy: end -->"
    assert (
        capsys.readouterr().out.strip()
        == text[text.index(begin) + len(begin) : text.index(end)].strip()
    )


def test_readme_commands_are_those_that_ci_runs() -> None:
    """Each shell block follows a mark by which .ci/run finds and runs it."""
    text = README.read_text()
    marked = re.findall(r"<!-- ci: (\w+) -->\n```sh\n[^\n]+\n```", text)
    assert sorted(marked) == ["demo", "test"]
    assert text.count("```sh") == len(marked)
