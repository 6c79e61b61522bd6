"""What is read from the state that the engine exports."""

import json

import pytest

from operations.engine.state import Pending, parse

URN = "urn:pulumi:dev::pxl::pxl:index:Api$kubernetes:apps/v1:Deployment::api"


def test_pending_operations_are_told_by_what_they_are_about() -> None:
    operations = [{"type": "updating", "resource": {"urn": URN, "type": "x"}}]
    state = parse(json.dumps({"version": 3, "deployment": {"pending_operations": operations}}))
    assert state.pending == (Pending(URN, "updating"),)
    assert state.pending[0].words() == "updating Deployment api"


def test_a_stack_that_was_never_deployed_has_no_records() -> None:
    state = parse('{"version": 3, "deployment": {"manifest": {}}}')
    assert (state.resources, state.pending, state.identity, state.root) == ((), (), None, None)


def test_only_the_id_that_was_drawn_for_the_state_counts() -> None:
    def drawn(name: str) -> dict[str, object]:
        kind = "random:index/randomUuid:RandomUuid"
        return {"type": kind, "urn": f"urn:pulumi:dev::pxl::{kind}::{name}", "outputs": {"result": name}}

    assert parse(json.dumps({"deployment": {"resources": [drawn("other"), drawn("state")]}})).identity == "state"


@pytest.mark.parametrize("text", ["", "error", "[]", "{}"])
def test_what_is_no_state_is_an_error_and_never_an_empty_state(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
