# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign keys and secondary indexes, set aside while rows are written and made again before the commit, to the letter.

What is made again at the end costs half of what it costs row by row. Whoever reads the schema afterwards must not be able to tell:
whatever would come back otherwise than it was, or not at all, is not set aside in the first place.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql


# Processes that help one another share memory, of which a container has 64 MB unless somebody says otherwise: too little, now and then.
_ONE_PROCESS = "SET LOCAL max_parallel_maintenance_workers = 0; SET LOCAL max_parallel_workers_per_gather = 0"


class Part(NamedTuple):
    """A foreign key, a unique constraint or an index.

    :ivar schema: where its table is.
    :ivar gone: the statement that removes it.
    :ivar again: the statements that make it again, with all that is said of it elsewhere.
    :ivar described: all that the catalogue has on it, but for numbers that nobody knows it by.
    """

    schema: str
    table: str
    name: str
    gone: sql.Composable
    again: tuple[sql.Composable, ...]
    described: str


class SetAside:
    """What is set aside of some tables, in the transaction that is open.

    Foreign keys go that these tables have, and those of any other table that refer to one of these. So do indexes of these tables that are
    neither the primary key's, nor an exclusion constraint's, nor what a foreign key refers to.

    Nobody else may use the tables meanwhile: lock them first. Until :meth:`restore` nothing keeps two rows from having the same unique
    value, and nothing that names a unique index (C(ON CONFLICT)) works.

    :param tables: names of tables in the schema of the target.
    :param within: only foreign keys between tables of these names. Where it is given, no other table is locked.
    :param indexes: whether indexes go as well, or only foreign keys.
    :ivar foreign_keys: what is set aside; so is :attr:`indexes`. Empty before :meth:`drop` and after :meth:`restore`.
    :ivar current: the table for which something is being made again, for a message; None before and after.
    """

    def __init__(self, target: Target, tables: Iterable[str], within: Iterable[str] | None = None, indexes: bool = True) -> None:
        self.target = target
        self.foreign_keys: list[Part] = []
        self.indexes: list[Part] = []
        self.current: str | None = None
        self._tables = list(tables)
        self._within = None if within is None else list(within)
        self._with_indexes = indexes

    @property
    def parts(self) -> list[Part]:
        """All that is set aside, in the order in which it is made again: the order in which it was made at first."""
        return [*self.indexes, *self.foreign_keys]

    def drop(self, trial: bool = True) -> None:
        """Remove foreign keys and indexes, and remember how to make them again.

        :param trial: find out first whether each comes back as it was, and leave those in place that do not. Costs next to nothing while
            the tables are empty; else it is as much work as :meth:`restore`.
        """
        if not self._tables or self._somebody_watches():
            return
        self.foreign_keys, self.indexes = self._found()
        while trial and self.parts:
            odd = self._changed_by_a_trial(self.parts)
            if not odd:
                break
            # What is left may depend on one another only in ways that the trial of each alone does not show: once more.
            odd = [part for part in self.parts if self._changed_by_a_trial([part])] or odd
            self._leave(odd)
        self._run([part.gone for part in reversed(self.parts)])

    def restore(self) -> None:
        """Make everything again, in the same transaction.

        :raises psycopg.Error: when the rows do not allow it. :attr:`current` then names the table.
        :raises Refused: when something would not be as it was. The transaction has to be rolled back.
        """
        if self.parts:
            self.target.connection.execute(_ONE_PROCESS)
        for part in self.parts:
            self.current = part.table
            self._run(part.again)
        changed = self._changed(self.parts)
        if changed:
            raise self._not_as_it_was(changed)
        self.current = None
        self.foreign_keys, self.indexes = [], []

    def _somebody_watches(self) -> bool:
        """Whether an event trigger would fire for what is done here, and do nobody knows what."""
        return bool(self.target.rows("SELECT 1 FROM pg_event_trigger WHERE evtenabled IN ('O', 'A') LIMIT 1"))

    def _found(self) -> tuple[list[Part], list[Part]]:
        """What could be set aside: foreign keys, and indexes."""
        schema = self.target.schema
        keys = [_foreign_key(*row) for row in self.target.rows(_FOREIGN_KEYS, schema, self._tables, schema, self._tables)]
        if self._within is not None:
            inside = {(schema, name) for name in self._within}
            keys = [(part, parent) for part, parent in keys if {(part.schema, part.table), parent} <= inside]
        indexes = self.target.rows(_INDEXES, schema, self._tables) if self._with_indexes else []
        return [part for part, _parent in keys], [_index(schema, *row) for row in indexes]

    def _changed_by_a_trial(self, parts: Sequence[Part]) -> list[Part]:
        """Which of these would not be as they were: all of them, where the server does not even do it."""
        try:
            with self.target.connection.transaction(force_rollback=True):
                self._run([part.gone for part in reversed(parts)])
                self._run([statement for part in parts for statement in part.again])
                return self._changed(parts)
        except psycopg.Error as error:
            if self.target.connection.closed or error.sqlstate is None:
                raise
            return list(parts)

    def _changed(self, parts: Sequence[Part]) -> list[Part]:
        if not parts:
            return []
        keys, indexes = self._found()
        now = {(part.schema, part.table, part.name): part.described for part in (*keys, *indexes)}
        return [part for part in parts if now.get((part.schema, part.table, part.name)) != part.described]

    def _leave(self, parts: Sequence[Part]) -> None:
        self.foreign_keys = [part for part in self.foreign_keys if part not in parts]
        self.indexes = [part for part in self.indexes if part not in parts]

    def _run(self, statements: Sequence[sql.Composable]) -> None:
        """Several statements in one message."""
        if statements:
            self.target.connection.execute(sql.SQL("; ").join(statements))

    @staticmethod
    def _not_as_it_was(parts: Sequence[Part]) -> Refused:
        names = ", ".join(f"{part.name} on {part.table}" for part in parts[:3])
        return refuse("server", f"could not be made again in the target as it was: {names}; nothing was changed", table=parts[0].table)


def _foreign_key(
    schema: str, table: str, name: str, parent_schema: str, parent: str, definition: str, comment: str | None, described: str
) -> tuple[Part, tuple[str, str]]:
    """A foreign key, and the table that it refers to."""
    place = {"table": sql.Identifier(schema, table), "name": sql.Identifier(name)}
    again: list[sql.Composable] = [
        sql.SQL("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}").format(**place, definition=sql.SQL(definition))
    ]
    again += _comment("CONSTRAINT {name} ON {table}", comment, place)
    gone = sql.SQL("ALTER TABLE {table} DROP CONSTRAINT {name}").format(**place)
    return Part(schema, table, name, gone, tuple(again), described), (parent_schema, parent)


def _index(
    schema: str,
    table: str,
    name: str,
    definition: str,
    tablespace: str,
    constraint: str | None,
    comment: str | None,
    constraint_comment: str | None,
    is_clustered: bool,
    is_identity: bool,
    statistics: dict[str, int] | None,
    described: str,
) -> Part:
    """An index, or the unique constraint that it belongs to.

    :param constraint: what a unique constraint has behind its columns, None where there is no constraint.
    :param statistics: numbers of its columns, and how closely ANALYZE looks at each.
    """
    place = {"table": sql.Identifier(schema, table), "name": sql.Identifier(name), "index": sql.Identifier(schema, name)}
    # Definitions do not have it.
    again: list[sql.Composable] = [sql.SQL("SET LOCAL default_tablespace = {}").format(sql.Literal(tablespace))] if tablespace else []
    again.append(sql.SQL(definition))
    if tablespace:
        again.append(sql.SQL("SET LOCAL default_tablespace = ''"))
    gone = sql.SQL("DROP INDEX {index}").format(**place)
    if constraint is not None:
        # The definition of a constraint lacks the storage parameters of its index.
        add = sql.SQL("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{behind}")
        again.append(add.format(**place, behind=sql.SQL(constraint)))
        gone = sql.SQL("ALTER TABLE {table} DROP CONSTRAINT {name}").format(**place)
    again += _comment("INDEX {index}", comment, place)
    again += _comment("CONSTRAINT {name} ON {table}", constraint_comment, place)
    if is_clustered:
        again.append(sql.SQL("ALTER TABLE {table} CLUSTER ON {name}").format(**place))
    if is_identity:
        again.append(sql.SQL("ALTER TABLE {table} REPLICA IDENTITY USING INDEX {name}").format(**place))
    for column, closeness in (statistics or {}).items():
        closer = sql.SQL("ALTER INDEX {index} ALTER COLUMN {column} SET STATISTICS {closeness}")
        again.append(closer.format(**place, column=sql.SQL(str(int(column))), closeness=sql.Literal(closeness)))
    return Part(schema, table, name, gone, tuple(again), described)


def _comment(what: str, text: str | None, place: dict[str, sql.Identifier]) -> list[sql.Composable]:
    if text is None:
        return []
    on = sql.SQL(what).format(**place)
    return [sql.SQL("COMMENT ON {} IS {}").format(on, sql.Literal(text))]


# Left in place: what is not checked for all rows, or not at all (adding it again would check otherwise); whose triggers somebody has
# switched off; whatever has to do with partitions; what we may not add again. And what would refer to another index afterwards: a foreign
# key takes the first one that fits, in the order of their numbers, and those that are made again have new ones.
_FOREIGN_KEYS = """
    SELECT cn.nspname::text, c.relname::text, k.conname::text, pn.nspname::text, p.relname::text, pg_get_constraintdef(k.oid),
           obj_description(k.oid, 'pg_constraint'),
           concat_ws(E'\n', to_jsonb(k) - 'oid', pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'),
                     (SELECT string_agg(concat_ws(' ', t.tgrelid, t.tgfoid, t.tgtype, t.tgenabled, t.tgdeferrable, t.tginitdeferred), ','
                                        ORDER BY t.tgrelid, t.tgfoid) FROM pg_trigger AS t WHERE t.tgconstraint = k.oid))
      FROM pg_constraint AS k
      JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
      JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
     WHERE k.contype = 'f' AND (cn.nspname = %s AND c.relname = ANY (%s) OR pn.nspname = %s AND p.relname = ANY (%s))
       AND k.conparentid = 0 AND c.relkind = 'r' AND p.relkind = 'r' AND NOT c.relispartition AND NOT p.relispartition
       AND k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
       AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)
       AND pg_has_role(c.relowner, 'USAGE') AND has_table_privilege(p.oid, 'REFERENCES')
       AND NOT EXISTS (
           SELECT FROM pg_trigger AS t LEFT JOIN pg_description AS d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
            WHERE t.tgconstraint = k.oid AND (t.tgenabled <> 'O' OR d.objoid IS NOT NULL))
       AND NOT EXISTS (
           SELECT FROM pg_index AS x
            WHERE x.indrelid = k.confrelid AND x.indexrelid < k.conindid AND x.indisunique AND x.indpred IS NULL AND x.indexprs IS NULL
              AND x.indnkeyatts = array_length(k.confkey, 1)
              AND (x.indkey::int2[])[0:x.indnkeyatts - 1] @> k.confkey)
       AND NOT EXISTS (
           SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.deptype IN ('e', 'x'))
     ORDER BY k.oid"""

# Left in place: what belongs to a primary key, an exclusion constraint or a partitioned table, or is invalid; what a foreign key refers to,
# whoever has it; what somebody has switched the trigger of off; and whatever calls a function of somebody's own: an index is built as the
# owner of its table, in a session of fewer rights.
_INDEXES = """
    SELECT c.relname::text, i.relname::text, pg_get_indexdef(i.oid), coalesce(s.spcname::text, ''),
           CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE'
                WHEN k.oid IS NOT NULL THEN '' END,
           obj_description(i.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint'), x.indisclustered, x.indisreplident, a.statistics,
           concat_ws(E'\n', pg_get_indexdef(i.oid), pg_get_constraintdef(k.oid), obj_description(i.oid, 'pg_class'),
                     obj_description(k.oid, 'pg_constraint'), a.described, to_jsonb(k) - '{oid,conindid}'::text[],
                     to_jsonb(x) - '{indexrelid,indexprs,indpred,indcheckxmin}'::text[],
                     to_jsonb(i) - '{oid,relfilenode,relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}'::text[])
      FROM pg_index AS x
      JOIN pg_class AS i ON i.oid = x.indexrelid
      JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_tablespace AS s ON s.oid = i.reltablespace
      LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = c.oid AND k.contype <> 'f'
      CROSS JOIN LATERAL (
           SELECT string_agg((to_jsonb(a) - 'attrelid')::text, ',' ORDER BY a.attnum) AS described,
                  jsonb_object_agg(a.attnum, a.attstattarget) FILTER (WHERE coalesce(a.attstattarget, -1) >= 0) AS statistics
             FROM pg_attribute AS a WHERE a.attrelid = i.oid) AS a
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND c.relkind = 'r' AND NOT c.relispartition AND pg_has_role(c.relowner, 'USAGE')
       AND NOT x.indisprimary AND NOT x.indisexclusion AND x.indisvalid AND x.indisready AND x.indislive
       AND (k.oid IS NULL OR k.contype = 'u')
       AND NOT EXISTS (SELECT FROM pg_constraint AS f WHERE f.contype = 'f' AND f.conindid = i.oid)
       AND NOT EXISTS (
           SELECT FROM pg_trigger AS t LEFT JOIN pg_description AS d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
            WHERE t.tgconstraint = k.oid AND (t.tgenabled <> 'O' OR d.objoid IS NOT NULL))
       AND NOT EXISTS (
           SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
              AND (d.deptype IN ('e', 'x') OR d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)))
     ORDER BY i.oid"""
