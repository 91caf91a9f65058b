"""Of the client library only what is called is imported, and nobody else notices."""

import subprocess
import sys

LOADED = "from glbc.gcp.client import GoogleCloud\nGoogleCloud('p', anonymous=True)\nimport sys\n"
UNUSED = "google.cloud.compute_v1.services.accelerator_types"


def run(program: str) -> str:
    """Return what a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_services_that_are_not_called_are_not_imported() -> None:
    assert run(f"{LOADED}print({UNUSED!r} in sys.modules)") == "False"


def test_who_imports_the_package_later_gets_all_of_it_and_the_same_classes() -> None:
    program = f"""{LOADED}
from glbc.gcp.library import Library
from google.cloud import compute_v1
ours = Library(["UrlMapsClient"])
print(ours.clients["UrlMapsClient"] is compute_v1.UrlMapsClient)
print(ours.messages.UrlMap is compute_v1.UrlMap)
print(compute_v1.AcceleratorTypesClient.__name__)
"""
    assert run(program).split() == ["True", "True", "AcceleratorTypesClient"]


def test_a_package_that_is_there_already_is_used() -> None:
    program = f"""
from google.cloud import compute_v1
{LOADED}
print(sys.modules["google.cloud.compute_v1"] is compute_v1)
"""
    assert run(program) == "True"
