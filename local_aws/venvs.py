"""Makes the virtual environments of the project's tools, in `.tools/`.

    python3 local_aws/venvs.py [NAME...]

- `local`: the local AWS, and what the tests need
- `dev`: the command lines of AWS (aws, sam, cfn-lint), and cargo-lambda
- `lint`: the checks of Python and of spelling
- `bench`, only on demand: the tools that the conversion is compared with
- `docs`, only on demand: the generator of the site of `docs/`

Each is made once from a file of exact versions, and again when that file changes. A second run at the same time waits for the first.
Needs Python's standard library only.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = (ROOT / ".tools").resolve()
REQUIREMENTS = {
    "local": ROOT / "local_aws/requirements.txt",
    "dev": ROOT / "local_aws/requirements-dev.txt",
    "lint": ROOT / "local_aws/requirements-lint.txt",
    "bench": ROOT / "bench/requirements.txt",
    "docs": ROOT / "docs/requirements.txt",
}
DEFAULT_NAMES = ("local", "dev", "lint")
OLDEST_PYTHON = (3, 11)


def main(names: list[str]) -> None:
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}")
    for name in names or DEFAULT_NAMES:
        if name not in REQUIREMENTS:
            sys.exit(f"{name}: no such environment; there are {', '.join(REQUIREMENTS)}")
        try:
            ensure(name)
        except subprocess.CalledProcessError as error:
            sys.exit(f"making .tools/{name} failed: {error}")


def ensure(name: str) -> Path:
    """Makes the virtual environment if it is absent or out of date, and returns its folder."""
    folder, wanted = TOOLS / name, fingerprint(REQUIREMENTS[name])
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "made-from"
        if not stamp.exists() or stamp.read_text() != wanted:
            make(folder, REQUIREMENTS[name])
            stamp.write_text(wanted)
    return folder


def fingerprint(requirements: Path) -> str:
    """Returns a hash of the versions, this Python, and the folder, because scripts in the folder contain its path."""
    facts = f"{requirements.read_text()}\n{sys.version}\n{TOOLS}"
    return hashlib.sha256(facts.encode()).hexdigest()


def make(folder: Path, requirements: Path) -> None:
    print(f"making .tools/{folder.name} from {requirements.relative_to(ROOT)} (once; takes a minute)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    pip: list[str | Path] = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--requirement", requirements], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
