"""From ledgers of test runs to `pyqsim/targets/verified.json` and the README's table of targets.

``pytest --level 2 --ledger ledger.json`` and then
``python tests/targets/make_verified.py ledger.json [MORE.json ...]``. A peer that none of these
runs met keeps the numbers that it had: ledgers may come from several machines.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from pyqsim import ops, targets
from pyqsim.text_table import markdown

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
VERIFIED = REPOSITORY / "pyqsim" / "targets" / "verified.json"
BEGIN, END = "<!-- targets: begin -->\n", "<!-- targets: end -->"

#: target -> [peer, version, cases, mismatches]
Verified = dict[str, list[list[Any]]]


def collected(old: Verified, ledgers: list[list[dict[str, Any]]]) -> Verified:
    """Old records, those of the same target and peer replaced by the ledgers' sums."""
    sums: dict[str, dict[tuple[str, str], list[int]]] = defaultdict(dict)
    for record in (record for ledger in ledgers for record in ledger):
        key = (record["peer"], record["version"])
        counts = sums[record["target"]].setdefault(key, [0, 0])
        counts[0] += record["cases"]
        counts[1] += record["mismatches"]
    new = {name: [[*key, *n] for key, n in of.items()] for name, of in sums.items()}
    for name, records in old.items():
        met = {record[0] for record in new.get(name, [])}
        new.setdefault(name, []).extend(record for record in records if record[0] not in met)
    return {name: sorted(new[name]) for name in sorted(new)}


def table(verified: Verified) -> str:
    """The README's table: targets of one rule in one row, what nothing has verified, operators."""
    rows: dict[tuple[str, ...], list[int]] = {}
    status = {"read": [], "documented": [], "unconfirmed": []}  # type: dict[str, list[str]]
    for target in map(targets.get, targets.names()):
        records = verified.get(target.name, [])
        if not records and target.group not in status[target.confidence]:
            status[target.confidence].append(target.group)
        for peer, version, cases, mismatches in records:
            counts = rows.setdefault((target.group, f"{peer} {version}".strip()), [0, 0])
            counts[0] += cases
            counts[1] += mismatches
    text = [(f"`{a}`", b, f"{n:,}", f"{wrong:,}") for (a, b), (n, wrong) in rows.items()]
    header = ("target", "verified against", "cases", "mismatches")
    lines = [markdown(header, text, left=2)] if text else []
    for word, what in (
        ("read", "read in the named source, not run"),
        ("documented", "documented, not run"),
        ("unconfirmed", "unconfirmed"),
    ):
        if status[word]:
            names = ", ".join(f"`{name}`" for name in status[word])
            lines.append(f"Not verified, {what}: {names}.")
    return "\n\n".join([*lines, *operators(verified)])


def operators(verified: Verified) -> list[str]:
    """A table of the operators that the ledgers compared, if there are any."""
    text = [
        (f"`{name}`", f"{peer} {version}", f"{n:,}", f"{wrong:,}")
        for name in sorted(set(verified) - set(targets.names()))
        for peer, version, n, wrong in verified[name]
    ]
    return [markdown(("operator", "verified against", "cases", "mismatches"), text, left=2)] * bool(
        text
    )


def with_table(text: str, verified: Verified) -> str:
    """The README with this table between its marks."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}{table(verified)}\n{text[end:]}"


def main(paths: list[str]) -> None:
    """Read the ledgers, write the package data and the README."""
    ledgers = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    old = json.loads(VERIFIED.read_text(encoding="utf-8"))
    verified = collected(old, ledgers)
    unknown = set(verified) - set(targets.names()) - {f"ops.{name}" for name in ops.__all__}
    if unknown:
        sys.exit(f"make_verified: no such targets or operators: {', '.join(sorted(unknown))}")
    lines = [f" {json.dumps(name)}: {json.dumps(of)}" for name, of in verified.items()]
    VERIFIED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), verified), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
