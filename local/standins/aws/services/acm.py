"""ACM: certificates, and waiting until they are issued."""

import time
from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import present, retag, tag_list, tags_of
from local.standins.aws.types import Change, Obj, Type
from local.standins.serve import Failed

_ISSUED_SECONDS = 120.0
_POLL_SECONDS = 0.2


def _create(aws: Aws, given: Obj) -> str:
    if given.get("privateKey") or given.get("certificateBody"):
        raise Failed("the local stand-in for aws requests certificates, and does not import them")
    options = given.get("options") or {}
    made = aws.client("acm").request_certificate(
        DomainName=given["domainName"],
        **present(
            SubjectAlternativeNames=given.get("subjectAlternativeNames") or None,
            ValidationMethod=given.get("validationMethod"),
            KeyAlgorithm=given.get("keyAlgorithm"),
            CertificateAuthorityArn=given.get("certificateAuthorityArn"),
            Options=_options(options) or None,
            Tags=tag_list(given.get("tags")) or None,
        ),
    )
    return made["CertificateArn"]


def _options(options: Obj) -> Obj:
    return present(
        CertificateTransparencyLoggingPreference=options.get("certificateTransparencyLoggingPreference"),
        Export=options.get("export"),
    )


def _update(aws: Aws, arn: str, change: Change) -> None:
    acm = aws.client("acm")
    if change.of("options"):
        acm.update_certificate_options(CertificateArn=arn, Options=_options(change.new.get("options") or {}))
    retag(
        change,
        lambda tags: acm.add_tags_to_certificate(CertificateArn=arn, Tags=tag_list(tags)),
        lambda names: acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": name} for name in names]),
    )


def _described(aws: Aws, arn: str) -> Any:
    return absent_is_none(lambda: aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"])


def _read(aws: Aws, arn: str, known: Obj) -> Obj | None:
    found = _described(aws, arn)
    if found is None:
        return None
    return {
        "arn": found["CertificateArn"],
        "domainName": found["DomainName"],
        "subjectAlternativeNames": found.get("SubjectAlternativeNames") or [],
        "status": found["Status"],
        "type": found.get("Type"),
        "keyAlgorithm": (found.get("KeyAlgorithm") or "").replace("-", "_") or None,
        "domainValidationOptions": [_record(option) for option in found.get("DomainValidationOptions") or []],
        "notBefore": _moment(found.get("NotBefore")),
        "notAfter": _moment(found.get("NotAfter")),
        "tags": tags_of(aws.client("acm").list_tags_for_certificate(CertificateArn=arn).get("Tags")),
    }


def _record(option: Any) -> Obj:
    record = option.get("ResourceRecord") or {}
    return {
        "domainName": option["DomainName"],
        "resourceRecordName": record.get("Name"),
        "resourceRecordType": record.get("Type"),
        "resourceRecordValue": record.get("Value"),
    }


def _moment(value: Any) -> str | None:
    return value.isoformat() if value else None


def _delete(aws: Aws, arn: str, known: Obj) -> None:
    aws.client("acm").delete_certificate(CertificateArn=arn)


def _validate(aws: Aws, given: Obj) -> str:
    arn, until = given["certificateArn"], time.monotonic() + _ISSUED_SECONDS
    while True:
        found = _described(aws, arn)
        status = found["Status"] if found else "gone"
        if status == "ISSUED":
            issued = found.get("IssuedAt") or found.get("CreatedAt")
            return str(_moment(issued))
        if status != "PENDING_VALIDATION" or time.monotonic() > until:
            raise Failed(f"the certificate {arn} is {status}; next: does its validation record exist in the zone?")
        time.sleep(_POLL_SECONDS)


def _read_validation(aws: Aws, moment: str, known: Obj) -> Obj | None:
    found = _described(aws, known["certificateArn"])
    return {"certificateArn": found["CertificateArn"]} if found and found["Status"] == "ISSUED" else None


def _forget_validation(aws: Aws, moment: str, known: Obj) -> None:
    """Nothing: the certificate stays issued."""


TYPES = (
    Type(
        token="aws:acm/certificate:Certificate",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        replaces=frozenset(
            {
                "certificateAuthorityArn",
                "domainName",
                "keyAlgorithm",
                "subjectAlternativeNames",
                "validationMethod",
                "validationOptions",
            }
        ),
        secrets=frozenset({"privateKey", "privateKeyWo"}),
    ),
    Type(
        token="aws:acm/certificateValidation:CertificateValidation",
        create=_validate,
        read=_read_validation,
        delete=_forget_validation,
        tagged=False,
    ),
)
