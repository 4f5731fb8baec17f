"""Prints a table of text: numbers to the right, everything else to the left."""

WIDEST = 60


def print_table(columns, types, rows, most=20):
    """Prints at most `most` rows and says how many there are in all."""
    shown = [[clip(value) for value in row] for row in rows[:most]]
    right = [kind in ("bigint", "integer", "double", "decimal", "float") for kind in types]
    widths = [max(len(cell) for cell in column) for column in zip(columns, *shown)] if columns else []
    for line in (columns, ["─" * width for width in widths], *shown):
        cells = (cell.rjust(width) if number else cell.ljust(width) for cell, width, number in zip(line, widths, right))
        print("  " + "  ".join(cells).rstrip())
    if len(rows) > most:
        print(f"  … {len(rows):,} rows in all")


def clip(value):
    value = "NULL" if value is None else value.replace("\n", " ")
    return value if len(value) <= WIDEST else value[: WIDEST - 1] + "…"
