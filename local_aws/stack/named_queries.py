"""The named queries of the template, with their texts, and parameters for the day of an hour."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from local_aws.stack.build import ROOT
from local_aws.stack.deploy import TemplateLoader

TEMPLATE = ROOT / "sam/catalog.yaml"


@dataclass
class NamedQuery:
    """A saved query: its name, what it is for, its SQL."""

    name: str
    description: str
    sql: str

    def parameters(self, hour):
        """The query's parameters for the day of `hour` (2025-11-21-0), as SQL text: year, month and so on."""
        year, month, day, of_day = hour.split("-")
        return self.filled({"year": year, "month": month, "day of month": day, "hour": f"{int(of_day):02}"})

    def filled(self, values):
        """The query's parameters as SQL text, of `values` by name. The description lists them in order, after "Parameters:"."""
        listed = re.search(r"Parameters?: (.*?)(?:, as quoted text.*|\.)?$", self.description)
        names = [name.strip() for name in listed.group(1).split(",")] if listed else []
        if len(names) != self.sql.count("?") or not all(name in values for name in names):
            raise ValueError(f"query {self.name}: its description must list its parameters, found {names}")
        return [f"'{values[name]}'" for name in names]


def named_queries(template=TEMPLATE):
    """All named queries of the template, in its order."""
    resources = yaml.load(Path(template).read_text(), Loader=TemplateLoader)["Resources"]
    return [
        NamedQuery(properties["Name"], properties.get("Description", ""), properties["QueryString"])
        for properties in (one["Properties"] for one in resources.values() if one["Type"] == "AWS::Athena::NamedQuery")
    ]
