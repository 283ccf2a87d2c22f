# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the registry has of runtimes is what operators can choose and roles have tasks for; and nobody else asks for one by its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.openwebui.postgres.plugins.doc_fragments.instance import ModuleDocFragment
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.registry import RUNTIMES

ROOT = Path(__file__).resolve().parents[3]
TASKS = ROOT / "roles" / "webui_instance" / "tasks" / "runtimes"
NAMES = "|".join(RUNTIMES)
# A runtime that is compared with a name, in a Jinja expression.
COMPARED = re.compile(rf"runtime\b[^{{}}\n]*?(?:==|!=|\bin\b)[^{{}}\n]*?['\"](?:{NAMES})['\"]")
INSTANCE = ROOT / "plugins" / "module_utils" / "_instance"


def test_the_choices_are_those_of_the_registry() -> None:
    specs = yaml.safe_load((ROOT / "roles" / "webui" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    assert set(specs["argument_specs"]["main"]["options"]["webui_runtime"]["choices"]) == {"auto", *RUNTIMES}
    assert set(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["runtime"]["choices"]) == {"auto", *RUNTIMES}


def test_each_has_a_folder_of_tasks() -> None:
    assert sorted(folder.name for folder in TASKS.iterdir()) == sorted(RUNTIMES)


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_folder_has_what_its_capabilities_ask_for(name: str) -> None:
    able = RUNTIMES[name].capabilities
    wanted = {"switch", "restore", *([] if able.one_shot else ["bootstrap"]), *(["finalize"] if able.keeps_old else [])}
    assert wanted - {path.stem for path in (TASKS / name).glob("*.yml")} == set()


def named_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if COMPARED.search(line)]


def test_no_role_and_no_playbook_asks_for_a_name() -> None:
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*") if path.suffix in (".yml", ".j2")]
    assert len(files) > 50
    assert {str(path): found for path in files if (found := named_in(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "when: webui_runtime == 'container'",
        "{{ 'x' if __webui_found.runtime | default('') == 'command' else 'y' }}",
        "{{ webui_runtime in ['auto', 'compose'] }}",
        'when: __webui_found.runtime != "systemd"',
    ],
)
def test_a_name_that_is_asked_for_is_noticed(text: str) -> None:
    assert named_in(text) == [text]


@pytest.mark.parametrize("module", ["asked", "info", "registry", "runtime", "state"])
def test_what_handles_all_of_them_holds_no_name(module: str) -> None:
    """Not even in a sentence of its own: what there is to say of one runtime, it says itself."""
    body = ast.parse((INSTANCE / f"{module}.py").read_text(encoding="utf-8"))
    # What a process was started with is called its command, too.
    keys = {id(node.slice) for node in ast.walk(body) if isinstance(node, ast.Subscript)}
    constants = [node for node in ast.walk(body) if isinstance(node, ast.Constant) and id(node) not in keys]
    texts = [node.value for node in constants if isinstance(node.value, str)]
    assert [text for text in texts if text in RUNTIMES or re.search(rf"webui_runtime to (?:{NAMES})\b", text)] == []
