"""ECR: repositories and their lifecycle policies."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, present, retag, tag_list, tags_of
from local.standins.aws.types import Change, Name, Obj, Type

_ENCRYPTION = {"encryptionType": "encryptionType", "kmsKey": "kmsKey"}


def _create(aws: Aws, given: Obj) -> str:
    encryption = (given.get("encryptionConfigurations") or [None])[0]
    scanning = given.get("imageScanningConfiguration")
    aws.client("ecr").create_repository(
        repositoryName=given["name"],
        **present(
            imageTagMutability=given.get("imageTagMutability"),
            imageTagMutabilityExclusionFilters=given.get("imageTagMutabilityExclusionFilters"),
            imageScanningConfiguration={"scanOnPush": scanning["scanOnPush"]} if scanning else None,
            encryptionConfiguration=named(encryption, _ENCRYPTION) if encryption else None,
        ),
        tags=tag_list(given.get("tags")),
    )
    return given["name"]


def _update(aws: Aws, name: str, change: Change) -> None:
    ecr = aws.client("ecr")
    if change.of("imageTagMutability", "imageTagMutabilityExclusionFilters"):
        ecr.put_image_tag_mutability(
            repositoryName=name,
            imageTagMutability=change.new.get("imageTagMutability") or "MUTABLE",
            **present(imageTagMutabilityExclusionFilters=change.new.get("imageTagMutabilityExclusionFilters")),
        )
    if change.of("imageScanningConfiguration"):
        scanning = change.new.get("imageScanningConfiguration") or {"scanOnPush": False}
        ecr.put_image_scanning_configuration(
            repositoryName=name, imageScanningConfiguration={"scanOnPush": scanning["scanOnPush"]}
        )
    arn = aws.arn("ecr", f"repository/{name}")
    retag(
        change,
        lambda tags: ecr.tag_resource(resourceArn=arn, tags=tag_list(tags)),
        lambda names: ecr.untag_resource(resourceArn=arn, tagKeys=names),
    )


def _read(aws: Aws, name: str, known: Obj) -> Obj | None:
    ecr = aws.client("ecr")
    found: Any = absent_is_none(lambda: ecr.describe_repositories(repositoryNames=[name])["repositories"])
    if not found:
        return None
    repository = found[0]
    encryption = repository.get("encryptionConfiguration")
    return {
        "name": name,
        "arn": repository["repositoryArn"],
        "registryId": repository["registryId"],
        "repositoryUrl": repository["repositoryUri"],
        "imageTagMutability": repository.get("imageTagMutability"),
        "imageScanningConfiguration": repository.get("imageScanningConfiguration"),
        "encryptionConfigurations": [encryption] if encryption else None,
        "tags": tags_of(ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]),
    }


def _delete(aws: Aws, name: str, known: Obj) -> None:
    aws.client("ecr").delete_repository(repositoryName=name, force=bool(known.get("forceDelete")))


def _create_policy(aws: Aws, given: Obj) -> str:
    aws.client("ecr").put_lifecycle_policy(repositoryName=given["repository"], lifecyclePolicyText=given["policy"])
    return given["repository"]


def _read_policy(aws: Aws, repository: str, known: Obj) -> Obj | None:
    found: Any = absent_is_none(lambda: aws.client("ecr").get_lifecycle_policy(repositoryName=repository))
    if found is None:
        return None
    return {
        "repository": found["repositoryName"],
        "registryId": found["registryId"],
        "policy": found["lifecyclePolicyText"],
    }


def _delete_policy(aws: Aws, repository: str, known: Obj) -> None:
    aws.client("ecr").delete_lifecycle_policy(repositoryName=repository)


TYPES = (
    Type(
        token="aws:ecr/repository:Repository",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        replaces=frozenset({"name", "encryptionConfigurations"}),
        name=Name(limit=256, lower=True),
    ),
    # AWS keeps one a repository: what replaces it has to come after it is gone, or it would be deleted with it.
    Type(
        token="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        create=_create_policy,
        read=_read_policy,
        delete=_delete_policy,
        alone=frozenset({"repository"}),
        tagged=False,
    ),
)
