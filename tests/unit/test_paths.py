"""pathType to URL map paths: upstream's table, and what a URL map refuses."""

import pytest

from glbc.translate.paths import BadPathError, paths_of


@pytest.mark.parametrize(
    ("path", "path_type", "expected"),
    [
        pytest.param(None, None, ("/*",), id="nothing said is every path"),
        pytest.param("", None, ("/*",), id="an empty path is every path"),
        pytest.param("", "ImplementationSpecific", ("/*",), id="an empty path, typed"),
        pytest.param("/foo", None, ("/foo",), id="no type is taken as written"),
        pytest.param("/", "ImplementationSpecific", ("/",), id="a slash stays the exact root"),
        pytest.param("/foo", "ImplementationSpecific", ("/foo",), id="specific is exact"),
        pytest.param("/foo/", "ImplementationSpecific", ("/foo/",), id="specific keeps its slash"),
        pytest.param("/foo/*", "ImplementationSpecific", ("/foo/*",), id="specific wildcard"),
        pytest.param("/*", "ImplementationSpecific", ("/*",), id="specific, everything"),
        pytest.param("/", "Exact", ("/",), id="exact root"),
        pytest.param("/foo", "Exact", ("/foo",), id="exact"),
        pytest.param("/foo/", "Exact", ("/foo/",), id="exact keeps its slash"),
        pytest.param("/", "Prefix", ("/*",), id="prefix of everything is one rule"),
        pytest.param("/foo", "Prefix", ("/foo", "/foo/*"), id="prefix is two rules"),
        pytest.param("/foo/", "Prefix", ("/foo", "/foo/*"), id="prefix drops one slash"),
        pytest.param("/a/b", "Prefix", ("/a/b", "/a/b/*"), id="deep prefix"),
        pytest.param("/ünï", "Exact", ("/ünï",), id="other letters are not ours to judge"),
    ],
)
def test_paths(path: str | None, path_type: str | None, expected: tuple[str, ...]) -> None:
    assert expected == paths_of(path, path_type)


@pytest.mark.parametrize(
    ("path", "path_type", "complaint", "hint"),
    [
        pytest.param("", "Exact", "cannot be empty", "begins with /", id="empty exact"),
        pytest.param(None, "Prefix", "cannot be empty", "begins with /", id="no prefix"),
        pytest.param("/a*", "Exact", "wildcard means nothing", "take the * out", id="exact star"),
        pytest.param("/a/*", "Prefix", "wildcard means nothing", "take the *", id="prefix star"),
        pytest.param("foo", "Exact", "does not begin", "write /foo", id="exact without slash"),
        pytest.param("foo", None, "does not begin", "write /foo", id="specific without slash"),
        pytest.param("/a*", None, "not the last", "/foo/*", id="star after a letter"),
        pytest.param("/*/a", None, "not the last", "/foo/*", id="star in the middle"),
        pytest.param("/*/*", None, "not the last", "/foo/*", id="two stars"),
        pytest.param("*", None, "does not begin", "write /*", id="star alone"),
        pytest.param("/a?b", "Exact", "? or #", "take it out", id="question mark"),
        pytest.param("/a#b", "Prefix", "? or #", "take it out", id="fragment"),
        pytest.param("/a", "Regex", "'Regex' does not exist", "use Exact", id="unknown type"),
    ],
)
def test_bad_paths(path: str | None, path_type: str | None, complaint: str, hint: str) -> None:
    with pytest.raises(BadPathError) as raised:
        paths_of(path, path_type)
    assert complaint in str(raised.value)
    assert hint in raised.value.hint
