"""Route 53: records, and the zone that they go into."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.types import Change, Function, Obj, Type
from local.standins.serve import Failed

_POLICIES = (
    "cidrRoutingPolicy", "failoverRoutingPolicies", "geolocationRoutingPolicies", "geoproximityRoutingPolicy",
    "latencyRoutingPolicies", "multivalueAnswerRoutingPolicy", "weightedRoutingPolicies",
)  # fmt: skip


def _set(given: Obj) -> Obj:
    refused = [name for name in _POLICIES if given.get(name)]
    if refused:
        raise Failed(f"the local stand-in for aws does not support {', '.join(refused)} of aws:route53/record:Record")
    record = {"Name": given["name"], "Type": given["type"]}
    if given.get("aliases"):
        alias = given["aliases"][0]
        return {
            **record,
            "AliasTarget": {
                "HostedZoneId": alias["zoneId"],
                "DNSName": alias["name"],
                "EvaluateTargetHealth": bool(alias.get("evaluateTargetHealth")),
            },
        }
    return {**record, "TTL": given["ttl"], "ResourceRecords": [{"Value": value} for value in given["records"]]}


def _change(aws: Aws, zone: str, *changes: tuple[str, Obj]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
    aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def _create(aws: Aws, given: Obj) -> str:
    _change(aws, given["zoneId"], ("UPSERT" if given.get("allowOverwrite") else "CREATE", _set(given)))
    return f"{given['zoneId']}_{given['name'].rstrip('.')}_{given['type']}"


def _update(aws: Aws, record_id: str, change: Change) -> None:
    _change(aws, change.new["zoneId"], ("UPSERT", _set(change.new)))


def _found(aws: Aws, zone: str, name: str, kind: str) -> Any:
    wanted = f"{name.rstrip('.')}.".lower()
    listed = absent_is_none(
        lambda: aws.client("route53").list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=wanted, StartRecordType=kind
        )
    )
    sets = (listed or {}).get("ResourceRecordSets", [])
    return next((entry for entry in sets if entry["Name"].lower() == wanted and entry["Type"] == kind), None)


def _read(aws: Aws, record_id: str, known: Obj) -> Obj | None:
    zone, name, kind = known["zoneId"], known["name"], known["type"]
    found = _found(aws, zone, name, kind)
    if found is None:
        return None
    return {
        "zoneId": zone,
        "name": name,
        "type": kind,
        "fqdn": name.rstrip("."),
        "ttl": found.get("TTL"),
        "records": [entry["Value"] for entry in found.get("ResourceRecords") or []] or None,
    }


def _delete(aws: Aws, record_id: str, known: Obj) -> None:
    found = _found(aws, known["zoneId"], known["name"], known["type"])
    if found is not None:
        _change(aws, known["zoneId"], ("DELETE", found))


def _zone(aws: Aws, asked: Obj) -> Obj:
    route53 = aws.client("route53")
    if asked.get("zoneId"):
        found = [route53.get_hosted_zone(Id=asked["zoneId"])["HostedZone"]]
    else:
        wanted = f"{str(asked.get('name', '')).rstrip('.')}."
        private = bool(asked.get("privateZone"))
        pages = route53.get_paginator("list_hosted_zones").paginate()
        found = [
            zone
            for page in pages
            for zone in page["HostedZones"]
            if zone["Name"] == wanted and zone["Config"].get("PrivateZone", False) == private
        ]
    if len(found) != 1:
        raise Failed(f"{len(found) or 'no'} hosted zones match {asked}; exactly one must")
    zone = found[0]
    number = zone["Id"].rpartition("/")[2]
    servers = route53.get_hosted_zone(Id=number).get("DelegationSet", {}).get("NameServers") or []
    return {
        "id": number,
        "zoneId": number,
        "arn": f"arn:aws:route53:::hostedzone/{number}",
        "name": zone["Name"].rstrip("."),
        "privateZone": zone["Config"].get("PrivateZone", False),
        "nameServers": servers,
        "comment": zone["Config"].get("Comment", ""),
        "callerReference": zone["CallerReference"],
        "resourceRecordSetCount": zone.get("ResourceRecordSetCount", 0),
    }


TYPES = (
    Type(
        token="aws:route53/record:Record",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        # A new type is a change in place for the official provider, of which AWS has none: it deletes and creates.
        replaces=frozenset({"name", "setIdentifier", "type", "zoneId"}),
        tagged=False,
        regional=False,
    ),
)

FUNCTIONS = (
    Function("aws:route53/getZone:getZone", _zone, ("id", "zoneId", "arn", "name", "nameServers", "privateZone")),
)
