"""The handler of swappable backends, tried on the vector indexes."""

import os
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from memories.vectors import vector_index, vector_indexes
from memories.vectors.qdrant import QdrantIndex

QDRANT = "memories.vectors.qdrant.QdrantIndex"
URL = {"url": "http://127.0.0.1:1"}


def configured(**default: Any) -> override_settings:
    return override_settings(MEMOS_VECTORS={"default": default})


def test_the_default_is_made_once_and_with_its_options() -> None:
    with configured(BACKEND=QDRANT, OPTIONS=URL):
        assert isinstance(vector_index(), QdrantIndex)
        assert vector_index() is vector_indexes["default"] is vector_indexes.all()[0]
        assert list(vector_indexes) == ["default"]


def test_a_changed_setting_makes_another() -> None:
    with configured(BACKEND=QDRANT, OPTIONS=URL):
        first = vector_index()
    with configured(BACKEND=QDRANT, OPTIONS=URL):
        assert vector_index() is not first


def test_a_closed_backend_is_still_the_one() -> None:
    with configured(BACKEND=QDRANT, OPTIONS=URL):
        first = vector_index()
        vector_indexes.close_all()
        assert vector_index() is first


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_makes_its_own() -> None:
    with configured(BACKEND=QDRANT, OPTIONS=URL):
        parents = vector_index()
        child = os.fork()
        if child == 0:
            os._exit(int(vector_index() is parents))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ({}, r"MEMOS_VECTORS\['default'\]\['BACKEND'\] must be the dotted path of a class, not None"),
        ({"BACKEND": "nowhere.Index"}, r"\['BACKEND'\] cannot be imported from 'nowhere.Index': No module"),
        ({"BACKEND": "memories.vectors.qdrant.Pinecone"}, r"\['BACKEND'\] cannot be imported from"),
        ({"BACKEND": "QdrantIndex"}, r"\['BACKEND'\] cannot be imported from"),
        ({"BACKEND": "pathlib.Path"}, r"'pathlib.Path' is not a complete VectorIndex"),
        ({"BACKEND": "memories.vectors.VectorIndex"}, "is not a complete VectorIndex"),
        ({"BACKEND": "memories.vectors.vector_index"}, "is not a complete VectorIndex"),
        ({"BACKEND": QDRANT}, r"\['OPTIONS'\] does not fit QdrantIndex: missing a required .*'url'"),
        ({"BACKEND": QDRANT, "OPTIONS": URL | {"colour": "red"}}, "unexpected keyword argument 'colour'"),
        ({"BACKEND": QDRANT, "OPTIONS": [URL]}, r"\['OPTIONS'\] must be a dict"),
        ({"BACKEND": QDRANT, "OPTIONS": {"url": "qdrant"}}, r"\['OPTIONS'\]: url must begin with http"),
        ({"BACKEND": QDRANT, "OPTIONS": URL, "LOCATION": "x"}, "must be a dict of BACKEND and OPTIONS"),
    ],
)
def test_what_is_wrong_is_said_with_the_settings_name(default: dict[str, Any], said: str) -> None:
    with configured(**default), pytest.raises(ImproperlyConfigured, match=said) as raised:
        vector_indexes.all()
    assert "MEMOS_VECTORS" in str(raised.value)


@pytest.mark.parametrize("setting", [None, "pgvector", ["default"]])
def test_a_setting_that_is_no_dict_is_named(setting: Any) -> None:
    said = "MEMOS_VECTORS must be a dict"
    with override_settings(MEMOS_VECTORS=setting), pytest.raises(ImproperlyConfigured, match=said):
        vector_index()


def test_an_unknown_alias_is_named() -> None:
    with configured(BACKEND=QDRANT, OPTIONS=URL), pytest.raises(ImproperlyConfigured, match="no 'spare'"):
        vector_indexes["spare"]
