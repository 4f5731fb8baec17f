"""A `Scan`: one reading of one table in a query."""

from dataclasses import dataclass, field

from sqlglot import exp

from local_aws.ministack_patches.athena.model import Table


@dataclass
class Scan:
    """`name` stands for the table in the translated query. `conditions` are those on its partition keys.

    `partitions_only` is set for `"table$partitions"`, which lists the partitions instead of the rows.
    """

    name: str
    table: Table
    partitions_only: bool
    conditions: list[exp.Expr] = field(default_factory=list)


#: The scans of a query, by the identity of the node that names the table.
Scans = dict[int, Scan]
