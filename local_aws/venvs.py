"""Makes the virtual environments that the project's tools live in, below `.tools/`.

`local` holds the local AWS and what the tests need; `dev` holds AWS's own command lines (aws, sam, cfn-lint) and
cargo-lambda; `lint` checks Python and spelling. `bench`, what the conversion is compared with, and `docs`, what builds the site
of docs/, are made only on demand. Each is made once from its file of exact versions, and again only when that file changes. Two runs at the
same time are safe: the second waits for the first. Needs nothing but Python's standard library.
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
USUAL = ("local", "dev", "lint")
OLDEST_PYTHON = (3, 11)


def ensure(name):
    """Answers the folder of the virtual environment `name`, made now if it is absent or out of date."""
    folder, wanted = TOOLS / name, fingerprint(REQUIREMENTS[name])
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "made-from"
        if not stamp.exists() or stamp.read_text() != wanted:
            make(folder, REQUIREMENTS[name])
            stamp.write_text(wanted)
    return folder


def fingerprint(requirements):
    """What the environment depends on: the file of versions, this Python and the folder (scripts name it)."""
    facts = f"{requirements.read_text()}\n{sys.version}\n{TOOLS}"
    return hashlib.sha256(facts.encode()).hexdigest()


def make(folder, requirements):
    print(f"making .tools/{folder.name} from {requirements.relative_to(ROOT)} (once; takes a minute)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--requirement", requirements], check=True)


def main(names):
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}")
    for name in names or USUAL:
        if name not in REQUIREMENTS:
            sys.exit(f"{name}: no such environment; there are {', '.join(REQUIREMENTS)}")
        try:
            ensure(name)
        except subprocess.CalledProcessError as error:
            sys.exit(f"making .tools/{name} failed: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
