# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and times as pages say them, and sizes as everything does. What is not known is the empty string."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any, TypeGuard

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def known(value: Any) -> TypeGuard[int | float]:
    """Whether this is a number that can be said: neither null nor absent nor something else."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def count(value: Any) -> str:
    """12,345."""
    return f"{value:,}" if known(value) else ""


def size(value: Any) -> str:
    """1.4 MB, in powers of a thousand, as disks and networks are sold."""
    if not known(value):
        return ""
    amount = float(value)
    for unit in _UNITS:
        if abs(amount) < 999.5 or unit == _UNITS[-1]:
            break
        amount /= 1000
    digits = 1 if unit != "B" and abs(amount) < 99.95 else 0
    return f"{amount:,.{digits}f} {unit}"


def percent(value: Any) -> str:
    """12.5%, as a drawing has it: as short as it can be, for there are many."""
    return f"{round(value, 2):g}%" if known(value) else "0%"


def duration(value: Any) -> str:
    """0.42 s, 14 s, 3 min 20 s, 5 h 12 min, 2 d 3 h: two figures that somebody can compare."""
    if not known(value):
        return ""
    if value < 9.95:
        return f"{value:.1f} s" if value >= 0.95 else f"{value:.2f} s"
    seconds = round(value)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return _two(seconds, 60, "min", 1, "s")
    if round(seconds / 60) < 24 * 60:
        return _two(round(seconds / 60), 60, "h", 1, "min")
    return _two(round(seconds / 3600), 24, "d", 1, "h")


def _two(amount: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    whole, rest = divmod(amount, large)
    return f"{whole} {large_unit} {rest // small} {small_unit}" if rest else f"{whole} {large_unit}"


def clock(value: Any) -> str:
    """20:15:03, by the clock of the controller."""
    return f"{_local(value):%H:%M:%S}" if known(value) else ""


def moment(value: Any) -> str:
    """26 Nov 2026, 20:15:03, by the clock of the controller."""
    return f"{_local(value):%-d %b %Y, %H:%M:%S}" if known(value) else ""


def zone(value: Any) -> str:
    """UTC+01:00: what the controller's clock was set to at that time."""
    if not known(value):
        return ""
    local = _local(value)
    offset = f"UTC{local:%z}"
    return f"{offset[:-2]}:{offset[-2:]}" if local.utcoffset() else "UTC"


def iso(value: Any) -> str:
    """The time for machines."""
    return f"{datetime.fromtimestamp(value, timezone.utc):%Y-%m-%dT%H:%M:%SZ}" if known(value) else ""


def _local(value: float) -> datetime:
    return datetime.fromtimestamp(value, timezone.utc).astimezone()
