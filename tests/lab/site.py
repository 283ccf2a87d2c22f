# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation as a site: antsibull-docs and Sphinx as they are used for collections, and every warning is an error.

Works without a network. What other sites have (Ansible's own pages, modules of other collections) is linked and not looked up.
"""

from __future__ import annotations

import re
import shutil
import zlib
from pathlib import Path

from . import paths
from .processes import call

SITE = paths.LAB / "site"
COLLECTION = "openwebui.postgres"
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
CONFIGURATION = "reference_appendices/config.html"
# The labels of Ansible's own pages that antsibull-docs refers to.
LABELS = {
    "action_plugins": "plugins/action.html",
    "callback_plugins": "plugins/callback.html",
    "ansible_configuration_settings": CONFIGURATION,
    "common_return_values": "reference_appendices/common_return_values.html",
}
# Variables that belong to Ansible's own options, which the callback shares.
ENVIRONMENT = ("ANSIBLE_DISPLAY_SKIPPED_HOSTS", "ANSIBLE_SHOW_CUSTOM_STATS")
PLUGIN = re.compile(r"<(ansible_collections\.(\w+)\.(\w+)\.(\w+_(?:\w+)))>")
CONF = """\
project = {collection!r}
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {{"ansible": ({ansible!r}, {inventory!r})}}
default_role = "any"
highlight_language = "YAML+Jinja"
html_copy_source = False
html_show_sphinx = False
html_theme = "alabaster"
nitpicky = True
pygments_style = "ansible"
"""


def build(tree: Path, programs: Path, environment: dict[str, str]) -> int:
    """Make the site of the collection at ``tree``, below .lab/site/html."""
    shutil.rmtree(SITE, ignore_errors=True)
    source, conf = SITE / "rst", SITE / "conf"
    # antsibull-docs insists on a folder that nobody else can write to.
    source.mkdir(parents=True, mode=0o700)
    conf.mkdir()
    options = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", source)
    failed = call(programs / "antsibull-docs", "collection", *options, COLLECTION, cwd=tree, env=environment)
    if failed:
        return failed
    inventory = conf / "ansible.inv"
    inventory.write_bytes(_inventory(_elsewhere(source)))
    (conf / "conf.py").write_text(CONF.format(collection=COLLECTION, ansible=ANSIBLE, inventory=str(inventory)))
    strict = ("-q", "-W", "--keep-going", "-b", "html", "-c", conf)
    return call(programs / "sphinx-build", *strict, source, SITE / "html", cwd=tree, env=environment)


def _elsewhere(source: Path) -> dict[str, str]:
    """The labels that other sites have, and their pages there."""
    found = dict(LABELS)
    for path in source.rglob("*.rst"):
        for label, namespace, name, plugin in PLUGIN.findall(path.read_text(encoding="utf-8")):
            if f"{namespace}.{name}" != COLLECTION:
                found[label] = f"collections/{namespace}/{name}/{plugin}.html"
    return found


def _inventory(labels: dict[str, str]) -> bytes:
    """Sphinx's own form of such a list."""
    head = "# Sphinx inventory version 2\n# Project: ansible\n# Version: \n# The remainder of this file is compressed using zlib.\n"
    lines = [f"{label} std:label -1 {page} {label}\n" for label, page in sorted(labels.items())]
    lines += [f"{name} std:envvar -1 {CONFIGURATION}#envvar-{name} {name}\n" for name in ENVIRONMENT]
    return head.encode() + zlib.compress("".join(lines).encode())
