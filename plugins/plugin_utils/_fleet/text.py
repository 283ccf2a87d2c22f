# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for a terminal: how wide it is, how it is cut, and how figures are written."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"

# What a terminal takes for an order and not for text: escape sequences whole, then single control characters.
_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")


def clean(text: object) -> str:
    """The text without anything that a terminal would obey, line feeds among it. Names and messages come from outside."""
    plain = _ESCAPE.sub("", str(text))
    return "".join(" " if _is_control(character) else character for character in plain)


def one_line(text: object) -> str:
    """The text in one line, without anything that a terminal would obey, and with single blanks."""
    return " ".join(clean(text).split())


def _is_control(character: str) -> bool:
    # Among the formats are those that turn the direction of writing, and with it the meaning of a line.
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character != "\N{ZERO WIDTH JOINER}"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(text: str, columns: int) -> str:
    """As much of the text as fits, with an ellipsis where it was cut."""
    if width(text) <= columns:
        return text
    kept, room = "", columns - width(ELLIPSIS)
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return kept.rstrip() + ELLIPSIS if columns > 0 else ""


def left(text: str, columns: int) -> str:
    """The text, followed by blanks up to so many columns."""
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """The text after blanks, so many columns in all."""
    return " " * (columns - width(text)) + text


def seconds(value: float) -> str:
    """A duration, as precise as anyone wants to know."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rows(value: int) -> str:
    """So many rows, for a sentence."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:,.1f} million rows"
    return f"{value:,} row{'' if value == 1 else 's'}"
