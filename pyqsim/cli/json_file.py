"""Write a JSON file wholly or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

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
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode(path: Path) -> int:
    """The permissions of an older file, or those of a new one under the process' umask."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
