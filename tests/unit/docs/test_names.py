# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables, entry points and tests that the pages name are those that there are, and none is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(folder.name for folder in (ROOT / "roles").iterdir() if folder.is_dir())
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
COLLECTION = "openwebui.postgres."

every_role = pytest.mark.parametrize("role", ROLES)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def readme(role: str) -> str:
    return (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")


def entry_points(role: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]


def options(role: str) -> set[str]:
    return {name for entry_point in entry_points(role).values() for name in entry_point.get("options", {})}


def task_files() -> list[Path]:
    return [*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")]


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """All mappings of a YAML document, however deep."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from mappings(child)


def all_mappings() -> Iterator[dict[str, Any]]:
    for path in task_files():
        yield from mappings(yaml.safe_load(path.read_text(encoding="utf-8")))


def used_entry_points() -> set[tuple[str, str]]:
    """Roles of this collection as roles and playbooks include them, with the entry point."""
    found = set()
    for mapping in all_mappings():
        for action in ("include_role", "import_role"):
            included = mapping.get(f"ansible.builtin.{action}", {})
            if str(included.get("name", "")).startswith(COLLECTION):
                found.add((included["name"].removeprefix(COLLECTION), included.get("tasks_from", "main")))
        # What playbooks/tasks/attempt.yml is handed, and includes.
        if "webui_step" in mapping:
            found.add((mapping["webui_step"]["role"], mapping["webui_step"].get("entry", "main")))
    return found


def named_entry_points() -> list[tuple[str, str]]:
    return sorted((role, entry) for role, entry in used_entry_points() if role in ROLES)


def known_names() -> set[str]:
    """Whatever may be called webui_something: roles, their options, modules, facts that are set, variables that -e gives."""
    names = {option for role in ROLES for option in options(role)} | set(ROLES)
    names |= {path.stem for path in (ROOT / "plugins" / "modules").glob("webui_*.py")}
    names |= {name for path in (ROOT / "plugins").rglob("*.py") for name in re.findall(r"\"(webui_[a-z0-9_]+)\"", path.read_text())}
    for mapping in all_mappings():
        names |= set(mapping.get("ansible.builtin.set_fact", {}))
        names.add(str(mapping.get("register", "")))
    for path in (ROOT / "playbooks").rglob("*.yml"):
        names |= set(re.findall(r"\b(webui_\w+) \| default\(", path.read_text(encoding="utf-8")))
    return names


KNOWN = known_names()


def unknown_in(text: str) -> list[str]:
    """Names that there are none of. One that ends in an underscore stands for all that begin with it."""
    named = set(re.findall(r"(?<![\w/.-])webui_[a-z0-9_]+(?![\w/]|\.\w)", text))
    return sorted(
        name for name in named if name not in KNOWN and not (name.endswith("_") and any(known.startswith(name) for known in KNOWN))
    )


@every_role
def test_every_variable_is_in_the_readme_by_its_full_name(role: str) -> None:
    named = set(re.findall(r"\w+", readme(role)))
    assert sorted(options(role) - named) == []


@every_page
def test_no_variable_is_named_that_there_is_none_of(page: Path) -> None:
    assert unknown_in(page.read_text(encoding="utf-8")) == []


def test_a_name_that_there_is_none_of_is_noticed() -> None:
    text = "Set `webui_data_folder` or `webui_data_dir`, the `webui_command_…` and the `webui_comand_…`; `webui_pg_migrate` ran."
    assert unknown_in(text) == ["webui_comand_", "webui_data_folder"]


def test_entry_points_are_named_not_computed() -> None:
    """So that the test below sees all of them. The one exception includes what it is told by a name."""
    computed = [path.name for path in task_files() if re.search(r"tasks_from: *\S*\{\{", path.read_text(encoding="utf-8"))]
    assert computed in ([], ["attempt.yml"])
    assert len(named_entry_points()) > 20
    assert [entry for role, entry in named_entry_points() if "{{" in entry] == []


def test_every_entry_point_that_is_used_has_a_specification() -> None:
    assert [(role, entry) for role, entry in named_entry_points() if entry not in entry_points(role)] == []


@every_role
def test_every_entry_point_is_a_file_and_has_a_row_in_the_readme(role: str) -> None:
    entries = set(entry_points(role))
    # A role that only has variables has no tasks.
    has_tasks = (ROOT / "roles" / role / "tasks").exists()
    assert [entry for entry in sorted(entries) if has_tasks and not (ROOT / "roles" / role / "tasks" / f"{entry}.yml").exists()] == []
    rows = set(re.findall(r"^\| `(\w+)` \|", readme(role), re.MULTILINE))
    assert sorted(entries - rows if len(entries) > 1 else ()) == []


def unknown_tests_in(text: str) -> list[str]:
    """Test files and test functions that there are none of. One that ends in an underscore stands for all that begin with it."""
    # Several levels may have a file of the same name.
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}
    names |= {path.name for path in files}
    named = set(re.findall(r"(?<!\w)test_\w+(?:\.py)?", text))
    return sorted(name for name in named if name not in names and not (name[-1] == "_" and any(known.startswith(name) for known in names)))


@every_page
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    assert unknown_tests_in(page.read_text(encoding="utf-8")) == []


def test_a_test_that_there_is_none_of_is_noticed() -> None:
    text = "`test_values.py`, `test_no_values.py`, `test_1_…`, `test_999_…`, `test_links_lead_somewhere`, `test_that_nobody_wrote`"
    assert unknown_tests_in(text) == ["test_999_", "test_no_values.py", "test_that_nobody_wrote"]
