# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract, by a runtime that says nothing but what it has to."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import info
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Capabilities, Life, Runtime, either
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

TAIL = "the webui_command_ variables, or set webui_image and webui_data_dir to have a container made for the webui.db there."


class Bare(Runtime):
    name = "bare"
    capabilities = Capabilities()
    here: tuple[str, ...] = ()

    def find(self):
        return [{"name": name} for name in self.here]

    def findings(self, instance):
        return []

    def service(self, instance):
        return Service(instance["name"], self.is_running(instance))

    def is_running(self, instance):
        return True

    def stop(self, instance):
        pass

    def start(self, instance):
        pass

    def log(self, instance, lines):
        return []


@pytest.fixture
def bare(monkeypatch):
    """A kind of its own, so that what a test says of it is forgotten."""
    kind = type("Kind", (Bare,), {})
    monkeypatch.setitem(info.RUNTIMES, "bare", kind)
    return kind


def refused(asked):
    with pytest.raises(Refused) as caught:
        info.find(asked, {})
    return str(caught.value)


def nowhere(tmp_path, **more):
    return Asked(docker_host=f"unix://{tmp_path}/none", unit="none-of-these.service", **more)


def test_it_lives_as_long_as_it_runs():
    assert Bare(Asked()).life({"name": "a"}) == Life(True)


def test_it_is_found(bare, tmp_path):
    bare.here = ("a",)
    for runtime in ("auto", "bare"):
        ((found, instance),) = info.find(nowhere(tmp_path, runtime=runtime), {})
        assert (found.name, instance) == ("bare", {"name": "a"})


def test_it_finds_nothing(bare, tmp_path):
    assert refused(Asked(runtime="bare")) == f"Nothing here runs Open WebUI under the runtime bare. Set {TAIL}"
    bare.variables = ("webui_data_dir",)
    # A container of that name is nothing to it.
    asked = Asked(runtime="bare", container_name="chat")
    assert refused(asked) == f"Nothing here runs Open WebUI under the runtime bare. Correct webui_data_dir, set {TAIL}"


def test_auto_says_that_it_was_looked_for_too(bare, tmp_path):
    bare.variables = ("webui_data_dir",)
    said = refused(nowhere(tmp_path))
    assert ", no unit none-of-these.service, nothing of the runtime bare. " in said
    assert f"Correct webui_container_name, webui_systemd_unit, webui_data_dir or webui_docker_host, set {TAIL}" in said


@pytest.mark.parametrize(
    ("variables", "advice"),
    [((), "Leave one alone here."), (("webui_a", "webui_b"), "Set webui_a or webui_b to what leads to one alone.")],
)
def test_it_finds_several(bare, variables, advice):
    bare.here, bare.variables = ("b", "a"), variables
    (problem,) = info.several(info.find(Asked(runtime="bare"), {})).problems
    assert problem.message == f"Several of the runtime bare here run Open WebUI: a, b. {advice}"


@pytest.mark.parametrize("asked", ["compose", "container"])
def test_it_shares_an_engine_with_the_one_that_was_asked_for(bare, tmp_path, asked):
    bare.here, bare.capabilities = ("a",), Capabilities(has_engine=True)
    why = {"compose": "was not made by Docker Compose", "container": "not under the runtime container"}[asked]
    assert refused(nowhere(tmp_path, runtime=asked)) == f"a: runs Open WebUI here, but {why}. Set webui_runtime to bare, or leave it out."


@pytest.mark.parametrize(("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_either(names, text):
    assert either(names) == text
