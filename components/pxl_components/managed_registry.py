"""A repository of Amazon ECR: a tag never moves, every push is scanned, and what is tagged as a release is kept."""

import json
import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input

from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

RELEASE_TAG = "release-"
"""What a digest is tagged with when it is released: an image with such a tag is kept."""
_REPOSITORY = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_MOST_RELEASES = 1000


class ManagedRegistry(TypedDict):
    """A repository of Amazon ECR."""

    repository: str
    """Its name, such as ``pxl/prod/app``. It is an API: whoever pushes and pulls names it."""
    kms_key_arn: Input[str]
    """The key that encrypts the images."""
    untagged_days: NotRequired[int]
    """Days after which an image without a tag expires, 1-365; default 14."""
    kept_builds: NotRequired[int]
    """How many tagged images are kept besides the released ones, 1-1000; default 100."""
    deletion_protection: NotRequired[bool]
    """Whether the engine refuses to delete it; default true. AWS refuses while it holds images anyway."""
    tags: NotRequired[dict[str, str]]
    """Tags of the repository."""


@dataclass(frozen=True)
class RepositorySpec:
    """A ``ManagedRegistry`` that has been checked."""

    repository: str
    kms_key_arn: Input[str]
    untagged_days: int
    kept_builds: int
    protect: bool
    tags: dict[str, str]

    @staticmethod
    def read(given: Arguments) -> "RepositorySpec":
        """Reads the group."""
        return RepositorySpec(
            repository=given.text("repository", "", _REPOSITORY, "the name of a repository, such as pxl/prod/app"),
            kms_key_arn=given.text_input("kms_key_arn"),
            untagged_days=given.integer("untagged_days", 14, 1, 365),
            kept_builds=given.integer("kept_builds", 100, 1, 1000),
            protect=given.boolean("deletion_protection", True),
            tags=read_tags(given),
        )


def repository(parent: pulumi.Resource, name: str, spec: RepositorySpec) -> "aws.ecr.Repository":
    """Declares the repository and what expires in it.

    Args:
        parent: The component.
        name: Its name.
        spec: What is wanted.
    """
    made = aws.ecr.Repository(
        f"{name}-repository",
        name=spec.repository,
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": spec.kms_key_arn}],
        force_delete=False,
        tags=spec.tags,
        opts=pulumi.ResourceOptions(parent=parent, protect=spec.protect),
    )
    aws.ecr.LifecyclePolicy(
        f"{name}-lifecycle",
        repository=made.name,
        policy=_lifecycle(spec),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return made


def _lifecycle(spec: RepositorySpec) -> str:
    """What matches the tags of one rule is out of reach of the rules after it: the released come first."""
    rules = [
        _rule(1, "releases are kept", {"tagStatus": "tagged", "tagPrefixList": [RELEASE_TAG]}, _MOST_RELEASES),
        {
            "rulePriority": 2,
            "description": "what nobody named expires",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": spec.untagged_days,
            },
            "action": {"type": "expire"},
        },
        _rule(3, "old builds expire", {"tagStatus": "any"}, spec.kept_builds),
    ]
    return json.dumps({"rules": rules}, sort_keys=True)


def _rule(priority: int, description: str, matches: dict[str, object], most: int) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": {**matches, "countType": "imageCountMoreThan", "countNumber": most},
        "action": {"type": "expire"},
    }
