"""Both contracts of environment variables, and their extension by a stack."""

from typing import Any

import pulumi
import pytest
from pulumi_recording import DIGEST, IMAGE, deploy
from pxl_components import Api, EnvironmentContract
from pxl_components.contracts import CONCEPTS, CONTRACTS

PASSWORD = {"name": "stores", "key": "db"}
DATABASE = {"host": "db.svc", "port": 5432, "database": "shop", "username": "app", "password_secret": PASSWORD}
REDIS = {"host": "redis.svc", "port": 6379, "password_secret": {"name": "stores", "key": "redis"}}
FULL = {"database": DATABASE, "redis": REDIS, "jwt_secret": {"name": "keys", "key": "jwt"}}


def env(environment: dict[str, Any], **more: Any) -> dict[str, Any]:
    args = {"namespace": "apps", "image": IMAGE, "environment": environment, **more}
    return deploy(lambda: Api("web", args) and None).one("Deployment").env


def test_the_guides_contract_is_complete():
    found = env({**FULL, "contract": EnvironmentContract.GUIDE})
    expected = {
        "PORT": "3000",
        "HOST": "0.0.0.0",
        "NODE_ENV": "production",
        "LOG_LEVEL": "info",
        "DB_ENABLED": "true",
        "DB_HOST": "db.svc",
        "DB_PORT": "5432",
        "DB_USERNAME": "app",
        "DB_DATABASE_NAME": "shop",
        "REDIS_HOST": "redis.svc",
        "REDIS_PORT": "6379",
        "GRACEFUL_TIMEOUT_MS": "30000",
        "IMAGE_DIGEST": DIGEST,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if name.startswith("PXL_DB")], "the framework's own names are not asked for"


def test_the_frameworks_contract_is_complete():
    found = env({**FULL, "contract": EnvironmentContract.FRAMEWORK})
    expected = {
        "PXL_WEB_PORT": "3001",
        "PXL_WEB_HOST": "0.0.0.0",
        "PXL_DB_ENABLED": "true",
        "PXL_DB_HOST": "db.svc",
        "PXL_DB_PORT": "5432",
        "PXL_DB_USERNAME": "app",
        "PXL_DB_NAME": "shop",
        "PXL_REDIS_HOST": "redis.svc",
        "PXL_REDIS_PORT": "6379",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not {"DB_HOST", "PORT"} & found.keys(), "the guide's names are not asked for"


def test_both_contracts_carry_the_same_values():
    found = env(FULL)
    for guide, framework in (("PORT", "PXL_WEB_PORT"), ("DB_HOST", "PXL_DB_HOST"), ("REDIS_PORT", "PXL_REDIS_PORT")):
        assert found[guide] == found[framework], f"{guide} and {framework} mean the same"


def test_secrets_are_references_in_every_contract():
    found = env(FULL)
    for name in ("DB_PASSWORD", "PXL_DB_PASSWORD"):
        assert found[name] == {"secretKeyRef": PASSWORD}, f"{name} must not hold the value"
    for name in ("JWT_SECRET", "PXL_AUTH_JWT_SECRET_KEY"):
        assert found[name] == {"secretKeyRef": {"name": "keys", "key": "jwt"}}, f"{name} must not hold the value"


def test_the_pods_name_comes_from_the_pod():
    assert env({})["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_an_app_without_a_database_is_told_so():
    found = env({})
    assert found["DB_ENABLED"] == "false"
    assert "DB_HOST" not in found, "a host would be a promise"


def test_a_stack_can_rename_and_drop_a_concept():
    found = env({**FULL, "contract": "guide", "names": {"dbHost": ["PGHOST", "DATABASE_HOST"], "logLevel": []}})
    assert found["PGHOST"] == found["DATABASE_HOST"] == "db.svc"
    assert "DB_HOST" not in found, "the new names replace the old ones"
    assert "LOG_LEVEL" not in found, "an empty list drops the variable"


def test_a_stack_can_add_values_and_secrets():
    found = env({"values": {"FEATURE_X": "on"}, "secrets": {"STRIPE_KEY": {"name": "pay", "key": "stripe"}}})
    assert found["FEATURE_X"] == "on"
    assert found["STRIPE_KEY"] == {"secretKeyRef": {"name": "pay", "key": "stripe"}}


def test_the_order_of_variables_does_not_depend_on_the_order_of_settings():
    args = {"namespace": "apps", "image": IMAGE}
    values = {"B": "2", "A": "1"}
    turned = dict(reversed(values.items()))
    first = deploy(lambda: Api("web", {**args, "environment": {"values": values}}) and None).one("Deployment")
    second = deploy(lambda: Api("web", {**args, "environment": {"values": turned}}) and None).one("Deployment")
    assert first.container["env"] == second.container["env"], "a reordered file must not roll the pods"


def test_tls_to_postgres_needs_mode_and_authority():
    args = {"database": {**DATABASE, "ssl_mode": "verify-full", "ca_config_map": "ca-map"}}
    deployment = deploy(lambda: Api("web", {"namespace": "apps", "image": IMAGE, "environment": args}) and None).one(
        "Deployment"
    )
    assert deployment.env["PGSSLMODE"] == "verify-full"
    path = deployment.env["NODE_EXTRA_CA_CERTS"]
    assert deployment.env["PGSSLROOTCERT"] == path, "what is built on libpq, such as psql, verifies by it"
    (mount,) = [m for m in deployment.container["volumeMounts"] if m["mountPath"] == path]
    (volume,) = [v for v in deployment.pod["volumes"] if v["name"] == mount["name"]]
    assert volume["configMap"]["name"] == "ca-map", "the file that the variable names is the authority"
    assert mount["subPath"] == "ca.pem"
    assert mount["readOnly"] is True


def test_a_secret_among_plain_values_fails_the_deployment_without_showing_it():
    leak = {"API_KEY": pulumi.Output.secret("s3cr3t-value")}
    with pytest.raises(Exception, match=r"values\.API_KEY is a secret and would be readable") as caught:
        env({"values": leak})
    assert "s3cr3t-value" not in str(caught.value)


def test_a_plain_value_may_be_known_later():
    assert env({"values": {"PUBLIC_URL": pulumi.Output.from_input("https://x")}})["PUBLIC_URL"] == "https://x"


def test_every_contract_has_a_name_for_every_concept():
    for kind, contract in CONTRACTS.items():
        assert sorted(contract.names) == list(CONCEPTS), f"{kind} forgets a concept"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"contract": "rails"}, ["environment.contract = 'rails'", "guide, framework, both"]),
        ({"names": {"dbHosts": ["X"]}}, ["names.dbHosts", "is no concept", "dbHost,"]),
        ({"names": {"dbHost": "X"}}, ["names.dbHost"]),
        ({"names": {"dbHost": ["1X"]}}, ["names.dbHost = '1X'"]),
        ({"names": {"dbHost": ["DB_PORT"]}}, ["DB_PORT", "is also the name of"]),
        ({"values": {"DB_HOST": "x"}}, ["values.DB_HOST is already set: it carries dbHost", "names.dbHost"]),
        ({"values": {"GRACEFUL_TIMEOUT_MS": "1"}}, ["it carries gracefulTimeout"]),
        ({"values": {"A-B": "x"}}, ["values = 'A-B'"]),
        ({"values": {"WORKERS": 3}}, ["values.WORKERS = 3", "in quotes"]),
        ({"values": {"A": "x"}, "secrets": {"A": PASSWORD}}, ["secrets.A is also in values"]),
        ({"secrets": {"A": {"name": "x"}}}, ["secrets.A.key is missing"]),
        ({"database": {**DATABASE, "port": 0}}, ["environment.database.port = 0"]),
        ({"database": {"host": "db"}}, ["environment.database.database is missing"]),
        ({"database": pulumi.Output.from_input(DATABASE)}, ["is an Output as a whole"]),
        ({"database_pool": 0}, ["environment.database_pool = 0"]),
    ],
)
def test_what_an_app_could_not_read_is_refused(refuses: Any, environment: Any, words: list[str]):
    refuses(Api, {"namespace": "apps", "image": IMAGE, "environment": environment}, *words)
