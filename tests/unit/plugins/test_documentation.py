# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module documents is what it takes. Beside the tests of modules, since targets need no YAML parser."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible.plugins.action import ActionBase
from ansible_collections.openwebui.postgres.plugins.doc_fragments import attributes, connection, engine, instance, source
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem

FRAGMENTS = {
    f"openwebui.postgres.{name}": fragment
    for name, fragment in {
        "attributes": attributes.ModuleDocFragment.DOCUMENTATION,
        "attributes.info_module": attributes.ModuleDocFragment.INFO_MODULE,
        "connection": connection.ModuleDocFragment.DOCUMENTATION,
        "engine": engine.ModuleDocFragment.DOCUMENTATION,
        "instance": instance.ModuleDocFragment.DOCUMENTATION,
        "source": source.ModuleDocFragment.DOCUMENTATION,
    }.items()
}
PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("webui_*.py"))
# Those of which the controller does all the work: the module is the documentation of an action plugin, and nothing is sent to a host.
ACTIONS = {name for name in MODULES if "def main()" not in (PLUGINS / "modules" / f"{name}.py").read_text(encoding="utf-8")}

# Those that only look.
INFO = {"webui_kept", "webui_postgres_preflight", "webui_sqlite_check"} | {name for name in MODULES if name.endswith("info")}
# Those whose problems are what was asked for.
FINDINGS = {"webui_info", "webui_sqlite_check"}
# What a template finds in place of a key of this name.
METHODS = {name for name in dir(dict) if not name.startswith("_")}

every_module = pytest.mark.parametrize("name", MODULES)
every_module_of_a_host = pytest.mark.parametrize("name", [name for name in MODULES if name not in ACTIONS])
every_action = pytest.mark.parametrize("name", sorted(ACTIONS))


def load(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.openwebui.postgres.plugins.modules.{name}")


def load_action(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.openwebui.postgres.plugins.action.{name}")


class Asked(Exception):
    """The module, or the action plugin, has said what options it takes."""


@pytest.fixture
def specification(monkeypatch: pytest.MonkeyPatch):
    """specification("webui_info") -> the arguments it creates its AnsibleModule with; of an action plugin, what it holds its own against"""

    def answer(*_self: Any, **arguments: Any) -> None:
        raise Asked(arguments)

    def ask(name: str) -> dict[str, Any]:
        if name in ACTIONS:
            action = load_action(name).ActionModule
            monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
            monkeypatch.setattr(ActionBase, "validate_argument_spec", answer)
            main = action.__new__(action).run
            more = {"supports_check_mode": action._supports_check_mode}
        else:
            module = load(name)
            monkeypatch.setattr(module, "AnsibleModule", answer)
            main, more = module.main, {}
        with pytest.raises(Asked) as caught:
            main()
        return {**caught.value.args[0], **more}

    return ask


SECRETS = ("login_password", "admin_password", "env", "fallback_secret_key", "secret_key")


def documented(module: ModuleType) -> dict[str, Any]:
    documentation = yaml.safe_load(module.DOCUMENTATION)
    fragments = documentation.get("extends_documentation_fragment", [])
    assert set(fragments) <= set(FRAGMENTS)
    shared = {}
    for fragment in fragments:
        shared.update(yaml.safe_load(FRAGMENTS[fragment]).get("options", {}))
    own = documentation["options"]
    # A module may need what others can do without, or the other way round. That is all it may say otherwise.
    for name in set(shared) & set(own):
        assert {**essence(shared[name]), "required": None} == {**essence(own[name]), "required": None}
    return {**shared, **own}


def attributes_of(module: ModuleType) -> dict[str, dict[str, Any]]:
    """The attributes as Ansible puts them together: a module may differ from a fragment in parts."""
    documentation = yaml.safe_load(module.DOCUMENTATION)
    merged: dict[str, dict[str, Any]] = {}
    for part in (*(yaml.safe_load(FRAGMENTS[name]) for name in documentation.get("extends_documentation_fragment", [])), documentation):
        for name, facts in part.get("attributes", {}).items():
            merged[name] = {**merged.get(name, {}), **facts}
    return merged


def returned(module: ModuleType) -> dict[str, Any]:
    return yaml.safe_load(module.RETURN)


def names_in(returns: dict[str, Any]) -> set[str]:
    """The names of all that is returned, at every level."""
    return {*returns, *(name for facts in returns.values() for name in names_in(facts.get("contains", {})))}


def essence(option: dict[str, Any]) -> dict[str, Any]:
    """What matters about an option, written down or in code."""
    plain = {name: option.get(name) for name in ("type", "default", "elements")}
    return {**plain, "required": bool(option.get("required")), "choices": sorted(option.get("choices", []))}


@every_module
def test_options_are_those_of_the_documentation(name, specification):
    module = load(name)
    spec = specification(name)["argument_spec"]
    assert {option: essence(facts) for option, facts in spec.items()} == {
        option: essence(facts) for option, facts in documented(module).items()
    }


@every_module
def test_check_mode_is_supported_as_documented(name, specification):
    support = attributes_of(load(name))["check_mode"]["support"]
    assert (support == "full") == specification(name)["supports_check_mode"]


@every_module
def test_examples_use_options_that_there_are(name):
    module = load(name)
    action = f"openwebui.postgres.{name}"
    uses = [task[action] or {} for task in yaml.safe_load(module.EXAMPLES) if action in task]
    assert uses
    options = documented(module)
    required = {option for option, facts in options.items() if facts.get("required")}
    for use in uses:
        assert required <= set(use) <= set(options)


@every_module
def test_secrets_in_the_documentation_are_secrets_in_the_code(name, specification):
    spec = specification(name)["argument_spec"]
    for option, facts in spec.items():
        # One that is true or false asks for a secret, and holds none.
        assert bool(facts.get("no_log")) == (option in SECRETS and facts.get("type") != "bool")


@every_module_of_a_host
def test_every_module_is_in_the_frame(name):
    code = inspect.getsource(load(name))
    assert "module_utils._module import answer" in code
    assert "exit_json" not in code
    assert "except Refused" not in code


@every_action
def test_the_documentation_of_an_action_plugin_does_nothing_itself(name):
    assert issubclass(load_action(name).ActionModule, ActionBase)
    assert {one for one in vars(load(name)) if not one.startswith("__")} == {"annotations", "DOCUMENTATION", "EXAMPLES", "RETURN"}


@every_action
def test_the_documentation_of_an_action_plugin_says_where_it_works(name):
    assert "Works on the controller alone. No host is connected to." in " ".join(yaml.safe_load(load(name).DOCUMENTATION)["description"])


@every_module
def test_problems_are_documented_alike(name):
    returns = returned(load(name))
    first = returned(load("webui_command"))
    for key in ("problems", "problems_total"):
        alike = {part: facts for part, facts in returns[key].items() if part not in ("sample", "description", "returned")}
        assert alike == {part: first[key][part] for part in alike}
        # What is found is told where nothing is refused, too.
        assert returns[key]["returned"] == ("always" if name in FINDINGS else first[key]["returned"])
    assert set(returns["problems"]["contains"]) == set(Problem._fields)
    assert all({"kind", "message"} <= set(problem) <= set(Problem._fields) for problem in returns["problems"]["sample"])


@every_module
def test_attributes_come_from_a_fragment(name):
    module = load(name)
    used = yaml.safe_load(module.DOCUMENTATION)["extends_documentation_fragment"]
    (fragment,) = [one for one in used if one.startswith("openwebui.postgres.attributes")]
    assert fragment.endswith(".info_module") == (name in INFO)
    # What is less than promised there has a reason.
    own = yaml.safe_load(module.DOCUMENTATION).get("attributes", {})
    assert set(own) <= set(yaml.safe_load(FRAGMENTS[fragment])["attributes"])
    assert all(facts["details"] and "description" not in facts and facts.get("support") != "full" for facts in own.values())


@every_module
def test_a_module_that_only_looks_has_no_diff(name):
    supports = {attribute: facts["support"] for attribute, facts in attributes_of(load(name)).items()}
    assert (supports["diff_mode"] == "N/A") == (name in INFO)
    assert name not in INFO or supports["check_mode"] == "full"


@every_module
def test_nothing_returned_has_the_name_of_a_method(name):
    assert not names_in(returned(load(name))) & METHODS


def test_a_name_is_noticed_at_every_level():
    assert names_in({"a": {"contains": {"b": {"contains": {"keys": {}}}}}}) & METHODS == {"keys"}


def test_ansible_module_is_the_real_one():
    """What the tests above replace is what all modules use."""
    assert all(load(name).AnsibleModule is basic.AnsibleModule for name in MODULES if name not in ACTIONS)
