"""Every kind of bad value is refused, by file, key, value and remedy."""

from typing import Any

import pytest
import yaml

from infra.settings import check_stack_file
from infra.settings.mistakes import Mistake

DIGEST = "sha256:" + "a" * 64
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
PAYMENTS = {"name": "payments", "cidr": "203.0.113.0/24", "ports": [443]}
IMAGE = f"registry.example.com/image@{DIGEST}"
STORES: dict[str, Any] = {
    "postgres": {"kind": "external", "host": "db.example.internal", "cidrs": ["10.0.0.0/16"], "maxConnections": 400},
    "redis": {"kind": "external", "host": "redis.example.internal", "cidrs": ["10.0.0.0/16"], "tls": False},
}
ELSEWHERE: dict[str, Any] = {**STORES, "registry": {"kind": "none"}}
STAGING: dict[str, Any] = {
    "environment": "staging", "secrets": {"store": {"name": "vault"}, "generate": False}, **ELSEWHERE,
}  # fmt: skip
PLACE: dict[str, Any] = {
    "account": "111111111111", "region": "eu-central-1", "cluster": "c", "vpcId": "vpc-0a",
    "subnetIds": ["subnet-0a", "subnet-0b"], "nodeSecurityGroupId": "sg-0a",
}  # fmt: skip
AWS: dict[str, Any] = {
    "environment": "staging", "aws": PLACE, "secrets": {"store": {"name": "vault"}},
    "images": {"postgres": IMAGE, "tlsProxy": IMAGE},
}  # fmt: skip
PROD: dict[str, Any] = {**AWS, "environment": "prod"}
DOOR = {"kind": "alb", "hostname": "app.example.com", "hostedZoneId": "Z0000EXAMPLE"}
DEV: dict[str, Any] = {"environment": "dev"}

# (what is wrong, the whole settings, key that the message names, a word of the message)
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("no environment", {}, "environment", "missing"),
    ("an environment that does not exist", {"environment": "qa"}, "environment", "dev"),
    ("an environment of the wrong type", {"environment": 3}, "environment", "dev"),
    ("an unknown key", {**DEV, "colour": "red"}, "colour", "not a setting"),
    ("a misspelled section", {**DEV, "postgress": {}}, "postgress", "pxl:postgres"),
    ("a misspelled key", {**DEV, "api": {"drainSecond": 5}}, "api.drainSecond", "pxl:api.drainSeconds"),
    ("a key in snake case", {**DEV, "api": {"drain_second": 5}}, "api.drain_second", "not a setting"),
    ("a key that exists in snake case", {**DEV, "api": {"drain_seconds": 5}}, "api.drain_seconds", "drainSeconds"),
    ("a dotted key", {**DEV, "api.nodePort": 30080}, "api.nodePort", "--path"),
    ("a string for a number", {**DEV, "api": {"drainSeconds": "10"}}, "api.drainSeconds", "integer"),
    ("a fraction for a number", {**DEV, "api": {"drainSeconds": 1.5}}, "api.drainSeconds", "integer"),
    ("a boolean for replicas", {**DEV, "api": {"replicas": True}}, "api.replicas", "object"),
    ("a word for a boolean", {**DEV, "worker": {"enabled": "yes"}}, "worker.enabled", "boolean"),
    ("a list for a section", {**DEV, "api": []}, "api", "object"),
    ("no replicas at all", {**DEV, "api": {"replicas": 0}}, "api.replicas.min", "at least 1"),
    ("too many replicas", {**DEV, "api": {"replicas": {"max": 999}}}, "api.replicas.max", "at most 200"),
    ("a drain that is too short", {**DEV, "worker": {"drainSeconds": 1}}, "worker.drainSeconds", "at least 5"),
    ("a drain that is too long", {**DEV, "worker": {"drainSeconds": 9999}}, "worker.drainSeconds", "at most 3600"),
    ("a port out of range", {**DEV, "app": {"port": 70000}}, "app.port", "at most 65535"),
    ("a node port out of range", {**DEV, "api": {"nodePort": 8080}}, "api.nodePort", "at least 30000"),
    ("CPU in words", {**DEV, "api": {"resources": {"cpu": "two"}}}, "api.resources.cpu", "250m"),
    ("CPU as a number", {**DEV, "api": {"resources": {"cpu": 1}}}, "api.resources.cpu", "string"),
    ("CPU in other digits", {**DEV, "api": {"resources": {"cpu": "1\u0663m"}}}, "api.resources.cpu", "250m"),
    ("more memory than there is", {**DEV, "api": {"resources": {"memory": "9999999Gi"}}},
     "api.resources.memory", "1024Ti"),
    ("more storage than can be counted", {**DEV, "registry": {"storage": "9999999Ti"}}, "registry.storage", "1024Ti"),
    ("a command that ends early", {**DEV, "api": {"command": ["node", "a\0b"]}}, "api.command[1]", "NUL"),
    ("a variable that ends early", {**DEV, "app": {"env": {"MODE": "a\0b"}}}, "app.env.MODE", "NUL"),
    ("memory without a unit", {**DEV, "api": {"resources": {"memory": "256"}}}, "api.resources.memory", "256Mi"),
    ("memory in MB", {**DEV, "api": {"resources": {"memory": "256MB"}}}, "api.resources.memory", "256Mi"),
    ("a tag instead of a digest", {**DEV, "release": {"digest": "v1.4.2"}}, "release.digest", "tag"),
    ("latest instead of a digest", {**DEV, "release": {"digest": "latest"}}, "release.digest", "tag"),
    ("a digest that is cut short", {**DEV, "release": {"digest": "sha256:abc"}}, "release.digest", "cut short"),
    ("a release without a digest", {**DEV, "release": {"reason": "urgent"}}, "release.digest", "missing"),
    ("a group without a value", {**DEV, "release": None}, "release", "no value"),
    ("an image by tag", {**DEV, "images": {"redis": "docker.io/library/redis:7"}}, "images.redis", "digest"),
    ("tag and digest", {**DEV, "images": {"redis": f"redis:7@{DIGEST}"}}, "images.redis", "tag"),
    ("a repository with a tag", {**STAGING, "image": {"repository": "r.example.com/a:1"}}, "image.repository", "tag"),
    ("a repository without a registry", {**STAGING, "image": {"repository": "app"}}, "image.repository", "registry/"),
    ("an unknown log level", {**DEV, "app": {"logLevel": "loud"}}, "app.logLevel", "debug"),
    ("an unknown contract", {**DEV, "app": {"contract": "rails"}}, "app.contract", "guide"),
    ("a probe path without a slash", {**DEV, "app": {"probes": {"readiness": "ready"}}}, "app.probes.readiness", "/"),
    ("a URL as a probe path", {**DEV, "app": {"probes": {"readiness": "http://x/"}}}, "app.probes.readiness", "path"),
    ("an unknown concept", {**DEV, "app": {"envNames": {"dbhost": ["X"]}}}, "app.envNames.dbhost", "dbHost"),
    ("an impossible variable", {**DEV, "app": {"env": {"1X": "y"}}}, "app.env.1X", "no digit first"),
    ("a secret in plain env", {**DEV, "app": {"env": {"API_TOKEN": "y"}}}, "app.env.API_TOKEN", "secret"),
    ("a namespace in capitals", {**DEV, "namespace": "PXL"}, "namespace", "lower-case"),
    ("an owner with spaces", {**DEV, "owner": "my team"}, "owner", "hyphens"),
    ("an empty command", {**DEV, "api": {"command": []}}, "api.command", "at least 1"),
    ("a command as one string", {**DEV, "api": {"command": "node app"}}, "api.command", "array"),
    ("an address as a CIDR", {**DEV, "network": {"ingressCidrs": ["10.0.0.0/33"]}}, "network.ingressCidrs[0]", "CIDR"),
    ("egress without ports", {**DEV, "network": {"egress": [{"name": "pay", "cidr": "203.0.113.0/24"}]}},
     "network.egress[0].ports", "missing"),
    ("a user that is no identifier", {**DEV, "postgres": {"username": "my-user"}}, "postgres.username", "underscores"),
    ("min above max", {**DEV, "api": {"replicas": {"min": 5, "max": 2}}}, "api.replicas.min", "replicas.max"),
    ("pools that exceed the database", {**DEV, "api": {"poolSize": 200}}, "api.poolSize", "connections"),
    ("an external store without a host", {**STAGING, "redis": {"kind": "external"}}, "redis.host", "external"),
    ("an external store without addresses", {**STAGING, "redis": {"kind": "external", "host": "r"}},
     "redis.cidrs", "no pod may reach"),
    ("a host for an ephemeral store", {**DEV, "postgres": {"host": "db"}}, "postgres.host", "ephemeral"),
    ("TLS for an ephemeral Postgres", {**DEV, "postgres": {"tls": True}}, "postgres.tls", "no TLS"),
    ("TLS for an ephemeral Redis", {**DEV, "redis": {"tls": True}}, "redis.tls", "no TLS"),
    ("TLS for Redis without the proxy that speaks it", {**STAGING, "redis": {**STORES["redis"], "tls": True}},
     "images.tlsProxy", "speaks TLS"),
    ("a managed store without TLS", {**AWS, "redis": {"tls": False}}, "redis.tls", "nothing else"),
    ("managed stores without an account", {"environment": "staging"}, "aws", "pxlctl init"),
    ("an account that is no id", {**AWS, "aws": {**PLACE, "account": "staging"}}, "aws.account", "12 digits"),
    ("an account as a number", {**AWS, "aws": {**PLACE, "account": 111111111111}}, "aws.account", "string"),
    ("a region that is none", {**AWS, "aws": {**PLACE, "region": "europe"}}, "aws.region", "eu-central-1"),
    ("no place on AWS", {**AWS, "aws": {**PLACE, "vpcId": None}}, "aws.vpcId", "where on AWS"),
    ("a place in no subnet", {**AWS, "aws": {**PLACE, "subnetIds": []}}, "aws.subnetIds", "where on AWS"),
    ("a place in one zone", {**AWS, "aws": {**PLACE, "subnetIds": ["subnet-0a"]}}, "aws.subnetIds", "another zone"),
    ("one subnet twice", {**AWS, "aws": {**PLACE, "subnetIds": ["subnet-0a", "subnet-0a"]}},
     "aws.subnetIds", "another zone"),
    ("a port that no proxy may have", {**STAGING, "images": {"tlsProxy": IMAGE},
     "redis": {**STORES["redis"], "tls": True, "port": 80}}, "redis.port", "proxy"),
    ("a public name of one part", {**AWS, "ingress": {**DOOR, "hostname": "app"}},
     "ingress.hostname", "app.example.com"),
    ("a managed Redis whose password others keep",
     {**AWS, "secrets": {"store": {"name": "vault"}, "generate": False}}, "secrets.generate", "ElastiCache"),
    ("a place said twice", {**AWS, "aws": {**PLACE, "platform": "o/p/s"}}, "aws.vpcId", "platform says it"),
    ("a platform that is no stack", {**AWS, "aws": {"account": "111111111111", "region": "eu-central-1",
     "cluster": "c", "platform": "staging"}}, "aws.platform", "organization/project/stack"),
    ("RDS without the operator", {**AWS, "secrets": {"delivery": "direct"}}, "secrets.delivery", "master password"),
    ("RDS without an image for its users", {**AWS, "images": {"tlsProxy": IMAGE}}, "images.postgres", "own user"),
    ("storage that shrinks", {**AWS, "postgres": {"maxStorageGb": 20}}, "postgres.maxStorageGb", "less than"),
    ("an instance class of another service", {**AWS, "postgres": {"instanceClass": "cache.t4g.small"}},
     "postgres.instanceClass", "db.t4g.medium"),
    ("a host for a managed store", {**AWS, "postgres": {"host": "db"}}, "postgres.host", "managed"),
    ("a front door without a name", {**AWS, "ingress": {**DOOR, "hostname": None}}, "ingress.hostname", "for nobody"),
    ("a front door for nobody", {**AWS, "ingress": {"kind": "alb", "hostedZoneId": "Z0000EXAMPLE"}},
     "ingress.hostname", "for nobody"),
    ("a front door without a certificate", {**AWS, "ingress": {"kind": "alb", "hostname": "a.example.com"}},
     "ingress.certificateArn", "hostedZoneId"),
    ("a name without a front door", {**AWS, "ingress": {"hostname": "a.example.com"}}, "ingress.hostname", "to alb"),
    ("a CA without TLS", {**STAGING, "postgres": {**STORES["postgres"], "tls": False, "ca": PEM}},
     "postgres.ca", "verified"),
    ("an operator without a store", {**ELSEWHERE, "environment": "staging"}, "secrets.store", "externalSecrets"),
    ("generated secrets from a store", {**STAGING, "secrets": {"generate": True, "store": {"name": "v"}}},
     "secrets.generate", "store"),
    ("a secret variable that is set already", {**DEV, "secrets": {"variables": ["PORT"]}}, "secrets.variables", "port"),
    ("a secret variable under the key of a built-in one", {**DEV, "secrets": {"variables": ["DATABASE_PASSWORD"]}},
     "secrets.variables", "databasePassword"),
    ("two secret variables under one key", {**DEV, "secrets": {"variables": ["A_B", "a_b"]}},
     "secrets.variables", "a-b"),
    ("a secret variable that is no key of a Secret", {**DEV, "secrets": {"variables": ["A" * 254]}},
     "secrets.variables[0]", "at most 253"),
    ("a secret variable without value", {**DEV, "secrets": {"variables": ["SMTP_TOKEN"]}}, "appSecrets", "SMTP_TOKEN"),
    ("a variable both plain and secret",
     {**DEV, "app": {"env": {"MODE": "x"}}, "secrets": {"variables": ["MODE"]}}, "app.env.MODE", "secret"),
    ("a missing secret", {**DEV, "secrets": {"generate": False}}, "jwtSecret", "missing secret"),
    ("a generated password for a server that exists",
     {**ELSEWHERE, "environment": "staging", "secrets": {"delivery": "direct", "generate": True}},
     "databasePassword", "its own"),
    ("a generated password for a Redis that exists",
     {**DEV, "redis": STORES["redis"]}, "redisPassword", "its own"),
    ("pools of several processes", {**DEV, "app": {"clusterWorkers": 8}}, "api.poolSize", "connections"),
    ("a port for an ephemeral store", {**DEV, "redis": {"port": 6380}}, "redis.port", "ephemeral"),
    ("a CA that is none", {**STAGING, "postgres": {**STORES["postgres"], "ca": "ca.pem"}}, "postgres.ca", "BEGIN CERT"),
    ("a key beside the CA", {**STAGING, "postgres": {**STORES["postgres"], "ca": PEM + KEY}}, "postgres.ca", "key"),
    ("memory that starts nothing", {**DEV, "api": {"resources": {"memory": "1Ki"}}}, "api.resources.memory", "32Mi"),
    ("no CPU at all", {**DEV, "api": {"resources": {"cpu": "0.0"}}}, "api.resources.cpu", "250m"),
    ("a path in the repository that no registry has", {**STAGING, "image": {"repository": "r.example.com/a..b"}},
     "image.repository", "repository"),
    ("an image in capitals", {**DEV, "images": {"redis": f"Red is@{DIGEST}"}}, "images.redis", "repository"),
    ("a working directory with a space", {**DEV, "app": {"workdir": "/my app"}}, "app.workdir", "spaces"),
    ("an owner that is no label", {**DEV, "owner": "größe"}, "owner", "letters"),
    ("a moment in words", {**DEV, "release": {"digest": DIGEST, "healthySince": "yesterday"}},
     "release.healthySince", "2030-01-31T12:00:00Z"),
    ("a moment without a zone", {**DEV, "release": {"digest": DIGEST, "healthySince": "2030-01-31T12:00:00"}},
     "release.healthySince", "time zone"),
    ("a hole outside of the egress", {**DEV, "network": {"egress": [{**PAYMENTS, "except": ["10.0.0.0/8"]}]}},
     "network.egress[0].except", "not within"),
    ("a hole that is all of the egress", {**DEV, "network": {"egress": [{**PAYMENTS, "except": ["203.0.113.0/24"]}]}},
     "network.egress[0].except", "nothing would be open"),
    ("two destinations of one name", {**DEV, "network": {"egress": [PAYMENTS, PAYMENTS]}},
     "network.egress[1].name", "another"),
    ("a destination with the name of a store", {**DEV, "network": {"egress": [{**PAYMENTS, "name": "redis"}]}},
     "network.egress[0].name", "another"),
    ("clients that a node port hides", {**DEV, "api": {"nodePort": 30080}, "network": {"ingressCidrs": ["10.0.0.0/8"]}},
     "network.ingressCidrs", "externalTrafficPolicy to Local"),
    ("a traffic policy without a node port", {**DEV, "api": {"externalTrafficPolicy": "Local"}},
     "api.externalTrafficPolicy", "no effect"),
    ("a seed without migrations", {**DEV, "migrations": {"enabled": False}}, "seed.enabled", "after the migrations"),
    ("an API key in plain env", {**DEV, "app": {"env": {"STRIPE_API_KEY": "y"}}}, "app.env.STRIPE_API_KEY", "secret"),
    ("a secret in plain text", {**DEV, "jwtSecret": "s" * 40}, "jwtSecret", "--secret"),
    ("a digest without a repository", {**STAGING, "release": {"digest": DIGEST}}, "image.repository", "missing"),
    ("a repository and a registry", {**DEV, "image": {"repository": "r.example.com/a"}}, "image.repository", "follows"),
    ("one node port twice", {**DEV, "api": {"nodePort": 30500}}, "api.nodePort", "registry"),
    ("a privileged port", {**DEV, "app": {"port": 80}}, "app.port", "at least 1024"),
    ("a drain that the framework cannot keep", {**DEV, "app": {"contract": "framework"}}, "api.drainSeconds", "30"),
    ("a variable that is set already", {**DEV, "app": {"env": {"DB_HOST": "x"}}}, "app.env.DB_HOST", "dbHost"),
    ("one variable for two things", {**DEV, "app": {"envNames": {"dbHost": ["PORT"]}}}, "app.envNames.dbHost", "port"),
    ("a seed in prod", {**PROD, "seed": {"enabled": True}}, "seed.enabled", "never seeded"),
    ("an ephemeral database in prod", {**PROD, "postgres": {"kind": "ephemeral", "tls": False, "maxConnections": 400}},
     "postgres.kind", "lose"),
]  # fmt: skip


def mistakes_of(tmp_path: Any, settings: dict[str, Any]) -> list[Mistake]:
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(yaml.safe_dump({"config": {f"pxl:{key}": value for key, value in settings.items()}}))
    return check_stack_file(path)


@pytest.mark.parametrize(("settings", "key", "word"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_refuses(tmp_path, settings, key, word):
    found = mistakes_of(tmp_path, settings)
    matching = [mistake for mistake in found if mistake.key == f"pxl:{key}"]
    assert matching, f"pxl:{key} must be named; found only {[mistake.key for mistake in found]}"
    mistake = matching[0]
    assert mistake.file == "Pulumi.try.yaml", "whoever reads it must know which file to open"
    assert word in f"{mistake.problem} {mistake.remedy}", f"says only: {mistake.problem} / {mistake.remedy}"
    assert mistake.remedy, "a refusal without a way out is half a message"


def test_at_least_forty_kinds_of_bad_values_are_covered():
    assert len(BAD) >= 40, "the table above is the proof that settings are checked"


@pytest.mark.parametrize(
    "settings",
    [DEV, STAGING, AWS, {**AWS, "ingress": DOOR}, PROD],
    ids=["dev", "elsewhere", "staging", "front door", "prod"],
)
def test_the_settings_that_the_bad_ones_vary_are_good(tmp_path, settings):
    assert mistakes_of(tmp_path, settings) == [], "else the cases above could fail for another reason"


def test_reports_several_mistakes_together(tmp_path):
    found = mistakes_of(
        tmp_path,
        {
            **DEV,
            "colour": 1,
            "release": {"digest": "latest"},
            "api": {"replicas": {"min": 9, "max": 2}, "poolSize": "x"},
        },
    )
    keys = {mistake.key for mistake in found}
    assert keys == {"pxl:colour", "pxl:release.digest", "pxl:api.replicas.min", "pxl:api.poolSize"}, (
        "one run must show them all, contradictions beside wrong types"
    )


def test_a_value_that_was_set_aside_is_not_reported_as_missing(tmp_path):
    found = mistakes_of(tmp_path, {**DEV, "release": {"digest": "latest"}})
    assert len(found) == 1, "one mistake, one message"


def test_a_secret_under_a_misspelled_key_is_not_shown(tmp_path):
    (mistake,) = mistakes_of(tmp_path, {**DEV, "databasePasword": "canary-0123456789"})
    assert "canary" not in str(mistake), "the value may be what the right key keeps secret"
    assert "pxl:databasePassword" in mistake.remedy


def test_a_private_key_in_place_of_a_certificate_is_not_shown(tmp_path):
    found = mistakes_of(tmp_path, {**STAGING, "postgres": {**STORES["postgres"], "ca": KEY}})
    assert found, "it would end in a ConfigMap"
    assert "canary" not in "\n".join(map(str, found)), "and in a log"


@pytest.mark.parametrize(
    ("key", "value"),
    [("owner", {"secure": "v1:canary"}), ("app", {"env": {"A": {"secure": "v1:canary"}}})],
    ids=["a setting", "a part of one"],
)
def test_a_secret_that_would_not_stay_one_is_refused(tmp_path, key, value):
    (mistake,) = mistakes_of(tmp_path, {**DEV, key: value})
    assert mistake.key == f"pxl:{key}"
    assert "without --secret" in mistake.remedy
    assert "canary" not in str(mistake)


def test_what_is_said_about_a_secret_is_no_secret(tmp_path):
    env = {"MAX_TOKENS": "4096", "TOKEN_TTL_SECONDS": "900", "PASSWORD_MIN_LENGTH": "12", "SECRET_NAME": "shop"}
    assert mistakes_of(tmp_path, {**DEV, "app": {"env": env}}) == [], "there would be no way to set them"


@pytest.mark.parametrize("key", ["databasePassword", "redisPassword", "jwtSecret", "appSecrets"])
def test_a_secret_in_plain_text_is_found_in_any_spelling(tmp_path, key):
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    for spelled in (key, snake, key.lower()):
        found = "\n".join(map(str, mistakes_of(tmp_path, {**DEV, spelled: "canary-0123456789" * 3})))
        assert f"pxl:{spelled}" in found, f"{spelled} would be taken, and stands in plain text"
        assert "canary" not in found, f"{spelled} must not be shown"


def stack_file(tmp_path, text):
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(f"config: {{pxl:environment: dev, {text}}}")
    return check_stack_file(path)


def test_a_moment_needs_no_quotes(tmp_path):
    for moment in ("2020-01-31T12:00:00Z", "2020-01-31T12:00:00+02:00", '"2020-01-31T12:00:00.5Z"'):
        release = f"pxl:release: {{digest: {DIGEST}, healthySince: {moment}}}"
        assert stack_file(tmp_path, release) == [], f"{moment} is read as what the engine makes of it"


@pytest.mark.parametrize("text", ["pxl:owner: 2030-01-31", "pxl:app: {env: {BUILT: 2030-01-31}}"])
def test_a_date_that_the_engine_would_rewrite_is_refused(tmp_path, text):
    (mistake,) = stack_file(tmp_path, text)
    assert "2030-01-31 00:00:00 +0000 UTC" in mistake.value, "that is what the program would get"
    assert "quotes" in mistake.remedy
    assert stack_file(tmp_path, text.replace("2030-01-31", '"2030-01-31"')) == [], "in quotes it is a text"


@pytest.mark.parametrize(
    "text",
    [
        "pxl:owner: 5",
        "pxl:owner: ''",
        "pxl:owner:",
        "pxl:release: {}",
        "pxl:api: {drainSeconds: 1e1}",
        "pxl:api: {drainSeconds: 10.0}",
        "pxl:app: {env: {MODE: yes}}",
    ],
)
def test_what_the_engine_makes_a_good_value_of_is_good(tmp_path, text):
    assert stack_file(tmp_path, text) == [], "the program would take it"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("pxl:worker: {enabled: yes}", "pxl:worker.enabled"),
        ("pxl:api: {drainSeconds: 1:30}", "pxl:api.drainSeconds"),
        ("pxl:app: {env: {MODE: 5}}", "pxl:app.env.MODE"),
    ],
)
def test_what_the_engine_makes_another_value_of_is_refused(tmp_path, text, key):
    assert [mistake.key for mistake in stack_file(tmp_path, text)] == [key], "the program would refuse it, too late"


@pytest.mark.parametrize(
    ("stack", "settings", "key"),
    [
        ("prod_eu", {}, "pxl:namespace"),
        ("Prod", {}, "pxl:namespace"),
        ("s" * 60, {}, "pxl:namespace"),
        ("-eu", {"namespace": "shop"}, "(stack)"),
        ("s" * 64, {"namespace": "shop"}, "(stack)"),
    ],
)
def test_a_stack_whose_name_fits_no_namespace_or_label_is_refused(tmp_path, stack, settings, key):
    path = tmp_path / f"Pulumi.{stack}.yaml"
    config = {f"pxl:{name}": value for name, value in {**DEV, **settings}.items()}
    path.write_text(yaml.safe_dump({"config": config}))
    assert [mistake.key for mistake in check_stack_file(path)] == [key], "else the deployment would stop half-way"


@pytest.mark.parametrize(("stack", "settings"), [("prod-eu", {}), ("prod_EU.2", {"namespace": "shop"})])
def test_a_stacks_name_is_free_within_that(tmp_path, stack, settings):
    path = tmp_path / f"Pulumi.{stack}.yaml"
    path.write_text(yaml.safe_dump({"config": {f"pxl:{name}": value for name, value in {**DEV, **settings}.items()}}))
    assert check_stack_file(path) == []


def test_a_secret_is_never_shown(tmp_path):
    canary = "canary-0123456789"
    for key in ("jwtSecret", "databasePassword", "redisPassword"):
        text = "\n".join(str(mistake) for mistake in mistakes_of(tmp_path, {**DEV, key: canary}))
        assert key in text, "the mistake must be reported"
        assert canary not in text, "and its value must not"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("config: [", "YAML"),
        ("- a", "mapping"),
        ("config: {[1, 2]: 3}", "YAML"),
        ("config: 3", "mapping"),
        ("confg: {}", "config?"),
        ("config:\n  pxl:api: {sticky: true}\n  pxl:api: {nodePort: 30080}", "'pxl:api' is there twice"),
        ("config: {'plx:api': {}}", "pxl:api"),
        ("config: {'api': {}}", "pxl:api"),
        ("config: {pxl:api: !!binary aGVsbG8=}", "tag"),
        ("config: {pxl:app: {port: .nan}}", "number"),
        ('config: {pxl:app: {env: {MODE: "\\ud800"}}}', "half a character"),
    ],
    ids=[
        "broken YAML",
        "a list",
        "a list as a key",
        "config that is a number",
        "misspelled config",
        "a key twice",
        "misspelled project",
        "no project",
        "a tag",
        "no number",
        "half a character",
    ],
)
def test_refuses_a_file_that_is_not_a_stack_file(tmp_path, text, word):
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(text)
    shown = "\n".join(str(mistake) for mistake in check_stack_file(path))
    assert word in shown, f"says only: {shown}"


def test_a_file_that_does_not_exist_is_a_mistake_not_a_crash(tmp_path):
    found = check_stack_file(tmp_path / "Pulumi.none.yaml")
    assert [mistake.key for mistake in found] == ["(file)"], "the message names the file"
