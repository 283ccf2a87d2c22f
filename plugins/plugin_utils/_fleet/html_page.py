# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates to pages: one file each, which needs nothing beside it and asks no network for anything.

All that is put into a template is escaped there, for names, paths and messages come from elsewhere. Should something get through all
the same, the page's own policy lets nothing run and nothing load but the style and the script that are written here, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from . import amounts
from .states import STATES, State

_FOLDER = Path(__file__).with_name("html")
_FILTERS = (amounts.count, amounts.size, amounts.duration, amounts.clock, amounts.moment, amounts.zone, amounts.iso, amounts.percent)
# HTML has no place for these, escaped or not.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_COMMENT = re.compile(r"/\*.*?\*/\n*", re.DOTALL)


def fill(template: str, **values: Any) -> str:
    """The page that a template makes of these values."""
    text = _environment().get_template(template).render(**values)
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def state_of(name: Any) -> State:
    """A state, also one that only a later version of the collection has a word for."""
    return STATES.get(str(name)) or State("neutral", str(name), "")


def _said(value: Any) -> Any:
    return "" if value is None else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=ChainableUndefined,
        finalize=_said,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    style, script = _file("report.css"), _file("report.js")
    environment.globals.update(
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}",
        state_of=state_of,
    )
    return environment


def _file(name: str) -> str:
    return _COMMENT.sub("", (_FOLDER / name).read_text(encoding="utf-8")).strip()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
