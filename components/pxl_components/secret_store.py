"""Secrets in AWS Secrets Manager: one a key, encrypted with the stack's own key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pulumi import Input

from pxl_components.tags import read_tags
from pxl_components.validation import Arguments


class KeepIn(TypedDict):
    """How secrets are kept in Secrets Manager."""

    kms_key_arn: Input[str]
    """The key that encrypts them."""
    recovery_days: NotRequired[int]
    """Days in which a deleted secret can be had back, 7-30, or 0 for none; default 30."""
    tags: NotRequired[dict[str, str]]
    """Tags of every secret."""


@dataclass(frozen=True)
class KeepSpec:
    """A ``KeepIn`` that has been checked."""

    kms_key_arn: Input[str]
    recovery_days: int
    tags: dict[str, str]

    @staticmethod
    def read(given: Arguments) -> "KeepSpec":
        """Reads the group.

        Raises:
            ArgumentError: days that AWS does not take.
        """
        days = given.integer("recovery_days", 30, 0, 30)
        if 0 < days < 7:
            raise given.error("recovery_days", days, "is fewer than AWS takes", "give 7 to 30, or 0 for none")
        return KeepSpec(given.text_input("kms_key_arn"), days, read_tags(given))


@dataclass(frozen=True)
class Kept:
    """What is in the store.

    Attributes:
        written: The resources that whoever reads the store waits for.
        version: Changes with any of the values, and tells nothing of them: twelve hexadecimal digits.
    """

    written: Sequence[pulumi.Resource]
    version: pulumi.Output[str]


def keep(
    parent: pulumi.Resource, name: str, spec: KeepSpec, prefix: str, values: Mapping[str, pulumi.Output[str]]
) -> Kept:
    """Declares a secret for each value.

    Args:
        parent: The component.
        name: Its name.
        spec: How they are kept.
        prefix: What comes before each key in the secret's name, which is an API: the operator asks for it.
        values: Key to value.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    versions: list[aws.secretsmanager.SecretVersion] = []
    for key, value in sorted(values.items()):
        kept = aws.secretsmanager.Secret(
            f"{name}-{key}-kept",
            name=f"{prefix}{key}",
            kms_key_id=spec.kms_key_arn,
            recovery_window_in_days=spec.recovery_days,
            tags=spec.tags,
            opts=opts,
        )
        versions.append(
            aws.secretsmanager.SecretVersion(f"{name}-{key}", secret_id=kept.id, secret_string=value, opts=opts)
        )
    drawn = pulumi.Output.all(*(version.version_id for version in versions))
    # The whole ids: what draws them may begin each with the same letters.
    return Kept(versions, drawn.apply(lambda ids: sha256(".".join(map(str, ids)).encode()).hexdigest()[:12]))
