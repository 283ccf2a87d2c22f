# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role documents and what it does by default are the same thing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
ROLE_FOLDERS = sorted(folder for folder in ROLES.iterdir() if folder.is_dir())

every_role = pytest.mark.parametrize("role", ROLE_FOLDERS, ids=lambda folder: folder.name)


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def defaults(role: Path) -> dict:
    path = role / "defaults" / "main.yml"
    return read(path) if path.exists() else {}


def entry_points(role: Path) -> dict:
    return read(role / "meta" / "argument_specs.yml")["argument_specs"]


def options(role: Path) -> dict:
    """Options of all entry points. One that several share must be written the same in each."""
    merged: dict = {}
    for entry_point in entry_points(role).values():
        for name, option in entry_point.get("options", {}).items():
            assert merged.setdefault(name, option) == option, f"{name} differs between entry points"
    return merged


def with_suboptions(entry: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    for name, option in entry.get("options", {}).items():
        yield f"{prefix}{name}", option
        yield from with_suboptions(option, f"{prefix}{name}.")


def test_there_are_roles() -> None:
    assert ROLE_FOLDERS


def is_made_of_secrets(name: str, value: object, known: dict) -> bool:
    return bool(known[name].get("no_log")) and "{{" in str(value)


@every_role
def test_every_default_is_documented_with_its_value(role: Path) -> None:
    known = options(role)
    documented = {name: option["default"] for name, option in known.items() if "default" in option}
    assert documented == {name: value for name, value in defaults(role).items() if not is_made_of_secrets(name, value, known)}


def test_a_wrong_argument_gives_no_secret_away(tmp_path: Path) -> None:
    """Ansible prints the whole specification then, with all defaults filled in."""
    play = tmp_path / "play.yml"
    variables = {"webui_database_password": "of-the-database", "webui_secret_key": "of-sessions", "webui_health_timeout": "soon"}
    tasks = [{"ansible.builtin.include_role": {"name": "openwebui.postgres.webui"}}]
    play.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]))
    command = [sys.executable, "-m", "ansible", "playbook", "-vvv", "-i", "localhost,", "-c", "local", play]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROLES.parent / ".collections"), "ANSIBLE_HOME": str(tmp_path)}
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    output = run.stdout + run.stderr
    assert run.returncode == 2
    assert "webui_health_timeout" in output
    assert [secret for secret in ("of-the-database", "of-sessions") if secret in output] == []


@every_role
def test_no_option_is_both_required_and_defaulted(role: Path) -> None:
    for name, option in options(role).items():
        assert not (option.get("required") and "default" in option), name


@every_role
def test_every_option_has_a_type_and_a_description(role: Path) -> None:
    for entry_point, specification in entry_points(role).items():
        assert specification.get("short_description"), f"{entry_point} has no short_description"
        for name, option in with_suboptions(specification):
            assert option.get("type"), f"{name} has no type"
            assert option.get("description"), f"{name} has no description"


@every_role
def test_variables_carry_the_name_of_a_role(role: Path) -> None:
    # What several roles share starts with webui_ alone, so that is what can be asked for.
    assert [name for name in options(role) if not name.startswith("webui_")] == []
