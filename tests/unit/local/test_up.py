"""What `make up` refuses before it begins."""

import os

import pytest

from local import engine, up
from local.paths import State
from operations.errors import Problem


def test_a_user_who_is_not_root_is_told_so_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    monkeypatch.setattr(engine, "ensure", lambda: pytest.fail("minutes of building must not come first"))
    with pytest.raises(Problem) as refused:
        up.up(State(tmp_path), app=tmp_path, port=None, context=None)
    assert "root" in refused.value.what, "the message must say what is missing"
    assert "KUBE_CONTEXT" in str(refused.value), "and the way without it"


def test_a_folder_without_an_app_is_refused_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(up.host, "require", lambda: None)
    monkeypatch.setattr(engine, "ensure", lambda: pytest.fail("minutes of building must not come first"))
    with pytest.raises(Problem) as refused:
        up.up(State(tmp_path), app=tmp_path / "typo", port=None, context=None)
    assert str(tmp_path / "typo") in str(refused.value), "the message must name the folder"


def test_each_cluster_of_ones_own_has_a_state_of_its_own(tmp_path):
    state = State(tmp_path)
    one, other = state.for_context("team/a"), state.for_context("team-a")
    assert one.folder != other.folder, "two contexts must never share a stack's state, however they are spelled"
    assert one.folder.parent == state.contexts, "and `make down` finds them all in one place"
