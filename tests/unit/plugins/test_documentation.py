# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module documents is what it takes. Beside the tests of modules, since targets need no YAML parser."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.openwebui.postgres.plugins.doc_fragments import connection, engine, instance

FRAGMENTS = {
    "openwebui.postgres.connection": connection,
    "openwebui.postgres.engine": engine,
    "openwebui.postgres.instance": instance,
}
MODULES = sorted(path.stem for path in (Path(__file__).resolve().parents[3] / "plugins" / "modules").glob("webui_*.py"))

every_module = pytest.mark.parametrize("name", MODULES)


def load(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.openwebui.postgres.plugins.modules.{name}")


class Asked(Exception):
    """The module has said what options it takes."""


@pytest.fixture
def specification(monkeypatch: pytest.MonkeyPatch):
    """specification(module) -> the arguments it creates its AnsibleModule with"""

    def ask(module: ModuleType) -> dict[str, Any]:
        def answer(**arguments: Any) -> None:
            raise Asked(arguments)

        monkeypatch.setattr(module, "AnsibleModule", answer)
        with pytest.raises(Asked) as caught:
            module.main()
        return caught.value.args[0]

    return ask


SECRETS = ("login_password", "admin_password", "env", "fallback_secret_key", "secret_key")


def documented(module: ModuleType) -> dict[str, Any]:
    documentation = yaml.safe_load(module.DOCUMENTATION)
    fragments = documentation.get("extends_documentation_fragment", [])
    assert set(fragments) <= set(FRAGMENTS)
    shared = {}
    for fragment in fragments:
        shared.update(yaml.safe_load(FRAGMENTS[fragment].ModuleDocFragment.DOCUMENTATION)["options"])
    own = documentation["options"]
    # A module may need what others can do without, or the other way round. That is all it may say otherwise.
    for name in set(shared) & set(own):
        assert {**essence(shared[name]), "required": None} == {**essence(own[name]), "required": None}
    return {**shared, **own}


def essence(option: dict[str, Any]) -> dict[str, Any]:
    """What matters about an option, written down or in code."""
    plain = {name: option.get(name) for name in ("type", "default", "elements")}
    return {**plain, "required": bool(option.get("required")), "choices": sorted(option.get("choices", []))}


@every_module
def test_options_are_those_of_the_documentation(name, specification):
    module = load(name)
    spec = specification(module)["argument_spec"]
    assert {option: essence(facts) for option, facts in spec.items()} == {
        option: essence(facts) for option, facts in documented(module).items()
    }


@every_module
def test_check_mode_is_supported_as_documented(name, specification):
    module = load(name)
    support = yaml.safe_load(module.DOCUMENTATION)["attributes"]["check_mode"]["support"]
    assert (support == "full") == specification(module)["supports_check_mode"]


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
    spec = specification(load(name))["argument_spec"]
    for option, facts in spec.items():
        # One that is true or false asks for a secret, and holds none.
        assert bool(facts.get("no_log")) == (option in SECRETS and facts.get("type") != "bool")


def test_ansible_module_is_the_real_one():
    """What the tests above replace is what all modules use."""
    assert all(load(name).AnsibleModule is basic.AnsibleModule for name in MODULES)
