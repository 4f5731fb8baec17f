"""The table."""

import statistics

BASE = "duckdb"
FLOOR = "inflate"


class Result:
    """The runs of one contestant on one hour."""

    def __init__(self, hour, payload, contestant):
        self.hour, self.payload, self.contestant = hour, payload, contestant
        self.runs = []
        self.output = None
        self.output_bytes = 0

    def add(self, run, output):
        self.runs.append(run)
        self.output = output
        self.output_bytes = sum(path.stat().st_size for path in output.rglob("*.parquet"))

    def median(self, fact):
        return statistics.median(getattr(run, fact) for run in self.runs)

    def ratio(self, base, fact):
        """The median of the rounds' own ratios."""
        pairs = zip(self.runs, base.runs)
        return statistics.median(getattr(ours, fact) / getattr(theirs, fact) for ours, theirs in pairs)

    def as_json(self):
        runs = [vars(run) for run in self.runs]
        facts = {"hour": self.hour.name, "payload": self.payload, "tool": self.contestant.name}
        return {**facts, "output_bytes": self.output_bytes, "runs": runs}


def print_table(results, absent, rounds):
    print(f"\nMedians of {rounds} rounds. CPU: user and system seconds of the whole process.\n")
    header = ["hour", "payload", "tool", "CPU s", "wall s", "peak MB", "output MB"]
    rows = [header + ["CPU to DuckDB", "wall to DuckDB", "CPU to inflate"]]
    for result in results:
        others = {other.contestant.name: other for other in results if same_task(other, result)}
        rows.append(row(result, others))
    for title in absent:
        rows.append(["–", "–", title, "missing", *[""] * 6])
    print_markdown(rows)
    for hour in {result.hour.name: result.hour for result in results}.values():
        gzip, text = hour.path.stat().st_size / 1e6, hour.text_bytes() / 1e6
        print(f"\n{hour.name}: {hour.title}; {gzip:.1f} MB of gzip, {text:.0f} MB of text", end="")
    print("\n\nAll outputs agree on rows, rows by type, distinct actors and repositories, and on contents.")


def same_task(one, other):
    return (one.hour, one.payload) == (other.hour, other.payload)


def row(result, others):
    facts = [result.hour.name, result.payload, result.contestant.title]
    facts += [f"{result.median('cpu_secs'):.2f}", f"{result.median('wall_secs'):.2f}"]
    facts += [f"{result.median('peak_bytes') / 1e6:.0f}"]
    facts += [f"{result.output_bytes / 1e6:.1f}" if result.contestant.makes_parquet else "–"]
    for base, fact in ((BASE, "cpu_secs"), (BASE, "wall_secs"), (FLOOR, "cpu_secs")):
        facts.append(f"{result.ratio(others[base], fact):.2f}" if base in others else "–")
    return facts


def print_markdown(rows):
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) if at < 3 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))]
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (w + 2) if at < 3 else '-' * (w + 1) + ':' for at, w in enumerate(widths))}|")
