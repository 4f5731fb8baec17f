"""The command lines of `ghactivity` in README and docs are valid: the command itself parses them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from conftest import BINARIES, ROOT

sys.path.insert(0, str(ROOT / "tests/contract"))
from prose import code_lines, markdown_files

#: Values for the placeholders of the documents.
PLACEHOLDERS = {
    "ARN": "arn:aws:states:us-east-1:123456789012:execution:ghactivity-ingest:6f1c",
    "FROM": "2025-11-01-0",
    "HOUR": "2025-11-21-0",
    "LOAD_ID": "64d1a0ebda9589e6",
    "TO": "2025-11-30-23",
}
COMMAND = re.compile(r"\$\(ghactivity (?P<inner>[^)]*)\)|(?:^|\$ |\| |&& )ghactivity (?P<arguments>.*?)(?= \| | > | && |$)")


def documented() -> Iterator[tuple[str, str]]:
    for path in markdown_files():
        for line in code_lines(path.read_text()):
            if (match := COMMAND.search(line)) and "…" not in line and "COMMAND" not in line:
                yield str(path.relative_to(ROOT)), match["inner"] or match["arguments"]


@pytest.mark.parametrize("arguments", sorted({arguments for _, arguments in documented()}))
def test_documented_command_parses(arguments: str) -> None:
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(arguments, comments=True)]
    # With --help at the end, the command checks the arguments before it and runs nothing. It does not report a missing argument.
    parsed = subprocess.run([BINARIES / "ghactivity", *words, "--help"], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr


def test_documents_have_command_lines() -> None:
    assert len(list(documented())) > 60
