"""What a registry would send, laid into a fresh environment from where the tests have it: no network is needed.

Only what a lock names is laid there, file by file: what an environment lacks would be lacking after a real install.
"""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from tests.support.locks import pins


def lay(lock: str, packages: Path) -> None:
    """Lay the distributions of a lock into a directory of packages."""
    for name in (name for name, pin in pins(lock).items() if pin.here):
        for file in metadata.files(name) or ():
            if ".." in file.parts:
                continue  # a script
            there = packages / file
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(file.locate())


def environment(home: Path, lock: str) -> Path:
    """Make an environment of its own that has what a lock names, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=60)
    (packages,) = (home / "lib").glob("python*/site-packages")
    lay(lock, packages)
    return home / "bin" / "python"
