"""The policies that ``init`` writes, as data: who may take a role, and what key, bucket and roles allow."""

import json
from typing import Any
from urllib.parse import unquote

from operations.init import rights
from operations.init.names import OIDC_HOST, Names

AUDIENCE = "sts.amazonaws.com"
_VERSION = "2012-10-17"
TLS_ONLY = "TlsOnly"

# What "read only" must not mean: values, contents, messages.
_CONTENTS = (
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:GetParameterHistory",
    "logs:GetLogEvents",
    "logs:FilterLogEvents",
    "logs:StartQuery",
    "logs:StartLiveTail",
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:PartiQLSelect",
    "dax:GetItem",
    "dax:BatchGetItem",
    "dax:Query",
    "dax:Scan",
    "cassandra:Select",
    "sdb:Select",
    "es:ESHttpGet",
    "athena:GetQueryResults",
    "codecommit:GitPull",
    "ssm:GetCommandInvocation",
    "logs:GetQueryResults",
    "ecs:DescribeTaskDefinition",
    "ec2:DescribeInstanceAttribute",
    "sqs:ReceiveMessage",
    "kinesis:GetRecords",
    "rds:DownloadDBLogFilePortion",
    "rds:DownloadCompleteDBLogFile",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "ecr:GetAuthorizationToken",
)


def text(document: dict[str, Any]) -> str:
    """A policy as AWS takes it."""
    return json.dumps(document, separators=(",", ":"))


def same(given: Any, wanted: dict[str, Any]) -> bool:
    """Whether a policy as AWS gives it back (a text, perhaps quoted for a URL, or an object) says what is wanted."""
    if isinstance(given, str):
        given = json.loads(unquote(given) if given.startswith("%") else given)
    return _canonical(given) == _canonical(wanted)


def key_policy(names: Names) -> dict[str, Any]:
    """The account's administrators decide by IAM policies who uses the key; nobody else is named, and no wildcard."""
    return _document(
        {
            "Sid": "ByPoliciesOfThisAccount",
            "Effect": "Allow",
            "Principal": {"AWS": names.arn("iam", "root", region=False)},
            "Action": "kms:*",
            "Resource": "*",
        }
    )


def tls_only(names: Names) -> dict[str, Any]:
    """The statement of the bucket's policy that refuses everybody who does not encrypt the way."""
    return {
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [names.bucket_arn, f"{names.bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def trust(names: Names, repository: str, purpose: str) -> dict[str, Any]:
    """Who may take a role: jobs of one repository, and of these only some.

    A pull request's jobs for ``preview``; for ``deploy`` those that run in the GitHub environment of the stack's name,
    whose own rules say which branch and whose approval that takes. A trust in the branch itself would let a job leave
    the environment out, and its reviewers with it.

    Args:
        names: Of the stack.
        repository: As GitHub's tokens say it: ``owner/name``, or ``owner@id/name@id``.
        purpose: ``preview`` or ``deploy``.
    """
    subject = {"preview": f"repo:{repository}:pull_request", "deploy": f"repo:{repository}:environment:{names.stack}"}
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": names.oidc_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{OIDC_HOST}:aud": AUDIENCE, f"{OIDC_HOST}:sub": subject[purpose]}},
        }
    )


def read_only(names: Names) -> str:
    """The ARN of the managed policy that ``preview`` starts from."""
    return f"arn:{names.partition}:iam::aws:policy/ReadOnlyAccess"


def preview(names: Names, key: str) -> dict[str, dict[str, Any]]:
    """The inline policies of the preview role, by name, refusals first: no content but the state and its key."""
    state = [names.bucket_arn, f"{names.bucket_arn}/*"]
    return {
        "no-contents": _document(
            {"Sid": "NoContents", "Effect": "Deny", "Action": list(_CONTENTS), "Resource": "*"},
            {
                "Sid": "NoOtherObjects",
                "Effect": "Deny",
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "NotResource": f"{names.bucket_arn}/*",
            },
            {"Sid": "NoOtherKey", "Effect": "Deny", "Action": "kms:Decrypt", "NotResource": key},
        ),
        "state": _document(
            _allow("State", ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"], state),
            _allow("Key", ["kms:Decrypt", "kms:DescribeKey"], [key]),
        ),
    }


def deploy(names: Names, key: str) -> dict[str, dict[str, Any]]:
    """The inline policies of the deploy role, by name: what never, the state, and what the stack's kinds take."""
    state = [names.bucket_arn, f"{names.bucket_arn}/*"]
    roles = [_arn(names, one) for one in rights.ROLES]
    by_service = tuple(f"{service}.{names.region}.amazonaws.com" for service in rights.KEY_USERS)
    kinds = [
        _allow(f"Kind{number}", list(right.actions), [_arn(names, one) for one in right.resources])
        for number, right in enumerate(rights.RIGHTS)
    ]
    attaching = {"iam:AttachRolePolicy", "iam:DetachRolePolicy"}
    for statement in kinds:
        statement["Action"] = [action for action in statement["Action"] if action not in attaching]
    managed = [f"arn:{names.partition}:iam::aws:policy/{name}" for name in rights.ATTACHABLE]
    return {
        "roles": _document(
            _allow("Attach", sorted(attaching), roles, {"ArnEquals": {"iam:PolicyARN": managed}}),
            _allow("Pass", ["iam:PassRole"], roles, _equals("iam:PassedToService", rights.PASSED_TO)),
            _allow(
                "ServiceLinked",
                ["iam:CreateServiceLinkedRole"],
                ["*"],
                _equals("iam:AWSServiceName", rights.SERVICE_LINKED),
            ),
            {
                "Sid": "NotItself",
                "Effect": "Deny",
                "Action": "iam:*",
                "Resource": [names.role_arn("preview"), names.role_arn("deploy"), names.oidc_arn],
            },
            {
                "Sid": "NotItsGround",
                "Effect": "Deny",
                "Action": ["s3:DeleteBucket*", "s3:PutBucket*", "s3:DeleteObjectVersion", "kms:ScheduleKeyDeletion",
                           "kms:PutKeyPolicy", "kms:DisableKey"],
                "Resource": [*state, key],
            },
            {
                "Sid": "NotAnothersStack",
                "Effect": "Deny",
                "Action": [f"{service}:*" for service in rights.OWNED],
                "Resource": "*",
                # Without the second line it would hold of all that has no such tag.
                "Condition": {
                    "StringNotEquals": {"aws:ResourceTag/stack": names.stack},
                    "Null": {"aws:ResourceTag/stack": "false"},
                },
            },
            {
                "Sid": "NotTheMasters",
                "Effect": "Deny",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": names.arn("secretsmanager", "secret:rds!*"),
            },
        ),
        "state": _document(
            _allow(
                "State",
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation"],
                state,
            ),
            _allow("Key", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"], [key]),
        ),
        "kinds": _document(
            _allow("Reads", list(rights.READS), ["*"]),
            *kinds,
            _allow(
                "KeysByServices",
                ["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:RetireGrant"],
                [names.arn("kms", "key/*")],
                _equals("kms:ViaService", by_service),
            ),
        ),
    }  # fmt: skip


def _arn(names: Names, resource: str) -> str:
    if resource == "*":
        return "*"
    service, _, rest = resource.partition(":")
    everywhere = rest.startswith(":")
    rest = rest.removeprefix(":")
    return names.arn(service, rest, region=not everywhere, account=not rest.startswith("hostedzone/"))


def _allow(sid: str, actions: list[str], resources: list[str], condition: Any = None) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def _equals(key: str, values: tuple[str, ...]) -> dict[str, Any]:
    return {"StringEquals": {key: list(values)}}


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": _VERSION, "Statement": list(statements)}


def _canonical(value: Any) -> Any:
    """AWS gives a list of one back as the one, and lists in any order."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [_canonical(one) for one in value]
        return inner[0] if len(inner) == 1 else sorted(inner, key=lambda one: json.dumps(one, sort_keys=True))
    return value
