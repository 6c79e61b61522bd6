"""The bucket of the engine's state: versioned, encrypted, closed, and reached over TLS only."""

import json
from typing import Any

from operations.errors import Problem
from operations.init.aws import Aws
from operations.init.documents import TLS_ONLY, same, text, tls_only
from operations.init.names import Names
from operations.init.outcome import Outcome

OLD_VERSIONS_DAYS = 90
_RULE = "pxl-old-versions"
_NO_BUCKET = ("404", "NoSuchBucket", "NotFound")
_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def ensure(aws: Aws, names: Names, key: str) -> Outcome:
    """Makes the bucket, or completes it; the rules and statements that others added to it stay.

    Args:
        aws: The account.
        names: What it is called.
        key: ARN of the key; "" in a dry run without one.

    Raises:
        Problem: AWS refuses, or somebody else owns a bucket of this name.
    """
    began = len(aws.changes)
    made = _make(aws, names)
    # Closed before anything is put into it, versioned before there is a first version.
    for part in (_public_access, _ownership, _versioning, _lifecycle, _policy):
        part(_Bucket(aws, names))
    _encryption(_Bucket(aws, names), key)
    return Outcome.of("bucket", names.bucket, aws.changes[began:], made=made, dry=aws.dry)


class _Bucket:
    """Requests about one bucket; AWS refuses each if another account owns it."""

    def __init__(self, aws: Aws, names: Names) -> None:
        self.aws, self.names = aws, names
        self._which = {"Bucket": names.bucket, "ExpectedBucketOwner": names.account}

    def ask(self, operation: str, *none: str) -> dict[str, Any]:
        return self.aws.ask("s3", operation, missing=(*_NO_BUCKET, *none), **self._which) or {}

    def change(self, words: str, operation: str, **arguments: Any) -> None:
        self.aws.change(words, "s3", operation, **self._which, **arguments)


def _make(aws: Aws, names: Names) -> bool:
    try:
        found = aws.ask("s3", "head_bucket", missing=_NO_BUCKET, Bucket=names.bucket, ExpectedBucketOwner=names.account)
    except Problem as problem:
        if problem.why and "403" in problem.why:
            problem.why += f"\na bucket {names.bucket} that another account owns is answered the same way"
        raise
    if found is not None:
        return False
    place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": names.region}}
    # The oldest region is the one that must not be named.
    aws.change(
        f"bucket {names.bucket}", "s3", "create_bucket",
        Bucket=names.bucket, ObjectOwnership="BucketOwnerEnforced",
        **({} if names.region == "us-east-1" else place),
    )  # fmt: skip
    return True


def _public_access(bucket: _Bucket) -> None:
    found = bucket.ask("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    if found.get("PublicAccessBlockConfiguration") != _CLOSED:
        bucket.change("no public access", "put_public_access_block", PublicAccessBlockConfiguration=_CLOSED)


def _ownership(bucket: _Bucket) -> None:
    wanted = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    found = bucket.ask("get_bucket_ownership_controls", "OwnershipControlsNotFoundError")
    if found.get("OwnershipControls") != wanted:
        bucket.change(
            "everything in it belongs to this account", "put_bucket_ownership_controls", OwnershipControls=wanted
        )


def _versioning(bucket: _Bucket) -> None:
    if bucket.ask("get_bucket_versioning").get("Status") != "Enabled":
        bucket.change("versioning", "put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})


def _lifecycle(bucket: _Bucket) -> None:
    wanted = {
        "ID": _RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    rules = bucket.ask("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration").get("Rules") or []
    if wanted not in rules:
        others = [rule for rule in rules if rule.get("ID") != _RULE]
        bucket.change(
            f"old versions go after {OLD_VERSIONS_DAYS} days", "put_bucket_lifecycle_configuration",
            LifecycleConfiguration={"Rules": [*others, wanted]},
        )  # fmt: skip


def _policy(bucket: _Bucket) -> None:
    wanted = tls_only(bucket.names)
    found = bucket.ask("get_bucket_policy", "NoSuchBucketPolicy").get("Policy")
    document = json.loads(found) if found else {"Version": "2012-10-17", "Statement": []}
    given = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    if not any(same(statement, wanted) for statement in given):
        others = [statement for statement in given if statement.get("Sid") != TLS_ONLY]
        policy = text({**document, "Statement": [*others, wanted]})
        bucket.change("TLS only", "put_bucket_policy", Policy=policy)


def _encryption(bucket: _Bucket, key: str) -> None:
    found = bucket.ask("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
    for rule in (found.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []:
        default = rule.get("ApplyServerSideEncryptionByDefault") or {}
        if default.get("SSEAlgorithm") == "aws:kms" and key and default.get("KMSMasterKeyID") == key:
            return
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    bucket.change(
        "encrypted with the stack's key", "put_bucket_encryption",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": by_key, "BucketKeyEnabled": True}]
        },
    )  # fmt: skip
