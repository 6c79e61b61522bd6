"""Every object of the program says which state made it, and no pod rolls because of that."""

import json

import pytest

from infra.environments import ENVIRONMENTS
from infra.marks import STACK_LABEL, STATE_ANNOTATION, STATE_RESOURCE
from operations.rendering.manifests import Resource, manifest_object
from tests.process.program.recordings import Recorded


@pytest.fixture(params=ENVIRONMENTS)
def resources(request: pytest.FixtureRequest, recorded: Recorded) -> list[Resource]:
    return recorded(request.param)


def objects(resources: list[Resource]) -> list[Resource]:
    found = [one for one in resources if one.is_manifest]
    assert len(found) > 10, "a stack consists of more than that, or this proves nothing"
    return found


def test_every_object_carries_the_id_that_its_state_drew(resources: list[Resource]) -> None:
    drawn = next(one for one in resources if one.type.endswith("RandomUuid") and one.name == STATE_RESOURCE)
    for one in objects(resources):
        metadata = one.inputs["metadata"]
        assert metadata["annotations"][STATE_ANNOTATION], f"{one.name}: a killed run's orphan could not be told"
        assert metadata["labels"][STACK_LABEL], f"{one.name} would not even be looked at"
        assert drawn.urn in one.dependencies, f"{one.name} must not exist before the id is recorded"


def test_pods_do_not_carry_it(resources: list[Resource]) -> None:
    for one in objects(resources):
        template = json.dumps(one.inputs.get("spec", {}))
        assert STATE_ANNOTATION not in template, (
            f"{one.name}: another id would end the pods, and an ephemeral store's data"
        )


def test_manifests_for_others_to_apply_do_not_carry_it(resources: list[Resource]) -> None:
    for one in objects(resources):
        annotations = manifest_object(one)["metadata"].get("annotations", {})
        assert STATE_ANNOTATION not in annotations, "what no state made must not look as if one had"
