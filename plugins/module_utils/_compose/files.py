# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a Compose project: which of them Compose reads, where ours go, and what they hold.

Two files are ours. The override file is what Compose reads: it names the network of PostgreSQL and refers to the other one, which
holds the settings and is for its owner's eyes only. The settings are no env file, because whatever a Compose file has under
"environment" would override that.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._files import Owner, replace
from ansible_collections.openwebui.postgres.plugins.module_utils._files import remove as take_away
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

SETTINGS = "openwebui-postgres.secret.yaml"
PRIVATE = 0o600
# What a file is called while it is being written.
DRAFT = ".openwebui-postgres-"
# Without any effect. An operator begins a file with it so that it can be listed, and this is how it is left again.
BLANK = "services: {}\n"

MAIN_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
# Compose reads the first of these that is there, whatever the name of the main file.
OVERRIDE_NAMES = ("compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml")

_ENDS_LINES = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
_IS_BLANK = re.compile(r"(?:\s*#.*\n)*\s*(?:services:\s*)?(?:\{\s*\})?\s*")
_FOR_COMPOSE = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?(COMPOSE_FILE|COMPOSE_PATH_SEPARATOR)[ \t]*=[ \t]*(.*?)[ \t\r]*$")
_SETTING = re.compile(r'(?m)^ {6}(".*?(?<!\\)"): (".*")$')


class Noted(NamedTuple):
    """What Compose noted on the container, in whole paths."""

    project: str
    service: str
    folder: str
    files: list[str]
    env_files: list[str]


def noted(compose: dict[str, Any]) -> Noted:
    """What `_container.compose_of` has read from the labels of a container."""
    folder = compose["working_dir"]
    return Noted(
        compose["project"],
        compose["service"],
        folder,
        [os.path.join(folder, path) for path in compose["config_files"]],
        [os.path.join(folder, path) for path in compose["env_files"]],
    )


class Files:
    """The files of a project as they are now. Nothing is written by looking.

    :ivar override: the path of our override file, and :ivar settings: of the one that it refers to.
    :ivar users: the files of the user.
    :ivar listed: what COMPOSE_FILE names, where an env file of the project sets it.
    :ivar is_ours: whether our override file is there, and ours.
    """

    def __init__(self, project: Noted, asked_override: str) -> None:
        self.project = project
        self.asked = os.path.normpath(asked_override) if asked_override else ""
        main = project.files[0] if project.files else MAIN_NAMES[0]
        self.override = self.asked or os.path.join(project.folder, re.sub(r"\.(ya?ml)$", r".override.\1", os.path.basename(main)))
        self.settings = os.path.join(os.path.dirname(self.override), SETTINGS)
        self.marker = f"# Written by openwebui.postgres for the service {project.service}."
        self.users = [path for path in project.files if path != self.override]
        self.dotenvs = project.env_files or [os.path.join(project.folder, ".env")]
        self.listed = _listed(project.folder, [_text(path) for path in self.dotenvs])
        self.override_text = _text(self.override)
        self.settings_text = _text(self.settings)
        self.is_ours = self.override_text.startswith(self.marker)
        self.is_blank = _IS_BLANK.fullmatch(self.override_text) is not None

    @property
    def is_switched(self) -> bool:
        """Whether our settings put Open WebUI on PostgreSQL, from the next start on at the latest."""
        return self.is_ours and "DATABASE_URL" in settings_in(self.settings_text)

    @property
    def now(self) -> list[str]:
        """The files that the service is made from at present."""
        return self.users + ([self.override] if self.is_ours else [])

    @property
    def read_by_default(self) -> bool:
        """Whether Compose, called by hand without any option, reads an override file by itself."""
        names = [os.path.basename(path) for path in self.project.files]
        return (
            not self.listed
            and {os.path.dirname(path) for path in self.project.files} == {self.project.folder}
            and names[0] in MAIN_NAMES
            and set(names[1:]) <= set(OVERRIDE_NAMES)
        )

    @property
    def by_hand(self) -> list[str]:
        """The files that Compose has to be told of, as the user tells it: none where it finds them by itself."""
        if self.read_by_default or self.listed:
            return []
        there = [path for path in self.project.files if path in self.users or os.path.exists(path)]
        return there + ([self.override] if os.path.exists(self.override) and self.override not in there else [])

    @property
    def foreign_overrides(self) -> list[str]:
        """Override files that Compose reads by itself and that are not ours."""
        paths = [os.path.join(self.project.folder, name) for name in OVERRIDE_NAMES]
        return [path for path in paths if os.path.lexists(path) and not (self.is_ours and path == self.override)]

    def gone(self) -> str:
        """The folder or the file of the user that is not on this host; empty when all are."""
        if not self.project.folder or not os.path.isdir(self.project.folder):
            return self.project.folder or "(none)"
        return next((path for path in self.users if not os.path.isfile(path)), "" if self.users else self.project.folder)

    def no_place(self) -> list[str]:
        """Why an override file could not go where it would be read, one line each."""
        return self._asked_place() if self.asked else self._own_place()

    def _own_place(self) -> list[str]:
        if not self.read_by_default:
            names = ", ".join(os.path.basename(path) for path in self.listed or self.users)
            return [
                f"The Compose project {self.project.project} was started with a list of files of its own ({names}), so an override file "
                f"beside them would not be read. {self._way_out}"
            ]
        if self.foreign_overrides:
            return [f"There is {' and '.join(self.foreign_overrides)} already, which is not touched. {self._way_out}"]
        return []

    def _asked_place(self) -> list[str]:
        reasons = []
        if not (self.is_ours or self.is_blank):
            reasons.append(f"webui_instance_compose_override is {self.asked}, which holds something else. {self._way_out}")
        if (self.read_by_default or self.listed) and self.asked not in self.listed and not self._read_by_itself(self.asked):
            reasons.append(
                f"Docker Compose does not read {self.asked} by itself. Add it to COMPOSE_FILE in {self.dotenvs[0]}, as the last one of "
                "all the files that belong to the project."
            )
        return reasons

    def _read_by_itself(self, path: str) -> bool:
        others = [other for other in self.foreign_overrides if other != path]
        return self.read_by_default and not others and path in [os.path.join(self.project.folder, name) for name in OVERRIDE_NAMES]

    @property
    def _way_out(self) -> str:
        return (
            f'Make one more file, with the line "services: {{}}" in it, add it as the last one to the list in COMPOSE_FILE (in '
            f"{self.dotenvs[0]}) or to your own -f options, and set webui_instance_compose_override to its path."
        )


# -- what is in them ------------------------------------------------------------------------------------------------------------


def _listed(folder: str, texts: list[str]) -> list[str]:
    found = ""
    separator = ":"
    for text in texts:
        for name, value in _FOR_COMPOSE.findall(text):
            plain = _unquoted(value)
            if name == "COMPOSE_FILE":
                found = plain
            else:
                separator = plain or separator
    return [os.path.normpath(os.path.join(folder, part)) for part in found.split(separator) if part]


def _unquoted(value: str) -> str:
    match = re.match(r"([\"'])(.*?)\1", value)
    return match[2] if match else re.sub(r"(?:^|[ \t]+)#.*$", "", value)


def settings_in(text: str) -> dict[str, str]:
    """The settings in a file of ours."""
    try:
        return {json.loads(name): json.loads(value).replace("$$", "$") for name, value in _SETTING.findall(text)}
    except ValueError:
        return {}


def settings_file(service: str, settings: dict[str, str]) -> str:
    """The text of the file for its owner's eyes only."""
    lines = [f"      {_quoted(name, False)}: {_quoted(settings[name])}" for name in sorted(settings, key=str.lower)]
    head = "# Written by openwebui.postgres. Holds secrets: keep it out of version control."
    return "\n".join([head, "services:", f"  {_quoted(service, False)}:", "    environment:", *lines, ""])


def override_file(files: Files, refers_to: str, networks: list[str], external: list[str], image: str, switched: bool) -> str:
    """The text of the file that Compose reads.

    :param networks: the service's networks that are named in it, of which :param external: are not the project's own.
    """
    service = _quoted(files.project.service, False)
    holds = "the database settings" if switched else "the secret key that the first container made up"
    lines = [
        files.marker,
        f"# Your own Compose files are as they were. The file that this one extends holds {holds}; only its owner can",
        "# read it. Both are written anew by the next run.",
        "services:",
        f"  {service}:",
        "    extends:",
        f"      file: {_quoted(refers_to)}",
        f"      service: {service}",
    ]
    if image:
        lines.append(f"    image: {_quoted(image)}")
    if networks:
        lines.append("    networks:")
        # Last in priority, so that the service's first network stays its first.
        lines += [f"      {_quoted(name, False)}: {'{priority: -1}' if name in external else '{}'}" for name in networks]
    if external:
        lines.append("networks:")
        for name in external:
            lines += [f"  {_quoted(name, False)}:", f"    name: {_quoted(name)}", "    external: true"]
    return "\n".join([*lines, ""])


def _quoted(text: str, interpolated: bool = True) -> str:
    """A text as YAML has it. JSON writes some characters as two halves, which YAML does not know, and leaves others that end its lines."""
    quoted = json.dumps(text.replace("$", "$$") if interpolated else text, ensure_ascii=False)
    return _ENDS_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


# -- reading and writing --------------------------------------------------------------------------------------------------------


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise refuse("compose", f"{path}: cannot be read ({error.strerror}); run with become, or as the owner of the project") from None


def write(path: str, text: str, mode: int, owner: os.stat_result) -> None:
    """A file that is whole at any moment, with this mode and the owner and group of another file."""
    place = os.path.realpath(path)
    try:
        replace(place, text.encode("utf-8"), Owner(mode, owner.st_uid, owner.st_gid))
    except OSError as error:
        raise refuse("compose", f"{path}: cannot be written ({error.strerror}); run with become, or as the owner of the project") from None


def is_as(path: str, text: str, mode: int, owner: os.stat_result) -> bool:
    """Whether the file is what `write` would make of it."""
    try:
        state = os.stat(path)
    except OSError:
        return False
    return _text(path) == text and (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (mode, owner.st_uid, owner.st_gid)


def remove(path: str) -> None:
    """Remove a file of ours."""
    try:
        take_away(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise refuse("compose", f"{path}: cannot be removed ({error.strerror}); run with become, or as the owner of the project") from None
