"""``pyqsim formats``: which number formats there are, and how wide their sums get."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyqsim.cli.json_file import write_json
from pyqsim.cli.options import UsageError, add_files, check_files, int_in
from pyqsim.formats import Format
from pyqsim.formats.catalogue import FAMILIES, example_scales, example_values, family
from pyqsim.formats.widths import accumulator_bits, product_limits
from pyqsim.text_table import aligned

__all__ = ["DESCRIPTION", "SUMMARY", "FormatFacts", "add_arguments", "format_facts", "run"]

SUMMARY = "the number formats, their levels, and how wide their sums get"
DESCRIPTION = """\
Print every family of number formats at its usual widths; or one format with all its levels:
  pyqsim formats APoT --bits 4 --plot apot.png

product, accumulator: width in bits of a signed register that holds every product of a weight with
an unsigned 8-bit activation, and every sum of K of them: ceil(log2(K*P + 1)) + 1 with P the largest
product. Where planes differ their numbers are separated by slashes.
"""

_SHOWN_LEVELS = 64  # a longer list is shortened on the screen, not in the file


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """What the table says of one format; lists have one entry a plane.

    Attributes
    ----------
    name : str
        Of the family.
    format : str
        As Python writes it.
    code_bits, planes, frac_bits : int
    levels : int
        Distinct real numbers; of several planes: at example scales.
    minimum, maximum : list of int
        Of N.
    product_limit, product_bits, accumulator_bits : list of int
        P, and the widths for 1 and for `k` terms.
    k : int
    shifts : bool
        Whether products can be shifts.
    """

    name: str
    format: str
    code_bits: int
    levels: int
    planes: int
    minimum: list[int]
    maximum: list[int]
    frac_bits: int
    shifts: bool
    product_limit: list[int]
    product_bits: list[int]
    accumulator_bits: list[int]
    k: int


def format_facts(name: str, fmt: Format, k: int) -> FormatFacts:
    """Gather what the table says of one format.

    Parameters
    ----------
    name : str
        Of the family.
    fmt : Format
    k : int
        Terms of a sum.

    Returns
    -------
    FormatFacts
    """
    allowed = np.arange(fmt.code_min, fmt.code_max + 1)
    numbers = fmt.decode(allowed).reshape(fmt.planes, -1)
    limits = product_limits(fmt)
    return FormatFacts(
        name=name,
        format=str(fmt),
        code_bits=fmt.code_bits,
        levels=len(example_values(fmt)),
        planes=fmt.planes,
        minimum=numbers.min(axis=1).tolist(),
        maximum=numbers.max(axis=1).tolist(),
        frac_bits=fmt.frac_bits,
        shifts=fmt.shifts,
        product_limit=list(limits),
        product_bits=[accumulator_bits(limit) for limit in limits],
        accumulator_bits=[accumulator_bits(limit, k) for limit in limits],
        k=k,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    names = ", ".join(one.name for one in FAMILIES)
    parser.add_argument("format", nargs="?", metavar="FORMAT", help=f"only this one: {names}")
    parser.add_argument(
        "--bits",
        type=int_in(1, 16),
        metavar="B",
        help="width of a stored code, with FORMAT (default: its usual one nearest to 4)",
    )
    parser.add_argument(
        "--k", type=int_in(1, 10**9), default=576, metavar="K", help="terms of a sum (default: 576)"
    )
    add_files(parser, "the levels, the rounding staircase and the error of FORMAT")


def run(options: argparse.Namespace) -> int:
    """Print the table, or one format."""
    if options.format is None:
        for name in ("bits", "plot"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name}, allowed: with a FORMAT, as in 'pyqsim formats APoT'")
    check_files(options)
    if options.format is None:
        return _run_table(options.k, options.json)
    chosen = family(options.format)
    bits = options.bits or min(chosen.usual, key=lambda bits: (abs(bits - 4), bits))
    fmt = chosen.of_bits(bits)
    _print_details(format_facts(chosen.name, fmt, options.k), fmt)
    if options.json is not None:
        facts = asdict(format_facts(chosen.name, fmt, options.k))
        write_json(options.json, facts | {"codes": list(_codes(fmt))})
    if options.plot is not None:
        from pyqsim.cli.figures import draw_format

        draw_format(fmt, options.plot)
    return 0


def _run_table(k: int, path: Path | None) -> int:
    found = [format_facts(one.name, one.of_bits(bits), k) for one in FAMILIES for bits in one.usual]
    header = ("format", "bits", "levels", "planes", "N", "frac_bits", "product", f"sum of {k:,}")
    print(aligned(header, [_row(facts) for facts in found]))
    print(f"\nproduct, sum of {k:,}: signed bits with unsigned 8-bit activations; never overflows")
    if path is not None:
        write_json(path, [asdict(facts) for facts in found])
    return 0


def _row(facts: FormatFacts) -> tuple[str, ...]:
    return (
        facts.name,
        str(facts.code_bits),
        str(facts.levels),
        str(facts.planes),
        _per_plane([f"{a}..{b}" for a, b in zip(facts.minimum, facts.maximum, strict=True)]),
        str(facts.frac_bits),
        _per_plane(facts.product_bits),
        _per_plane(facts.accumulator_bits),
    )


def _per_plane(values: list[Any]) -> str:
    """One entry where all planes are alike, else all of them."""
    return str(values[0]) if len(set(values)) == 1 else "/".join(map(str, values))


def _print_details(facts: FormatFacts, fmt: Format) -> None:
    lines = {
        "format": facts.format,
        "code bits": facts.code_bits,
        "levels": facts.levels,
        "planes": facts.planes,
        "frac_bits": facts.frac_bits,
        "products by shifts": "yes" if facts.shifts else "no",
        "largest product": _per_plane([f"{limit:,}" for limit in facts.product_limit]),
        "product": f"{_per_plane(facts.product_bits)} bits",
        f"sum of {facts.k:,}": f"{_per_plane(facts.accumulator_bits)} bits",
        "scale": ", ".join(f"{scale:.6g}" for scale in np.atleast_1d(example_scales(fmt))),
    }
    for name, value in lines.items():
        print(f"{name:18}  {value}")
    rows = [
        (code["pattern"], ", ".join(map(str, code["n"])), f"{code['value']:.6g}")
        for code in _codes(fmt)
    ]
    hidden = len(rows) - _SHOWN_LEVELS
    if hidden > 0:
        half = _SHOWN_LEVELS // 2
        rows = [*rows[:half], ("...", "", f"{hidden} more"), *rows[-half:]]
    print("\n" + aligned(("pattern", "N", "value at this scale"), rows))


def _codes(fmt: Format) -> Iterator[dict[str, Any]]:
    """Every code: its bits, its integers, its value at the example scales; values ascending."""
    allowed = np.arange(fmt.code_min, fmt.code_max + 1)
    numbers = fmt.decode(allowed).reshape(fmt.planes, -1)
    values = np.ldexp(np.atleast_1d(example_scales(fmt)) @ numbers, -fmt.frac_bits)
    patterns = fmt.patterns(allowed)
    for i in np.argsort(values, kind="stable"):
        yield {
            "pattern": f"{patterns[i]:0{fmt.code_bits}b}",
            "n": numbers[:, i].tolist(),
            "value": float(values[i]) + 0.0,
        }
