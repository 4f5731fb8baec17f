"""The text that people read, file by file: prose of Markdown, comments, doc comments, messages, help, templates.

`passages(path)` yields stretches of text with the line where each begins. Lines of one comment are one stretch, so that a
phrase is found across a line break.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

from project import ROOT

RUST = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>b?r(?P<hashes>\#*)".*?"(?P=hashes))
      | (?P<string>"(?:\\.|[^"\\])*")
      | '(?:\\(?:u\{[^}]*\}|.)|[^'\\\n])'""",
    re.S | re.X,
)
MARKERS = re.compile(r"^(?://[/!]?|/\*+)|\*/$")
INLINE_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2`*\s*$", re.M | re.S)
#: Files whose whole text is read, because keys and values there rarely form a phrase.
WHOLE = {".yaml", ".yml", ".toml", ".js", ".mjs", ".html", ".css", ".sh"}

Passage = tuple[int, str]


def files() -> list[Path]:
    """The files of the project that hold prose, as git lists them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = (ROOT / name for name in listed.stdout.splitlines())
    return sorted(path for path in paths if path.is_file() and not path.is_symlink() and "vendor" not in path.parts)


def markdown_files() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def passages(path: Path) -> Iterator[Passage]:
    if path.suffix == ".rs":
        yield from rust(path.read_text())
    elif path.suffix == ".py":
        yield from python(path.read_text())
    elif path.suffix == ".md":
        yield 1, without_code(path.read_text())
    elif path.suffix in WHOLE or path.name == "Makefile" or path.name.endswith(".asl.json"):
        yield 1, path.read_text()


def without_code(markdown: str) -> str:
    """The text with its code blocks blanked; lines keep their numbers."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), markdown)


def code_lines(markdown: str) -> list[str]:
    """The lines of code blocks, with continued ones joined, and each stretch of inline code."""
    markdown = re.sub(r"\\\n\s*", " ", markdown)
    blocks = [match[0] for match in FENCE.finditer(markdown)]
    lines = [line.strip() for block in blocks for line in block.splitlines()[1:-1]]
    return lines + [" ".join(match[2].split()) for match in INLINE_CODE.finditer(without_code(markdown))]


def rust(text: str) -> Iterator[Passage]:
    comments: list[Passage] = []
    for match in RUST.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["comment"]:
            comments.append((line, MARKERS.sub("", match["comment"])))
        elif " " in (literal := match["raw"] or match["string"] or ""):  # one word is data
            yield line, re.sub(r"\\\n\s*", "", literal)
    yield from joined(comments)


def python(text: str) -> Iterator[Passage]:
    comments: list[Passage] = []
    fstring = getattr(tokenize, "FSTRING_MIDDLE", None)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0], token.string.lstrip("#:")))
        elif token.type in (tokenize.STRING, fstring) and " " in token.string:
            yield token.start[0], token.string
    yield from joined(comments)


def joined(comments: list[Passage]) -> Iterator[Passage]:
    """Comments on neighbouring lines are one passage."""
    first, lines = 0, list[str]()
    for line, text in comments:
        if lines and line != first + sum(part.count("\n") + 1 for part in lines):
            yield first, "\n".join(lines)
            lines = []
        if not lines:
            first = line
        lines.append(text)
    if lines:
        yield first, "\n".join(lines)
