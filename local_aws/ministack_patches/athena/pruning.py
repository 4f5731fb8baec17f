"""Which partitions a query reads: conditions that name partition keys alone, carried down to the tables they speak of.

A condition is carried only where that cannot change the answer: from WHERE and from the ON of inner joins, into a
derived table (a view) whose columns pass it on unchanged, through grouping and windows only on the keys they group by.
"""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

KEPT_OUT = (exp.Subquery, exp.Select, exp.AggFunc, exp.Window, exp.Rand)


def assign(tree, scans):
    """Gives each scan the conditions that hold for all its rows that count. `scans` is by identity of table nodes."""
    carried = {}
    for scope in reversed(traverse_scope(tree)):  # outermost first
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        conditions = own_conditions(select) + carried.get(id(select), [])
        for alias, source in selected(scope).items():
            if not reachable(select, alias):
                continue
            mine = [one for one in conditions if speaks_of(one, alias, scope, scans)]
            if isinstance(source, exp.Table) and id(source) in scans:
                scan = scans[id(source)]
                keys = {key.name for key in scan.table.keys}
                scan.conditions += [one for one in mine if names(one) <= keys]
            elif isinstance(source, Scope) and source.is_derived_table:
                carried[id(source.expression)] = [inner for one in mine if (inner := inside(one, source)) is not None]


def own_conditions(select):
    """The conditions of WHERE and of inner joins, taken apart at AND."""
    clauses = [select.args["where"].this] if select.args.get("where") else []
    clauses += [join.args["on"] for join in joins(select) if join.args.get("on") and not join.side]
    conditions = []
    for clause in clauses:
        conditions += clause.flatten() if isinstance(clause, exp.And) else [clause]
    return conditions


def joins(select):
    return select.args.get("joins") or []


def reachable(select, alias):
    """Rows of the optional side of an outer join are made up where there is none: nothing is carried there."""
    if not any(join.side for join in joins(select)):
        return True
    first = (select.args.get("from_") or select.args.get("from")).this
    return first.alias_or_name == alias and all(join.side in ("", "LEFT") for join in joins(select))


def speaks_of(condition, alias, scope, scans):
    """Whether all columns of the condition are this source's, and nothing in it depends on other rows."""
    if condition.find(*KEPT_OUT):
        return False
    columns = list(condition.find_all(exp.Column))
    return bool(columns) and all(source_of(column, scope, scans) == alias for column in columns)


def selected(scope):
    """What the query reads from, by alias: nodes of tables, scopes of queries."""
    return {alias: source for alias, (_, source) in scope.selected_sources.items()}


def source_of(column, scope, scans):
    """The alias of the source that a column belongs to; None where that is not certain."""
    sources = selected(scope)
    if column.table:
        return column.table if column.table in sources else None
    known = {alias: source_names(source, scans) for alias, source in sources.items()}
    if None in known.values() and len(known) > 1:
        return None
    owners = [alias for alias, found in known.items() if found is None or column.name.lower() in found]
    return owners[0] if len(owners) == 1 else None


def source_names(source, scans):
    if isinstance(source, exp.Table):
        scan = scans.get(id(source))
        return {one.name for one in scan.table.columns + scan.table.keys} if scan else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query) and not source.expression.is_star:
        return {name.lower() for name in source.expression.named_selects}
    return None


def owner(column, scope, scans):
    """The Glue table that a column belongs to, if it is known."""
    source = selected(scope).get(source_of(column, scope, scans))
    return scans[id(source)].table if isinstance(source, exp.Table) and id(source) in scans else None


def names(condition):
    return {column.name.lower() for column in condition.find_all(exp.Column)}


def inside(condition, source):
    """The condition in the words of the derived table's own query; None where it must not be carried in."""
    select = source.expression
    if not isinstance(select, exp.Select) or select.args.get("limit") or select.args.get("offset"):
        return None
    plain = {one.alias_or_name.lower(): one.unalias() for one in select.expressions}
    if not all(isinstance(plain.get(name), exp.Column) for name in names(condition)):
        return None
    allowed = passing(select)
    if allowed is not None and not {spelling(plain[name]) for name in names(condition)} <= allowed:
        return None
    return condition.copy().transform(lambda node: plain[node.name.lower()].copy() if isinstance(node, exp.Column) else node)


def passing(select):
    """The columns on which a condition may be carried through grouping and windows; None for all."""
    keys = []
    if select.args.get("group"):
        keys.append(select.args["group"].expressions)
    elif any(one.find(exp.AggFunc) and not one.find(exp.Window) for one in select.expressions):
        keys.append([])
    keys += [window.args.get("partition_by") or [] for window in select.find_all(exp.Window)]
    if not keys:
        return None
    return set.intersection(*({spelling(one) for one in some if isinstance(one, exp.Column)} for some in keys))


def spelling(column):
    return column.sql().lower()
