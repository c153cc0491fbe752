"""The README's fuzzing figures are those that were counted; the corpus stays small."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz.run import BEGIN, END, FUZZ, TARGETS, table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_holds_what_was_counted() -> None:
    figures = json.loads((FUZZ / "figures.json").read_text())
    assert sorted(figures) == TARGETS
    text = README.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() == table(figures)
    assert all(one["cases"] > 10_000 for one in figures.values())
    assert all(one["crashes"] == one["mismatches"] == 0 for one in figures.values())


def test_the_corpus_is_there_and_small() -> None:
    for name in TARGETS:
        inputs = [path for path in (FUZZ / "corpus" / name).iterdir() if path.is_file()]
        assert len(inputs) > 20
        assert max(path.stat().st_size for path in inputs) <= 4096
    assert sum(path.stat().st_size for path in (FUZZ / "corpus").rglob("*")) < 300_000
