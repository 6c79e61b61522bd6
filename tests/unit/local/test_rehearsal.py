"""A rehearsal: its page, its ports, its authority, and what it lets in the place of an operator."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from local.paths import State
from local.rehearsal import REPLACED, authority, external_secrets, front_door, servers, stage
from local.standins.kubernetes.client import Cluster

ROOT = Path(__file__).parents[3]


class Objects:
    """A cluster that holds what it was given, and keeps what was applied to it."""

    def __init__(self, *held: dict[str, Any]) -> None:
        self.held, self.applied, self.patched = list(held), [], []

    def list(self, api_version: str, kind: str, namespace: str | None, **_: str) -> list[dict[str, Any]]:
        return [one for one in self.held if one["kind"] == kind]

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any]:
        return next(one for one in self.held if one["kind"] == kind and one["metadata"]["name"] == name)

    def apply(self, manifest: dict[str, Any], manager: str, **_: Any) -> None:
        self.applied.append(manifest)

    def request(self, method: str, path: str, *, body: Any, **_: Any) -> None:
        self.patched.append((path, body))


class Account:
    """A Secrets Manager with some secrets."""

    def __init__(self, **secrets: str) -> None:
        self._secrets = secrets
        self.exceptions = type("Exceptions", (), {"ClientError": LookupError})

    def client(self, service: str) -> "Account":
        return self

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803
        if SecretId not in self._secrets:
            raise LookupError(SecretId)
        return {"SecretString": self._secrets[SecretId]}


def external(*data: dict[str, Any]) -> dict[str, Any]:
    spec = {"data": list(data), "target": {"name": "secrets"}}
    return {"kind": "ExternalSecret", "metadata": {"name": "secrets-external", "uid": "u"}, "spec": spec}


def operator(objects: Objects, account: Account) -> external_secrets.ExternalSecrets:
    return external_secrets.ExternalSecrets(objects, account, "pxl-staging")  # type: ignore[arg-type]


def stage_of(stack: str, node_port: int) -> stage.Stage:
    return stage.Stage(stack, f"pxl-{stack}", "eu-central-1", "http://127.0.0.1:1", 1, 2, node_port, {})


def test_the_page_lists_all_that_is_replaced():
    page = (ROOT / "docs" / "rehearsal.md").read_text()
    for what, by in REPLACED.items():
        assert f"| {what} | {by} |" in page, f"docs/rehearsal.md is silent about {what}"


def test_two_rehearsals_have_a_node_port_each_and_keep_it(tmp_path: Path):
    state = State(tmp_path)
    stage_of("staging", stage.node_port(state, "staging")).save(state)
    assert stage.node_port(state, "prod") != stage.node_port(state, "staging")
    assert stage.stacks(state) == ["staging"]
    assert stage.read(state, "staging") == stage_of("staging", stage.node_port(state, "staging"))


def test_the_dns_leads_endpoints_to_the_stores_only_while_something_is_rehearsed(tmp_path: Path):
    state = State(tmp_path)
    assert stage.dns_rules(state) == [], "whoever has a real RDS must reach it"
    stage_of("staging", 31080).save(state)
    assert all(f".{servers.NAMESPACE}.svc" in rule for rule in stage.dns_rules(state))


def test_a_certificate_names_its_endpoint_alone_and_is_signed_by_the_authority(tmp_path: Path):
    signing = authority.ensure(tmp_path)
    host = "postgres-instance-36987fa.aaaaaaaaaa.eu-central-1.rds.amazonaws.com"
    text, _ = signing.sign(host)
    made = x509.load_pem_x509_certificate(text.encode())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [host]
    made.verify_directly_issued_by(signing.certificate)
    assert authority.ensure(tmp_path).pem == signing.pem, "drawn once: what trusts it goes on trusting it"
    assert isinstance(signing.key, ec.EllipticCurvePrivateKey)


def test_a_secret_is_written_from_whole_values_and_from_parts_of_json():
    objects = Objects(
        external(
            {"secretKey": "jwt", "remoteRef": {"key": "pxl/staging/jwt"}},
            {"secretKey": "password", "remoteRef": {"key": "rds", "property": "password"}},
        )
    )
    operator(objects, Account(**{"pxl/staging/jwt": "drawn", "rds": '{"password": "master"}'})).reconcile()
    (secret,) = objects.applied
    assert {key: base64.b64decode(value) for key, value in secret["data"].items()} == {
        "jwt": b"drawn",
        "password": b"master",
    }
    assert objects.patched[0][1]["status"]["conditions"][0]["status"] == "True"


@pytest.mark.parametrize("ref", [{"key": "nowhere"}, {"key": "rds", "property": "user"}])
def test_what_the_store_lacks_is_said_and_no_half_of_a_secret_is_written(ref: dict[str, str]):
    objects = Objects(external({"secretKey": "x", "remoteRef": ref}))
    operator(objects, Account(rds="{}")).reconcile()
    assert objects.applied == []
    condition = objects.patched[0][1]["status"]["conditions"][0]
    assert condition["status"] == "False"
    assert ref["key"] in condition["message"]


def test_an_ingress_of_the_class_gets_a_port_that_leads_to_the_pods():
    backend = {"service": {"name": "api", "port": {"number": 3000}}}
    rules = [{"http": {"paths": [{"backend": backend}]}}]
    door = {"kind": "Ingress", "metadata": {"name": "i", "uid": "u"}}
    ours = {**door, "spec": {"ingressClassName": "alb", "rules": rules}}
    theirs = {**door, "spec": {"ingressClassName": "nginx", "rules": rules}}
    spec = {"selector": {"app": "api"}, "ports": [{"port": 3000, "targetPort": 3000}]}
    objects = Objects(ours, theirs, {"kind": "Service", "metadata": {"name": "api"}, "spec": spec})
    cluster: Cluster = objects  # type: ignore[assignment]
    front_door.FrontDoors(cluster, "pxl-staging", 31080).reconcile()
    (service,) = objects.applied
    assert service["spec"]["selector"] == {"app": "api"}
    assert service["spec"]["ports"][0]["nodePort"] == 31080


def test_the_master_user_of_a_postgres_is_no_superuser():
    objects = servers.postgres(
        "db", "image", certificate=("c", "k"), database="pxl", master=("pxl_admin", "secret"), connections=50
    )
    (secret, deployment, _) = objects
    server, setup = deployment["spec"]["template"]["spec"]["containers"]
    assert next(item["value"] for item in server["env"] if item["name"] == "POSTGRES_USER") != "pxl_admin"
    assert "CREATEROLE CREATEDB" in setup["command"][-1] and "SUPERUSER" not in setup["command"][-1]
    assert "hostssl" in secret["stringData"]["pg_hba.conf"] and "\nhost " not in secret["stringData"]["pg_hba.conf"]
