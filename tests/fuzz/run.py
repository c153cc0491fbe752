"""Fuzz the C entry points: ``python tests/fuzz/run.py --seconds 60``.

Builds every ``fuzz_*.c`` with clang's libFuzzer, address and undefined-behaviour sanitizers, starts
each from the committed corpus and counts cases. A crash or mismatch leaves its input in ``found/``.
``--figures FILE`` adds the counts to those in a file and to the README; ``--keep BYTES`` writes
back a corpus of that size.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
REPOSITORY = FUZZ.parents[1]
TARGETS = sorted(path.stem for path in FUZZ.glob("fuzz_*.c"))
SEEDS, LENGTH = 300, 1500  # random inputs to begin with, and the longest one
SANITIZERS = "address,undefined"
BEGIN, END = "<!-- fuzz: begin -->", "<!-- fuzz: end -->"
_CASES = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def build(directory: Path, clang: str) -> dict[str, Path]:
    """Compile the library once and link every target."""
    environment = {**os.environ, "CC": clang, "PYQSIM_SANITIZE": f"fuzzer-no-link,{SANITIZERS}"}
    command = [sys.executable, str(REPOSITORY / "csrc/compile_units.py"), str(directory)]
    units = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    flags = [f"-fsanitize=fuzzer,{SANITIZERS}", "-fno-sanitize-recover=all", "-g", "-O1"]
    flags += ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{REPOSITORY / 'csrc/include'}"]
    built = {}
    for name in TARGETS:
        built[name] = directory / name
        source = str(FUZZ / f"{name}.c")
        subprocess.run(
            [clang, *flags, source, *units.stdout.split(), "-lm", "-o", str(built[name])],
            check=True,
        )
    return built


def fuzz(binary: Path, seconds: int, work: Path) -> tuple[int, str | None]:
    """Cases tried, and what went wrong: "crash", "mismatch" or None."""
    corpus, found = work / "corpus", FUZZ / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    committed = FUZZ / "corpus" / binary.name
    rng = random.Random(binary.name)
    for number in range(SEEDS):
        (corpus / f"seed{number:03}").write_bytes(rng.randbytes(rng.randrange(40, LENGTH)))
    run = subprocess.run(
        [
            *(str(binary), str(corpus), *([str(committed)] if committed.is_dir() else [])),
            *(f"-max_total_time={seconds}", f"-max_len={LENGTH}", "-len_control=0"),
            "-print_final_stats=1",
            *(f"-artifact_prefix={found}/{binary.name}-", "-timeout=20", "-rss_limit_mb=4096"),
        ],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    cases = int(found_cases[1]) if (found_cases := _CASES.search(run.stderr)) else 0
    for said in re.findall(r"^reference runs: .*", run.stderr, re.MULTILINE):
        print(said)
    if run.returncode == 0 and cases:
        return cases, None
    print(run.stderr[-4000:], file=sys.stderr)
    return cases, "mismatch" if "MISMATCH" in run.stderr else "crash"


def keep(binary: Path, work: Path, budget: int) -> None:
    """Replace the committed corpus by inputs that cover what was covered, up to so many bytes."""
    committed, merged = FUZZ / "corpus" / binary.name, work / "merged"
    merged.mkdir()
    sources = [str(path) for path in (work / "corpus", committed) if path.is_dir()]
    subprocess.run(
        [str(binary), "-merge=1", str(merged), *sources], check=True, capture_output=True
    )
    shutil.rmtree(committed, ignore_errors=True)
    committed.mkdir(parents=True)
    by_name = sorted(merged.iterdir(), key=lambda path: path.name)  # names are hashes: any order
    for path in by_name:
        budget -= path.stat().st_size
        if budget >= 0:
            shutil.copy(path, committed / path.name)


def table(figures: dict[str, dict[str, int]]) -> str:
    """The README's table: what `--figures` has counted."""
    rows = [
        f"| `{name}.c` | {one['cases']:,} | {one['crashes']} | {one['mismatches']} |"
        for name, one in sorted(figures.items())
    ]
    return "\n".join(["| target | cases | crashes | mismatches |", "|:--|--:|--:|--:|", *rows])


def write_readme(figures: dict[str, dict[str, int]]) -> None:
    """Put the table between the README's marks."""
    readme = REPOSITORY / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{after}")


def main() -> int:
    """Fuzz, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--clang", default="clang")
    parser.add_argument("--figures", type=Path, help="JSON file whose counts are added to")
    parser.add_argument("--keep", type=int, metavar="BYTES", help="of each target's corpus")
    options = parser.parse_args()
    if shutil.which(options.clang) is None:
        parser.error(f"--clang {options.clang}: not found")
    figures = {name: {"cases": 0, "crashes": 0, "mismatches": 0} for name in TARGETS}
    if options.figures is not None and options.figures.exists():
        figures |= json.loads(options.figures.read_text())
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        built = build(Path(scratch) / "build", options.clang)
        for name, binary in built.items():
            work = Path(scratch) / name
            cases, problem = fuzz(binary, max(options.seconds // len(built), 1), work)
            print(f"{name:14} {cases:12,} cases  {problem or 'no crash, no mismatch'}", flush=True)
            figures[name]["cases"] += cases
            figures[name]["crashes"] += problem == "crash"
            figures[name]["mismatches"] += problem == "mismatch"
            wrong += problem is not None
            if options.keep is not None and problem is None:
                keep(binary, work, options.keep)
    if options.figures is not None:
        options.figures.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
        write_readme(figures)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
