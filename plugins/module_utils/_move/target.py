# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL side: what the live target looks like.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.other_types import Shape
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, Session

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql


class ForeignKey(NamedTuple):
    """A foreign key of the target, columns and parent columns in the same order.

    :ivar full: whether a row has to fill all of the columns or none (MATCH FULL).
    :ivar tolerant: whether it takes texts for equal that differ, by a collation that is not deterministic.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    full: bool = False
    tolerant: bool = False


class UniqueIndex(NamedTuple):
    """A unique index: what it compares, as SQL, and for which rows.

    :ivar columns: the plain columns it is made of, empty as soon as one part of it is an expression.
    """

    name: str
    table: str
    expressions: tuple[str, ...]
    predicate: str | None
    columns: tuple[str, ...]


class Index(NamedTuple):
    """Any index.

    :ivar method: how it is kept, C(btree) for most.
    """

    name: str
    table: str
    method: str
    expressions: tuple[str, ...]


class DrawnSequence(NamedTuple):
    """A sequence that numbers the rows of a table.

    :ivar name: quoted and qualified.
    :ivar is_own: whether it belongs to the column, so that nobody else draws from it.
    :ivar owned: whether the connected role is, or is a member of, its owner.
    :ivar first: the smallest number that it gives; C(last) is the largest.
    """

    table: str
    column: str
    name: str
    is_own: bool
    owner: str
    owned: bool
    step: int
    first: int
    last: int


class TargetTable(NamedTuple):
    """A table of the target schema.

    :ivar owned: whether the connected role is, or is a member of, its owner.
    :ivar acting: see :meth:`Target.acting`.
    :ivar computed: further columns, which PostgreSQL generates by itself.
    """

    name: str
    columns: dict[str, TargetColumn]
    primary_key: tuple[str, ...]
    owner: str
    owned: bool
    acting: str = ""
    computed: frozenset[str] = frozenset()


class Target:
    """The live schema that Open WebUI created in the target database.

    All SQL names the schema: tables of the same name elsewhere do not matter.
    """

    def __init__(self, session: Session, schema: str) -> None:
        self.session = session
        self.schema = schema

    @property
    def connection(self) -> psycopg.Connection:
        """What SQL goes through, in the transaction that is open."""
        return self.session.connection

    def name(self, table: str) -> sql.Identifier:
        """A table's qualified name, for :mod:`psycopg.sql`."""
        return sql.Identifier(self.schema, table)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of a query on the catalogue."""
        return self.connection.execute(query, parameters).fetchall()

    def exists(self) -> bool:
        """Whether the schema is there."""
        return bool(self.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", self.schema))

    def tables(self) -> dict[str, TargetTable]:
        """The tables of the schema with their columns, by name."""
        columns: dict[str, dict[str, TargetColumn]] = {}
        computed: dict[str, set[str]] = {}
        for table, is_computed, *described in self.rows(_COLUMNS, self.schema):
            column = _column(*described)
            if is_computed:
                computed.setdefault(table, set()).add(column.name)
            else:
                columns.setdefault(table, {})[column.name] = column
        keys = {table: tuple(names) for table, names in self.rows(_PRIMARY_KEYS, self.schema)}
        acting = self.acting()
        return {
            table: TargetTable(table, columns.get(table, {}), keys.get(table, ()), owner, owned, acting, frozenset(computed.get(table, ())))
            for table, owner, owned in self.rows(_TABLES, self.schema)
        }

    def relations_in_place_of_tables(self) -> dict[str, str]:
        """What else of the schema has a name that a table could have, so that none of that name can be made, and what it is."""
        return {name: _KINDS[kind] for name, kind in self.rows(_OTHER_RELATIONS, self.schema, list(_KINDS))}

    def foreign_keys(self) -> list[ForeignKey]:
        """The foreign keys between tables of the schema."""
        return [
            ForeignKey(name, table, tuple(columns), parent, tuple(parent_columns), full, tolerant)
            for name, table, columns, parent, parent_columns, full, tolerant in self.rows(_FOREIGN_KEYS, self.schema)
        ]

    def referring_from_outside(self, tables: list[str]) -> list[tuple[str, str]]:
        """Pairs of a table that is not among these and one of these that it has a foreign key to."""
        return self.rows(_OUTSIDE_REFERENCES, self.schema, tables, self.schema, tables)

    def unique_indexes(self) -> list[UniqueIndex]:
        """The unique indexes of the schema's tables, primary keys included."""
        return [
            UniqueIndex(name, table, tuple(expressions), predicate, tuple(columns or ()))
            for name, table, expressions, predicate, columns in self.rows(_UNIQUE_INDEXES, self.schema)
        ]

    def checks(self, table: str) -> list[tuple[str, str]]:
        """The check constraints of a table: name and SQL expression."""
        return self.rows(_CHECKS, self.schema, table)

    def indexes(self) -> dict[str, Index]:
        """All indexes of the schema's tables, by name."""
        found = [Index(name, table, method, tuple(parts)) for name, table, method, parts in self.rows(_INDEXES, self.schema)]
        return {index.name: index for index in found}

    def secured(self, tables: list[str]) -> list[tuple[str, bool]]:
        """Which of these tables have policies of row-level security that bind the connected role, and whether as its owner."""
        return self.rows(_SECURED, self.schema, tables)

    def has_inserting_triggers(self, tables: list[str]) -> bool:
        """Whether somebody's trigger fires when rows are added to one of these tables."""
        return bool(self.rows(_INSERTING_TRIGGERS, self.schema, tables))

    def emptying_triggers(self, tables: list[str]) -> list[tuple[str, str, str]]:
        """The triggers that fire when these tables are emptied: table, name and function."""
        return self.rows(_EMPTYING_TRIGGERS, self.schema, tables)

    def unlogged(self) -> list[tuple[str, str, str]]:
        """The tables, and sequences that number their rows, that PostgreSQL empties after a crash.

        :returns: the table, what is unlogged (itself, a partition of it, or a sequence), as SQL, and which of C(TABLE) and
            C(SEQUENCE) that is.
        """
        return self.rows(_UNLOGGED, self.schema, self.schema)

    def drawn_sequences(self) -> list[tuple[str, str, int]]:
        """The sequences that belong to the role in this schema, or that defaults of its tables draw on: schema, name, cache."""
        return self.rows(_DRAWN_SEQUENCES, self.schema, self.schema)

    def drawing_columns(self) -> list[tuple[str, str]]:
        """The columns whose value comes from a sequence, owned by them or not, where none is given."""
        return self.rows(_DRAWING_COLUMNS, self.schema)

    def is_used_by_others(self) -> bool:
        """Whether anybody else is connected to this database."""
        # Processes of the server itself belong to no role; everything else about others' sessions may be hidden from us.
        query = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND usesysid IS NOT NULL AND coalesce(leader_pid, 0) <> pg_backend_pid() LIMIT 1"
        )
        return bool(self.rows(query))

    def may_create_temporary(self) -> bool:
        """Whether the role may create temporary tables in this database."""
        return bool(self.rows("SELECT has_database_privilege(current_database(), 'TEMPORARY')")[0][0])

    def temporary_schema(self) -> str:
        """The name of this session's schema for temporary tables, once it has any."""
        return str(self.rows("SELECT nspname::text FROM pg_namespace WHERE oid = pg_my_temp_schema()")[0][0])

    def sequences(self) -> list[DrawnSequence]:
        """The sequences that number rows: those that a column of numbers owns, or names in its default."""
        return [DrawnSequence(*row) for row in self.rows(_SEQUENCES, self.schema)]

    def is_partitioned(self, table: str) -> bool:
        """Whether the rows of a table are in others, its partitions."""
        query = "SELECT 1 FROM pg_partitioned_table WHERE partrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))"
        return bool(self.rows(query, self.schema, table))

    def revisions(self) -> list[str]:
        """The alembic revisions that the schema is stamped with: one, if all is well. A NULL counts as an empty one."""
        query = sql.SQL("SELECT version_num FROM {}").format(self.name("alembic_version"))
        return sorted(str(version or "") for (version,) in self.connection.execute(query).fetchall())

    def present(self, tables: Sequence[str]) -> list[str]:
        """Which of these tables are there."""
        query = "SELECT tablename::text FROM pg_tables WHERE schemaname = %s AND tablename = ANY (%s) ORDER BY 1"
        return [name for (name,) in self.rows(query, self.schema, list(tables))] if tables else []

    def holding_rows(self, tables: list[str]) -> list[str]:
        """Which of these tables have any row."""
        if not tables:
            return []
        queries = [sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(table), self.name(table)) for table in tables]
        return [row[0] for row in self.connection.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()]

    def may_create_schema(self) -> bool:
        """Whether the role may create a schema in this database, as the bookkeeping needs once."""
        return bool(self.rows("SELECT has_database_privilege(current_database(), 'CREATE')")[0][0])

    def role(self) -> str:
        """The name of the connected role."""
        return str(self.rows("SELECT current_user")[0][0])

    def acting(self) -> str:
        """Words for a role that is not the one that has logged in, because a setting has it so; empty otherwise."""
        login, acting = self.rows("SELECT session_user::text, current_user::text")[0]
        return "" if login == acting else f" (the setting role of {login} makes it act as {acting}; ALTER ROLE ... RESET role)"

    def can_compress_with_lz4(self) -> bool:
        """Whether the server was built with lz4 for large values."""
        return bool(self.rows("SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"))


# How many digits of a fraction of a second are kept, the whole modifier of such a type.
_TIMES = frozenset({"timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone"})


def _column(
    name: str,
    base: str,
    modifier: int,
    not_null: bool,
    has_default: bool,
    labels: list[str] | None,
    element: str | None,
    declared: str,
) -> TargetColumn:
    length = None
    shape = Shape(labels=tuple(labels or ()), element=element or "")
    if modifier >= 0 and (base in ("character varying", "character") or element == "character varying"):
        length = modifier - 4
    elif modifier >= 0 and base in _TIMES:
        shape = shape._replace(precision=modifier)
    elif modifier >= 0 and base == "numeric":
        # Eleven bits of a signed number, from PostgreSQL 15 on; before that none was negative.
        scale = ((modifier - 4 & 0x7FF) ^ 1024) - 1024
        shape = shape._replace(precision=modifier - 4 >> 16 & 0xFFFF, scale=scale)
    return TargetColumn(name, base, length, not_null, has_default, shape, declared)


_TABLES = """
    SELECT c.relname, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE')
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p')
     ORDER BY c.relname"""

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a composite type",
}

_OTHER_RELATIONS = """
    SELECT c.relname::text, c.relkind::text
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind = ANY (%s::text[])
     ORDER BY c.relname"""

# A domain is what is behind it, with its own modifier, default and NOT NULL.
_COLUMNS = """
    WITH RECURSIVE known AS (
        SELECT c.relname, a.attname, a.attnum, a.attgenerated <> '' AS computed, a.atttypid AS type, a.atttypmod AS modifier,
               a.attnotnull AS not_null, a.atthasdef OR a.attidentity <> '' AS has_default,
               format_type(a.atttypid, a.atttypmod) AS declared
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT k.relname, k.attname, k.attnum, k.computed, t.typbasetype, t.typtypmod,
               k.not_null OR t.typnotnull, k.has_default OR t.typdefault IS NOT NULL, k.declared
          FROM known AS k JOIN pg_type AS t ON t.oid = k.type
         WHERE t.typtype = 'd'
    )
    SELECT k.relname, k.computed, k.attname,
           CASE WHEN t.typtype = 'e' THEN 'enum'
                WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'array'
                WHEN t.typname = 'citext' THEN 'citext'
                ELSE format_type(t.oid, NULL) END,
           k.modifier, k.not_null, k.has_default,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           CASE WHEN t.typcategory <> 'A' OR t.typelem = 0 THEN NULL
                WHEN i.typname = 'citext' THEN 'citext'
                ELSE format_type(i.oid, NULL) END,
           k.declared
      FROM known AS k JOIN pg_type AS t ON t.oid = k.type LEFT JOIN pg_type AS i ON i.oid = t.typelem
     WHERE t.typtype <> 'd'
     ORDER BY k.relname, k.attnum"""

_PRIMARY_KEYS = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY k.position)
      FROM pg_constraint AS p JOIN pg_class AS c ON c.oid = p.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      CROSS JOIN unnest(p.conkey) WITH ORDINALITY AS k (number, position)
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
     WHERE n.nspname = %s AND p.contype = 'p'
     GROUP BY c.relname"""

_FOREIGN_KEYS = """
    SELECT f.conname, c.relname,
           array_agg(a.attname::text ORDER BY k.position), p.relname, array_agg(b.attname::text ORDER BY k.position),
           f.confmatchtype = 'f', bool_or(NOT coalesce(l.collisdeterministic, true))
      FROM pg_constraint AS f
      JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_class AS p ON p.oid = f.confrelid AND p.relnamespace = c.relnamespace
      CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (number, parent_number, position)
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
      JOIN pg_attribute AS b ON b.attrelid = p.oid AND b.attnum = k.parent_number
      LEFT JOIN pg_collation AS l ON l.oid = b.attcollation
     WHERE n.nspname = %s AND f.contype = 'f' AND f.conparentid = 0
     GROUP BY f.oid, f.conname, f.confmatchtype, c.relname, p.relname
     ORDER BY c.relname, f.conname"""

_OUTSIDE_REFERENCES = """
    SELECT DISTINCT f.conrelid::regclass::text, p.relname
      FROM pg_constraint AS f JOIN pg_class AS p ON p.oid = f.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
      JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
     WHERE f.contype = 'f' AND pn.nspname = %s AND p.relname = ANY (%s)
       AND NOT (cn.nspname = %s AND c.relname = ANY (%s))
     ORDER BY 1, 2"""

_UNIQUE_INDEXES = """
    SELECT i.relname, c.relname,
           array_agg(pg_get_indexdef(i.oid, k.position::int, false) ORDER BY k.position),
           pg_get_expr(x.indpred, x.indrelid),
           CASE WHEN bool_and(k.number > 0) THEN array_agg(a.attname::text ORDER BY k.position) END
      FROM pg_index AS x
      JOIN pg_class AS i ON i.oid = x.indexrelid
      JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, position)
      LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number > 0
     WHERE n.nspname = %s AND x.indisunique AND k.position <= x.indnkeyatts
     GROUP BY i.oid, i.relname, c.relname, x.indpred, x.indrelid
     ORDER BY c.relname, i.relname"""

_CHECKS = """
    SELECT k.conname, pg_get_expr(k.conbin, k.conrelid)
      FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = %s AND k.contype = 'c'
     ORDER BY k.conname"""

_SEQUENCES = """
    SELECT c.relname::text, a.attname::text, format('%%I.%%I', sn.nspname, s.relname), bool_or(d.classid = 'pg_class'::regclass),
           pg_get_userbyid(s.relowner)::text, pg_has_role(s.relowner, 'USAGE'), q.seqincrement, q.seqmin, q.seqmax
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_type AS t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef AS f ON f.adrelid = c.oid AND f.adnum = a.attnum
      JOIN pg_depend AS d
        ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
           AND d.deptype IN ('a', 'i')
        OR d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
      JOIN pg_class AS s ON s.relkind = 'S' AND s.oid = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE d.refobjid END
      JOIN pg_sequence AS q ON q.seqrelid = s.oid JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND t.typcategory = 'N'
     GROUP BY c.relname, a.attname, sn.nspname, s.relname, s.relowner, q.seqincrement, q.seqmin, q.seqmax
     ORDER BY 1, 2, 3"""

_INDEXES = """
    SELECT i.relname, c.relname, m.amname,
           array_agg(pg_get_indexdef(i.oid, k.position, false) ORDER BY k.position)
      FROM pg_index AS x
      JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_am AS m ON m.oid = i.relam
      JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      CROSS JOIN generate_series(1, x.indnatts::int) AS k (position)
     WHERE n.nspname = %s
     GROUP BY i.oid, i.relname, c.relname, m.amname"""

_SECURED = """
    SELECT c.relname, pg_has_role(c.relowner, 'USAGE')
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p') AND row_security_active(c.oid)
     ORDER BY c.relname"""

# 4 is TRIGGER_TYPE_INSERT.
_INSERTING_TRIGGERS = """
    SELECT 1
      FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND t.tgenabled IN ('O', 'A')
     LIMIT 1"""

# 32 is TRIGGER_TYPE_TRUNCATE.
_EMPTYING_TRIGGERS = """
    SELECT c.relname::text, t.tgname::text, p.proname::text
      FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_proc AS p ON p.oid = t.tgfoid
     WHERE n.nspname = %s AND c.relname = ANY (%s) AND t.tgtype & 32 <> 0 AND t.tgenabled IN ('O', 'A')
     ORDER BY 1, 2"""

# SET LOGGED of a table takes the sequences of its columns along.
_UNLOGGED = """
    SELECT coalesce(rc.relname, c.relname)::text, format('%%I.%%I', cn.nspname, c.relname), 'TABLE'
      FROM pg_class AS c JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
      LEFT JOIN pg_class AS rc ON c.relispartition AND rc.oid = pg_partition_root(c.oid)
      JOIN pg_namespace AS n ON n.oid = coalesce(rc.relnamespace, c.relnamespace)
     WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname = %s
    UNION
    SELECT c.relname::text, format('%%I.%%I', sn.nspname, s.relname), 'SEQUENCE'
      FROM pg_depend AS d JOIN pg_attrdef AS a ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
      JOIN pg_class AS c ON c.oid = a.adrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_class AS s ON d.refclassid = 'pg_class'::regclass AND s.oid = d.refobjid AND s.relkind = 'S'
      JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
     WHERE s.relpersistence = 'u' AND c.relpersistence <> 'u' AND n.nspname = %s
     ORDER BY 1, 3 DESC, 2"""

_DRAWN_SEQUENCES = """
    SELECT DISTINCT n.nspname::text, s.relname::text, q.seqcache
      FROM pg_sequence AS q JOIN pg_class AS s ON s.oid = q.seqrelid JOIN pg_namespace AS n ON n.oid = s.relnamespace
     WHERE pg_has_role(s.relowner, 'USAGE') AND (n.nspname = %s OR EXISTS (
           SELECT FROM pg_depend AS d JOIN pg_attrdef AS a ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
             JOIN pg_class AS c ON c.oid = a.adrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND cn.nspname = %s))
     ORDER BY 1, 2"""

_DRAWING_COLUMNS = """
    SELECT c.relname::text, a.attname::text
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attidentity <> '' OR EXISTS (
           SELECT FROM pg_attrdef AS f JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
             JOIN pg_class AS s ON d.refclassid = 'pg_class'::regclass AND s.oid = d.refobjid AND s.relkind = 'S'
            WHERE f.adrelid = c.oid AND f.adnum = a.attnum))
     ORDER BY 1, 2"""
