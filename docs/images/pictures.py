"""Makes the pictures of the README: `make pictures`.

`process-hour.svg` is drawn from `statemachine/process-hour.asl.json` by Graphviz (`apt-get install graphviz`). `report.png`
is the first screen of `ghactivity report --png` over three generated hours on a local AWS. It needs Chromium.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from local_aws.stack.build import target_folder

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(__file__).resolve().parent
#: Hours of the report, and the height of what the README shows of it.
HOURS = 3
FIRST_SCREEN_PIXELS = 770
MACHINE = ROOT / "statemachine/process-hour.asl.json"

HEAD = """digraph "process-hour" {
  rankdir=LR; compound=true; nodesep=0.3; ranksep="0.28"; bgcolor="white"; pad=0.05
  node [fontname="Helvetica,Arial,sans-serif", fontsize=17, style="rounded,filled", shape=box, color="#5b6b7b", margin="0.09,0.06"]
  edge [color="#3c4c5c", arrowsize=0.8, penwidth=1.3]
"""
COLORS = {"Task": "#dbeafe", "Map": "#c7d2fe", "Choice": "#fef3c7", "Pass": "#f3f4f6", "Succeed": "#bbf7d0", "Fail": "#fecaca"}


def dot(machine: dict[str, Any]) -> str:
    """Returns the state machine in Graphviz's language. A dashed edge is a Catch."""
    states: dict[str, Any] = machine["States"]
    straight = success(machine)
    failed = failure(states)
    lines = [HEAD]
    for name, state in states.items():
        double = ", peripheries=2" if state["Type"] == "Map" else ""
        lines.append(f'  {name} [label="{label(name, state)}", fillcolor="{COLORS[state["Type"]]}", group={name in straight}{double}]')
    lines += [f"  {name} -> {target} [weight=100]" for name, target in pairwise(straight)]
    lines += box(states, straight, failed)
    for name, state in states.items():
        for target in dict.fromkeys(targets(state)):
            if (name, target) not in pairwise(straight):
                lines.append(f"  {name} -> {target} [constraint={forward(states, name, target)}]")
        for target in dict.fromkeys(catch["Next"] for catch in state.get("Catch", [])):
            if target not in targets(state) and not (name in straight and target == failed):
                lines.append(f'  {name} -> {target} [style=dashed, color="#b45309", constraint=false]')
    return "\n".join([*lines, "}\n"])


def box(states: dict[str, Any], straight: list[str], failed: str) -> list[str]:
    """Returns a box around the states of the success path that catch errors. One edge to `failed` stands for all their Catches."""
    inside = [name for name in straight if any(catch["Next"] == failed for catch in states[name].get("Catch", []))]
    middle = inside[len(inside) // 2]
    return [
        f'  subgraph cluster_hour {{ style="rounded,dashed"; color="#b45309"; margin=8; {"; ".join(inside)} }}',
        f'  {middle} -> {failed} [ltail=cluster_hour, style=dashed, color="#b45309", constraint=false]',
    ]


def failure(states: dict[str, Any]) -> str:
    """The state that most Catches lead to."""
    caught: Counter[str] = Counter(catch["Next"] for state in states.values() for catch in state.get("Catch", []))
    return caught.most_common(1)[0][0]


def success(machine: dict[str, Any]) -> list[str]:
    """The states of an hour that is published without an error."""
    path = [machine["StartAt"]]
    while nexts := targets(machine["States"][path[-1]]):
        path.append(nexts[-1])
    return path


def targets(state: dict[str, Any]) -> list[str]:
    """Returns the next states without an error, the usual one last."""
    choices = [choice["Next"] for choice in state.get("Choices", [])]
    return [name for name in [*choices, state.get("Default"), state.get("Next")] if name]


def forward(states: dict[str, Any], name: str, target: str) -> bool:
    """Returns whether the edge leads to a later state of the file. Other edges would distort the drawing."""
    order = list(states)
    return order.index(name) < order.index(target)


def label(name: str, state: dict[str, Any]) -> str:
    """The name, one word a line."""
    words = "\\n".join(re.findall("[A-Z][a-z]*", name))
    return f"{words}\\n(parallel)" if "ItemProcessor" in state else words


def graph() -> None:
    program = shutil.which("dot")
    if not program:
        sys.exit("pictures: dot is missing: apt-get install graphviz")
    text = dot(json.loads(MACHINE.read_text()))
    drawn = subprocess.run([program, "-Tsvg"], input=text, check=True, capture_output=True, text=True).stdout
    (IMAGES / "process-hour.svg").write_text(drawn)


def report() -> None:
    """Ingests generated hours into a local AWS, and takes the first screen of their report."""
    now = datetime.now(UTC)
    first, last = (f"{hour:%Y-%m-%d}-{hour.hour}" for hour in (now - timedelta(hours=HOURS), now - timedelta(hours=1)))
    with tempfile.TemporaryDirectory(prefix="ghactivity-pictures-") as folder:
        local = f"ghactivity local --directory {folder}/aws"
        script = f"""set -e
            trap '{local} down' EXIT
            {local} up --port 0 --hours {HOURS}
            eval "$({local} env)"
            ghactivity ingest --from {first}
            ghactivity report --from {first} --to {last} --out {folder}/report.html --png {folder}/report.png"""
        path = f"{target_folder()}:{os.environ['PATH']}"
        subprocess.run(["sh", "-c", script], cwd=ROOT, env=os.environ | {"PATH": path}, check=True)
        (IMAGES / "report.png").write_bytes(top(Path(folder, "report.png").read_bytes(), FIRST_SCREEN_PIXELS))


def top(png: bytes, height: int) -> bytes:
    """Returns the first rows of a PNG without interlacing. Rows depend only on earlier ones, so later ones can be removed."""
    chunks = []
    at = 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        chunks.append((name, png[at + 8 : at + 8 + length]))
        at += length + 12
    header = dict(chunks)[b"IHDR"]
    width, full, depth, color = struct.unpack(">IIBB", header[:10])
    row_bytes = 1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] + 7) // 8
    rows = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    cut = {b"IHDR": struct.pack(">II", width, min(full, height)) + header[8:], b"IDAT": zlib.compress(rows[: height * row_bytes], 9)}
    made = png[:8]
    for name, data in [(b"IHDR", cut[b"IHDR"]), *[one for one in chunks if one[0] == b"PLTE"], (b"IDAT", cut[b"IDAT"]), (b"IEND", b"")]:
        made += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return made


if __name__ == "__main__":
    graph()
    report()
