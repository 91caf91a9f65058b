"""The steps of deploy/Dockerfile, run in a clean virtual environment: no container engine is needed.

Packages that the registry would send are laid there from where the tests have them, those of the lock and no others.
All else is run as it stands in the file.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.support import registry

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTRUCTIONS = [
    line.split(" ", 1)
    for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    if line and not line.startswith("#")
]
STAGES = [i for i, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM"]
FROM_REGISTRY = re.compile(r"install .*--require-hashes -r (\S+)$")


def instructions(wanted: str, stage: int) -> list[str]:
    """The arguments of one kind of instruction in one stage."""
    end = STAGES[stage + 1] if stage + 1 < len(STAGES) else len(INSTRUCTIONS)
    return [rest for word, rest in INSTRUCTIONS[STAGES[stage] : end] if word == wanted]


class Image(NamedTuple):
    """What would be in the image."""

    python: Path
    glbc: Path

    def run(self, *command: str | Path) -> str:
        """Run a command in an empty environment, somewhere else."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=self.python.parents[1],
            env={"PATH": str(self.glbc.parent), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the steps of the first stage."""
    source, made = (tmp_path_factory.mktemp(name) for name in ("src", "opt"))
    for line in instructions("COPY", 0):
        *names, target = line.split()
        for name in names:
            into = source / (target if target != "./" else name)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, into)
    for step in instructions("RUN", 0):
        if lock := FROM_REGISTRY.search(step):
            for packages in (made / "glbc" / "lib").glob("python*/site-packages"):
                registry.lay(lock[1], packages)
            continue  # before that, the build backend: this interpreter has it
        command = step.replace("/opt/glbc", str(made / "glbc")).split()
        assert command[0] == "python"
        command[0] = sys.executable
        done = subprocess.run(
            command, cwd=source, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, step + done.stdout + done.stderr
    home = made / "glbc"
    return Image(home / "bin" / "python", home / "bin" / "glbc")


def test_the_command_is_there_and_says_its_version(image: Image) -> None:
    assert image.run(image.glbc, "--version") == f"glbc {PROJECT['version']}\n"
    assert "run" in image.run(image.glbc, "--help")


def test_all_that_the_package_has_is_in_it_and_nothing_else_of_ours(image: Image) -> None:
    (packages,) = (image.python.parents[1] / "lib").glob("python*/site-packages")
    there = image.run(image.python, "-c", "import glbc; print(glbc.__file__)").strip()
    assert Path(there) == packages / "glbc" / "__init__.py"

    def files(root: Path) -> set[Path]:
        found = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
        return {path for path in found if "__pycache__" not in path.parts}

    assert files(packages / "glbc") == files(ROOT / "glbc")
    assert not (packages / "fakes").exists()
    assert not (packages / "pip").exists()


def test_every_verb_is_loaded_without_the_fakes(image: Image) -> None:
    names = sorted(path.stem for path in (ROOT / "glbc" / "commands").glob("*.py"))
    modules = ", ".join(f"glbc.commands.{name}" for name in names if name != "__init__")
    image.run(image.python, "-c", f"import sys; sys.modules['fakes'] = None; import {modules}")
    told = image.run(
        *(image.glbc, "names", "shop/web", "--cluster-uid", "u", "--kube-system-uid", "v")
    )
    assert "k8s2-um-" in told


def test_every_package_of_the_image_is_pinned_by_its_hashes() -> None:
    steps = [step for stage in (0, 1) for step in instructions("RUN", stage)]
    installs = [step for step in steps if "pip" in step and " install " in step]
    assert len(installs) == 3
    assert [step for step in installs if not FROM_REGISTRY.search(step)] == [installs[-1]]
    assert installs[-1].endswith(".whl")
    assert "--no-deps --no-index" in installs[-1]


def test_the_image_is_small_and_nobody_is_root_in_it() -> None:
    (user,) = instructions("USER", 1)
    deployments = yaml.safe_load_all((ROOT / "deploy" / "glbc.yaml").read_text())
    (spec,) = [
        one["spec"]["template"]["spec"] for one in deployments if one["kind"] == "Deployment"
    ]
    security = spec["securityContext"]
    assert user == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert instructions("ENTRYPOINT", 1) == ['["glbc"]']
    assert instructions("COPY", 1) == ["--from=build /opt/glbc /opt/glbc"]
    assert instructions("RUN", 1) == []
    assert spec["containers"][0]["image"] == f"glbc:{PROJECT['version']}"
    (python,) = [rest for word, rest in INSTRUCTIONS if word == "ARG"]
    assert re.fullmatch(r"PYTHON=\d+\.\d+\.\d+-slim-\w+", python)
