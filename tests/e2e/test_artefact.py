"""What `python -m build` makes: its files, and that it runs where nothing is but what it says it needs."""

import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import registry
from tests.support.locks import ROOT, RUN

# Loaded only by a verb that reaches cluster or cloud, or looks at a certificate.
HEAVY = {"google", "kubernetes", "cryptography", "grpc", "requests", "aiohttp", "urllib3", "fakes"}
MODULES = 500  # of Python's own and of all packages; 394 when this was written
HELP = """
import sys
from glbc.cli import main
main(["--help"])
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


class Made(NamedTuple):
    """One build: its two files, and an environment that has the wheel and what the lock names."""

    wheel: Path
    source: Path
    python: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment, somewhere else, with nothing of ours around it."""
        done = subprocess.run(
            [self.python.parent / command[0], *command[1:]],
            cwd=self.wheel.parent,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def files_of(package: str) -> set[str]:
    found = (ROOT / package).rglob("*")
    names = {str(path.relative_to(ROOT)) for path in found if path.is_file()}
    return {name for name in names if "__pycache__" not in name}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    dist = tmp_path_factory.mktemp("dist")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    build = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT],
        cwd=dist,
        env=bare,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    python = registry.environment(tmp_path_factory.mktemp("fresh") / "venv", RUN)
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    subprocess.run([sys.executable, *install], check=True, capture_output=True, timeout=60)
    return Made(wheel, source, python)


def test_the_wheel_is_the_package_and_nothing_else(made: Made) -> None:
    names = zipfile.ZipFile(made.wheel).namelist()
    ours = {name for name in names if ".dist-info/" not in name}
    assert ours == files_of("glbc")
    assert [name for name in ours if not name.endswith(".py")] == ["glbc/ops/live.html"]
    about = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt"}


def test_the_source_archive_has_what_the_wheel_is_built_from(made: Made) -> None:
    with tarfile.open(made.source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    about = {"pyproject.toml", "README.md", "CHANGELOG.md", "PKG-INFO", ".gitignore"}
    assert names == files_of("glbc") | about


def test_it_runs_where_only_the_lock_is_installed(made: Made) -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert made.run("glbc", "--version").stdout == f"glbc {version[1]}\n"
    verbs = sorted(path.stem for path in (ROOT / "glbc" / "commands").glob("[a-z]*.py"))
    assert verbs
    made.run("python", "-c", "\n".join(f"import glbc.commands.{verb}" for verb in verbs))


def test_help_loads_nothing_heavy(made: Made) -> None:
    began = time.monotonic()
    loaded = made.run("python", "-c", HELP).stderr.split()
    print(f"glbc --help: {len(loaded)} modules, {time.monotonic() - began:.2f} s with the start")
    assert "glbc.cli" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert len(loaded) <= MODULES
