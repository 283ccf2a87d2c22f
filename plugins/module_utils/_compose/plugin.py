# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose plugin of the docker command: where it comes from on this system, and how one is put in place that works.

Some systems, such as Amazon Linux, have Docker in their packages and no Compose plugin.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._files import text_of
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse

# The first with --dry-run, which is how it is asked what it would do; docker_compose_v2 of community.docker works from it on, too.
OLDEST = (2, 18)
# One of the folders that the docker command of every packager looks into, and that belongs to no package.
PLACE = "/usr/local/lib/docker/cli-plugins/docker-compose"
RELEASES = "https://github.com/docker/compose/releases"
MODE = 0o755
SECONDS = 60

# The field e_machine of an ELF file: what the kernel calls it, and how Compose's releases name the file.
_MACHINES = {
    21: ("ppc64le", "ppc64le"),
    22: ("s390x", "s390x"),
    40: ("armv7l", "armv7"),
    62: ("x86_64", "x86_64"),
    183: ("aarch64", "aarch64"),
    243: ("riscv64", "riscv64"),
}


def is_new_enough(says: str) -> bool:
    """Whether this is what a Compose plugin says of itself that is new enough."""
    found = re.match(r"v?(\d+)\.(\d+)", says)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def oldest() -> str:
    """As people write it."""
    return ".".join(map(str, OLDEST))


def how_to_install(os_release: str, machine: str) -> str:
    """What to do on this system, where there is no plugin, or an old one.

    :param os_release: the content of C(/etc/os-release).
    """
    by_hand = (
        f"put the file docker-compose-linux-{_file_suffix(machine)} of {RELEASES} at {PLACE}, mode 0755, or set "
        "webui_postgres_compose_plugin to it on the controller"
    )
    found = dict(re.findall(r"^(ID|ID_LIKE|VERSION_ID)=[\"']?(.*?)[\"']?$", os_release, re.MULTILINE))
    system = found.get("ID", "")
    family = {system, *found.get("ID_LIKE", "").split()}
    if system == "amzn":
        return f"Amazon Linux has no package of it: {by_hand}"
    if "ubuntu" in family:
        return f"install the package docker-compose-v2 of Ubuntu, or docker-compose-plugin of docker.com; or {by_hand}"
    if family & {"debian", "fedora", "rhel", "centos"}:
        return f"install the package docker-compose-plugin of docker.com; or {by_hand}"
    return (
        "install the package docker-compose-plugin of docker.com, docker-compose-v2 of Ubuntu, or, where there is no package, as on Amazon "
        f"Linux, {by_hand}"
    )


def how_to_install_here() -> str:
    """The same, on the system that this runs on."""
    return how_to_install(text_of("/etc/os-release") or "", platform.machine())


def _file_suffix(machine: str) -> str:
    return next((suffix for name, suffix in _MACHINES.values() if name == machine), machine or "x86_64")


def wrong_machine(head: bytes, machine: str) -> str:
    """For which other machine a program is, judged by its first bytes; empty if it may be for this one."""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return ""
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    name = _MACHINES.get(number, (f"machine type {number}", ""))[0]
    same = name == machine or (name == "armv7l" and machine.startswith("arm"))
    return "" if same else name


def look(path: str, checksum: str) -> dict[str, Any]:
    """How what lies there compares with the file that is to be there.

    :returns: C(same), it has this content, and C(mode_differs).
    """
    try:
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode):
            raise refuse("compose", f"{path}: is no file; move it away, or set webui_postgres_compose_plugin_path to another path")
        return {"same": _checksum(path) == checksum, "mode_differs": stat.S_IMODE(state.st_mode) != MODE}
    except FileNotFoundError:
        return {"same": False, "mode_differs": False}
    except OSError as error:
        raise refuse("compose", f"{path}: cannot be read ({error.strerror}); run as root") from None


def _checksum(path: str) -> str:
    digest = hashlib.sha1()  # What Ansible compares files by; nobody is kept out with it.
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def demand_machine(source: str, head: bytes) -> None:
    """:raises Refused: when the program is for another machine than this one."""
    here = platform.machine()
    other = wrong_machine(head, here)
    if other:
        raise refuse(
            "compose",
            f"{source}: is a program for {other}, and this host is {here}; {_the_right_one()}",
        )


def put(uploaded: str, source: str, path: str) -> str:
    """Put the file in place, once it has shown that it works there. Returns its version.

    :param source: what the operator calls the file.
    """
    folder, name = os.path.split(path)
    # Docker takes what is named like this for no plugin.
    draft = os.path.join(folder, f".openwebui-postgres-{name}")
    try:
        os.makedirs(folder, mode=MODE, exist_ok=True)
        try:
            shutil.copyfile(uploaded, draft)
            os.chmod(draft, MODE)
            version = ask(draft, source)
            os.replace(draft, path)
        finally:
            if os.path.lexists(draft):
                os.unlink(draft)
    except OSError as error:
        reason = f"cannot be written ({error.strerror}); run as root, or set webui_postgres_compose_plugin_path"
        raise refuse("compose", f"{path}: {reason}") from None
    return version


def set_mode(path: str) -> None:
    """Let everybody run it."""
    try:
        os.chmod(path, MODE)
    except OSError as error:
        raise refuse("compose", f"{path}: cannot be made executable ({error.strerror}); run as root") from None


def ask(program: str, source: str) -> str:
    """What a plugin says of itself, by the protocol that the docker command has with its plugins: its version.

    :raises Refused: when it is none, another one, or too old.
    """
    try:
        answer = subprocess.run(
            [program, "docker-cli-plugin-metadata"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, check=False
        )
        told = json.loads(answer.stdout)
        version, purpose = str(told["Version"]), str(told.get("ShortDescription", ""))
    except OSError as error:
        raise _not_a_plugin(source, f"it cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise _not_a_plugin(source, f"it did not answer within {SECONDS} seconds") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _not_a_plugin(source, "it does not answer as a plugin of the docker command does") from None
    if "compose" not in purpose.lower():
        raise _not_a_plugin(source, f"it is another plugin: {' '.join(purpose.split())[:80] or 'without a description'}")
    if not is_new_enough(version):
        raise refuse("compose", f"{source}: is Docker Compose {version[:40]}; use {oldest()} or newer, of {RELEASES}")
    return version


def _not_a_plugin(source: str, why: str) -> Refused:
    return refuse("compose", f"{source}: is no Compose plugin ({why}); {_the_right_one()}")


def _the_right_one() -> str:
    return f"use the file docker-compose-linux-{_file_suffix(platform.machine())} of {RELEASES}"
