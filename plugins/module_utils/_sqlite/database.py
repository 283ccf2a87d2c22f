# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a SQLite file without changing a byte of it, of its write-ahead log, or of the folder around it.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import struct
import tempfile
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Callable, Container, Iterator, NamedTuple
from urllib.parse import quote as url_quote

from ansible_collections.openwebui.postgres.plugins.module_utils._files import text_of
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import ESSENTIAL_TABLES
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.location import LOGS, Location, locate

try:
    import fcntl
except ImportError:  # there is no Open WebUI server to migrate where this is missing
    fcntl = None  # type: ignore[assignment]  # mypy looks at it as on Unix, where it is a module in any case

MAGIC = b"SQLite format 3\x00"
HEADER_SIZE = 100
INTEGRITY_ERRORS_AT_MOST = 100

# Where SQLite puts its locks, see "File Locking" in its documentation: pending, reserved, then 510 bytes for readers.
_LOCK_START = 0x40000000
_LOCK_LENGTH = 512
_FLOCK = "hhqqi4x"

# The tables that hold the content of virtual tables, by what follows the name of the virtual table. Others are not known to be such.
_SHADOWS = {
    "fts3": re.compile("content|segments|segdir|docsize|stat"),
    "fts4": re.compile("content|segments|segdir|docsize|stat"),
    "fts5": re.compile("data|idx|content|docsize|config"),
    "geopoly": re.compile("node|rowid|parent"),
    "rtree": re.compile("node|rowid|parent"),
    "rtree_i32": re.compile("node|rowid|parent"),
    "spellfix1": re.compile("vocab"),
    "vec0": re.compile("info|chunks|rowids|auxiliary|vector_chunks[0-9]+|metadatachunks[0-9]+|metadatatext[0-9]+"),
}
_VIRTUAL = re.compile(r"""\bUSING\s+["'`\[]?(\w+)""", re.IGNORECASE)

# What SQLite says of a part of a schema that only the program that made it can work with.
_NEEDS_MORE = re.compile("no such (?:collation sequence|module|function|tokenizer)|unknown function|unknown tokenizer")
_COLLATION = re.compile("no such collation sequence: (.+)", re.DOTALL)
_ENTRY = re.compile(r"malformed database schema \((.*?)\)(?: - (.*))?", re.DOTALL)


class Text(bytes):
    """A value that SQLite stores as TEXT, where it has to be told from a BLOB."""


class Holder(NamedTuple):
    """A process that could write to the file. ``pid`` is None where the kernel does not tell (another host or namespace)."""

    pid: int | None
    command: str


class Column(NamedTuple):
    """A column as SQLite declares it, which need not be what it holds."""

    name: str
    declared: str
    not_null: bool
    generated: bool = False


class ForeignKey(NamedTuple):
    """A foreign key of the source. SQLite knows it by ``(table, id)``; Open WebUI never has it enforced.

    :ivar parent_exists: whether there is such a table at all.
    """

    id: int
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    parent_exists: bool
    on_delete: str

    def is_violated(self, but_not: str = "0") -> str:
        """The SQL condition by which a row, called C(child), is an orphan: SQLite's C(foreign_key_check) in other words.

        It also stands where that pragma gives up, because the parent's columns are not unique.

        :param but_not: SQL condition for rows, called C(parent), which do not count as parents.
        """
        filled = " AND ".join(f"child.{quote(column)} IS NOT NULL" for column in self.columns)
        if not self.parent_exists:
            return filled
        parents = f"SELECT 1 FROM main.{quote(self.parent)} AS parent WHERE {self.refers()} AND NOT ({but_not})"
        return f"{filled} AND NOT EXISTS ({parents})"

    def refers(self) -> str:
        """The SQL condition by which a row, called C(child), refers to one called C(parent)."""
        # The plus sign makes the parent's column alone decide how values are compared, as it does in a foreign key.
        pairs = zip(self.columns, self.parent_columns)
        return " AND ".join(f"parent.{quote(theirs)} = +child.{quote(ours)}" for ours, theirs in pairs)


class Orphans(NamedTuple):
    """How many rows of ``table`` refer, by one foreign key, to a row of ``parent`` that is not there."""

    table: str
    parent: str
    column: str
    rows: int
    on_delete: str


def quote(name: str) -> str:
    """A name as an SQL identifier, whatever it holds (``user``, ``group`` and ``key`` are reserved words)."""
    return '"' + name.replace('"', '""') + '"'


def fold(name: str) -> str:
    """A name as SQLite compares it: without regard to the case of A to Z, and of nothing else."""
    return "".join(character.lower() if "A" <= character <= "Z" else character for character in name)


def text(value: object) -> str:
    """A value of SQLite's own catalogue as a string. Connections here hand out bytes, see :class:`Source`."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


class FileState(NamedTuple):
    """What a look at the file and its companions tells, without SQLite.

    :ivar path: the file as it was named.
    :ivar location: what that leads to, beside which its companions lie.
    """

    path: str
    location: Location
    size: int
    mtime_ns: int
    header: bytes
    wal_size: int
    wal_mtime_ns: int
    wal_header: bytes
    has_shm: bool
    hot_journal: bool

    @property
    def journal_mode(self) -> str:
        """C(wal) or C(delete), as the file itself says; the other rollback modes are not recorded in a file."""
        return "wal" if self.header[18:19] == b"\x02" else "delete"

    @property
    def fingerprint(self) -> str:
        """A digest that differs whenever the content may differ. Costs nothing, whatever the size of the file.

        In WAL mode a change may leave header and size as they were, so the time of the last change has to be part of it.
        """
        content = (self.size, self.mtime_ns, self.header.hex(), self.wal_size, self.wal_header.hex())
        # A log that holds nothing comes and goes with every reader.
        wal_time = self.wal_mtime_ns if self.wal_size else 0
        return hashlib.sha256(repr((content, wal_time)).encode()).hexdigest()


def _stamp(path: str) -> tuple[int, int]:
    """Size and time of the last change; zeros for a file that is not there."""
    try:
        facts = os.stat(path)
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _read_start(path: str, length: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(length)


def _read_companion(path: str, length: int) -> bytes:
    """The start of a log or journal. They come and go while somebody writes."""
    try:
        return _read_start(path, length)
    except FileNotFoundError:
        return b""


def look(path: str) -> FileState:
    """Look at the file from outside.

    :raises Refused: when it is not a SQLite file that can be read, saying what it is instead.
    """
    location = locate(path)
    _demand_no_linked_companion(location)
    size, mtime_ns = _stamp(location.real)
    if size == 0:
        raise refuse("source", f"{path}: is empty (0 bytes); Open WebUI has not created its database here")
    try:
        header = _read_start(location.real, 4096)
        wal_size, wal_mtime_ns = _stamp(location.wal)
        wal_header = _read_companion(location.wal, 32) if wal_size else b""
        journal = _read_companion(location.journal, 8)
    except OSError as error:
        raise refuse("source", f"{error.filename}: cannot be read ({error.strerror}); run as root or as its owner") from None
    _demand_sqlite(path, header, size)
    # A journal whose first bytes are zero has been committed (journal_mode=persist).
    hot_journal = bool(journal.strip(b"\x00"))
    if not wal_size and not hot_journal:
        _demand_all_pages(path, header)
    return FileState(
        path=path,
        location=location,
        size=size,
        mtime_ns=mtime_ns,
        header=header[:HEADER_SIZE],
        wal_size=wal_size,
        wal_mtime_ns=wal_mtime_ns,
        wal_header=wal_header,
        has_shm=os.path.exists(location.shm),
        hot_journal=hot_journal,
    )


def _demand_no_linked_companion(location: Location) -> None:
    """SQLite follows a link to a database, but opens no log and no journal through one."""
    for companion in (location.wal, location.journal, location.shm):
        if os.path.islink(companion):
            raise refuse(
                "source",
                f"{companion}: is a symbolic link (to {os.path.realpath(companion)}), and SQLite opens no log or journal through one, so"
                " what is in it cannot be read; stop Open WebUI, and put the file itself there, or remove a link that leads to nothing",
            )


def _demand_sqlite(path: str, header: bytes, size: int) -> None:
    if not header.startswith(MAGIC):
        # An encrypted page has no runs of equal bytes and hardly any printable ones.
        if size % 512 == 0 and len(set(header)) > 200:
            raise refuse("source", f"{path}: looks encrypted (SQLCipher); decrypt it with Open WebUI's key first")
        raise refuse("source", f"{path}: is not a SQLite database")
    if len(header) < HEADER_SIZE:
        raise refuse("source", f"{path}: is truncated, only {size} bytes are left; restore it from a backup")


def _demand_all_pages(path: str, header: bytes) -> None:
    """Compare the size in the header with the file's, where no log and no journal has the last word on it."""
    (page_size,) = struct.unpack(">H", header[16:18])
    page_size = 65536 if page_size == 1 else page_size
    changes, pages = struct.unpack(">II", header[24:32])
    (valid_for,) = struct.unpack(">I", header[92:96])
    # Asked for after the header was read: a file in use grows.
    size, _mtime_ns = _stamp(path)
    if changes == valid_for and pages * page_size > size:
        raise refuse(
            "source",
            f"{path}: is truncated, {pages * page_size} bytes by its own header but {size} on disk; restore it from a backup",
        )


def holders(path: str) -> list[Holder]:
    """The other processes that have the file open for writing or hold a lock on it. To be asked before it is opened here.

    Processes of other users are seen only by root. A lock is seen whoever holds it; an idle connection in a rollback
    journal mode has none.
    """
    writers, readers = _open_in(path)
    pid = _locked_by(path)
    if pid is None or pid in readers or any(holder.pid == pid for holder in writers):
        return writers
    return [*writers, Holder(pid or None, "a process that cannot be seen from here")]


def _open_in(path: str) -> tuple[list[Holder], set[int]]:
    """Who has the file open: those who can write, and the process ids of those who only read."""
    identity = _identity(path)
    writers: list[Holder] = []
    readers: set[int] = set()
    for pid in _other_processes():
        modes = _open_modes(pid, identity)
        if any(mode & os.O_ACCMODE != os.O_RDONLY for mode in modes):
            writers.append(Holder(pid, _command(pid)))
        elif modes:
            readers.add(pid)
    return writers, readers


def _identity(path: str) -> tuple[int, int]:
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino


def _other_processes() -> list[int]:
    try:
        entries = os.listdir("/proc")
    except OSError:
        return []
    return [int(entry) for entry in entries if entry.isdigit() and int(entry) != os.getpid()]


def _open_modes(pid: int, identity: tuple[int, int]) -> list[int]:
    """The open flags of each descriptor that a process has on the file. Processes come and go while we look."""
    folder = f"/proc/{pid}/fd"
    modes = []
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return []
    for descriptor in descriptors:
        try:
            if _identity(f"{folder}/{descriptor}") == identity:
                modes.append(_open_flags(pid, descriptor))
        except OSError:
            continue
    return modes


def _open_flags(pid: int, descriptor: str) -> int:
    with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
        for line in file:
            if line.startswith("flags:"):
                return int(line.split()[1], 8)
    return os.O_RDONLY


def _command(pid: int) -> str:
    return (text_of(f"/proc/{pid}/comm") or "unknown").strip()


def _locked_by(path: str) -> int | None:
    """The process that holds a SQLite lock on the file: None when nobody does, 0 when the kernel does not tell."""
    if fcntl is None:
        return None
    with open(path, "rb") as file:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _LOCK_START, _LOCK_LENGTH, 0)
        try:
            kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        except OSError:
            return None
    return None if kind == fcntl.F_UNLCK else max(pid, 0)


class Source:
    """A SQLite file, opened for reading in one transaction. Texts come as bytes: nothing is decoded that need not be.

    How it is opened depends on what is found, because SQLite's own read-only mode creates C(-wal) and C(-shm) beside a
    file in WAL mode, and refuses a journal that has to be rolled back:

    - C(shared): an ordinary read-only connection, which takes part in SQLite's locking;
    - C(lock-free): nothing is pending, so the file alone is read. A change by others is detected by :meth:`changed`;
    - C(copy): the file has companions that only a writer could deal with, so a private copy of all of them is read.

    :ivar method: which of the three it is.
    :ivar state: the file as it was when it was opened.
    :ivar unchecked: the tables that :meth:`integrity` could not check, since they need functions that only their own program has.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, state: FileState, method: str) -> None:
        self.path = path
        self.connection = connection
        self.state = state
        self.method = method
        self.unchecked: list[str] = []
        self._stand_ins: list[str] = []
        connection.text_factory = bytes
        connection.isolation_level = None

    def changed(self) -> bool:
        """Whether the file has been written to since it was opened."""
        # Only stat: opening and closing the file would drop this process's own locks on it, as POSIX has it.
        location = self.state.location
        now = _stamp(location.real), _stamp(location.wal)
        return now != ((self.state.size, self.state.mtime_ns), (self.state.wal_size, self.state.wal_mtime_ns))

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, one by one.

        :raises Refused: when the file turns out to be damaged or locked.
        """
        try:
            yield from self._run(sql, parameters)
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from None

    def _run(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Run a statement. An order of sorting that SQLite does not know must be no reason not to read: bytes do as well."""
        while True:
            try:
                return self.connection.execute(sql, parameters)
            except sqlite3.OperationalError as error:
                unknown = _COLLATION.fullmatch(str(error))
                if unknown is None:
                    raise
            self._stand_ins.append(unknown.group(1))
            self.connection.create_collation(unknown.group(1), lambda one, other: (one > other) - (one < other))

    def value(self, sql: str, parameters: tuple[object, ...] = ()) -> Any:
        """The first column of the first row, or None."""
        for row in self.query(sql, parameters):
            return row[0]
        return None

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> int:
        """Run a statement that changes something, if only a temporary table, and tell how many rows it has changed.

        :raises Refused: when that cannot be done.
        """
        try:
            return self._run(sql, parameters).rowcount
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: sqlite3.Error) -> Refused:
        """A page of before a write and one of after it, read together without a lock, can look like damage."""
        if self.method == "lock-free" and self.changed():
            return refuse("in_use", f"{self.path}: was written to while it was read; try again, or stop Open WebUI")
        return _in_words(self.path, error)

    def offer_json_valid(self, judge: Callable[[str], bool]) -> None:
        """See to it that SQL has C(json_valid), also where SQLite was built without it."""
        try:
            self.connection.execute("SELECT json_valid('1')")
        except sqlite3.OperationalError:
            self.connection.create_function("json_valid", 1, lambda value: judge(text(value)))

    def tables(self) -> list[str]:
        """The names of all tables but SQLite's own, sorted."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        return [text(name) for (name,) in self.query(sql)]

    def views(self) -> list[str]:
        """The names of all views, sorted."""
        return [text(name) for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name")]

    def virtual_tables(self) -> dict[str, str]:
        """The virtual tables, such as those for full-text search, each with the module of SQLite that makes it."""
        rows = self.query("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND rootpage = 0")
        found = {text(name): _VIRTUAL.search(text(definition)) for name, definition in rows}
        return {name: match.group(1).lower() if match else "unknown" for name, match in found.items()}

    def shadow_tables(self) -> dict[str, str]:
        """The tables that hold the content of virtual tables, each with its virtual table."""
        shadows = {}
        for name, module in self.virtual_tables().items():
            for table in self.tables() if module in _SHADOWS else ():
                if fold(table).startswith(fold(name) + "_") and _SHADOWS[module].fullmatch(fold(table)[len(name) + 1 :]):
                    shadows[table] = name
        return shadows

    def rowid(self, table: str) -> str | None:
        """The name by which SQL reaches the number of a row; None where a table has none, or columns have taken all its names."""
        taken = {fold(column.name) for column in self.readable_columns(table)}
        alias = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in taken), None)
        if alias is None:
            return None
        try:
            self._run(f"SELECT {alias} FROM main.{quote(table)} LIMIT 0")
        except sqlite3.OperationalError:
            return None
        return alias

    def readable_columns(self, table: str) -> list[Column]:
        """All columns of a table that hold something, those that SQLite generates among them."""
        rows = self.query(f"PRAGMA table_xinfo({quote(table)})")
        return [
            Column(text(name), text(declared), bool(not_null), hidden > 1)
            for _id, name, declared, not_null, _default, _pk, hidden in rows
            if hidden != 1
        ]

    def columns(self, table: str) -> list[Column]:
        """The stored columns of a table, in their order."""
        rows = self.query(f"PRAGMA table_info({quote(table)})")
        return [Column(text(name), text(declared), bool(not_null)) for _id, name, declared, not_null, _default, _pk in rows]

    def primary_key(self, table: str) -> list[str]:
        """The columns of the primary key in key order; empty where a table has none."""
        rows = [(pk, text(name)) for _id, name, _type, _nn, _default, pk in self.query(f"PRAGMA table_info({quote(table)})") if pk]
        return [name for _position, name in sorted(rows)]

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        return int(self.value(f"SELECT count(*) FROM {quote(table)}") or 0)

    def unique_keys(self, table: str) -> set[frozenset[str]]:
        """The sets of plain columns that SQLite itself keeps unique, the primary key among them."""
        keys = {frozenset(self.primary_key(table))}
        for row in self.query(f"PRAGMA index_list({quote(table)})"):
            unique, partial = row[2], row[4]
            if unique and not partial:
                parts = [part[2] for part in self.query(f"PRAGMA index_info({quote(text(row[1]))})")]
                if None not in parts:
                    keys.add(frozenset(text(part) for part in parts))
        return keys

    def holds_data(self, table: str, column: str) -> bool:
        """Whether any row of the table has a value in this column."""
        return self.value(f"SELECT 1 FROM {quote(table)} WHERE {quote(column)} IS NOT NULL LIMIT 1") is not None

    def foreign_keys(self, table: str) -> list[ForeignKey]:
        """The foreign keys that a table declares."""
        parts: dict[int, list[tuple[Any, ...]]] = {}
        for row in self.query(f"PRAGMA foreign_key_list({quote(table)})"):
            parts.setdefault(row[0], []).append(row)
        return [self._foreign_key(table, parts[number]) for number in sorted(parts)]

    def _foreign_key(self, table: str, parts: list[tuple[Any, ...]]) -> ForeignKey:
        number, _seq, name, _from, to, _on_update, on_delete, _match = parts[0]
        # SQLite tells names apart without regard to case, and takes the parent's primary key when no columns are named.
        parent = next((known for known in self.tables() if fold(known) == fold(text(name))), None)
        columns = tuple(text(part[3]) for part in parts)
        parent_columns = tuple(text(part[4]) for part in parts) if to is not None else tuple(self.primary_key(parent or ""))
        known = {fold(column.name) for column in self.readable_columns(parent)} if parent else set()
        if parent and (len(columns) != len(parent_columns) or not known.issuperset(map(fold, parent_columns))):
            raise refuse(
                "schema",
                f"{self.path}: the foreign key of {table} fits no key of {parent}; repair the schema first,"
                f" or leave {table} out with exclude_tables",
            )
        return ForeignKey(number, table, columns, parent or text(name), parent_columns, bool(parent), text(on_delete))

    def revisions(self) -> list[str] | None:
        """The alembic revisions that the file is stamped with: one, if all is well. None where there is no such stamp at all.

        A NULL counts as an empty one.
        """
        tables = [table for table in self.tables() if fold(table) == "alembic_version"]
        if not tables or "version_num" not in {fold(column.name) for column in self.columns(tables[0])}:
            return None
        return sorted("" if version is None else text(version) for (version,) in self.query("SELECT version_num FROM alembic_version"))

    def revision(self) -> str | None:
        """The alembic revision of the file, or None where it has none, or more than one."""
        revisions = self.revisions() or [""]
        return revisions[0] or None if len(revisions) == 1 else None

    def integrity(self, quick: bool = False) -> list[str]:
        """What SQLite finds wrong with the file: empty when all is well, one line a finding, at most a hundred.

        :param quick: leave out the comparison of indexes with their tables.
        """
        pragma = "quick_check" if quick else "integrity_check"
        for name in self._stand_ins:
            # By another order an index would seem to be damaged.
            self.connection.create_collation(name, None)
        try:
            return self._check(f"PRAGMA {pragma}({INTEGRITY_ERRORS_AT_MOST})")
        except sqlite3.DatabaseError as error:
            if not _NEEDS_MORE.search(str(error)):
                return [str(error)]
        return self._check_each(pragma)

    def _check_each(self, pragma: str) -> list[str]:
        """Check table by table, where one of them keeps SQLite from checking all."""
        self.unchecked = []
        findings: list[str] = []
        for table in self.tables():
            try:
                findings += self._check(f"PRAGMA {pragma}({quote(table)})")
            except sqlite3.DatabaseError as error:
                if _NEEDS_MORE.search(str(error)):
                    self.unchecked.append(table)
                else:
                    findings.append(str(error))
        return findings[:INTEGRITY_ERRORS_AT_MOST]

    def _check(self, pragma: str) -> list[str]:
        findings = [text(row[0]) for row in self.connection.execute(pragma)]
        lines = [line for finding in findings for line in finding.splitlines()]
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    def orphans(self, exclude: Container[str] = ()) -> list[Orphans]:
        """Rows whose parent is gone, counted for each foreign key by SQLite itself: their number does not matter.

        :param exclude: tables that do not matter.
        """
        found = []
        for key in (key for table in self.tables() if table not in exclude for key in self.foreign_keys(table)):
            rows = self.value(f"SELECT count(*) FROM main.{quote(key.table)} AS child WHERE {key.is_violated()}")
            if rows:
                found.append(Orphans(key.table, key.parent, ", ".join(key.columns), rows, key.on_delete))
        return found


@contextmanager
def open_source(path: str, live: bool = False, scratch: str | None = None) -> Iterator[Source]:
    """Open a database of Open WebUI for reading. Neither it nor its folder is changed.

    :param path: the file, usually C(webui.db).
    :param live: the file may be in use. Its writer is then never made to wait, at the price that :meth:`Source.changed` has
        to be asked before a finding is believed.
    :param scratch: a folder with room for a private copy, should one be needed.
    :raises Refused: when the file is not a readable SQLite file, or is some other application's.
    """
    state = look(path)
    method = _how_to_open(state, live)
    with ExitStack() as stack:
        if method == "copy":
            connection = _connect(_private_copy(state.location, scratch, stack), "mode=rw")
        else:
            connection = _connect(state.location.real, "immutable=1" if method == "lock-free" else "mode=ro")
        stack.enter_context(closing(connection))
        source = Source(path, connection, state, method)
        _begin(source)
        yield source


@contextmanager
def open_writable(path: str) -> Iterator[Source]:
    """Open a database of Open WebUI for changes, in one transaction. What is not committed inside is undone.

    Foreign keys are not enforced, as Open WebUI itself has it: no change brings others about.

    :raises Refused: when the file cannot be read or not be written to.
    """
    state = look(path)
    with closing(_connect(state.location.real, "mode=rw")) as connection:
        source = Source(path, connection, state, "shared")
        for statement in ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"):
            source.execute(statement)
        _demand_open_webui(source)
        yield source


def _how_to_open(state: FileState, live: bool) -> str:
    if state.journal_mode == "wal":
        if state.has_shm:
            return "shared"
        return "copy" if state.wal_size else "lock-free"
    # The journal of a writer that is at work is not hot: it is the writer's own.
    if (live or state.hot_journal) and holders(state.path):
        return "lock-free" if live else "shared"
    return "copy" if state.hot_journal else "shared"


def _private_copy(location: Location, scratch: str | None, stack: ExitStack) -> str:
    """A copy of the file and its companions, which lasts as long as the stack."""
    try:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="webui-sqlite-", dir=scratch))
        copy = os.path.join(folder, "source.db")
        shutil.copyfile(location.real, copy)
        for companion in LOGS:
            if os.path.exists(location.real + companion):
                shutil.copyfile(location.real + companion, copy + companion)
    except OSError as error:
        raise refuse(
            "source",
            f"{location.path}: has changes pending in its -wal or -journal, and no private copy could be made in "
            f"{scratch or tempfile.gettempdir()} ({error.strerror}); make room there, or start and stop Open WebUI once",
        ) from None
    return copy


def _connect(path: str, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"file:{url_quote(os.path.abspath(path))}?{mode}", uri=True, timeout=10)
    except sqlite3.Error as error:
        raise _in_words(path, error) from None


def _begin(source: Source) -> None:
    """Start the read transaction, which begins with the first read, and see whose file it is."""
    for statement in ("PRAGMA query_only = ON", "BEGIN"):
        source.connection.execute(statement)
    _demand_open_webui(source)


def _demand_open_webui(source: Source) -> None:
    tables = set(source.tables())
    if not tables:
        raise refuse("source", f"{source.path}: holds no tables; Open WebUI has not created its schema here")
    missing = ESSENTIAL_TABLES - tables
    if missing:
        names = ", ".join(sorted(missing))
        raise refuse("source", f"{source.path}: is a SQLite database, but not Open WebUI's (no table {names})")


def _in_words(path: str, error: sqlite3.Error) -> Refused:
    message = str(error)
    entry = _ENTRY.match(message)
    if entry and (entry.group(2) or "").strip():
        return refuse(
            "source",
            f"{path}: SQLite {sqlite3.sqlite_version} on this host cannot read how {entry.group(1)} is defined ({entry.group(2)});"
            " if it is not Open WebUI's, drop it with the program that made it, or use a Python with a newer SQLite",
        )
    if _NEEDS_MORE.search(message):
        return refuse(
            "source",
            f"{path}: a table needs what only the program that made it has ({message}); leave it out with exclude_tables, or drop it",
        )
    if "malformed" in message or "not a database" in message or "disk I/O" in message:
        return refuse("source", f"{path}: is damaged ({message}); restore it from a backup, or try sqlite3's .recover")
    if "locked" in message or "busy" in message:
        return refuse("source", f"{path}: is locked by a writer; stop Open WebUI and try again")
    if "readonly" in message or "unable to open" in message:
        return refuse("source", f"{path}: the file or its folder cannot be written to; run as root or as its owner")
    if "disk is full" in message:
        return refuse("source", f"{path}: there is no room left on its device")
    if isinstance(error, sqlite3.IntegrityError):
        return refuse("constraint", f"{path}: a constraint of its schema is in the way ({message})")
    return refuse("source", f"{path}: SQLite cannot read it ({message})")
