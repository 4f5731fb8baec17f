"""Prints tables as text: numbers to the right, everything else to the left."""

from collections.abc import Iterator, Sequence

MAX_CELL_CHARACTERS = 60
NUMBER_TYPES = ("bigint", "integer", "double", "decimal", "float")


def print_table(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str | None]], max_rows: int = 20) -> None:
    """Prints at most `max_rows` rows, and the number of all rows if there are more. `types` are Athena's."""
    for line in lines(columns, types, [[clip(value) for value in row] for row in rows[:max_rows]]):
        print(f"  {line}")
    if len(rows) > max_rows:
        print(f"  … {len(rows):,} rows in all")


def lines(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, with a head and a rule."""
    right = [kind in NUMBER_TYPES for kind in types]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)] if columns else []
    for line in (columns, ["─" * width for width in widths], *rows):
        cells = (cell.rjust(width) if number else cell.ljust(width) for cell, width, number in zip(line, widths, right, strict=True))
        yield "  ".join(cells).rstrip()


def clip(value: str | None) -> str:
    value = "NULL" if value is None else value.replace("\n", " ")
    return value if len(value) <= MAX_CELL_CHARACTERS else value[: MAX_CELL_CHARACTERS - 1] + "…"
