"""For the tests of this folder: its modules are found by name, as the programs here find each other."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
