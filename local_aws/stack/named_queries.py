"""The named queries of a template, and parameters for them."""

import re
from dataclasses import dataclass
from pathlib import Path

from local_aws.paths import ROOT
from local_aws.stack.templates import load_template

TEMPLATE = ROOT / "sam/catalog.yaml"


@dataclass
class NamedQuery:
    """A saved query. Its description ends with the names of its parameters in order: `Parameters: year, month.`"""

    name: str
    description: str
    sql: str

    def parameters(self, hour: str) -> list[str]:
        """The parameters for the day of `hour` (2025-11-21-0), as SQL text."""
        year, month, day, hour_of_day = hour.split("-")
        return self.filled({"year": year, "month": month, "day of month": day, "hour": f"{int(hour_of_day):02}"})

    def filled(self, values: dict[str, str]) -> list[str]:
        """The parameters as SQL text. `values` are by the names of the description."""
        listed = re.search(r"Parameters?: (.*?)(?:, as quoted text.*|\.)?$", self.description)
        names = [name.strip() for name in listed[1].split(",")] if listed else []
        if len(names) != self.sql.count("?") or not all(name in values for name in names):
            raise ValueError(f"query {self.name}: its description must list its parameters, found {names}")
        return [f"'{values[name]}'" for name in names]


def named_queries(template: Path = TEMPLATE) -> list[NamedQuery]:
    """All named queries of the template, in its order."""
    resources = load_template(template)["Resources"].values()
    described = [one["Properties"] for one in resources if one["Type"] == "AWS::Athena::NamedQuery"]
    return [NamedQuery(one["Name"], one.get("Description", ""), one["QueryString"]) for one in described]
