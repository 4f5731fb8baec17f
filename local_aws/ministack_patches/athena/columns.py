"""Resolves the columns of a query to the tables that they belong to."""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from local_aws.ministack_patches.athena.model import Table
from local_aws.ministack_patches.athena.scan import Scans

#: What a query reads from: the node of a table, or the scope of another query.
Source = exp.Expr | Scope


def sources(scope: Scope) -> dict[str, Source]:
    """The sources of a query, by alias."""
    return {alias: source for alias, (_, source) in scope.selected_sources.items()}


def source_of(column: exp.Column, scope: Scope, scans: Scans) -> str | None:
    """The alias of the source that a column belongs to; None if that is ambiguous."""
    found = sources(scope)
    if column.table:
        return column.table if column.table in found else None
    known = {alias: names_of(source, scans) for alias, source in found.items()}
    if None in known.values() and len(known) > 1:
        return None
    owners = [alias for alias, names in known.items() if names is None or column.name.lower() in names]
    return owners[0] if len(owners) == 1 else None


def names_of(source: Source, scans: Scans) -> set[str] | None:
    """The column names of a source; None if they are unknown."""
    if isinstance(source, exp.Table):
        scan = scans.get(id(source))
        return {column.name for column in scan.table.columns + scan.table.keys} if scan else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query) and not source.expression.is_star:
        return {name.lower() for name in source.expression.named_selects}
    return None


def owner(column: exp.Column, scope: Scope, scans: Scans) -> Table | None:
    """The table of the Glue Data Catalog that a column belongs to, if it is known."""
    alias = source_of(column, scope, scans)
    source = sources(scope).get(alias) if alias is not None else None
    return scans[id(source)].table if isinstance(source, exp.Table) and id(source) in scans else None
