"""Links become keys and keys links; what is no link becomes a key that equals nothing of ours."""

import pytest

from glbc.model.compute import Backend, BackendService
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, Scope, parse_link, refs_in, zone

MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, "web")
GROUP = ResourceKey("p", Kind.INSTANCE_GROUP, zone("us-central1-a"), "ig")
REGIONAL = ResourceKey("p", Kind.ADDRESS, Scope("regions/us-central1"), "ip")
API = "https://www.googleapis.com/compute"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{API}/v1/projects/p/global/urlMaps/web", MAP, id="full URL"),
        pytest.param(f"{API}/beta/projects/p/global/urlMaps/web", MAP, id="beta URL"),
        pytest.param(
            "https://compute.googleapis.com/compute/v1/projects/p/global/urlMaps/web",
            MAP,
            id="the API's newer host",
        ),
        pytest.param(
            "http://127.0.0.1:8080/compute/v1/projects/p/global/urlMaps/web", MAP, id="a fake's URL"
        ),
        pytest.param("projects/p/global/urlMaps/web", MAP, id="from the project on"),
        pytest.param("/projects/p/global/urlMaps/web", MAP, id="with a slash before it"),
        pytest.param("global/urlMaps/web", MAP, id="partial"),
        pytest.param("zones/us-central1-a/instanceGroups/ig", GROUP, id="partial, of a zone"),
        pytest.param(
            f"{API}/v1/projects/p/zones/us-central1-a/instanceGroups/ig", GROUP, id="of a zone"
        ),
        pytest.param("projects/p/regions/us-central1/addresses/ip", REGIONAL, id="of a region"),
        pytest.param(
            "projects/host/global/networks/shared",
            ResourceKey("host", Kind.NETWORK, GLOBAL, "shared"),
            id="of another project",
        ),
        pytest.param(
            "projects/example.com:own/global/networks/n",
            ResourceKey("example.com:own", Kind.NETWORK, GLOBAL, "n"),
            id="of a domain's project",
        ),
        pytest.param(
            "global/backendBuckets/files",
            ResourceKey("p", "backendBuckets", GLOBAL, "files"),
            id="of a collection we do not know",
        ),
    ],
)
def test_links_are_read(text: str, expected: ResourceKey) -> None:
    assert expected == parse_link(text, "p")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "web",
        "https://",
        "https://example.com/x",
        "projects/p",
        "global/urlMaps",
        "a/b/c/d",
    ],
)
def test_nonsense_is_a_key_of_its_own(text: str) -> None:
    assert parse_link(text, "p") == ResourceKey("p", "unknown", GLOBAL, text)


@pytest.mark.parametrize("key", [MAP, GROUP, REGIONAL], ids=str)
def test_every_spelling_of_a_key_is_read_back(key: ResourceKey) -> None:
    assert {key} == {parse_link(text, "p") for text in (key.link, key.path, key.partial)}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(MAP, "urlMaps/web", id="global says no place"),
        pytest.param(GROUP, "instanceGroups/ig (us-central1-a)", id="a zone is said"),
        pytest.param(REGIONAL, "addresses/ip (us-central1)", id="a region is said"),
    ],
)
def test_keys_read_well(key: ResourceKey, expected: str) -> None:
    assert expected == str(key)


def test_references_are_equal_by_target_and_found_however_deep() -> None:
    spec = BackendService(health_checks=(Ref(MAP),), backends=(Backend(group=Ref(GROUP)),))
    assert {MAP, GROUP} == set(refs_in(spec))
    assert Ref(MAP) == Ref(parse_link("global/urlMaps/web", "p"))
    assert Ref(MAP) != Ref(GROUP)
    assert len({Ref(MAP), Ref(parse_link(MAP.link, "other"))}) == 1
    assert [Ref(GROUP), Ref(MAP)] == sorted([Ref(MAP), Ref(GROUP)])
    assert "urlMaps/web" in repr(Ref(MAP))
