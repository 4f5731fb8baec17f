"""Folders of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Files of this machine that are not committed.
LOCAL = ROOT / ".local"
#: `<logical id>/bootstrap`: the binary of each function.
FUNCTIONS = LOCAL / "build"


def shown(path: Path) -> Path:
    """The path relative to the project's folder, if it is inside."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
