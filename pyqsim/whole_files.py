"""Files that are written wholly or not at all, alone or together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder; if anything fails, older files of these names stay as they were.

    Parameters
    ----------
    folder : Path
        Exists.
    files : mapping
        Content by name.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    target = folder.resolve()
    written: dict[Path, str] = {}
    try:
        for name, content in files.items():
            path = (target / name).resolve()
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            written[path] = temporary
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            os.chmod(temporary, _mode(path))
        _replace_all(written)
    finally:
        for temporary in written.values():
            Path(temporary).unlink(missing_ok=True)


def _replace_all(written: Mapping[Path, str]) -> None:
    """Put every file in its place, or none."""
    replaced: dict[Path, bytes | None] = {}
    try:
        for path, temporary in written.items():
            replaced[path] = path.read_bytes() if path.exists() else None
            os.replace(temporary, path)
    except BaseException:
        for path, old in list(replaced.items())[:-1]:
            if old is None:
                path.unlink()
            else:
                path.write_bytes(old)
        raise


def _mode(path: Path) -> int:
    """The permissions of an older file, or those of a new one under the process' umask."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
