"""The results of the fault tests as a table: for each fault and kind of run, the number of calls and the reported errors."""

from __future__ import annotations

from collections import Counter

from fault_proxy import Fault
from local_aws.text_table import lines

#: Name of a test's property: the kind of run, the fault, and the number of calls by reported error.
PROPERTY = "faults"

Found = tuple[str, str, dict[str, int]]


def order(found: Found) -> int:
    """Sort key: the order of `Fault`. Several test processes report in any order."""
    return [fault.value for fault in Fault].index(found[1])


def matrix(found: list[Found]) -> str:
    """Returns a table with one line per fault and one column per kind of run. The last line has the sums."""
    runs = list(dict.fromkeys(run for run, _, _ in found))
    points: Counter[tuple[str, str]] = Counter()
    shown: dict[str, Counter[str]] = {}
    for run, fault, outcomes in found:
        points[run, fault] += sum(outcomes.values())
        shown.setdefault(fault, Counter()).update(outcomes)
    rows = [
        [fault, *(points[run, fault] for run in runs), outcomes.total(), ", ".join(f"{n} {name}" for name, n in outcomes.most_common())]
        for fault, outcomes in shown.items()
    ]
    sums = [sum(points[run, fault] for fault in shown) for run in runs]
    rows.append(["all", *sums, sum(sums), "the state is that of an undisturbed run after each"])
    types = ["varchar", *["bigint"] * (len(runs) + 1), "varchar"]
    return "\n".join(lines(["fault", *runs, "points", "seen as"], types, [[str(cell) for cell in row] for row in rows]))
