# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories to copy, and what is for AWX: commands can be typed, and each variable is one that there is, with a value it takes."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.cli.playbook import PlaybookCLI
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from lab.paths import ROOT, VENV

EXAMPLES = ROOT / "docs" / "examples"
INVENTORIES = sorted(path.parent for path in EXAMPLES.glob("*/hosts.yml"))
SURVEYS = sorted(EXAMPLES.glob("awx/*-survey.json"))
TEMPLATES = sorted(path for path in EXAMPLES.glob("awx/*.json") if path not in SURVEYS)
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
SPECIFICATIONS = sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))
# What AWX's API takes for a default, by the type of a question.
DEFAULTS = {"text": str, "textarea": str, "integer": int, "multiplechoice": str}

every_inventory = pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda folder: folder.name)
every_survey = pytest.mark.parametrize("survey", SURVEYS, ids=lambda path: path.stem)
every_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    """YAML, and with it JSON."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def known_variables() -> set[str]:
    """The options of all roles, and what playbooks take beside them: named at their top, or given a default where they are used."""
    entry_points = [entry for path in SPECIFICATIONS for entry in read(path)["argument_specs"].values()]
    options = {name for entry in entry_points for name in entry.get("options", {})}
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")]
    named = re.findall(r"(?:^# +)(webui_\w+)|\b(webui_\w+)(?= \| default\()", "\n".join(texts), re.MULTILINE)
    return options | {name for pair in named for name in pair}


def unknown(names: Iterable[str]) -> list[str]:
    return sorted(name for name in set(names) if name.startswith("webui_") and name not in KNOWN)


KNOWN = known_variables()


def keys(node: Any) -> Iterator[str]:
    """All keys of a YAML document, however deep."""
    if isinstance(node, dict):
        yield from (str(name) for name in node)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys(child)


def commands(text: str) -> list[list[str]]:
    """The lines in its comments that call Ansible, as words."""
    return [line.split() for line in re.findall(r"^#   (ansible-playbook .*)$", text, re.MULTILINE)]


def parsed(command: list[str]) -> Any:
    """The command as Ansible understands it; it ends the test where it does not."""
    playbook = PlaybookCLI(command)
    playbook.init_parser()
    return playbook.parser.parse_args(command[1:])


def hosts(inventory: Path) -> dict[str, dict[str, Any]]:
    """The hosts that are moved, with all that the inventory says of them, as a play would see it."""
    loader = DataLoader()
    manager = InventoryManager(loader=loader, sources=[str(inventory)])
    variables = VariableManager(loader=loader, inventory=manager)
    found = {}
    for host in manager.get_hosts("webui"):
        known = variables.get_vars(host=host)
        own = {name: value for name, value in known.items() if name.startswith("webui_")}
        found[host.name] = Templar(loader=loader, variables=known).template(own)
    return found


def of_page(page: Path) -> list[str]:
    """The inventories that stand in a page."""
    examples = (
        textwrap.dedent(text) for text in re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )
    return [text for text in examples if "webui" in (yaml.safe_load(text) or {})]


def refused(values: dict[str, Any]) -> list[str]:
    """Why roles would not take these values."""
    options = [read(path)["argument_specs"]["main"].get("options", {}) for path in SPECIFICATIONS]
    specifications = [{name: option for name, option in known.items() if name in values} for known in options]
    return [
        message
        for known in specifications
        for message in ArgumentSpecValidator(known).validate({name: values[name] for name in known}).error_messages
    ]


def test_there_is_one_for_each_kind_of_installation() -> None:
    assert [folder.name for folder in INVENTORIES] == ["command", "compose", "docker-fleet", "one-host", "rds", "systemd"]


@every_inventory
def test_an_inventory_says_how_to_use_it(inventory: Path) -> None:
    found = [parsed(command) for command in commands((inventory / "hosts.yml").read_text(encoding="utf-8"))]
    assert {folder for command in found for folder in command.inventory} == {f"docs/examples/{inventory.name}"}
    steps = [(command.args, command.check) for command in found]
    assert steps == [(["openwebui.postgres.audit"], False), (["openwebui.postgres.migrate"], True), (["openwebui.postgres.migrate"], False)]


@every_inventory
def test_its_values_are_those_that_roles_take(inventory: Path) -> None:
    found = hosts(inventory)
    assert found
    assert {name: refused(values) for name, values in found.items() if refused(values)} == {}


@pytest.mark.parametrize(("page", "count"), [("README.md", 1), ("docs/fleets.md", 3)])
def test_the_inventories_of_a_page_are_such_too(page: str, count: int, tmp_path: Path) -> None:
    texts = of_page(ROOT / page)
    assert len(texts) == count
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.yml"
        path.write_text(text, encoding="utf-8")
        found = hosts(path)
        assert [message for values in found.values() for message in refused(values) + unknown(values)] == []
        assert found


@pytest.mark.parametrize("wrong", [{"webui_postgres_mode": "both"}, {"webui_database_pool_size": "many"}, {"webui_command_stop": 1.5j}])
def test_a_value_that_no_role_takes_is_noticed(wrong: dict[str, Any]) -> None:
    assert refused(wrong)


@every_inventory
def test_its_variables_are_those_that_there_are(inventory: Path) -> None:
    assert unknown(name for path in inventory.rglob("*.yml") for name in keys(read(path))) == []


def test_a_variable_that_there_is_none_of_is_noticed() -> None:
    assert unknown(keys([{"webui": {"vars": {"webui_data_folder": "/srv", "webui_data_dir": "/srv"}}}])) == ["webui_data_folder"]


@every_inventory
def test_no_secret_is_outside_of_the_vault(inventory: Path) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in inventory.rglob("*.yml") if path.name != "vault.yml"}
    secrets = re.findall(r"^ *\w*(?:password|secret_key): *(.*)$", "\n".join(texts.values()), re.MULTILINE)
    assert [value for value in secrets if not value.startswith('"{{ vault_')] == []


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "github-actions.yml"])
def test_a_pipeline_sets_variables_that_there_are(name: str) -> None:
    named = re.findall(r"-e \"?(webui_\w+)=", (EXAMPLES / name).read_text(encoding="utf-8"))
    assert named
    assert unknown(named) == []


def test_awx_has_a_playbook_a_template_and_a_survey_for_each_playbook() -> None:
    assert [path.stem for path in TEMPLATES] == PLAYBOOKS
    assert [path.stem for path in SURVEYS] == [f"{name}-survey" for name in PLAYBOOKS]


def test_playbooks_of_a_project_lead_to_those_of_the_collection() -> None:
    own = [read(EXAMPLES / "awx" / f"{name}.yml") for name in PLAYBOOKS]
    assert [[play["ansible.builtin.import_playbook"] for play in plays] for plays in own] == [
        [f"openwebui.postgres.{name}"] for name in PLAYBOOKS
    ]


def test_ansible_reads_all_inventories_and_playbooks(tmp_path: Path) -> None:
    inventories = [word for folder in INVENTORIES for word in ("-i", str(folder))]
    own = [str(EXAMPLES / "awx" / f"{name}.yml") for name in PLAYBOOKS]
    command = [
        VENV / "bin" / "ansible-playbook",
        "--syntax-check",
        *inventories,
        *(f"openwebui.postgres.{name}" for name in PLAYBOOKS),
        *own,
    ]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_HOME": str(tmp_path)}
    # The group of the second play is made by the first, which a syntax check does not run.
    environment["ANSIBLE_HOST_PATTERN_MISMATCH"] = "ignore"
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    # The group that a run makes of its hosts is not there yet.
    said = [line for line in run.stderr.splitlines() if not line.endswith("ignoring: webui_in_order")]
    assert (run.returncode, said) == (0, [])


@every_template
def test_a_template_runs_its_playbook_with_variables_that_there_are(template: Path) -> None:
    body = read(template)
    assert body["playbook"] == f"{template.stem}.yml"
    assert unknown(yaml.safe_load(body["extra_vars"])) == []
    # Slices are runs that know nothing of each other: of their waves, and of databases that two hosts would share.
    assert (body["job_slice_count"], body["allow_simultaneous"]) == (1, False)


@every_survey
def test_a_survey_asks_for_variables_that_there_are(survey: Path) -> None:
    assert unknown(question["variable"] for question in read(survey)["spec"]) == []


@every_survey
def test_a_survey_is_one_that_awx_takes(survey: Path) -> None:
    body = read(survey)
    assert {name: type(value) for name, value in body.items()} == {"name": str, "description": str, "spec": list}
    variables = [question["variable"] for question in body["spec"]]
    assert len(set(variables)) == len(variables) > 0
    for question in body["spec"]:
        assert isinstance(question["required"], bool)
        assert question["question_name"]
        assert isinstance(question.get("default", DEFAULTS[question["type"]]()), DEFAULTS[question["type"]])
        if question["type"] == "multiplechoice":
            assert question["default"] in question["choices"]
        # An answer that has to be given has a default, or a length below which it is none.
        assert not question["required"] or "default" in question or question["min"] > 0


def test_going_back_asks_for_the_host() -> None:
    """All of them at once is what nobody should get by pressing a button."""
    (question,) = read(EXAMPLES / "awx" / "rollback-survey.json")["spec"]
    assert (question["variable"], question["required"], "default" in question) == ("webui_hosts", True, False)
