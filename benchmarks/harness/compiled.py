"""C files of the benchmarks, compiled when they are needed; nothing of them is in the library."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["NoCompilerError", "compiler", "library"]


class NoCompilerError(Exception):
    """There is no C compiler here, or it does not take this file."""


def compiler() -> list[str]:
    """The C compiler's command."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(command[0]) is None:
        raise NoCompilerError(f"no C compiler: {command[0]} is not there")
    return command[:1]


def library(source: Path, flags: Sequence[str] = (), link: Sequence[str] = ()) -> ctypes.CDLL:
    """Compile a file to a shared library and load it."""
    command = [*compiler(), "-O3", "-Wall", "-Wextra", "-fPIC", "-shared"]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{source.stem}.so"
        done = subprocess.run(
            [*command, *flags, str(source), "-o", str(made), *link],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NoCompilerError(f"{source.name} does not compile:\n{done.stderr}")
        return ctypes.CDLL(str(made))
