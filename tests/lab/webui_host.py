# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian host whose systemd runs sshd and an Open WebUI of pip: a container with an address of its own, its data on this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .containers import WAIT_SECONDS, Docker
from .webui_container import WebUIContainer
from .webui_service import write_private

PORT = 8090
# Who may sign in with a key, and use sudo.
USER = "deploy"
UNIT = "/etc/systemd/system/open-webui.service"
# What an env file of the unit has to set. The image's own settings do not reach a service.
SETTINGS = """\
DATA_DIR=/var/lib/open-webui/data
USE_SLIM_DOCKER=true
OFFLINE_MODE=true
HF_HUB_OFFLINE=1
ENABLE_OLLAMA_API=false
ENABLE_OPENAI_API=false
RAG_EMBEDDING_ENGINE=openai
"""
# A cgroup tree and the right to mount are all that systemd needs.
_SYSTEMD = (
    *("--cgroupns", "private", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
)


@dataclass(frozen=True)
class Host:
    """One such host. Its Open WebUI answers at a port of this machine too."""

    docker: Docker
    webui: WebUIContainer

    def create(self, image: str, network: str) -> None:
        """Start it. Until the unit is there it runs no Open WebUI."""
        ports = ("--publish", f"127.0.0.1:{self.webui.port}:{PORT}", "--volume", f"{self.webui.data}:/var/lib/open-webui/data")
        self.docker.run("--name", self.webui.name, "--network", network, *ports, *_SYSTEMD, image)

    def serve(self, secret_key: str, files: Mapping[str, str]) -> None:
        """Have the unit and what it reads, and start it."""
        self.write("/var/lib/open-webui/.webui_secret_key", secret_key)
        for path, text in files.items():
            self.write(path, text)
        self.run("chown", "-R", "open-webui", "/var/lib/open-webui")
        self.wait_booted()
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "start", "open-webui")

    def wait_booted(self) -> None:
        wait_until(lambda: self.run("sh", "-c", "systemctl is-system-running || true") in ("running", "degraded"))

    def run(self, *command: str) -> str:
        return self.docker.exec(self.webui.name, *command).strip()

    def write(self, path: str, text: str) -> None:
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("sh", "-c", 'printf %s "$1" >"$2"', "sh", text, path)

    def shows(self, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", "open-webui.service")

    def unit(self) -> str:
        return self.run("systemctl", "cat", "open-webui.service")

    @property
    def environment(self) -> dict[str, str]:
        """What the running service was started with."""
        words = self.run("cat", f"/proc/{self.shows('MainPID')}/environ").split("\0")
        return dict(word.split("=", 1) for word in words if "=" in word)

    # -- by SSH -----------------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """In its Docker network. After a stop it may be another one."""
        (network,) = self.webui.inspect()["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def let_in(self, key: Path) -> None:
        """Let the user in with this key, whose public half is beside it."""
        folder = f"/home/{USER}/.ssh"
        self.write(f"{folder}/authorized_keys", key.with_suffix(".pub").read_text())
        self.run("chown", "-R", f"{USER}:", folder)
        self.run("chmod", "-R", "go=", folder)

    def known_as(self) -> str:
        """Its line in a file of known hosts."""
        kind, key, *_comment = self.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()
        return f"{self.address} {kind} {key}\n"


def make_key(path: Path) -> Path:
    """A new SSH key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def ssh_variables(hosts: Mapping[str, Host], key: Path, folder: Path) -> dict[str, dict[str, str]]:
    """How Ansible reaches each of these hosts as they are now, with nothing of this machine's own configuration of SSH."""
    known = folder / "known_hosts"
    write_private(known, "".join(host.known_as() for host in hosts.values()))
    options = (f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes")
    words = " ".join(("-F none", *(f"-o {option}" for option in options)))
    common = {"ansible_user": USER, "ansible_ssh_private_key_file": str(key), "ansible_ssh_common_args": words}
    return {name: {"ansible_host": host.address, **common} for name, host in hosts.items()}


def wait_until(true: Callable[[], bool], seconds: float = WAIT_SECONDS, every: float = 0.5) -> None:
    """Look again and again, and fail where it does not become true in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(every)
