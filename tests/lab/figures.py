# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the orchestration is, by its files alone: the benchmark prints these figures, and a unit test bounds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml

from . import paths

_ENDS = {"variable_begin": "variable_end", "block_begin": "block_end"}
_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")


def task_files(root: Path = paths.ROOT) -> list[Path]:
    """Where tasks are written."""
    patterns = ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml", "playbooks/*.yml", "playbooks/tasks/**/*.yml")
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def tasks(file: Path) -> int:
    """The tasks in a file. A block is one as well: it has a name and conditions to read."""
    return _tasks(yaml.safe_load(file.read_text(encoding="utf-8")))


def _tasks(entries: Any) -> int:
    inside = sum(_tasks(entry.get(name)) for entry in entries or [] for name in _LISTS)
    return inside + sum("hosts" not in entry and "import_playbook" not in entry for entry in entries or [])


def vars_files(root: Path = paths.ROOT) -> list[Path]:
    """Where expressions have names of their own."""
    return sorted([*root.glob("roles/*/vars/**/*.yml"), *root.glob("playbooks/vars/**/*.yml")])


def jinja(file: Path) -> list[int]:
    """The expressions and statements of Jinja in a file, by their lines."""
    text = file.read_text(encoding="utf-8")
    found: list[int] = []
    begun, end = 0, ""
    for line, kind, _value in jinja2.Environment().lex(text):
        if kind in _ENDS:
            begun, end = line, _ENDS[kind]
        elif kind == end:
            found.append(line - begun + 1)
    return found
