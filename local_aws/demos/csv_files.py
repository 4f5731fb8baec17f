"""CSV files with planted errors and duplicates, for tests, the demo and measurements. The same seed gives the same bytes.

    .tools/local/bin/python -m local_aws.demos.csv_files --rows 1000000 --seed 1 --out /tmp/people.csv

writes a file and prints what was planted as JSON: the counts that the receipt of a load must have.
"""

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

COLUMNS = ("id", "name", "city", "price", "active", "note")
CITIES = ("Köln", "São Paulo", "東京", "Reykjavík", "New York, NY", 'the "Big" city', "", "two\nlines", "Praha\r\n2")
NOTES = ("", "plain", "=1+1", "007", " spaces around ", "emoji 🎉 é", "semi;colon", "pi|pe", "tab\there", "null", "\\N", "'")
#: Rows in a thousand with each kind of error or duplicate.
ODDITIES = {
    "near_duplicate": 4,
    "far_duplicate": 6,
    "short_row": 1,
    "long_row": 1,
    "bad_number": 1,
    "not_utf8": 1,
    "empty_id": 1,
    "blank_line": 2,
}
#: Rows in a file of 1,000 rows or more.
RARITIES = {"huge_item": 2, "long_id": 2, "empty_row": 3}
REJECTED = {"short_row", "long_row", "bad_number", "not_utf8", "empty_id", "huge_item", "long_id", "empty_row"}


@dataclass
class PlantedRows:
    """What was planted in a file."""

    read: int = 0
    rejected: int = 0
    oddities: Counter[str] = field(default_factory=Counter)
    #: The keys of the accepted rows.
    ids: set[object] = field(default_factory=set)
    bytes: int = 0

    def counts(self) -> dict[str, int]:
        """The counts of the receipt of a load into a table without any of the ids."""
        written = len(self.ids)
        duplicate = self.read - self.rejected - written
        return {"read": self.read, "written": written, "duplicate": duplicate, "rejected": self.rejected, "skipped": 0}


class CsvFile:
    """A file of people with the key `id`, the number `price` and the boolean `active`.

    `hashed` leaves out the column `id`: the key is a hash of the row. `odd=False` plants nothing.
    """

    def __init__(
        self,
        rows: int,
        seed: int = 1,
        delimiter: str = ",",
        line_end: str = "\n",
        byte_order_mark: bool = False,
        hashed: bool = False,
        odd: bool = True,
    ) -> None:
        self.rows = rows
        self.random = random.Random(seed)
        self.delimiter = delimiter
        self.line_end = line_end
        self.byte_order_mark = byte_order_mark
        self.hashed = hashed
        self.odd = odd
        self.planted = PlantedRows()
        self.recent: list[list[str]] = []

    def write(self, out: IO[bytes]) -> PlantedRows:
        names = [name for name in COLUMNS if not (self.hashed and name == "id")]
        head = self.delimiter.join(names) + self.line_end
        self.put(out, (b"\xef\xbb\xbf" if self.byte_order_mark else b"") + head.encode())
        rare = self.rare_rows()
        for number in range(self.rows):
            self.put(out, self.row(number, rare.get(number)))
        return self.planted

    def put(self, out: IO[bytes], text: bytes) -> None:
        out.write(text)
        self.planted.bytes += len(text)

    def rare_rows(self) -> dict[int, str]:
        if not self.odd or self.rows < 1000:
            return {}
        kinds = [kind for kind, count in RARITIES.items() for _ in range(count) if not (self.hashed and kind == "long_id")]
        return dict(zip(self.random.sample(range(self.rows), len(kinds)), kinds, strict=True))

    def row(self, number: int, rare: str | None) -> bytes:
        oddity = rare or self.oddity()
        if oddity == "blank_line":
            self.planted.oddities[oddity] += 1
            return self.line_end.encode() + self.row(number, "none")
        cells = self.cells(number, oddity)
        self.planted.read += 1
        if oddity not in (None, "none"):
            self.planted.oddities[oddity] += 1
        if oddity in REJECTED:
            self.planted.rejected += 1
        else:
            self.planted.ids.add(tuple(cells) if self.hashed else cells[0])
            self.remember(cells)
        if self.hashed:
            cells = cells[1:]
        line = self.delimiter.join(self.cell(cell) for cell in cells) + self.line_end
        return line.encode("utf-8", "surrogateescape")

    def oddity(self) -> str | None:
        if not self.odd:
            return None
        drawn = self.random.randrange(1000)
        for name, share in ODDITIES.items():
            if (drawn := drawn - share) < 0:
                return None if (self.hashed and name == "empty_id") else name
        return None

    def cells(self, number: int, oddity: str | None) -> list[str]:
        pick = self.random
        key = "" if self.hashed else f"p{number:08}"
        price = f"{pick.randrange(100000) / 100}"
        cells = [key, f"name {pick.randrange(10**6)}", pick.choice(CITIES), price, pick.choice(("true", "false", "")), pick.choice(NOTES)]
        if self.hashed:
            cells[1] = f"name {number}"
        if oddity in ("near_duplicate", "far_duplicate") and self.recent:
            old = self.recent[-1] if oddity == "near_duplicate" else pick.choice(self.recent)
            return list(old) if self.hashed else [old[0], *cells[1:]]
        if oddity == "short_row":
            return cells[:-1]
        if oddity == "long_row":
            return [*cells, "more"]
        if oddity == "bad_number":
            cells[3] = pick.choice(("1,5", "abc", "1.2.3", "0x1F", "NaN"))
        if oddity == "not_utf8":
            cells[1] = "M\udcfcller"  # ü in Latin-1
        if oddity == "empty_id":
            cells[0] = ""
        if oddity == "long_id":
            cells[0] = "k" * 2049
        if oddity == "huge_item":
            cells[5] = "x" * (1 << 20)
        if oddity == "empty_row":
            return [""] * len(cells)
        return cells

    def remember(self, cells: list[str]) -> None:
        """Keeps up to 500 rows from all parts of the file, the latest last, for duplicates."""
        if len(self.recent) < 500:
            self.recent.append(cells)
        else:
            self.recent[self.random.randrange(499)] = cells
            self.recent[-1] = cells

    def cell(self, text: str) -> str:
        quoted = any(char in text for char in (self.delimiter, '"', "\n", "\r")) or self.random.random() < 0.02
        return '"' + text.replace('"', '""') + '"' if quoted else text


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a CSV file with planted errors and duplicates, and prints what was planted.")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delimiter", default=",")
    parser.add_argument("--hashed", action="store_true", help="without the column id")
    parser.add_argument("--plain", action="store_true", help="without errors and duplicates")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    file = CsvFile(options.rows, options.seed, options.delimiter, hashed=options.hashed, odd=not options.plain)
    with open(options.out, "wb") as out:
        planted = file.write(out)
    json.dump({"bytes": planted.bytes, "counts": planted.counts(), "oddities": planted.oddities}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
