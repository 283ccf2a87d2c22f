# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of SQLite becomes one field of a PostgreSQL COPY stream, or a named problem.

Every value takes one of two ways. The *encoders* take those that are clean, at the speed of C, and raise
:class:`Unclean` for all others. Only these take the *careful* way, :func:`mend`, which repairs or refuses by name.
The type of the live PostgreSQL column decides, never what SQLite declares.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import sqlite3
from typing import Any, Callable, Iterable, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.other_types import (
    Shape,
    Unfit,
    canonical,
    convert,
    fraction_text,
    is_convertible,
    judge_jsonb,
    takes_bytes,
    unescape,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text

NULL_FIELD = b"\\N"

INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64}

# Rules by which a value is repaired.
NUL = "nul"
JSON_ESCAPE = "json_escape"
JSON_NUMBER = "json_number"
JSON_DUPLICATE = "json_duplicate"
EMPTY = "empty"
INVALID_UTF8 = "invalid_utf8"
BLOB = "blob"

REFUSALS = {
    "null": "is NULL, but the column of the target is NOT NULL",
    EMPTY: "is empty, but the column of the target is NOT NULL",
    BLOB: "is a BLOB in a text column (invalid_utf8: replace makes it text)",
    INVALID_UTF8: "is not valid UTF-8 (invalid_utf8: replace mends it)",
    NUL: "holds a NUL byte",
    JSON_ESCAPE: "holds \\u0000 or half a surrogate pair in JSON",
    JSON_NUMBER: "holds NaN or Infinity in JSON",
    "json": "is not JSON",
    "boolean": "is no boolean",
    "integer": "is no integer",
    "range": "does not fit the integer type of the column",
    "number": "is no number",
    "length": "is longer than the column of the target allows",
    "date": "is no date",
    "timestamp": "is no timestamp",
    "time": "is no time of day",
    "uuid": "is no UUID",
    "bytes": "is a number in a column for bytes",
    "label": "is none of the labels of the column's enum type",
    "array": "is no JSON array of texts, as a column of that type needs",
    "blanks": "ends in blanks, which a column of a fixed length does not keep",
    "rounded": "has more digits than the column of the target keeps",
    "overflow": "is beyond what the column of the target can hold",
    JSON_DUPLICATE: "names a key twice in JSON, of which jsonb keeps the last only",
    "json_depth": "is JSON nested too deeply to be compared",
    "type": "has a type in the target that cannot be filled without loss",
}


class Unclean(Exception):
    """The value needs the careful way."""


class Unacceptable(Exception):
    """PostgreSQL cannot hold the value and there is no repair. ``rule`` is one of :data:`REFUSALS`."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(REFUSALS[rule])


class TargetColumn(NamedTuple):
    """What decides how a value is converted: the column as PostgreSQL has it.

    :ivar type: its type's name without a length, C(character varying).
        C(enum) stands for all enum types, C(array) for all arrays; a domain is the type behind it.
    :ivar length: the number of characters it can hold, None for no limit.
    :ivar shape: what else its type has.
    :ivar declared: the type in the words of the server, for people.
    """

    name: str
    type: str
    length: int | None = None
    not_null: bool = False
    has_default: bool = False
    shape: Shape = Shape()
    declared: str = ""


class Mended(NamedTuple):
    """A field for COPY, and the rules by which the value had to be repaired (none for a lossless conversion)."""

    field: bytes
    rules: tuple[str, ...] = ()


Encoder = Callable[[object], bytes]


class Form(NamedTuple):
    """How clean values are written as fields of a format.

    :ivar integer: makes what writes the integers of a type.
    """

    null: bytes
    text: Callable[[bytes], bytes]
    integer: Callable[[str], Callable[[int], bytes]]
    booleans: dict[int, bytes]


def is_supported(column: TargetColumn) -> bool:
    """Whether values can be converted for this type of column."""
    return column.type in _MENDERS or is_convertible(column.type, column.shape)


def encoder(column: TargetColumn, form: Form | None = None) -> Encoder:
    """The fast way for the values of one column: a field for COPY, or :class:`Unclean`.

    :param form: how fields are written, :data:`TEXT_FORM` where nothing is said.
    """
    return _ENCODERS.get(column.type, _careful_encoder)(column, form or TEXT_FORM)


def comparable(columns: Iterable[TargetColumn]) -> Callable[[bytes], bytes] | None:
    """What makes lines of COPY with these columns comparable, ours and those that PostgreSQL prints; None where they are so already."""
    found = [(position, canonical(column.type)) for position, column in enumerate(columns)]
    converters = [(position, convert_field) for position, convert_field in found if convert_field is not None]
    if not converters:
        return None

    def make_comparable(line: bytes) -> bytes:
        fields = line[:-1].split(b"\t")
        for position, convert_field in converters:
            fields[position] = convert_field(fields[position])
        return b"\t".join(fields) + b"\n"

    return make_comparable


def escape(value: bytes) -> bytes:
    """Text as COPY writes it, and as PostgreSQL writes it back: the proof compares both to the letter."""
    return (
        value.replace(b"\\", b"\\\\")
        .replace(b"\n", b"\\n")
        .replace(b"\r", b"\\r")
        .replace(b"\t", b"\\t")
        .replace(b"\b", b"\\b")
        .replace(b"\f", b"\\f")
        .replace(b"\v", b"\\v")
    )


TEXT_FORM = Form(NULL_FIELD, escape, lambda _type: lambda value: b"%d" % value, {0: b"f", 1: b"t"})


def _demand_utf8(value: bytes) -> None:
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            raise Unclean from None


def _null(column: TargetColumn, form: Form) -> bytes:
    if column.not_null:
        raise Unclean
    return form.null


def _text_encoder(column: TargetColumn, form: Form) -> Encoder:
    limit = column.length
    write = form.text

    def encode(value: object) -> bytes:
        if isinstance(value, bytes):
            if b"\x00" in value:
                raise Unclean
            _demand_utf8(value)
            if limit is not None and len(value) > limit and len(value.decode()) > limit:
                raise Unclean
            return write(value)
        if value is None:
            return _null(column, form)
        raise Unclean

    return encode


# Anything that might be \u0000 or half a surrogate pair. May match what is none (after an escaped backslash), never the
# other way round: a pair counts as whole only if no second backslash stands before it.
_SUSPECT_ESCAPE = re.compile(
    rb"\\u(?:0000"
    rb"|(?<=\\\\u)[dD][89abAB]"
    rb"|[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F]))"
)


def _json_encoder(column: TargetColumn, form: Form) -> Encoder:
    write = form.text

    def encode(value: object) -> bytes:
        if isinstance(value, bytes):
            if not value or value.isspace():
                raise Unclean
            _demand_clean(value, is_json=True)
            return write(value)
        if value is None:
            return _null(column, form)
        return write(_json_number(value))

    return encode


def _json_number(value: object) -> bytes:
    """A JSON number that SQLite's NUMERIC affinity stored as INTEGER or REAL."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Unclean
    return repr(value).encode()


def _boolean_encoder(column: TargetColumn, form: Form) -> Encoder:
    fields = form.booleans

    def encode(value: object) -> bytes:
        if isinstance(value, int) and value in fields:
            return fields[value]
        if value is None:
            return _null(column, form)
        raise Unclean

    return encode


def _integer_encoder(column: TargetColumn, form: Form) -> Encoder:
    limit = 1 << (INTEGER_BITS[column.type] - 1)
    write = form.integer(column.type)

    def encode(value: object) -> bytes:
        if isinstance(value, int) and -limit <= value < limit:
            return write(value)
        if value is None:
            return _null(column, form)
        raise Unclean

    return encode


def _careful_encoder(column: TargetColumn, form: Form) -> Encoder:
    """For types too rare to have a fast way."""

    def encode(value: object) -> bytes:
        if value is None:
            return _null(column, form)
        raise Unclean

    return encode


_ENCODERS: dict[str, Callable[[TargetColumn, Form], Encoder]] = {
    "text": _text_encoder,
    "character varying": _text_encoder,
    "citext": _text_encoder,
    "json": _json_encoder,
    "boolean": _boolean_encoder,
    "smallint": _integer_encoder,
    "integer": _integer_encoder,
    "bigint": _integer_encoder,
}


ColumnEncoder = Callable[[Sequence[Any]], "list[bytes]"]

# What an encoder of a whole column puts between values to look at all of them in one go: nothing then reaches across.
_BETWEEN = b" "


def column_encoder(column: TargetColumn, form: Form) -> ColumnEncoder:
    """The fast way for many values of one column: their fields, or :class:`Unclean` as soon as one of them needs a closer look.

    What costs Python most is a call for each value. Here it is a few for all of them.
    """
    encode = encoder(column, form)
    make = _COLUMN_ENCODERS.get(column.type)
    return make(column, form, encode) if make else lambda values: [encode(value) for value in values]


def _text_column_encoder(column: TargetColumn, form: Form, encode: Encoder) -> ColumnEncoder:
    write, limit = form.text, column.length
    is_json = column.type == "json"

    def encode_all(values: Sequence[Any]) -> list[bytes]:
        present = [value for value in values if value is not None]
        if not present:
            return [_null(column, form)] * len(values)
        try:
            together = _BETWEEN.join(present)
        except TypeError:
            # Numbers among them.
            return [encode(value) for value in values]
        _demand_clean(together, is_json)
        if is_json and (not all(present) or any(map(bytes.isspace, present))):
            raise Unclean
        if limit is not None and max(map(len, present)) > limit:
            return [encode(value) for value in values]
        if len(present) == len(values):
            return [write(value) for value in values]
        null = _null(column, form)
        return [null if value is None else write(value) for value in values]

    return encode_all


def _demand_clean(value: bytes, is_json: bool) -> None:
    if b"\x00" in value:
        raise Unclean
    if is_json:
        if b"NaN" in value or b"Infinity" in value:
            raise Unclean
        if b"\\u" in value and _SUSPECT_ESCAPE.search(value):
            raise Unclean
    _demand_utf8(value)


def _number_column_encoder(column: TargetColumn, form: Form, _encode: Encoder) -> ColumnEncoder:
    is_boolean = column.type == "boolean"
    write = form.booleans.__getitem__ if is_boolean else form.integer(column.type)
    first, last = (0, 1) if is_boolean else _limits(column.type)

    def encode_all(values: Sequence[Any]) -> list[bytes]:
        present = [value for value in values if value is not None]
        # A float may be equal to an integer, too.
        if not _INTEGERS_ONLY.issuperset(map(type, present)) or (present and not first <= min(present) <= max(present) <= last):
            raise Unclean
        if len(present) == len(values):
            return list(map(write, present))
        null = _null(column, form)
        return [null if value is None else write(value) for value in values]

    return encode_all


_INTEGERS_ONLY = frozenset({int})


def _limits(type_name: str) -> tuple[int, int]:
    limit = 1 << (INTEGER_BITS[type_name] - 1)
    return -limit, limit - 1


_COLUMN_ENCODERS: dict[str, Callable[[TargetColumn, Form, Encoder], ColumnEncoder]] = {
    "text": _text_column_encoder,
    "character varying": _text_column_encoder,
    "citext": _text_column_encoder,
    "json": _text_column_encoder,
    "boolean": _number_column_encoder,
    "smallint": _number_column_encoder,
    "integer": _number_column_encoder,
    "bigint": _number_column_encoder,
}


def mend(value: object, column: TargetColumn, replace_invalid: bool = False) -> Mended:
    """The careful way for one value. Text has to come as :class:`Text`, so that a BLOB can be told from it.

    :param replace_invalid: replace bytes that are not UTF-8, and take BLOBs for text, as reported repairs.
    :raises Unacceptable: when there is neither a lossless conversion nor a repair.
    """
    if value is None:
        if column.not_null:
            raise Unacceptable("null")
        return Mended(NULL_FIELD)
    rules: list[str] = []
    if isinstance(value, bytes) and not (takes_bytes(column.type) and (column.type == "bytea" or not isinstance(value, Text))):
        value = _mend_bytes(value, rules, replace_invalid)
    return _MENDERS.get(column.type, _mend_other)(value, column, rules)


def _mend_bytes(value: bytes, rules: list[str], replace_invalid: bool) -> str:
    if not isinstance(value, Text):
        if not replace_invalid:
            raise Unacceptable(BLOB)
        rules.append(BLOB)
    try:
        return value.decode()
    except UnicodeDecodeError:
        if not replace_invalid:
            raise Unacceptable(INVALID_UTF8) from None
        rules.append(INVALID_UTF8)
        return value.decode("utf-8", "replace")


def _mend_text(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if not isinstance(value, str):
        value = _as_sqlite_prints(value)
    value = _strip_nul(value, rules)
    if column.length is not None and len(value) > column.length:
        raise Unacceptable("length")
    return Mended(escape(value.encode()), tuple(rules))


def _as_sqlite_prints(value: object) -> str:
    """A number as SQLite itself turns it into text, which is not how Python does it."""
    connection = sqlite3.connect(":memory:")
    try:
        (printed,) = connection.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()
        return str(printed)
    finally:
        connection.close()


def _strip_nul(value: str, rules: list[str]) -> str:
    if "\x00" not in value:
        return value
    rules.append(NUL)
    return value.replace("\x00", "")


# What PostgreSQL does not take, after the backslashes that an odd one follows. Whole pairs match too, and stay.
_ESCAPES = re.compile(
    r"\\(?<!\\\\)((?:\\\\)*)u(?:0000|[dD][89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[dD][c-fC-F][0-9a-fA-F]{2})"
)
_QUOTE_OR_NUMBER = re.compile(r'"|-?\b(?:NaN|Infinity)\b')
_END_OF_STRING = re.compile(r'(?<!\\)(?:\\\\)*"')
# Python's strings know more kinds of blanks than its bytes do.
_BLANKS = " \t\n\r\v\f"


def _mend_json(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if not isinstance(value, str):
        if isinstance(value, float) and not math.isfinite(value):
            return Mended(b"null", (JSON_NUMBER,))
        return Mended(repr(value).encode())
    value = _strip_nul(value, rules)
    if not value.strip(_BLANKS):
        return _mend_empty(column, rules)
    for mender, rule in ((_strip_escapes, JSON_ESCAPE), (_null_numbers, JSON_NUMBER)):
        mended = mender(value)
        if mended != value:
            rules.append(rule)
            value = mended
    if not is_json(value):
        raise Unacceptable("json")
    return Mended(escape(value.encode()), tuple(rules))


def _strip_escapes(value: str) -> str:
    return _ESCAPES.sub(lambda match: match.group() if match.group(2) else match.group(1), value)


def _null_numbers(value: str) -> str:
    """Write C(null) for what is no number to JSON. Goes from string to string, so that what is inside them stays."""
    if "NaN" not in value and "Infinity" not in value:
        return value
    parts: list[str] = []
    taken = position = 0
    while (match := _QUOTE_OR_NUMBER.search(value, position)) is not None:
        position = match.end()
        if match.group() != '"':
            parts += (value[taken : match.start()], "null")
            taken = position
            continue
        end = _END_OF_STRING.search(value, position)
        if end is None:
            break
        position = end.end()
    return "".join((*parts, value[taken:]))


def is_json(value: str) -> bool:
    """Whether a text is JSON by the letter of RFC 8259, as PostgreSQL's C(json) wants it."""
    try:
        # The numbers themselves do not matter, and Python limits the digits of an integer.
        json.loads(value, parse_constant=_no_json, parse_int=len, parse_float=len)
    except ValueError:
        return False
    except RecursionError:
        # Deeper than Python reads; PostgreSQL reads deeper, and is asked anyway.
        return True
    return True


def _no_json(constant: str) -> object:
    raise ValueError(constant)


def _mend_empty(column: TargetColumn, rules: list[str]) -> Mended:
    if column.not_null:
        raise Unacceptable(EMPTY)
    return Mended(NULL_FIELD, (*rules, EMPTY))


_BOOLEANS = {"0": b"f", "1": b"t", "false": b"f", "true": b"t"}


def _mend_boolean(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    field = _BOOLEANS.get(str(value).lower()) if isinstance(value, (str, int)) else None
    if field is None:
        raise Unacceptable("boolean")
    return Mended(field, tuple(rules))


_DIGITS = re.compile(r"[+-]?[0-9]+")


def _mend_integer(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if (isinstance(value, str) and len(value) < 64 and _DIGITS.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if not isinstance(value, int):
        raise Unacceptable("integer")
    limit = 1 << (INTEGER_BITS[column.type] - 1)
    if not -limit <= value < limit:
        raise Unacceptable("range")
    return Mended(b"%d" % value, tuple(rules))


_NO_DATE = re.compile(r"\s*|0000-00-00(?:[ T]00:00:00(?:\.0+)?)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?))?")


def _mend_date(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if isinstance(value, str) and _NO_DATE.fullmatch(value):
        return _mend_empty(column, rules)
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Unacceptable("date")
    return Mended(_calendar_day(value, "date").encode(), tuple(rules))


def _calendar_day(value: str, rule: str) -> str:
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        raise Unacceptable(rule) from None


def _mend_timestamp(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if isinstance(value, str) and _NO_DATE.fullmatch(value):
        return _mend_empty(column, rules)
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unacceptable("timestamp")
    day, clock = match.groups()
    time = _clock(clock or "00:00:00", column.shape.precision)
    return Mended(f"{_calendar_day(day, 'timestamp')} {time}".encode(), tuple(rules))


def _clock(value: str, precision: int | None) -> str:
    """A time of day as PostgreSQL prints it: with seconds, and without zeros at the end of a fraction."""
    whole, _dot, fraction = value.partition(".")
    try:
        whole = datetime.time.fromisoformat(whole).isoformat()
    except ValueError:
        raise Unacceptable("timestamp") from None
    try:
        return whole + fraction_text(fraction, precision)
    except Unfit as problem:
        raise Unacceptable(problem.rule) from None


def _mend_jsonb(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    mended = _mend_json(value, column, rules)
    if mended.field == NULL_FIELD:
        return mended
    try:
        lost = judge_jsonb(unescape(mended.field).decode())
    except Unfit as problem:
        raise Unacceptable(problem.rule) from None
    return mended._replace(rules=(*mended.rules, *lost))


def _mend_timestamptz(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    if isinstance(value, str) and _NO_DATE.fullmatch(value):
        return _mend_empty(column, rules)
    return _mend_other(value, column, rules)


def _mend_other(value: object, column: TargetColumn, rules: list[str]) -> Mended:
    """A value for a type that Open WebUI itself never creates."""
    if not is_convertible(column.type, column.shape):
        raise Unacceptable("type")
    if isinstance(value, str):
        value = _strip_nul(value, rules)
    elif column.type in ("character", "enum") and not isinstance(value, bytes):
        value = _as_sqlite_prints(value)
    try:
        text = convert(value, column.type, column.length, column.shape)
    except Unfit as problem:
        raise Unacceptable(problem.rule) from None
    return Mended(escape(text.encode()), tuple(rules))


_MENDERS: dict[str, Callable[[object, TargetColumn, list[str]], Mended]] = {
    "text": _mend_text,
    "character varying": _mend_text,
    "citext": _mend_text,
    "json": _mend_json,
    "jsonb": _mend_jsonb,
    "boolean": _mend_boolean,
    "smallint": _mend_integer,
    "integer": _mend_integer,
    "bigint": _mend_integer,
    "date": _mend_date,
    "timestamp without time zone": _mend_timestamp,
    "timestamp with time zone": _mend_timestamptz,
}


_DECLARED = re.compile(r"(?:VARCHAR|CHARACTER VARYING|CHAR)\s*(?:\(\s*([0-9]+)\s*\))?", re.IGNORECASE)
_PRESUMED = {
    "JSON": "json",
    "BOOLEAN": "boolean",
    "BIGINT": "bigint",
    "INTEGER": "bigint",
    "DATE": "date",
    "TEXT": "text",
}


def presumed_column(name: str, declared: str, not_null: bool) -> TargetColumn | None:
    """The column PostgreSQL will most likely have, for a check before there is a target. None where that is open.

    C(DATETIME) is open: older files of Open WebUI hold integers in such columns, and so does PostgreSQL then.
    """
    match = _DECLARED.fullmatch(declared.strip())
    if match:
        return TargetColumn(name, "character varying", int(match.group(1)) if match.group(1) else None, not_null)
    presumed = _PRESUMED.get(declared.strip().upper())
    return TargetColumn(name, presumed, None, not_null) if presumed else None
