"""Square errors of pretrained weights: EfficientNet-Lite0's 49 convolutions in each format."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from real.weight_errors import (
    FAMILIES,
    INSTALL,
    Row,
    conv_weights,
    markdown_table,
    weight_errors,
    weight_file,
)

from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.text_table import aligned

HEADER = ("format", "b", "stored bits", "mean square error", f"relative to {FAMILIES[0].name}")


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    if row.mse is None:
        return row.family, str(row.bits), "-", f"ends at b = {row.widest}", "-"
    return row.family, str(row.bits), str(row.stored_bits), f"{row.mse:.3e}", f"{row.relative:.3f}"


def main() -> None:
    """Quantize per output channel, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, nargs="+", default=(8, 6, 4), choices=range(3, 9))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows here")
    parser.add_argument("--markdown", action="store_true", help="print the README's table only")
    arguments = parser.parse_args()
    path = weight_file()
    if path is None:
        raise SystemExit(f"the weights are not installed: {INSTALL}")
    if arguments.json:
        check_writable(arguments.json)
    weights = conv_weights(path)
    if arguments.markdown:
        print(markdown_table(weight_errors(weights, arguments.bits)))
        return
    numbers = sum(layer.size for layer in weights.values())
    channels = sum(len(layer) for layer in weights.values())
    print(f"{path.name}: {len(weights)} convolutions, {channels:,} channels, {numbers:,} weights")
    print("one scale a channel, up to its largest magnitude; PWLQ in the paper's variant, Gaussian")
    print()
    rows = weight_errors(weights, arguments.bits)
    print(aligned(HEADER, [cells(row) for row in rows]))
    if arguments.json:
        write_json(arguments.json, {"file": path.name, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
