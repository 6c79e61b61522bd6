"""A key of KMS for what one stack stores: one key, one policy, rotated every year."""

import json
import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

_ACCOUNT = re.compile(r"[0-9]{12}")
_ALIAS = re.compile(r"[A-Za-z0-9/_-]{1,240}")
_WINDOW_DAYS = 30


class EncryptionKeyArgs(TypedDict):
    """Arguments of ``EncryptionKey``."""

    account: str
    """The account that owns the key: its IAM policies say who may use it."""
    alias: str
    """The key's name for people, without ``alias/``; an API, so it is fixed."""
    deletion_protection: NotRequired[bool]
    """Whether the engine refuses to delete it; default true: without it, every backup that it encrypts is lost."""
    tags: NotRequired[dict[str, str]]
    """Tags of the key."""


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key whose use the account's own IAM policies decide."""

    arn: pulumi.Output[str]
    """ARN of the key."""

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:EncryptionKey", name, {}, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"what the stack stores ({spec.alias})",
            enable_key_rotation=True,
            deletion_window_in_days=_WINDOW_DAYS,
            policy=_policy(spec.account),
            tags=spec.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=spec.protect),
        )
        opts = pulumi.ResourceOptions(parent=self)
        aws.kms.Alias(f"{name}-alias", name=f"alias/{spec.alias}", target_key_id=key.key_id, opts=opts)
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True)
class _Spec:
    account: str
    alias: str
    protect: bool
    tags: dict[str, str]

    @staticmethod
    def read(name: str, args: EncryptionKeyArgs) -> "_Spec":
        given = Arguments.of("EncryptionKey", name, args, EncryptionKeyArgs)
        return _Spec(
            account=given.text("account", pattern=_ACCOUNT, form="an account id of 12 digits"),
            alias=given.text("alias", pattern=_ALIAS, form="an alias (letters, digits, / _ and -)"),
            protect=given.boolean("deletion_protection", True),
            tags=read_tags(given),
        )


def _policy(account: str) -> str:
    """The account decides by IAM; no other account and no anonymous caller is named."""
    owner = {
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [owner]})
