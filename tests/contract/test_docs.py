"""The documents: sizes, links and anchors, `make` targets, named files, pictures.

Command lines of `ghactivity` in documents are parsed by the command itself, in `tests/e2e/test_documents.py`: these tests have no binary.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from project import ROOT, state_machine
from prose import INLINE_CODE, code_lines, markdown_files, without_code

#: `[text](target "title")` and `![alt](target)`.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
#: A file of the project in a command or in inline code.
PROJECT_FILE = re.compile(r"(?:^|[\s`\"'(])((?:crates|functions|sam|local_aws|tests|statemachine|bench|fuzz|docs|events)/[\w./*-]*\w)")
#: Keys of a bucket, and folders that a command makes.
NOT_IN_PROJECT = ("events/event_type", "fuzz/corpus")
MAX_PICTURE_BYTES = 200_000


@pytest.mark.parametrize("name, max_lines, max_bytes", [("README.md", 150, 8 * 1024), ("ARCHITECTURE.md", 1_000, 12 * 1024)])
def test_front_page_stays_short(name: str, max_lines: int, max_bytes: int) -> None:
    text = (ROOT / name).read_text()
    assert len(text.splitlines()) <= max_lines and len(text.encode()) <= max_bytes, "move details to docs/"


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_file_and_an_anchor(path: Path) -> None:
    broken = []
    for target in (match[3] for match in LINK.finditer(without_inline_code(without_code(path.read_text())))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_pictures_are_small_and_described() -> None:
    found = [(path, match) for path in markdown_files() for match in LINK.finditer(without_code(path.read_text())) if match[1]]
    assert len(found) >= 2, "README shows the report and process-hour"
    for path, match in found:
        assert len(match[2]) > 20, f"{path.name}: {match[3]} has no text for people who cannot see it"
        assert (path.parent / match[3]).stat().st_size < MAX_PICTURE_BYTES, match[3]


def test_picture_of_process_hour_is_current() -> None:
    titles = re.findall(r"<title>([\w-]+)</title>", (ROOT / "docs/images/process-hour.svg").read_text())
    drawn = {title for title in titles if not title.startswith("cluster")}
    assert drawn == set(state_machine("process-hour")["States"]), "run make pictures"


def test_make_targets_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.M))
    variables = set(re.findall(r"^([A-Z_]+)\s*\??=", makefile, re.M)) | set(re.findall(r"^export ([A-Z_]+)", makefile, re.M))
    unknown = []
    for path in markdown_files():
        for words in make_commands(path.read_text()):
            for word in words:
                name, _, value = word.partition("=")
                if not fnmatch.filter(variables if value else targets, name):
                    unknown.append(f"{path.relative_to(ROOT)}: make {word}")
    assert unknown == []


def test_project_files_in_documents_exist() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in markdown_files()
        if path.name != "CHANGELOG.md"  # it also names files that were moved
        for line in code_lines(path.read_text())
        for name in PROJECT_FILE.findall(line)
        if "*" not in name and not name.startswith(NOT_IN_PROJECT)
    }
    assert [f"{path}: {name}" for path, name in sorted(named) if not (ROOT / name).exists()] == []


def test_site_has_every_page() -> None:
    """mkdocs reads the same in strict mode, with `make docs`."""
    listed = re.findall(r"^\s+- (?:\w+: )?([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(listed) == sorted(str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md"))


def without_inline_code(text: str) -> str:
    return INLINE_CODE.sub("code", text)


def make_commands(markdown: str) -> Iterator[list[str]]:
    """What follows `make` in each command line of a document."""
    for line in code_lines(markdown):
        if re.match(r"make\s", line):
            words = shlex.split(line, comments=True)
            end = next((index for index, word in enumerate(words) if word in ("&&", "|", ";")), len(words))
            yield [word for word in words[1:end] if word != "…"]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them: equal ones get -1, -2."""
    seen: Counter[str] = Counter()
    made = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_code(path.read_text()), re.M):
        text = LINK.sub(lambda match: match[2], heading.replace("`", ""))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        made.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return made
