"""The AWS stand-in's decisions, on plain objects: names, differences, replacements, endpoints, words for errors."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from local.standins.aws import catalogue, check, compare, config, diff, errors, state
from local.standins.aws.reaching import Aws, local_endpoint
from local.standins.aws.types import Name
from local.standins.serve import Failed
from local.standins.values import UNKNOWN, Secret

ROOT = Path(__file__).resolve().parents[3]
KEY = catalogue.TYPES["aws:kms/key:Key"]
DATABASE = catalogue.TYPES["aws:rds/instance:Instance"]
CACHE = catalogue.TYPES["aws:elasticache/replicationGroup:ReplicationGroup"]
POLICY = catalogue.TYPES["aws:ecr/lifecyclePolicy:LifecyclePolicy"]
REPOSITORY = catalogue.TYPES["aws:ecr/repository:Repository"]


def _complete(kind: Any, new: dict[str, Any], old: dict[str, Any] | None = None, **tags: str) -> dict[str, Any]:
    return check.complete(
        kind, new, old or {}, default_tags=tags, draw=lambda wanted, prefix: f"{prefix or 'drawn-'}{wanted.field}"
    )


# --- what the program uses ----------------------------------------------------------------------------------------


def _used(folder: Path) -> set[str]:
    """Every ``aws.module.Type(`` and ``pulumi_aws.module.Type(`` of the sources, as ``module.Type``."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules, names = _imported(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            parts = ast.unparse(node.func).split(".")
            if len(parts) == 3 and parts[0] in modules and parts[2][:1].isupper():
                found.add(f"{parts[1]}.{parts[2]}")
            elif len(parts) == 2 and parts[0] in names and parts[1][:1].isupper():
                found.add(f"{names[parts[0]]}.{parts[1]}")
            elif len(parts) == 1 and names.get(parts[0], "")[:1].islower() and "." in names[parts[0]]:
                found.add(names[parts[0]])
    return {use for use in found if not use.endswith(("Args", "ArgsDict"))}


def _imported(tree: ast.AST) -> tuple[set[str], dict[str, str]]:
    """The names that the package goes by, and those of its modules and types."""
    modules: set[str] = set()
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {entry.asname or entry.name for entry in node.names if entry.name == "pulumi_aws"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pulumi_aws":
            inside = (node.module or "").partition(".")[2]
            for entry in node.names:
                names[entry.asname or entry.name] = f"{inside}.{entry.name}" if inside else entry.name
    return modules, names


def _spelled(token: str) -> str:
    module, _, kind = token.removeprefix("aws:").partition("/")
    return f"{module}.{kind.partition(':')[2]}"


@pytest.mark.parametrize("folder", ["components", "infra"])
def test_the_stand_in_has_every_type_that_the_program_uses(folder: str) -> None:
    known = {_spelled(token) for token in catalogue.TYPES}
    missing = _used(ROOT / folder) - known
    assert not missing, f"a rehearsal of {folder} would fail at {sorted(missing)}: add them to local/standins/aws"


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import pulumi_aws as aws\naws.sqs.Queue('q')", {"sqs.Queue"}),
        ("import pulumi_aws\npulumi_aws.sqs.Queue('q', tags=pulumi_aws.x.YArgs())", {"sqs.Queue"}),
        ("from pulumi_aws import sqs as queues\nqueues.Queue('q')", {"sqs.Queue"}),
        ("from pulumi_aws.sqs import Queue as Q\nQ('q')", {"sqs.Queue"}),
        ("import pulumi_aws as aws\naws.ec2.get_vpc(id='v')\naws.Provider('p')", set()),
        ("import other as aws\naws.sqs.Queue('q')", set()),
    ],
)
def test_a_use_is_found_however_it_is_imported(source: str, used: set[str], tmp_path: Path) -> None:
    (tmp_path / "component.py").write_text(source)
    assert _used(tmp_path) == used


def test_a_type_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(Failed, match=r"has no aws:sqs/queue:Queue; it has .*aws:kms/key:Key") as refused:
        catalogue.type_of("urn:pulumi:dev::pxl::pxl:index:Aws$aws:sqs/queue:Queue::q")
    assert "aws:rds/instance:Instance" in str(refused.value)
    with pytest.raises(Failed, match=r"no function aws:s3/getBucket:getBucket; it has"):
        catalogue.function("aws:s3/getBucket:getBucket")


# --- names and defaults -------------------------------------------------------------------------------------------


def test_a_name_is_drawn_kept_and_never_put_over_a_chosen_one() -> None:
    drawn = _complete(DATABASE, {})
    assert drawn["identifier"] == "drawn-identifier"
    assert drawn[check.FILLED_IN] == ["identifier"], "the next run has to know that it was drawn"
    assert _complete(DATABASE, {}, {**drawn, "identifier": "db-1"})["identifier"] == "db-1", "an update keeps it"
    assert _complete(DATABASE, {"identifier": "mine"}, drawn)["identifier"] == "mine"
    prefixed = _complete(DATABASE, {"identifierPrefix": "p-"}, drawn)
    assert prefixed["identifier"] == "p-identifier", "another prefix is another name"
    again = _complete(DATABASE, {"identifierPrefix": "p-"}, {**prefixed, "identifier": "p-1"})
    assert again["identifier"] == "p-1", "and the same one is kept"
    assert _complete(DATABASE, {}, {"identifier": "mine"})["identifier"] == "drawn-identifier", (
        "a chosen name that is left out is not the resource's any more"
    )


@given(logical=st.text("abcXYZ.-", min_size=1, max_size=300), lower=st.booleans())
def test_a_drawn_name_fits(logical: str, lower: bool) -> None:
    name = check.draw_name(logical, Name(limit=63, lower=lower))
    assert len(name) <= 63
    assert len(name.rpartition("-")[2]) == 7, "as the official provider draws it"
    assert not lower or name == name.lower()


def test_the_same_seed_draws_the_same_name_and_services_get_what_they_take() -> None:
    assert check.draw_name("db", Name(), b"s") == check.draw_name("db", Name(), b"s")
    assert check.draw_name("db", Name(), b"s") != check.draw_name("db", Name(), b"t")
    assert check.draw_name("db", Name(), b"s", "mine-").startswith("mine-")
    assert check.draw_name("data", Name(prefix="alias/")).startswith("alias/data-")
    assert "-" not in check.draw_name("restore-test", Name(separator="_")), "Backup takes no hyphens there"


def test_tags_of_the_provider_are_filled_in_under_the_programs_own() -> None:
    assert _complete(KEY, {"tags": {"a": "1"}}, a="0", b="2")["tags"] == {"a": "1", "b": "2"}
    assert _complete(KEY, {"tags": UNKNOWN}, a="0")["tags"] is UNKNOWN
    assert "tags" not in _complete(POLICY, {}, a="0"), "what has no tags gets none"


def test_what_is_secret_is_so_whatever_the_program_says() -> None:
    assert _complete(DATABASE, {"password": "p"})["password"] == Secret("p")
    shown = state.outputs(CACHE, {"authToken": Secret("t"), "tags": {"a": "1"}}, {"authToken": "t"}, "eu-central-1")
    assert shown["authToken"] == Secret("t")
    assert shown["tagsAll"] == {"a": "1"}


# --- differences --------------------------------------------------------------------------------------------------


def _changes(kind: Any, old: dict[str, Any], new: dict[str, Any]) -> dict[str, bool]:
    return {entry.name: entry.replaces for entry in diff.compare(kind, old, new)}


@pytest.mark.parametrize(
    ("kind", "field", "replaces"),
    [
        (DATABASE, "engine", True),
        (DATABASE, "kmsKeyId", True),
        (DATABASE, "storageEncrypted", True),
        (DATABASE, "username", True),
        (DATABASE, "dbName", True),
        (DATABASE, "region", True),
        (DATABASE, "instanceClass", False),
        (DATABASE, "identifier", False),
        (DATABASE, "dbSubnetGroupName", False),
        (DATABASE, "deletionProtection", False),
        (CACHE, "replicationGroupId", True),
        (CACHE, "atRestEncryptionEnabled", True),
        (CACHE, "kmsKeyId", True),
        (CACHE, "subnetGroupName", True),
        (CACHE, "nodeType", False),
        (CACHE, "authToken", False),
        (REPOSITORY, "name", True),
        (REPOSITORY, "encryptionConfigurations", True),
        (REPOSITORY, "imageTagMutability", False),
        (KEY, "policy", False),
        (KEY, "description", False),
        (POLICY, "policy", True),
    ],
)
def test_a_preview_says_replace_where_aws_makes_another_one(kind: Any, field: str, replaces: bool) -> None:
    assert _changes(kind, {field: "a"}, {field: "b"}) == {field: replaces}
    assert _changes(kind, {field: "a"}, {field: UNKNOWN}) == {field: replaces}, "unknown may be anything"
    assert not _changes(kind, {field: "a"}, {field: "a"})


@pytest.mark.parametrize(
    ("before", "after", "replaces"),
    [
        ({"engine": "redis"}, {"engine": "valkey"}, False),
        ({"engine": "valkey"}, {"engine": "redis"}, True),
        ({"engine": "valkey", "engineVersion": "8.0"}, {"engine": "valkey", "engineVersion": "8.1"}, False),
        ({"engine": "valkey", "engineVersion": "8.1"}, {"engine": "valkey", "engineVersion": "8.0"}, True),
        ({"engine": "redis", "engineVersion": "9.9"}, {"engine": "redis", "engineVersion": "10.0"}, False),
    ],
)
def test_a_cache_goes_up_in_place_and_down_only_anew(before: Any, after: Any, replaces: bool) -> None:
    assert any(_changes(CACHE, before, after).values()) is replaces


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("subnetIds", ["a", "b"], ["b", "a"]),
        ("policy", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}'),
        ("tags", {}, None),
        ("atRestEncryptionEnabled", True, "true"),
        ("nested", [{"rules": [1, 2]}], [{"rules": [2, 1]}]),
    ],
)
def test_what_means_the_same_is_no_difference(name: str, old: Any, new: Any) -> None:
    assert compare.same(old, new, name)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("arguments", ["a", "b"], ["b", "a"]), ("policy", "{}", '{"a": 1}'), ("port", 1, 2), ("tags", {"a": "1"}, {})],
)
def test_what_means_something_else_is_one(name: str, old: Any, new: Any) -> None:
    assert not compare.same(old, new, name)


def test_a_replacement_with_a_chosen_name_deletes_first_and_one_with_a_drawn_name_last() -> None:
    old, new = {"name": "app", "encryptionConfigurations": [1]}, {"name": "app", "encryptionConfigurations": [2]}
    found = diff.compare(REPOSITORY, old, new)
    assert diff.deletes_first(REPOSITORY, found, old, new), "AWS has one repository of a name"
    assert not diff.deletes_first(REPOSITORY, found, old, {**new, check.FILLED_IN: ["name"]})
    assert not diff.deletes_first(REPOSITORY, [], old, new)
    rules = {"repository": "app", "policy": "{}"}, {"repository": "app", "policy": '{"rules": []}'}
    assert diff.deletes_first(POLICY, diff.compare(POLICY, *rules), *rules), (
        "the old one's deletion would take the new one with it"
    )


def test_a_refresh_takes_what_drifted_and_leaves_what_aws_adds() -> None:
    recorded = {"description": "a", "tags": {"x": "1"}, "deletionWindowInDays": 7, check.FILLED_IN: []}
    live = {"description": "changed by hand", "tags": {"x": "1", "aws:owner": "y"}, "arn": "arn"}
    found = state.live_inputs(KEY, recorded, live)
    assert found == {**recorded, "description": "changed by hand"}


# --- endpoints, accounts, settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:5005", "http://localhost:5005", "http://[::1]:1", "http://127.9.9.9"]
)
def test_this_machine_is_spoken_to(given: str) -> None:
    assert local_endpoint(given) == given


@pytest.mark.parametrize(
    "given",
    [
        "https://kms.eu-central-1.amazonaws.com",
        "http://10.0.0.1:5005",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://0.0.0.0:5005",
        "ftp://127.0.0.1",
        "127.0.0.1:5005",
    ],
)
def test_anything_else_is_refused_before_it_is_asked(given: str) -> None:
    with pytest.raises(Failed, match="this machine only"):
        local_endpoint(given)


def test_without_an_endpoint_nothing_is_asked_and_without_a_region_neither() -> None:
    assert local_endpoint(None) is None
    with pytest.raises(Failed, match=r"AWS_ENDPOINT_URL is not set; next: .*local\.aws\.serve"):
        Aws(None, "eu-central-1").client("kms")
    with pytest.raises(Failed, match="pulumi config set aws:region"):
        Aws("http://127.0.0.1:1", None).client("kms")


def test_the_providers_settings_are_read_from_their_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    read = config.read({"allowedAccountIds": '["1", "2"]', "defaultTags": '{"tags": {"a": "b"}}'})
    assert read == config.Settings("eu-west-1", ("1", "2"), (), {"a": "b"})
    assert config.read({"region": "eu-central-1"}).region == "eu-central-1", "what the program says comes first"
    read.judge("2")
    with pytest.raises(Failed, match="account 3, and allowedAccountIds has 1, 2"):
        read.judge("3")
    with pytest.raises(Failed, match="does not support the provider's endpoints"):
        config.read({"endpoints": json.dumps([{"kms": "http://10.0.0.1"}])})


# --- words for errors ---------------------------------------------------------------------------------------------


def _error(code: str, message: str = "said AWS", retries: int = 0) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RetryAttempts": retries}},  # pyright: ignore
        "CreateKey",
    )


def test_throttling_is_told_with_what_helps() -> None:
    text = str(errors.explain(_error("ThrottlingException", "Rate exceeded", 4), "create aws:kms/key:Key data"))
    for word in ("create aws:kms/key:Key data", "throttles CreateKey", "5 times", "Rate exceeded", "--parallel"):
        assert word in text, f"the message must name {word}: {text}"


def test_a_denied_call_is_told_with_the_action_to_allow() -> None:
    text = str(errors.explain(_error("AccessDeniedException", "no kms:CreateKey"), "create aws:kms/key:Key data"))
    for word in ("denies CreateKey", "no kms:CreateKey", "allow this action"):
        assert word in text, f"the message must name {word}: {text}"


def test_a_value_that_boto3_refuses_is_not_shown() -> None:
    report = (
        "Invalid type for parameter AuthToken, value: {'canary': 1}, type: <class 'dict'>, valid types: <class 'str'>\n"
        "Invalid length for parameter MasterUserPassword, value: canary\nof two lines, valid min length: 8"
    )
    text = str(errors.explain(ParamValidationError(report=report), "create it"))
    assert "AuthToken" in text
    assert "valid min length: 8" in text, "the reason stays"
    assert "canary" not in text, "what is refused may be a password"


def test_any_other_refusal_is_told_in_aws_own_words() -> None:
    text = str(errors.explain(_error("InvalidParameterValue", "19 GiB is too small"), "update it"))
    assert text == "could not update it: CreateKey was refused (InvalidParameterValue: 19 GiB is too small)"


def test_a_broken_local_aws_is_no_page_of_html() -> None:
    text = str(errors.explain(_error("500", "<!doctype html>\n<html>"), "update it"))
    assert "html" not in text
    assert "its log" in text


@pytest.mark.parametrize("code", ["NotFoundException", "DBInstanceNotFound", "NoSuchEntity", "InvalidGroup.NotFound"])
def test_what_is_gone_is_told_from_what_is_refused(code: str) -> None:
    assert errors.is_gone(_error(code))
    assert not errors.is_gone(_error("AccessDenied"))
