"""What `make up` refuses before it begins."""

import os
from typing import Any

import pytest

from local import engine, up
from local.paths import State
from operations.engine.state import State as Recorded
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


def test_only_a_release_that_reached_the_apps_deployments_is_what_runs():
    def deployment(image: str) -> dict[str, Any]:
        template = {"spec": {"containers": [{"image": image}]}}
        return {"type": "kubernetes:apps/v1:Deployment", "outputs": {"spec": {"template": template}}}

    migrated = {**deployment("localhost:30500/pxl/app@sha256:new"), "type": "kubernetes:batch/v1:Job"}
    records = (migrated, deployment("elsewhere/proxy@sha256:x"), deployment("localhost:30500/pxl/app@sha256:old"))
    assert up._running(Recorded((*records,), ()), "localhost:30500/pxl/app") == "sha256:old"
    assert up._running(Recorded((migrated,), ()), "localhost:30500/pxl/app") is None, (
        "its image may be gone with the registry: what waits for it would keep the registry from coming back"
    )
