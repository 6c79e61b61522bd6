"""What a single value may be: ports, names, quantities, images; a wrong one is answered with its remedy."""

import ipaddress
import re
from datetime import datetime
from typing import Annotated

from pxl_components import quantities
from pxl_components.contracts import CONCEPTS
from pxl_components.images import ImageReference
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_LEAST_MEMORY = 32 * 2**20
_MOST_BYTES = 2**50


def refuse(problem: str, remedy: str) -> PydanticCustomError:
    """An error that carries its remedy to whoever presents it."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def _digest(value: str) -> str:
    if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        return value
    what = "is cut short or malformed" if value.startswith("sha256:") else "is a tag, not a digest"
    raise refuse(what, "give the image's digest, sha256: and 64 hex digits, as the build printed it")


def _image(value: str) -> str:
    repository, at, digest = value.partition("@")
    if not at:
        raise refuse("names no digest", "write repository@sha256:<64 hex digits>; a tag can change under you")
    _digest(digest)
    if not repository or re.search(r":[^/]*$", repository):
        raise refuse("carries a tag beside its digest", "leave the tag out: repository@sha256:<64 hex digits>")
    if not _is_image(value):
        raise refuse("names no repository", "write repository@sha256:<64 hex digits>, the path in lower case")
    return value


def _is_image(value: str) -> bool:
    """Whether the components would take it: what they refuse would stop a deployment half-way."""
    try:
        ImageReference.parse(value)
    except ValueError:
        return False
    return True


def _repository(value: str) -> str:
    if "@" in value or re.search(r":[^/]*$", value):
        raise refuse("is more than a repository", "leave tag and digest out; the digest goes into release.digest")
    known = re.fullmatch(r"[a-z0-9.\-]+(:\d+)?(/[a-z0-9._\-]+)+", value)
    if known is None or not _is_image(f"{value}@sha256:{'0' * 64}"):
        raise refuse("is not a repository", "write registry/path in lower case, such as registry.example.com/pxl/app")
    return value


def _cidr(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise refuse(f"is not a CIDR block ({error})", "write one such as 203.0.113.0/24") from None


def _cpu(value: str) -> str:
    known = re.fullmatch(r"[1-9]\d{0,5}m|[1-9]\d{0,2}(\.\d{1,3})?|0\.\d{1,3}", value, re.ASCII)
    if known and value.strip("0."):
        return value
    raise refuse("is not a CPU quantity", 'write cores or millicores as a string, such as "250m" or "1"')


def _bytes(value: str) -> str:
    if re.fullmatch(r"[1-9]\d{0,6}(Ki|Mi|Gi|Ti)", value, re.ASCII):
        if quantities.parse(value) <= _MOST_BYTES:
            return value
        raise refuse("is more than Kubernetes can count", "give at most 1024Ti")
    raise refuse("is not a size", 'write a whole number with a binary unit, such as "256Mi" or "1Gi"')


def _memory(value: str) -> str:
    _bytes(value)
    if quantities.parse(value) < _LEAST_MEMORY:
        raise refuse("is too little for a Node process to start", "give at least 32Mi; an empty app takes 70Mi")
    return value


def _http_path(value: str) -> str:
    if re.fullmatch(r"/[\w\-./]*", value):
        return value
    raise refuse("is not a URL path", "start it with / and leave host and query out, such as /ready")


def _certificates(value: str) -> str:
    """PEM of certificates and of nothing else: it ends in a ConfigMap that anybody in the namespace may read."""
    text = re.sub(r"\s", "", re.sub(r"(?m)^#.*$", "", value))
    if re.fullmatch(r"(-----BEGINCERTIFICATE-----[A-Za-z0-9+/=]+-----ENDCERTIFICATE-----)+", text):
        return value
    raise refuse("is no PEM of certificates", "write -----BEGIN CERTIFICATE----- and all that follows, without a key")


def _moment(value: str) -> str:
    # The engine hands on a moment without quotes in its own form: 2030-01-31 12:00:00 +0000 UTC.
    value = re.sub(r"^(\S+) (\S+) ([+-]\d{4}) ([A-Z]+|[+-]\d{2,4})$", r"\1T\2\3", value)
    try:
        known = datetime.fromisoformat(value)
    except ValueError:
        known = None
    if known is None or known.tzinfo is None:
        raise refuse("is no moment in time", "write it with its time zone, such as 2030-01-31T12:00:00Z")
    return value


def _concept(value: str) -> str:
    if value in CONCEPTS:
        return value
    raise refuse("is not a concept of the environment contract", f"choose from: {', '.join(CONCEPTS)}")


Concept = Annotated[str, AfterValidator(_concept)]
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_HOST_NAME = r"^[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"
_IDENTIFIER = r"^[a-z_][a-z0-9_]{0,62}$"
LABEL_VALUE = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
FOLDER = r"^/[^\s?#]*$"
_PUBLIC_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$"
_TAG_TEXT = r"^[A-Za-z0-9 .:/=+@_-]{1,256}$"
_ACCOUNT = r"^[0-9]{12}$"
_REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
_CLUSTER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
_QUEUE_NAME = r"^[A-Za-z0-9_.-]{1,100}$"
QUEUE_PREFIX = r"^[A-Za-z0-9{}_.:-]+$"
_GROUP_NAME = r"^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$"
_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_STACK_NAME = r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$"
_CERTIFICATE_ARN = r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}$"
FORMS = {
    _PUBLIC_NAME: "a DNS name of two parts or more in lower case, such as app.example.com",
    _TAG_TEXT: "letters, digits, spaces and . : / = + - @ _, at most 256",
    _ACCOUNT: "an AWS account id: 12 digits, in quotes",
    _REGION: "an AWS region, such as eu-central-1",
    _CLUSTER_NAME: "the name of an EKS cluster",
    _STACK_NAME: "organization/project/stack",
    _QUEUE_NAME: "letters, digits, _ . and -, at most 100",
    QUEUE_PREFIX: "letters, digits, { } _ . : and -",
    _GROUP_NAME: "lower-case letters, digits and hyphens inside, at most 30",
    _OBJECT_NAME: "the name of an object of Kubernetes: lower-case letters, digits, - and . inside, at most 253",
    _CERTIFICATE_ARN: "the ARN of a certificate of ACM",
    r"^vpc-[0-9a-f]+$": "the id of a VPC, vpc-...",
    r"^subnet-[0-9a-f]+$": "the id of a subnet, subnet-...",
    r"^sg-[0-9a-f]+$": "the id of a security group, sg-...",
    r"^[A-Z0-9]{4,32}$": "the id of a hosted zone of Route 53, Z...",
    r"^db\.[a-z0-9]+\.[a-z0-9]+$": "an instance class of RDS, such as db.t4g.medium",
    r"^cache\.[a-z0-9]+\.[a-z0-9]+$": "a node type of ElastiCache, such as cache.t4g.small",
    DNS_LABEL: "lower-case letters, digits and hyphens, at most 63",
    _ENV_NAME: "letters, digits and underscores, no digit first",
    _HOST_NAME: "a DNS name or an address, without scheme, port or path",
    _IDENTIFIER: "lower-case letters, digits and underscores, no digit first, at most 63",
    FOLDER: "an absolute path without spaces, ? and #",
    LABEL_VALUE: "letters, digits, hyphens, dots and underscores, at most 63",
}
"""Each pattern in words, for messages."""

Port = Annotated[int, Field(ge=1, le=65535)]
AppPort = Annotated[int, Field(ge=1024, le=65535)]  # below, a process needs a capability
NodePort = Annotated[int, Field(ge=30000, le=32767)]
DnsLabel = Annotated[str, Field(pattern=DNS_LABEL)]
EnvName = Annotated[str, Field(pattern=_ENV_NAME)]
SecretVariable = Annotated[str, Field(pattern=_ENV_NAME, max_length=253)]  # it is a key of the Secret, too
HostName = Annotated[str, Field(pattern=_HOST_NAME)]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]
Digest = Annotated[str, AfterValidator(_digest)]
Image = Annotated[str, AfterValidator(_image)]
Repository = Annotated[str, AfterValidator(_repository)]
Cidr = Annotated[str, AfterValidator(_cidr)]
HttpPath = Annotated[str, AfterValidator(_http_path)]
Certificates = Annotated[str, AfterValidator(_certificates)]
Moment = Annotated[str, AfterValidator(_moment)]
Command = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Cpu = Annotated[str, AfterValidator(_cpu)]
Size = Annotated[str, AfterValidator(_bytes)]
Memory = Annotated[str, AfterValidator(_memory)]
AccountId = Annotated[str, Field(pattern=_ACCOUNT)]
Region = Annotated[str, Field(pattern=_REGION)]
ClusterName = Annotated[str, Field(pattern=_CLUSTER_NAME)]
QueueName = Annotated[str, Field(pattern=_QUEUE_NAME)]
GroupName = Annotated[str, Field(pattern=_GROUP_NAME)]
ObjectName = Annotated[str, Field(pattern=_OBJECT_NAME, max_length=253)]
StackName = Annotated[str, Field(pattern=_STACK_NAME)]
CertificateArn = Annotated[str, Field(pattern=_CERTIFICATE_ARN)]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")]
SecurityGroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]+$")]
HostedZoneId = Annotated[str, Field(pattern=r"^[A-Z0-9]{4,32}$")]
InstanceClass = Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")]
NodeType = Annotated[str, Field(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")]
PublicName = Annotated[str, Field(pattern=_PUBLIC_NAME, max_length=253)]
TagText = Annotated[str, Field(pattern=_TAG_TEXT)]
