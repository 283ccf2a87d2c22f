# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the playbooks: tasks, modules, processor time, and the downtime beside a plain restart. See README.md in this folder.

One Open WebUI in a container, a database of a few MB, one host on a local connection.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from lab import engine, figures, images, install, paths, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables
from lab.webui_fill import fill

LOOKS_PER_SECOND = 10


@dataclass
class Measured:
    """What a play did: its tasks and modules, each with the time of its start."""

    tasks: list[float]
    modules: list[float]
    cpu: float
    wall: float

    def within(self, span: tuple[float, float]) -> tuple[int, int]:
        """How many tasks and modules began in a span of time."""
        return tuple(sum(span[0] <= at <= span[1] for at in times) for times in (self.tasks, self.modules))


@dataclass
class Watch:
    """A user who asks for /health again and again, and notes when there was no answer."""

    url: str
    seen: list[tuple[float, bool]] = field(default_factory=list)

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._look, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _look(self, done: threading.Event) -> None:
        while not done.wait(1 / LOOKS_PER_SECOND):
            self.seen.append((time.time(), _answers(self.url)))

    @property
    def outage(self) -> tuple[float, float]:
        """From the first look without an answer to the first one with an answer again."""
        away = [at for at, answered in self.seen if not answered]
        if not away:
            return (0.0, 0.0)
        back = [at for at, answered in self.seen if answered and at > away[-1]]
        return (away[0], back[0] if back else self.seen[-1][0])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def play(playbook: str, inventory: Path, environment: dict[str, str]) -> Measured:
    """Run a playbook to its end and measure it. What it says is shown only where it fails."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as tally:
        plugins = {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "tally",
            "TALLY_FILE": tally.name,
        }
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run = webui_play.play(playbook, inventory, env=webui_play.environment(**environment, **plugins))
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
        if run.code != 0:
            raise SystemExit(run.output)
        lines = [json.loads(line) for line in Path(tally.name).read_text(encoding="utf-8").splitlines()]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(*([line["at"] for line in lines if line["what"] == what] for what in ("task", "module")), cpu=cpu, wall=wall)


def restart(docker: Docker, webui: WebUIContainer) -> float:
    """How long a plain `docker restart` keeps users out, in seconds."""
    watch = Watch(webui.url)
    with watch.looking():
        docker.cli("restart", webui.name)
        webui.wait_ready()
    begun, ended = watch.outage
    return ended - begun


def measure(docker: Docker, scratch: Scratch) -> list[tuple[str, str, str]]:
    """Rows of figure, measured, wanted."""
    name = scratch.name("webui")
    webui = WebUIContainer(docker, name, scratch.port(), scratch.folder("webui") / "data")
    docker.run(
        *("--publish", f"{webui.port}:8080", "--volume", f"{webui.data}:{DATA_INSIDE}", "--restart=always"),
        *("--name", name, images.name(docker.engine, "open-webui")),
    )
    fill(webui.wait_ready(), chats_each=5)
    variables = host_variables(docker, scratch.folder("host"), images.name(docker.engine, "postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    variables |= {"webui_container_name": name, **{f"webui_postgres_{key}": value for key, value in names.items()}}
    inventory = webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})
    environment = docker.environment
    plain = restart(docker, webui)
    watch = Watch(webui.url)
    with watch.looking():
        first = play(webui_play.MIGRATE, inventory, environment)
    downtime = watch.outage[1] - watch.outage[0]
    tasks, modules = first.within(watch.outage)
    second = play(webui_play.MIGRATE, inventory, environment)
    audit = play(webui_play.AUDIT, inventory, environment)
    expressions = [lines for file in figures.vars_files() for lines in figures.jinja(file)]
    playbook = (paths.ROOT / webui_play.MIGRATE).read_text(encoding="utf-8").splitlines()
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [
        ("second run: tasks / modules", f"{len(second.tasks)} / {len(second.modules)}", "45 / 12"),
        ("second run: CPU s / seconds", f"{second.cpu:.1f} / {second.wall:.1f}", "9 / -"),
        ("first move: tasks / modules", f"{len(first.tasks)} / {len(first.modules)}", "110 / 32"),
        ("first move: CPU s / seconds", f"{first.cpu:.1f} / {first.wall:.1f}", "-"),
        ("in the downtime: tasks / modules", f"{tasks} / {modules}", "20 / 8"),
        ("downtime / docker restart, s", f"{downtime:.1f} / {plain:.1f}", "restart + 6"),
        ("audit of a moved host: tasks / CPU s", f"{len(audit.tasks)} / {audit.cpu:.1f}", "10 / 2.5"),
        ("tasks in the files of roles and playbooks", str(sum(map(figures.tasks, figures.task_files()))), "-"),
        ("Jinja in vars: lines / longest", f"{sum(expressions)} / {max(expressions)}", "120 / 3"),
        ("playbooks/migrate.yml, lines", str(len(playbook)), "130"),
        ("README.md, lines", str(len(readme)), "220"),
    ]


def main() -> int:
    install.for_docker()
    with engine.session() as found, tempfile.TemporaryDirectory(prefix="webui-bench-") as folder:
        images.build(found)
        docker = Docker(found)
        os.environ.update(docker.environment)
        scratch = Scratch(docker, Path(folder) / "scratch")
        (Path(folder) / "scratch").mkdir()
        try:
            rows = measure(docker, scratch)
        finally:
            scratch.clean()
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    print(f"\n| {revision.stdout.strip()} | measured | wanted, at most |\n|---|---:|---:|")
    for row in rows:
        print("| {} | {} | {} |".format(*row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
