# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine for the tests: the one that answers already, or else one of our own, from Debian's packages.

An engine of our own has all its things below .lab/docker and one folder in /run, a bridge of its own, and takes everything
with it when it stops. Its images stay: they are the cache. In an engine of somebody else our images and containers
have names of our own, everything is removed at the end, and the images are kept in a file of ours.

Found on a virtual machine without an init system: dockerd 20.10 runs as it is, with overlay2 on ext4, cgroups of version 1
managed by itself (cgroupfs), Debian's iptables-nft, and published ports by way of its proxy also on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from . import debian, machine, paths
from .console import LabError, say, warn
from .processes import stop_with_parent
from .steps import only_one

HOME = paths.LAB / "docker"
DATA = HOME / "data"
CONFIG = HOME / "config"
COMPOSE = CONFIG / "cli-plugins" / "docker-compose"
LOG = HOME / "dockerd.log"
SAVED_IMAGES = HOME / "images.tar"
_STATE = HOME / "engine.json"

# A socket's path ends at 108 bytes and a bridge's name at 15, and the checkout may be anywhere.
_MARK = hashlib.sha256(str(paths.LAB).encode()).hexdigest()[:8]
_RUN = Path("/run") / f"openwebui-lab-{_MARK}"
_SOCKET = _RUN / "docker.sock"
_BRIDGE = f"owlab{_MARK}"

# In an engine of somebody else only what has this in its name is ours.
PREFIX = "openwebui-lab"
# The engine's own are thirty networks, and each Compose project has one.
ADDRESSES = [{"base": "172.16.0.0/12", "size": 24}]
# The first start after a crash first ends the containers that outlived it.
START_SECONDS = 120
STOP_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    host: str
    own: bool

    @property
    def environment(self) -> dict[str, str]:
        """What docker, docker compose and Ansible's modules need to find this engine and the Compose plugin."""
        # The builder that needs no plugin and no image of its own.
        return {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(CONFIG), "DOCKER_BUILDKIT": "0"}

    def docker(self, *arguments: str, **options: Any) -> str:
        """Run the docker command and return what it printed."""
        environment = dict(os.environ, **self.environment)
        answer = subprocess.run(["docker", *arguments], env=environment, capture_output=True, text=True, check=False, **options)
        if answer.returncode != 0:
            raise LabError(f"docker {' '.join(arguments)} failed: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def image(self, name: str) -> str:
        """The name that this image, known to users as `name`, has in this engine."""
        return name if self.own else f"{PREFIX}/{name}"


OWN = Engine(f"unix://{_SOCKET}", own=True)


def find() -> Engine | None:
    """The engine that answers now: our own before any other."""
    for engine in (OWN, Engine(_default_host(), own=False)):
        if _answers(engine.host):
            return engine
    return None


def packages() -> list[str]:
    """Debian packages that are missing for docker to be used."""
    wanted = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"} if find() is None else {}
    missing = [package for program, package in wanted.items() if shutil.which(program) is None]
    # Where the engine's package does not bring the command, from Debian 13 on, that has one of its own.
    if shutil.which("docker") is None and "docker.io" not in missing:
        missing.append("docker-cli")
    return missing


def install() -> None:
    """Twice, because the engine may start by itself when it is installed, and may lack the command."""
    debian.install(*packages())
    debian.install(*packages())


@contextlib.contextmanager
def session() -> Iterator[Engine]:
    """An engine for a while. Who finds one in use leaves it running; who started it stops it."""
    engine, started = start()
    try:
        yield engine
    finally:
        if started:
            stop()


def start(detached: bool = False) -> tuple[Engine, bool]:
    """Make an engine ready; also says whether it is for the caller to stop it. It ends with the caller, unless detached."""
    with only_one("engine"):
        engine = find()
        if engine is not None and _in_use(engine):
            return engine, False
        state = _read_state()
        if engine is None or engine.own:
            engine = OWN
            _launch(detached)
        elif state.get("own"):
            _stop_own(state)
        _write_state(engine, detached)
        # What an earlier run left behind when it was killed.
        _remove_things(engine)
        if not engine.own and SAVED_IMAGES.exists():
            engine.docker("load", "--quiet", "--input", str(SAVED_IMAGES))
        return engine, True


def stop() -> None:
    """End the engine and all it runs, and leave the machine as it was."""
    with only_one("engine"):
        state = _read_state()
        if not state:
            return
        if not state["own"]:
            _leave(Engine(state["host"], own=False))
        else:
            _stop_own(state)
        _STATE.unlink()


def _stop_own(state: dict[str, Any]) -> None:
    if not _answers(OWN.host):
        # It was killed. Only an engine knows how to end containers that have outlived another.
        with contextlib.suppress(LabError):
            _launch(detached=True)
    if _answers(OWN.host):
        _remove_things(OWN)
        # What newer images have taken the names of.
        OWN.docker("image", "prune", "--force")
    _end_daemon()
    machine.unmount_below(HOME, _RUN)
    machine.restore(state["machine"], _BRIDGE)
    shutil.rmtree(_RUN, ignore_errors=True)


def _leave(engine: Engine) -> None:
    """Take our things out of somebody else's engine; the images go into a file, for the next time."""
    if not _answers(engine.host):
        return
    _remove_things(engine)
    listed = engine.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    ours = sorted(line for line in listed if line.startswith(f"{PREFIX}/"))
    if not ours:
        return
    names = [line.split()[0] for line in ours]
    content = SAVED_IMAGES.with_suffix(".txt")
    if not SAVED_IMAGES.exists() or not content.exists() or content.read_text().splitlines() != ours:
        content.unlink(missing_ok=True)
        engine.docker("save", "--output", str(SAVED_IMAGES), *names)
        content.write_text("\n".join(ours))
    engine.docker("rmi", "--force", *names)


def _launch(detached: bool) -> None:
    if _answers(OWN.host):
        return
    if os.geteuid() != 0:
        raise LabError("No Docker Engine answers, and starting one needs root. Start yours and give this user access to it.")
    state = _read_state()
    for folder in (DATA, _RUN):
        folder.mkdir(parents=True, exist_ok=True)
    # After a crash the machine is not as it was before the engine: what was noted then counts.
    _write_private(_STATE, {"own": True, "host": OWN.host, "owner": None, "machine": state.get("machine") or machine.note()})
    _wait_for_end()
    # The number in it may by now be that of a process which has ended and was not waited for: dockerd would take it for life.
    _pid_file().unlink(missing_ok=True)
    machine.make_bridge(_BRIDGE)
    started = time.monotonic()
    # A configuration of our own, because the machine's may contradict these options.
    (HOME / "daemon.json").write_text(json.dumps({"default-address-pools": ADDRESSES}))
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [
                *("dockerd", "--config-file", HOME / "daemon.json", "--host", OWN.host, "--group", "root"),
                *("--data-root", DATA, "--exec-root", _RUN / "exec", "--pidfile", _pid_file(), "--bridge", _BRIDGE),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=None if detached else stop_with_parent,
        )
    deadline = started + START_SECONDS
    while not _answers(OWN.host):
        if process.poll() is not None or time.monotonic() > deadline:
            end = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
            raise LabError(f"Docker Engine did not start. make clean forgets its images. The end of {LOG}:\n{end}")
        time.sleep(0.1)
    version, driver = OWN.docker("info", "--format", "{{.ServerVersion}} {{.Driver}}").split()
    say(f"Docker Engine {version} on {driver}: ready after {time.monotonic() - started:.1f} s")
    if driver != "overlay2":
        warn(f"overlay2 does not work here; {driver} is slower and needs more space")


def _end_daemon() -> None:
    """End dockerd, which ends its containerd; kill what is left of a killed one."""
    for pid in _pids("dockerd"):
        os.kill(pid, signal.SIGTERM)
    _wait_for_end()
    for pid in _pids("dockerd", "containerd", "containerd-shim-runc-v2"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _wait_for_end() -> None:
    """An engine whose parent was killed ends by itself, after its containers."""
    deadline = time.monotonic() + STOP_SECONDS
    while _pids("dockerd") and time.monotonic() < deadline:
        time.sleep(0.1)


def _pids(*programs: str) -> list[int]:
    """Processes of these names that work in our folder; one that has ended and was not waited for is none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if Path(words[0]).name in programs and any(str(_RUN) in word for word in words):
                found.append(int(entry.name))
    return found


def _remove_things(engine: Engine) -> None:
    """Containers, networks and volumes: all of our own engine's, and only ours of somebody else's."""
    containers = _listed(engine, "{{.ID}} {{.Names}} {{.Image}}", "ps", "--all", "--no-trunc")
    if containers:
        engine.docker("rm", "--force", "--volumes", *containers)
    networks = [name for name in _listed(engine, "{{.Name}} {{.Name}}", "network", "ls") if name not in ("bridge", "host", "none")]
    if networks:
        engine.docker("network", "rm", *networks)
    volumes = _listed(engine, "{{.Name}} {{.Name}}", "volume", "ls")
    if volumes:
        engine.docker("volume", "rm", "--force", *volumes)


def _listed(engine: Engine, form: str, *command: str) -> list[str]:
    rows = [line.split() for line in engine.docker(*command, "--format", form).splitlines()]
    return [first for first, *names in rows if engine.own or any(name.startswith(PREFIX) for name in names)]


def _in_use(engine: Engine) -> bool:
    """Whether a living process, or a person, has started a session with this engine that has not ended."""
    state = _read_state()
    if state.get("host") != engine.host:
        return False
    owner = state["owner"]
    return owner == "detached" or (owner is not None and _birth(owner[0]) == owner[1])


def _write_state(engine: Engine, detached: bool) -> None:
    owner = "detached" if detached else [os.getpid(), _birth(os.getpid())]
    HOME.mkdir(parents=True, exist_ok=True)
    _write_private(_STATE, {**_read_state(), "own": engine.own, "host": engine.host, "owner": owner})


def _read_state() -> dict[str, Any]:
    try:
        return json.loads(_STATE.read_text())
    except (OSError, ValueError):
        return {}


def _write_private(path: Path, state: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(path)


def _birth(pid: int) -> str:
    """When a process began, in the kernel's ticks: with the number it names one process for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _pid_file() -> Path:
    return _RUN / "dockerd.pid"


def _default_host() -> str:
    """Only engines of this machine: the tests let them mount folders and connect to their ports."""
    host = os.environ.get("DOCKER_HOST", "")
    return host if host.startswith("unix://") else "unix:///var/run/docker.sock"


def _answers(host: str) -> bool:
    # A socket without an engine says so at once; one that is busy must not be taken for it.
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    try:
        connection.sock.connect(host.removeprefix("unix://"))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
