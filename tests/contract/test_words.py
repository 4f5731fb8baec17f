"""The words: no text that people read has a phrase of the avoid-list in `docs/glossary.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from project import ROOT
from prose import Passage, files, passages

GLOSSARY = ROOT / "docs/glossary.md"
AVOID_HEADING = "## Avoid"


def test_avoided_phrases_are_nowhere() -> None:
    phrases = avoid_list()
    assert len(phrases) >= 15
    found = [
        f"{path.relative_to(ROOT)}:{line}: “{text}”: write {phrase.instead}"
        for path in files()
        for line, text, phrase in found_in(written(path), phrases)
    ]
    assert not found, "\n".join([f"{len(found)} phrases of the avoid-list in docs/glossary.md:", *found])


@pytest.mark.parametrize(
    "text, count",
    [
        ("What is no event, nobody reads.", 2),
        ("It tells\nwhat became of it.", 2),
        ("There is no such hour, and it is no longer due.", 0),
        ("It holds each row against the ledger.", 1),
        ("The argument `anew` is a name.", 0),
    ],
)
def test_avoided_phrase_is_found_across_lines(text: str, count: int) -> None:
    assert len(list(found_in([(1, text)], avoid_list()))) == count


@dataclass(frozen=True)
class Phrase:
    """A row of the avoid-list."""

    avoid: re.Pattern[str]
    allowed: re.Pattern[str] | None
    instead: str


def avoid_list() -> list[Phrase]:
    """The rows of the glossary's table: phrases in backticks, allowed ones after "but", and what to write instead."""
    table = GLOSSARY.read_text().split(AVOID_HEADING)[1]
    phrases = []
    for avoid, instead in re.findall(r"^\| (`.*?) \| (.*?) \|$", table, re.M):
        rejected, _, allowed = avoid.partition(" but ")
        phrases.append(Phrase(pattern(rejected), pattern(allowed) if allowed else None, instead))
    return phrases


def pattern(cell: str) -> re.Pattern[str]:
    """The phrases of a cell, longest first. `…` is one to four words, a space any white space."""
    phrases = sorted(re.findall("`([^`]+)`", cell), key=len, reverse=True)
    words = [r"\s+".join(r"(?:\S+\s+){0,3}\S+" if word == "…" else re.escape(word) for word in phrase.split()) for phrase in phrases]
    return re.compile("|".join(rf"(?<![\w-]){phrase}(?![\w-])" for phrase in words), re.I)


def written(path: Path) -> Iterator[Passage]:
    """The passages of a file; neither the avoid-list itself nor this test counts."""
    for line, text in passages(path):
        if path != Path(__file__).resolve():
            yield line, text.split(AVOID_HEADING)[0] if path == GLOSSARY else text


def without_names(text: str) -> str:
    """The text without names and commands, which stand in backticks."""
    return re.sub(r"`[^`\n]{1,80}`", "code", text)


def found_in(read: Iterable[Passage], phrases: list[Phrase]) -> Iterator[tuple[int, str, Phrase]]:
    """Line, phrase and row of the avoid-list, for each place where one stands."""
    for line, text in ((line, without_names(text)) for line, text in read):
        for phrase in phrases:
            allowed = [match.span() for match in phrase.allowed.finditer(text)] if phrase.allowed else []
            for match in phrase.avoid.finditer(text):
                if not any(start <= match.start() and match.end() <= end for start, end in allowed):
                    yield line + text.count("\n", 0, match.start()), " ".join(match[0].split()), phrase
