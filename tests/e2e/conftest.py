"""The end-to-end tests need Linux and the real kubectl; nothing else."""

import pytest

from fakes.stack import has


@pytest.fixture(autouse=True, scope="session")
def _needs_kubectl() -> None:
    if not has("kubectl"):
        pytest.skip("needs kubectl: install the dependency group `fakes`")
