"""Vectors as files: $readmemh, CSV, .npy, a C header; and the description they are remade from."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath_json import from_json, to_json
from pyqsim.errors import PyqsimError
from pyqsim.formats import Format
from pyqsim.targets import IntegerRange
from pyqsim.testing.random_data import ANY_DATA, DataRanges
from pyqsim.testing.random_operands import OperandKind
from pyqsim.testing.vectors.make import Recipe, Vectors, calls_of, make
from pyqsim.whole_files import write_whole

__all__ = ["FORMATS", "VectorFileError", "read", "verify", "write"]

FORMATS = ("hex", "csv", "npy", "h")
_DESCRIPTION = "description.json"
_VERSION = 1
_AXES = {
    "a": ("call", "m", "k"),
    "b": ("call", "k", "n"),
    "a_zero_point": ("call", "m"),
    "accumulators": ("call", "m", "n", "value"),
    "out": ("call", "m", "n"),
}

Array = npt.NDArray[Any]


class VectorFileError(PyqsimError, ValueError):
    """Files of vectors that are missing, damaged, or not of this version."""


def write(folder: str | Path, vectors: Vectors, formats: Sequence[str] = FORMATS) -> list[str]:
    """Write vectors and their description; if anything fails, older files stay as they were.

    Parameters
    ----------
    folder : path
        Is made if it is not there.
    vectors : Vectors
    formats : sequence of {"hex", "csv", "npy", "h"}
        ``NAME.hex``: one word a line for $readmemh, row-major, two's complement of the width that
        the description states, float32 by its bits. ``NAME.csv``: indices and value. ``NAME.npy``.
        ``vectors.h``: static arrays.

    Returns
    -------
    list of str
        The files' names.
    """
    folder = Path(folder)
    files = _contents(vectors, formats)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder, files)
    return list(files)


def _contents(vectors: Vectors, formats: Sequence[str]) -> dict[str, bytes]:
    """Every file's bytes: a function of the recipe alone."""
    for name in formats:
        if name not in FORMATS:
            raise VectorFileError(f"format={name!r}, allowed: {', '.join(FORMATS)}")
    words = {name: _word(name, array, vectors.recipe) for name, array in vectors.arrays.items()}
    files: dict[str, bytes] = {}
    for name, array in vectors.arrays.items():
        if "hex" in formats:
            files[f"{name}.hex"] = _hex(array, words[name]["bits"])
        if "csv" in formats:
            files[f"{name}.csv"] = _csv(name, array)
        if "npy" in formats:
            files[f"{name}.npy"] = _npy(array)
    if "h" in formats:
        files["vectors.h"] = _header(vectors.arrays)
    recipe = vectors.recipe
    description = {
        "pyqsim_vectors": _VERSION,
        "datapath": to_json(recipe.datapath),
        "a": _kind_to_json(recipe.a),
        "b": _kind_to_json(recipe.b),
        "sizes": dict(zip(("m", "n", "k"), recipe.sizes, strict=True)),
        "calls": recipe.calls,
        "seed": recipe.seed,
        "trace": recipe.trace,
        **_ranges_to_json(recipe.ranges),
        "parameters": vectors.parameters,
        "formats": list(formats),
        "arrays": words,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files[_DESCRIPTION] = (json.dumps(description, indent=2) + "\n").encode()
    return files


def _kind_to_json(kind: OperandKind) -> Any:
    if isinstance(kind, IntegerRange):
        return {"low": kind.low, "high": kind.high}
    return to_json(kind) if isinstance(kind, Format) else kind.name


def _kind_from_json(content: Any) -> OperandKind:
    if isinstance(content, dict) and "low" in content:
        return IntegerRange(content["low"], content["high"])
    kind: OperandKind = np.dtype(content) if isinstance(content, str) else from_json(content)
    return kind


def _ranges_to_json(ranges: DataRanges) -> dict[str, Any]:
    """Nothing where nothing is restricted: such files are those of earlier versions."""
    if ranges == ANY_DATA:
        return {}
    given = {"bias": ranges.bias, "shifts": ranges.shifts}
    return {"ranges": {name: kind and _kind_to_json(kind) for name, kind in given.items()}}


def _ranges_from_json(content: dict[str, Any]) -> DataRanges:
    given = {
        name: limits and IntegerRange(limits["low"], limits["high"])
        for name, limits in content.items()
    }
    return DataRanges(**given)


def _word(name: str, array: Array, recipe: Recipe) -> dict[str, Any]:
    """Shape, axes and word of an array."""
    bits = array.dtype.itemsize * 8
    kind = {"a": recipe.a, "b": recipe.b}.get(name)
    if isinstance(kind, Format):
        bits = kind.code_bits
    return {
        "shape": list(array.shape),
        "axes": list(_AXES.get(name, ("call", "n"))),
        "dtype": array.dtype.name,
        "bits": bits,
    }


def _patterns(array: Array) -> list[int]:
    """Integers of the words: a float32 by its bits."""
    if array.dtype.kind == "f":
        array = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
    values: list[int] = array.reshape(-1).tolist()
    return values


def _hex(array: Array, bits: int) -> bytes:
    digits = -(-bits // 4)
    lines = (f"{value % (1 << bits):0{digits}x}\n" for value in _patterns(array))
    return "".join(lines).encode()


def _csv(name: str, array: Array) -> bytes:
    axes = _AXES.get(name, ("call", "n"))
    lines = [",".join((*axes, name))]
    for index in np.ndindex(array.shape):
        value = array[index]
        text = repr(float(value)) if array.dtype.kind == "f" else str(int(value))
        lines.append(",".join((*map(str, index), text)))
    return ("\n".join(lines) + "\n").encode()


def _npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")))
    return stream.getvalue()


def _header(arrays: dict[str, Array]) -> bytes:
    lines = [
        "/* Test vectors, row-major; description.json says what they are. */",
        "#ifndef PYQSIM_VECTORS_H",
        "#define PYQSIM_VECTORS_H",
        "#include <stdint.h>",
    ]
    for name, array in arrays.items():
        lines.append(f"/* {name}: {' x '.join(map(str, array.shape))} */")
        if array.dtype.kind == "f":
            kind, texts = "float", [float(v).hex() + "f" for v in array.flat]
        else:
            kind, texts = f"{array.dtype.name}_t", [_literal(int(v)) for v in array.flat]
        lines.append(f"static const {kind} pyqsim_{name}[{array.size}] = {{")
        lines += [f"    {', '.join(texts[i : i + 8])}," for i in range(0, len(texts), 8)]
        lines.append("};")
    return ("\n".join([*lines, "#endif"]) + "\n").encode()


def _literal(value: int) -> str:
    """A C constant of any int64: the smallest has none of its own."""
    if value == -(2**63):
        return "(-INT64_C(9223372036854775807) - 1)"
    return str(value) if abs(value) < 2**31 else f"INT64_C({value})"


# -- reading -----------------------------------------------------------------------------------


def read(folder: str | Path) -> Vectors:
    """Read vectors back.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Vectors

    Raises
    ------
    VectorFileError
        For files that are missing or damaged.
    """
    folder = Path(folder)
    description = _description(folder)
    try:
        recipe = Recipe(
            from_json(description["datapath"]),
            _kind_from_json(description["a"]),
            _kind_from_json(description["b"]),
            tuple(description["sizes"][name] for name in "mnk"),
            description["calls"],
            description["seed"],
            description["trace"],
            _ranges_from_json(description.get("ranges", {})),
        )
        arrays = {
            name: _array(folder, name, word, description["formats"])
            for name, word in description["arrays"].items()
        }
        return Vectors(recipe, arrays, description["parameters"])
    except (KeyError, TypeError, AttributeError) as error:
        raise VectorFileError(
            f"{folder / _DESCRIPTION}: {error!r}, allowed: a whole file"
        ) from None


def _description(folder: Path) -> dict[str, Any]:
    path = folder / _DESCRIPTION
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise VectorFileError(f"{path}: {error}, allowed: a description of vectors") from None
    version = content.get("pyqsim_vectors") if isinstance(content, dict) else None
    if version != _VERSION:
        raise VectorFileError(f"{path}: pyqsim_vectors={version}, allowed: {_VERSION}")
    return dict(content)


def _array(folder: Path, name: str, word: dict[str, Any], formats: Sequence[str]) -> Array:
    """One array from the first of its files."""
    shape, dtype = tuple(word["shape"]), np.dtype(word["dtype"])
    kept = [kind for kind in ("npy", "hex", "csv", "h") if kind in formats]
    path = folder / ("vectors.h" if kept[0] == "h" else f"{name}.{kept[0]}")
    readers = {"npy": _read_npy, "hex": _read_hex, "csv": _read_csv, "h": _read_header}
    try:
        values = readers[kept[0]](path, name, dtype, word["bits"])
        return values.astype(dtype).reshape(shape)
    except (OSError, ValueError, OverflowError, KeyError) as error:
        raise VectorFileError(f"{path}: {error}, allowed: {name} of shape {shape}") from None


def _read_npy(path: Path, _: str, __: np.dtype[Any], ___: int) -> Array:
    return np.asarray(np.load(path, allow_pickle=False))


def _read_hex(path: Path, _: str, dtype: np.dtype[Any], bits: int) -> Array:
    words = np.array([int(line, 16) for line in path.read_text().split()], dtype=np.uint64)
    if dtype.kind == "f":
        return words.astype(f"u{dtype.itemsize}").view(dtype)
    if dtype.kind == "u":
        return words
    signed = words.astype(np.int64)
    return signed if bits == 64 else (signed ^ (1 << (bits - 1))) - (1 << (bits - 1))


def _read_csv(path: Path, _: str, dtype: np.dtype[Any], __: int) -> Array:
    values = [line.rsplit(",", 1)[1] for line in path.read_text().splitlines()[1:]]
    return np.array([float(v) if dtype.kind == "f" else int(v) for v in values], dtype=dtype)


def _read_header(path: Path, name: str, dtype: np.dtype[Any], _: int) -> Array:
    text = path.read_text()
    match = re.search(rf"pyqsim_{name}\[\d+\] = {{(.*?)}};", text, re.DOTALL)
    if match is None:
        raise KeyError(name)
    texts = match[1].replace(_literal(-(2**63)), str(-(2**63))).replace("INT64_C", "")
    parts = [part.strip(" ()") for part in texts.replace("\n", " ").split(",") if part.strip()]
    if dtype.kind == "f":
        return np.array([float.fromhex(part.removesuffix("f")) for part in parts], dtype=dtype)
    return np.array([int(part) for part in parts], dtype=dtype)


# -- checking ----------------------------------------------------------------------------------


def verify(folder: str | Path) -> list[str]:
    """Check files against their description, outputs against the reference, all against the recipe.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of str
        What is wrong; empty if nothing is.

    Raises
    ------
    VectorFileError
        If the description cannot be read.
    """
    folder = Path(folder)
    description = _description(folder)
    problems = []
    for name, expected in description["sha256"].items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            problems.append(f"{name}: {error.strerror}")
            continue
        if found != expected:
            problems.append(f"{name}: sha256 {found}, expected {expected}")
    if problems:
        return problems
    vectors = read(folder)
    for number, call in enumerate(calls_of(vectors)):
        different = np.argwhere(call.run() != vectors.arrays["out"][number])
        if different.size:
            problems.append(f"out: call {number}, (m, n)={tuple(different[0].tolist())}")
    remade = _contents(make(vectors.recipe), description["formats"])
    for name, content in remade.items():
        if content != (folder / name).read_bytes():
            problems.append(f"{name}: is not remade byte for byte from the recipe")
    return problems
