# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker Engine changes on the machine and does not undo when it ends: noted before, restored after."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Iterator

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FIREWALLS = ("iptables", "ip6tables")
# Folders that dockerd and its containerd make outside the places they are given.
FOLDERS = ("/etc/docker", "/run/docker", "/run/containerd", "/opt/containerd")


def note() -> dict[str, Any]:
    """How the machine is now, as plain data."""
    return {
        "forwarding": FORWARDING.read_text(),
        "rules": {program: list(map(list, _rules(program))) for program in FIREWALLS},
        "absent": [folder for folder in FOLDERS if not Path(folder).exists()],
        "cgroups": _cgroups(),
    }


def restore(before: dict[str, Any], bridge: str) -> None:
    """Take back what the engine did. Rules that others have made meanwhile stay."""
    if _has_link(bridge):
        _run("ip", "link", "delete", bridge)
    for program in FIREWALLS:
        _restore_rules(program, {tuple(rule) for rule in before["rules"][program]}, bridge)
    if FORWARDING.read_text() != before["forwarding"]:
        FORWARDING.write_text(before["forwarding"])
    for folder in before["absent"]:
        shutil.rmtree(folder, ignore_errors=True)
    for cgroup in set(_cgroups()) - set(before["cgroups"]):
        # Not empty: another engine has come to use it meanwhile.
        with contextlib.suppress(OSError):
            Path(cgroup).rmdir()


def make_bridge(name: str) -> None:
    """A bridge without an address: the engine gives it one that collides with none of the machine's networks."""
    if not _has_link(name):
        _run("ip", "link", "add", "name", name, "type", "bridge")


def unmount_below(*folders: Path) -> None:
    """What a killed engine left mounted, innermost first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed(mounts):
        if any(Path(mount).is_relative_to(folder) for folder in folders):
            _run("umount", "--lazy", mount)


def _restore_rules(program: str, before: set[tuple[str, str]], bridge: str) -> None:
    now = [found for found in _rules(program) if found not in before]
    # Chains that were there before belong to another engine: then nothing but the rules of our bridge is ours.
    chains = [(table, rule[1:]) for table, rule in now if rule.startswith(":DOCKER")]
    for table, rule in now:
        words = shlex.split(rule)
        if words[0] == "-A" and (bridge in words or any((table, word) in chains for word in words)):
            _run(program, "--wait", "--table", table, "-D", *words[1:])
    # Chains refer to each other: none can be deleted before all are empty.
    for action in ("-F", "-X"):
        for table, chain in chains:
            _run(program, "--wait", "--table", table, action, chain)
    # The engine drops what it does not forward itself.
    if chains and ("filter", ":FORWARD DROP") in now:
        _run(program, "--wait", "--table", "filter", "-P", "FORWARD", "ACCEPT")


def _rules(program: str) -> Iterator[tuple[str, str]]:
    """Pairs of table and rule, or table and chain with its policy; without the counters."""
    if shutil.which(f"{program}-save") is None:
        return
    table = ""
    for line in _run(f"{program}-save").splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            yield table, line.rpartition(" ")[0].removesuffix(" -")
        elif line.startswith("-A "):
            yield table, line


def _cgroups() -> list[str]:
    """The parent of all containers in each hierarchy, of version 1 or 2."""
    return [str(path) for pattern in ("docker", "*/docker") for path in Path("/sys/fs/cgroup").glob(pattern)]


def _has_link(name: str) -> bool:
    return any(found == name for _index, found in socket.if_nameindex())


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
