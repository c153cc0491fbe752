"""Write a JSON file wholly or not at all."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

from pyqsim.whole_files import write_whole

__all__ = ["check_writable", "write_json"]


def check_writable(path: Path) -> None:
    """Raise OSError where `write_json` could not write, before hours of work end there."""
    folder = path.resolve().parent
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; if anything fails, an older file of that name stays as it was.

    Parameters
    ----------
    path : Path
    content
        What the json module takes; NaN and infinities are refused.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    target = path.resolve()
    write_whole(target.parent, {target.name: text.encode()})
