# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of module_utils can be read one by one: each imports itself, what is flat, and the families that it builds on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MODULE_UTILS = Path(__file__).parents[3] / "plugins" / "module_utils"
# What each family may import besides itself and the flat modules, which import each other alone.
BUILDS_ON: dict[str, set[str]] = {
    "": set(),
    "_docker": set(),
    "_sqlite": set(),
    "_postgres": set(),
    "_compose": {"_docker"},
    "_move": {"_sqlite", "_postgres"},
    "_instance": {"_docker", "_compose", "_sqlite", "_postgres", "_move"},
}
IMPORT = re.compile(r"^from ansible_collections\.openwebui\.postgres\.plugins\.module_utils(?:\.(\w+))?(?:\.\w+)? import", re.MULTILINE)


def family_of(path: Path) -> str:
    return "" if path.parent == MODULE_UTILS else path.relative_to(MODULE_UTILS).parts[0]


def imported_by(path: Path) -> set[str]:
    names = (match[1] or "" for match in IMPORT.finditer(path.read_text(encoding="utf-8")))
    return {name if (MODULE_UTILS / name).is_dir() else "" for name in names}


@pytest.mark.parametrize("path", sorted(MODULE_UTILS.rglob("*.py")), ids=lambda path: str(path.relative_to(MODULE_UTILS)))
def test_a_module_imports_only_what_its_family_builds_on(path: Path) -> None:
    family = family_of(path)
    assert imported_by(path) <= {"", family, *BUILDS_ON[family]}


def test_every_family_is_listed() -> None:
    assert {path.name for path in MODULE_UTILS.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(BUILDS_ON) - {""}


def test_an_import_is_noticed() -> None:
    assert imported_by(MODULE_UTILS / "_move" / "plan.py") >= {"", "_move", "_sqlite"}
