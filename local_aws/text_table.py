"""A table of text: numbers to the right, everything else to the left."""

WIDEST = 60


def print_table(columns, types, rows, most=20):
    """Prints at most `most` rows and says how many there are in all."""
    for line in lines(columns, types, [[clip(value) for value in row] for row in rows[:most]]):
        print(f"  {line}")
    if len(rows) > most:
        print(f"  … {len(rows):,} rows in all")


def lines(columns, types, rows):
    """The lines of a table of texts."""
    right = [kind in ("bigint", "integer", "double", "decimal", "float") for kind in types]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows)] if columns else []
    for line in (columns, ["─" * width for width in widths], *rows):
        cells = (cell.rjust(width) if number else cell.ljust(width) for cell, width, number in zip(line, widths, right))
        yield "  ".join(cells).rstrip()


def clip(value):
    value = "NULL" if value is None else value.replace("\n", " ")
    return value if len(value) <= WIDEST else value[: WIDEST - 1] + "…"
