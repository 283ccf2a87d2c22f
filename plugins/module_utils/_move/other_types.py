# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of columns that Open WebUI itself never creates, but forks and plugins do.

:func:`convert` makes of a value of SQLite the text that PostgreSQL prints for it, or says why that would lose something.
Where PostgreSQL prints one and the same value in more than one way, :func:`canonical` makes both sides comparable.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import struct
import uuid
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Callable, NamedTuple

# What a numeric of PostgreSQL can hold: digits before and behind the point.
_DIGITS_BEFORE, _DIGITS_BEHIND = 131072, 16383
_EXACT = Context(prec=_DIGITS_BEFORE + _DIGITS_BEHIND, Emax=999999, Emin=-999999)


class Shape(NamedTuple):
    """What a type has besides its name.

    :ivar precision: all digits of a numeric; the digits of a fraction of a second.
    :ivar scale: the digits of a numeric behind the point.
    :ivar labels: the labels of an enum type.
    :ivar element: the type of the elements of an array.
    """

    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    element: str = ""


class Unfit(Exception):
    """The type cannot hold the value, or not all of it. ``rule`` says why, in the words of C(_values.REFUSALS)."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


def is_convertible(type_name: str, shape: Shape) -> bool:
    """Whether values can be converted for this type of column."""
    return type_name in _CONVERTERS and (type_name != "array" or shape.element in _TEXT_ELEMENTS)


def takes_bytes(type_name: str) -> bool:
    """Whether a BLOB is a value of this type, not text in disguise."""
    return type_name in ("bytea", "uuid")


def convert(value: object, type_name: str, length: int | None, shape: Shape) -> str:
    """The text that PostgreSQL prints for a value: a number, a string, or bytes where :func:`takes_bytes`.

    :raises Unfit: when there is none that holds the same.
    """
    return _CONVERTERS[type_name](value, length, shape)


def canonical(type_name: str) -> Callable[[bytes], bytes] | None:
    """What makes one field of COPY comparable with another of the same value; None where equal values are printed alike."""
    return _CANONICAL.get(type_name)


# Numbers

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_NO_NUMBERS = {
    "nan": "NaN",
    "inf": "Infinity",
    "infinity": "Infinity",
    "+inf": "Infinity",
    "+infinity": "Infinity",
    "-inf": "-Infinity",
    "-infinity": "-Infinity",
}


def _number(value: object) -> Decimal | str:
    """A number to the digit, as its shortest writing has it; a string for what is no finite one."""
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, int):
        return Decimal(value)
    if not isinstance(value, str):
        raise Unfit("number")
    special = _NO_NUMBERS.get(value.lower())
    if special:
        return special
    if not _NUMBER.fullmatch(value):
        raise Unfit("number")
    return Decimal(value)


def _numeric(value: object, _length: int | None, shape: Shape) -> str:
    number = _number(value)
    if isinstance(number, str):
        if number != "NaN" and shape.precision is not None:
            raise Unfit("overflow")
        return number
    if number and not -_DIGITS_BEHIND <= number.adjusted() < _DIGITS_BEFORE:
        raise Unfit("overflow" if number.adjusted() > 0 else "rounded")
    if shape.precision is not None:
        number = _fitted(number, shape.precision, shape.scale or 0)
    elif _digits_behind(number) > _DIGITS_BEHIND:
        raise Unfit("rounded")
    # There is no negative zero in a numeric.
    return format(number if number else abs(number), "f")


def _digits_behind(number: Decimal) -> int:
    """How many digits a finite number has behind its point; below zero where its last ones are zeros before it."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise AssertionError("infinity and what is no number do not get here")
    return -exponent


def _fitted(number: Decimal, precision: int, scale: int) -> Decimal:
    try:
        fitted = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    except InvalidOperation:
        raise Unfit("overflow") from None
    if fitted != number:
        raise Unfit("rounded")
    if fitted and fitted.adjusted() >= precision - scale:
        raise Unfit("overflow")
    # PostgreSQL prints a negative scale as zeros before the point.
    return fitted if scale >= 0 else Decimal(int(fitted))


def _double(value: object, _length: int | None, _shape: Shape) -> str:
    return _float_text(_as_double(value))


def _as_double(value: object) -> float:
    if isinstance(value, float):
        return value
    number = _number(value)
    if isinstance(number, str):
        return float(number)
    result = float(number)
    if math.isinf(result):
        raise Unfit("overflow")
    # Digits that a float does not keep. An integer has to be met exactly, a fraction by its shortest writing.
    if Decimal(result if isinstance(value, int) else repr(result)) != number:
        raise Unfit("rounded")
    return result


def _float_text(value: float) -> str:
    return repr(value).replace("inf", "Infinity").replace("nan", "NaN")


def _real(value: object, _length: int | None, _shape: Shape) -> str:
    double = _as_double(value)
    if not math.isfinite(double):
        return _float_text(double)
    single = _single(double)
    if math.isinf(single) or (double and not single):
        raise Unfit("overflow")
    shortest = _shortest_single(single)
    # Either to the bit, or to the digit: 0.1 is printed as 0.1 in both, though the bits behind it differ.
    if double not in (single, float(shortest)):
        raise Unfit("rounded")
    return shortest


def _single(value: float) -> float:
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
        return float(single)
    except OverflowError:
        return math.copysign(math.inf, value)


def _shortest_single(value: float) -> str:
    if not math.isfinite(value):
        return _float_text(value)
    return next(text for text in (f"{value:.{digits}g}" for digits in range(1, 18)) if _single(float(text)) == value)


def _canonical_double(field: bytes) -> bytes:
    return repr(float(field)).encode() if field != b"\\N" else field


def _canonical_real(field: bytes) -> bytes:
    return _shortest_single(_single(float(field))).encode() if field != b"\\N" else field


# Times

_DAY = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_CLOCK = r"([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:(?<=:[0-9]{2}:[0-9]{2})\.([0-9]+))?"
_ZONE = r"[ ]?(Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?"
_MOMENT = re.compile(rf"{_DAY}(?:[ T]{_CLOCK}{_ZONE})?")
_TIME = re.compile(_CLOCK)
_TIME_WITH_ZONE = re.compile(rf"{_CLOCK}{_ZONE}")


def fraction_text(digits: str, precision: int | None) -> str:
    """The fraction of a second as PostgreSQL prints it, with its point.

    :raises Unfit: when the type of the column would round it.
    """
    digits = (digits or "").rstrip("0")
    if len(digits) > (6 if precision is None else precision):
        raise Unfit("rounded")
    return f".{digits}" if digits else ""


def _clock(text: str, fraction: str, precision: int | None, rule: str) -> tuple[datetime.time, str]:
    try:
        whole = datetime.time.fromisoformat(text)
    except ValueError:
        raise Unfit(rule) from None
    return whole, fraction_text(fraction, precision)


def _offset(zone: str | None, rule: str) -> datetime.timedelta:
    """How far a zone is ahead of UTC. What names none is UTC, as SQLite's own CURRENT_TIMESTAMP is."""
    if not zone or zone[0] not in "+-":
        return datetime.timedelta()
    digits = zone[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hours > 15 or minutes > 59 or seconds > 59:
        raise Unfit(rule)
    offset = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if zone[0] == "-" else offset


def _timestamptz(value: object, _length: int | None, shape: Shape) -> str:
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit("timestamp")
    day, clock, fraction, zone = match.groups()
    time, behind = _clock(clock or "00:00", fraction or "", shape.precision, "timestamp")
    try:
        local = datetime.datetime.combine(datetime.date.fromisoformat(day), time)
        moment = local - _offset(zone, "timestamp")
    except (ValueError, OverflowError):
        raise Unfit("timestamp") from None
    return f"{moment.isoformat(' ')}{behind}+00"


def _time(value: object, _length: int | None, shape: Shape) -> str:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit("time")
    time, behind = _clock(match.group(1), match.group(2) or "", shape.precision, "time")
    return f"{time.isoformat()}{behind}"


def _timetz(value: object, _length: int | None, shape: Shape) -> str:
    match = _TIME_WITH_ZONE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit("time")
    time, behind = _clock(match.group(1), match.group(2) or "", shape.precision, "time")
    seconds = int(_offset(match.group(3), "time").total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    parts = [seconds // 3600, seconds // 60 % 60, seconds % 60]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return f"{time.isoformat()}{behind}{sign}{':'.join(f'{part:02}' for part in parts)}"


# Text of a special kind

_UUID = re.compile(r"\{?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\}?")


def _uuid(value: object, _length: int | None, _shape: Shape) -> str:
    if isinstance(value, bytes) and len(value) == 16:
        return str(uuid.UUID(bytes=value))
    if not isinstance(value, str) or not _UUID.fullmatch(value) or value.startswith("{") != value.endswith("}"):
        raise Unfit("uuid")
    return str(uuid.UUID(value))


def _bytea(value: object, _length: int | None, _shape: Shape) -> str:
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        raise Unfit("bytes")
    return "\\x" + value.hex()


def _enum(value: object, _length: int | None, shape: Shape) -> str:
    if value not in shape.labels:
        raise Unfit("label")
    return str(value)


def _char(value: object, length: int | None, _shape: Shape) -> str:
    value = str(value)
    if length is None:
        return value
    if len(value) > length:
        raise Unfit("length")
    # The type fills up with blanks, so that those at the end of a shorter value could not be told from these.
    if len(value) < length and value.endswith(" "):
        raise Unfit("blanks")
    return value.ljust(length)


_TEXT_ELEMENTS = frozenset({"text", "character varying", "citext"})
# What PostgreSQL writes without quotes. It knows no blanks but those of ASCII.
_PLAIN_ELEMENT = re.compile(r'[^ \t\n\r\v\f"\\{},]+')


def _array(value: object, length: int | None, _shape: Shape) -> str:
    """An array of texts from a JSON array: there is nothing like it in SQLite, and JSON is what SQLAlchemy keeps instead."""
    try:
        elements = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        elements = None
    if not isinstance(elements, list) or not all(element is None or isinstance(element, str) for element in elements):
        raise Unfit("array")
    if any("\x00" in element or _is_half(element) for element in elements if element):
        raise Unfit("json_escape")
    if length is not None and any(len(element) > length for element in elements if element):
        raise Unfit("length")
    return "{" + ",".join(map(_element, elements)) + "}"


def _is_half(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    if text.upper() != "NULL" and _PLAIN_ELEMENT.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# JSON that PostgreSQL takes apart

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def unescape(field: bytes) -> bytes:
    """The text behind a field of COPY."""
    return _ESCAPED.sub(lambda match: _CONTROLS.get(match.group(1), match.group(1)), field) if b"\\" in field else field


def judge_jsonb(value: str) -> tuple[str, ...]:
    """What is lost when PostgreSQL takes JSON apart: the rules by which it would have to be called a repair.

    :raises Unfit: when C(jsonb) cannot hold it, or nobody could prove that it does.
    """
    rules = set()

    def judge_pairs(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _value in pairs}) < len(pairs):
            rules.add("json_duplicate")

    def judge_number(token: str) -> None:
        number = _decimal(token)
        if number and number.adjusted() >= _DIGITS_BEFORE:
            raise Unfit("overflow")
        if _digits_behind(number) > _DIGITS_BEHIND:
            raise Unfit("rounded")

    try:
        json.loads(value, object_pairs_hook=judge_pairs, parse_int=judge_number, parse_float=judge_number)
    except RecursionError:
        raise Unfit("json_depth") from None
    except ValueError:
        raise Unfit("json") from None
    return tuple(sorted(rules))


def _decimal(token: str) -> Decimal:
    try:
        return Decimal(token)
    except InvalidOperation:
        raise Unfit("overflow") from None


def _canonical_jsonb(field: bytes) -> bytes:
    """The same bytes for the same content: without blanks, with sorted keys, and numbers by their value."""
    if field == b"\\N":
        return field
    try:
        document = json.loads(unescape(field), parse_int=_canonical_number, parse_float=_canonical_number)
        return json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        # PostgreSQL prints nothing like it, so that no proof can come of this.
        return field


def _canonical_number(token: str) -> str:
    """A number as a text that no text in C(jsonb) can be: these never hold a NUL."""
    number = Decimal(token)
    sign, digits, _exponent = number.as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    kept = significant.rstrip("0")
    if not kept:
        return "\x000"
    return f"\x00{'-' if sign else ''}{kept}e{len(significant) - len(kept) - _digits_behind(number)}"


_CONVERTERS: dict[str, Callable[[object, "int | None", Shape], str]] = {
    "numeric": _numeric,
    "double precision": _double,
    "real": _real,
    "timestamp with time zone": _timestamptz,
    "time without time zone": _time,
    "time with time zone": _timetz,
    "uuid": _uuid,
    "bytea": _bytea,
    "enum": _enum,
    "character": _char,
    "array": _array,
}

_CANONICAL: dict[str, Callable[[bytes], bytes]] = {
    "double precision": _canonical_double,
    "real": _canonical_real,
    "jsonb": _canonical_jsonb,
}
