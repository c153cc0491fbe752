"""Who may import whom: the order as data, read from the source with ast (lazy imports count)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "pyqsim"

#: Lowest first. A module imports from the lines above its own, and from its own folder.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "_version", "text_table"),
    ("extras",),
    ("modes",),
    ("checks", "whole_files"),
    ("formats", "datapath", "parameters", "events"),
    ("bounds",),
    ("tensor",),
    ("_libpyqsim",),
    ("_native",),
    ("execution",),
    ("requantize", "calibration", "training"),
    ("ops", "datapath_json"),
    ("targets",),
    ("data",),
    ("model",),
    ("diagnostics",),
    ("pyqsim",),  # the package's own __init__: public names
    ("testing",),
    ("cli",),
    ("__main__",),
)

#: What the oracle may use: words, not arithmetic.
ORACLE_MAY = {"modes", "errors", "events", "datapath", "testing"}
ORACLE_MAY_FOR_TYPING = {*ORACLE_MAY, "tensor"}


@dataclass(frozen=True)
class Import:
    """One import statement: who, whom, where, and whether only type checkers see it."""

    importer: str
    imported: str
    line: int
    typing: bool

    def __str__(self) -> str:
        return f"{self.importer} line {self.line}: imports {self.imported}"


def modules(root: Path) -> dict[str, Path]:
    """Every Python file of a package by its dotted name without the package's."""
    files = sorted(root.rglob("*.py"))
    names = [".".join(file.relative_to(root).with_suffix("").parts) for file in files]
    names = [name.removesuffix("__init__").removesuffix(".") or root.name for name in names]
    return dict(zip(names, files, strict=True))


def names_imported(node: ast.AST, package: str, known: set[str]) -> Iterator[str]:
    """Dotted names that one node imports from the package, without the package's own name."""
    found: list[str] = []
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            raise AssertionError(f"line {node.lineno}: a relative import, allowed: absolute ones")
        base = node.module or ""
        inside = [f"{base}.{alias.name}" for alias in node.names]
        found = [name if name.removeprefix(f"{package}.") in known else base for name in inside]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__"):
            found = [str(node.args[0].value)]
    for name in found:
        if name == package:
            yield package
        elif name.startswith(f"{package}."):
            yield name.removeprefix(f"{package}.")


def imports_of(name: str, file: Path, package: str, known: set[str]) -> list[Import]:
    """All imports of a file from its own package, wherever in the file they stand."""
    tree = ast.parse(file.read_text())
    typing = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    return [
        Import(name, imported, getattr(node, "lineno", 0), node in typing)
        for node in ast.walk(tree)
        for imported in names_imported(node, package, known)
    ]


def all_imports(root: Path) -> list[Import]:
    found = modules(root)
    known = {*found, "_libpyqsim"}
    return [i for name, file in found.items() for i in imports_of(name, file, root.name, known)]


def top(name: str) -> str:
    return name.split(".")[0]


def floor(name: str) -> int:
    """Index of the line that a module stands on."""
    for index, layer in enumerate(LAYERS):
        if top(name) in layer:
            return index
    raise AssertionError(f"{name}: stands on no line of LAYERS; add it where it belongs")


def violations(root: Path) -> list[str]:
    """Every import that the house does not allow."""
    wrong = []
    for i in all_imports(root):
        importer, imported = top(i.importer), top(i.imported)
        if importer != imported and floor(imported) >= floor(importer):
            wrong.append(f"{i}: not above {importer} in LAYERS")
        if imported == "_libpyqsim" and importer != "_native":
            wrong.append(f"{i}: only _native imports the C library")
        if imported in ("testing", "cli") and importer not in ("testing", "cli", "__main__"):
            wrong.append(f"{i}: only they themselves")
        if i.importer.startswith("testing.oracle"):
            allowed = ORACLE_MAY_FOR_TYPING if i.typing else ORACLE_MAY
            if imported not in allowed:
                wrong.append(f"{i}: the oracle shares no arithmetic with what it judges")
    return wrong


def test_imports_go_one_way() -> None:
    """The package as it is."""
    assert violations(PACKAGE) == []


def test_every_module_has_its_line() -> None:
    """No file stands outside the order, and the order names none that is gone."""
    found = {top(name) for name in modules(PACKAGE)}
    for name in found:
        floor(name)
    named = {name for layer in LAYERS for name in layer}
    assert named - found == {"_libpyqsim"}  # compiled


def test_the_checker_reads_the_package() -> None:
    """It sees imports that must be there: an empty answer would prove nothing."""
    found = {(i.importer, i.imported) for i in all_imports(PACKAGE)}
    assert {
        ("_native.values", "_libpyqsim"),
        ("modes", "errors"),
        ("requantize.base", "execution"),
        ("testing.oracle.registers", "datapath"),
        ("pyqsim", "ops"),
    } <= found


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("formats/affine.py", "from pyqsim import _native", "not above formats"),
        ("bounds.py", "def f():\n    from pyqsim.ops import matmul", "not above bounds"),
        ("bounds.py", "def f():\n    import pyqsim.ops.matmul as m", "not above bounds"),
        ("datapath.py", "import pyqsim as qs", "not above datapath"),
        ("ops/add.py", "from pyqsim._libpyqsim import lib", "only _native"),
        ("ops/add.py", "from pyqsim import _libpyqsim", "only _native"),
        (
            "model/network.py",
            "import importlib\nimportlib.import_module('pyqsim.cli')",
            "only they",
        ),
        ("__init__.py", "import pyqsim.testing.oracle", "only they"),
        ("testing/oracle/rounding.py", "from pyqsim.bounds import add", "no arithmetic"),
        ("testing/oracle/rounding.py", "from pyqsim.tensor import QTensor", "no arithmetic"),
        (
            "testing/oracle/rounding.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pyqsim.tensor import Q",
            "",
        ),
        ("events.py", "from pyqsim.parameters import Multiplier", "not above events"),
        ("stray.py", "import pyqsim.errors", None),
    ],
)
def test_a_planted_violation_is_seen(
    tmp_path: Path, file: str, text: str, complaint: str | None
) -> None:
    """Each rule broken once among empty files; None: the file itself has no line; "": allowed."""
    root = tmp_path / "pyqsim"
    for source in modules(PACKAGE).values():
        copy = root / source.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    (root / file).write_text(text)
    if complaint is None:
        with pytest.raises(AssertionError, match="stands on no line"):
            violations(root)
        return
    found = [v for v in violations(root) if complaint in v and complaint]
    assert bool(found) == bool(complaint), violations(root)


# -- C ---------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
REFERENCE_MAY = {"arith.h", "pyqsim.h"}


def foreign_includes(csrc: Path) -> list[str]:
    """Includes by which the definition would lean on anything but itself."""
    return [
        f"{file.name}: {name}"
        for file in sorted((csrc / "reference").glob("*.[ch]"))
        for name in INCLUDE.findall(file.read_text())
        if name not in REFERENCE_MAY and not name.startswith("reference/")
    ]


def test_the_definition_stands_alone(tmp_path: Path) -> None:
    """csrc/reference includes nothing from csrc/fast or csrc/plan; a planted include is seen."""
    csrc = REPOSITORY / "csrc"
    assert len(list((csrc / "reference").glob("*.c"))) >= 10
    assert foreign_includes(csrc) == []
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "narrow.c").write_text('#include "fast/lanes.h"\n#include <x.h>\n')
    assert foreign_includes(tmp_path) == ["narrow.c: fast/lanes.h"]
