"""Secrets: secret from where they enter to where a pod reads them."""

import json
from typing import Any

import pulumi
import pytest
from pulumi_recording import AUTO_NAME_SUFFIX, deploy
from pxl_components import AppSecrets, SecretDelivery

NAMESPACE = {"namespace": "apps"}
VALUE = "hunter2-hunter2-hunter2"
STORE = {
    **NAMESPACE,
    "delivery": SecretDelivery.EXTERNAL_SECRETS,
    "external_store": {"name": "vault"},
    "external_keys": ["JWT_SECRET"],
}


def test_a_changed_value_becomes_a_new_secret_before_the_old_one_goes():
    made = deploy(lambda: AppSecrets("web", {**NAMESPACE, "values": {"KEY": VALUE}}) and None).one("Secret")
    assert made.inputs["immutable"] is True, "pods must not see half of a change"
    assert "name" not in made.metadata, "a fixed name would be deleted before the new one is made"
    assert made.replace_on_changes == ("stringData",), "an immutable Secret cannot be updated"


def test_values_are_secret_in_the_engine_and_nowhere_else():
    recording = deploy(lambda: AppSecrets("web", {**NAMESPACE, "values": {"KEY": VALUE}}) and None)
    made = recording.one("Secret")
    assert made.inputs["stringData"] == {"KEY": VALUE}, "the value must arrive"
    assert any(path.startswith("stringData") for path in made.secrets), "the engine must encrypt it in the state"
    for resource in recording:
        rest = {key: value for key, value in resource.inputs.items() if key != "stringData"}
        assert VALUE not in json.dumps(rest), f"{resource.name} carries the secret outside of its data"


def test_generated_secrets_are_drawn_once_and_stay_secret():
    def program() -> Any:
        made = AppSecrets("web", {**NAMESPACE, "generate": [{"key": "JWT_SECRET"}, {"key": "DB", "length": 24}]})
        return pulumi.Output.all(made.value("DB").is_secret(), made.keys)

    recording = deploy(program)
    lengths = {made.name: made.inputs["length"] for made in recording.of("RandomPassword")}
    assert lengths == {"web-JWT_SECRET": 48, "web-DB": 24}
    assert recording.outputs == [True, ["DB", "JWT_SECRET"]], "a value stays secret on its way through the program"
    drawn = recording.one("Secret").inputs["stringData"]
    assert drawn == {"DB": "drawn-for-web-DB", "JWT_SECRET": "drawn-for-web-JWT_SECRET"}


def test_a_reference_names_the_secret_that_was_made():
    def program() -> Any:
        return AppSecrets("web", {**NAMESPACE, "values": {"KEY": VALUE}}).ref("KEY")

    assert deploy(program).outputs == {"name": f"web-values{AUTO_NAME_SUFFIX}", "key": "KEY"}


def test_a_key_with_a_secret_of_its_own_is_not_touched_by_a_change_of_another():
    def program() -> Any:
        made = AppSecrets("web", {**NAMESPACE, "values": {"db": VALUE, "key": "k" * 40}, "own_secret": ["db"]})
        return [made.ref("db"), made.ref("key"), made.secret_name]

    recording = deploy(program)
    data = {made.name: made.inputs["stringData"] for made in recording.of("Secret")}
    assert data == {"web-values": {"key": "k" * 40}, "web-db": {"db": VALUE}}, "each value is in one Secret only"
    own, shared = f"web-db{AUTO_NAME_SUFFIX}", f"web-values{AUTO_NAME_SUFFIX}"
    assert recording.outputs == [{"name": own, "key": "db"}, {"name": shared, "key": "key"}, shared]


def test_external_secrets_are_fetched_under_a_fixed_name():
    def program() -> Any:
        args = {**STORE, "external_prefix": "pxl/prod/", "external_keys": ["JWT_SECRET", "DB"]}
        return AppSecrets("web", args).secret_name

    recording = deploy(program, preview=True)
    made = recording.one("ExternalSecret")
    assert made.inputs["apiVersion"] == "external-secrets.io/v1", "v1beta1 is gone"
    assert made.spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert made.spec["target"]["name"] == "web"
    assert made.metadata["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}, "a key that is missing shows here"
    assert made.create_timeout == "120s", "and soon"
    assert made.spec["data"] == [
        {"secretKey": "JWT_SECRET", "remoteRef": {"key": "pxl/prod/JWT_SECRET"}},
        {"secretKey": "DB", "remoteRef": {"key": "pxl/prod/DB"}},
    ]
    assert recording.of("Secret") == [], "the operator writes the Secret"
    assert recording.outputs == "web", "the name is known in a preview: it is chosen, not drawn"


def kept(value: str, **preview: bool) -> Any:
    """What is declared for secrets that the component keeps in the store itself."""

    def program() -> Any:
        keep_in = {"kms_key_arn": "arn:aws:kms:eu-central-1:1:key/k"}
        args = {key: item for key, item in STORE.items() if key != "external_keys"}
        values = {"db": value, "jwt": "j" * 40}
        made = AppSecrets("web", {**args, "external_prefix": "pxl/prod/", "values": values, "keep_in": keep_in})
        return [made.secret_name, made.ref("db")["name"], made.version]

    return deploy(program, **preview)


def test_a_changed_value_that_is_kept_in_a_store_is_another_secret_too():
    first, second = kept("one" * 12), kept("two" * 12)
    names = [one.one("ExternalSecret").spec["target"]["name"] for one in (first, second)]
    assert names[0] != names[1], (
        "pods would not roll, and whoever waits for a Secret that is ready would read the old one"
    )
    assert first.outputs[:2] == [names[0], names[0]] and second.outputs[:2] == [names[1], names[1]]
    assert names == [f"web-{first.outputs[2]}", f"web-{second.outputs[2]}"]
    made = first.one("ExternalSecret")
    assert made.replace_on_changes == ("spec.target.name",), "the old Secret must stay until no pod reads it"
    assert "name" not in made.metadata and not made.delete_before_replace
    assert kept("one" * 12).outputs == first.outputs, "what did not change must not roll anything"
    assert {"web-db", "web-jwt"} <= made.dependencies, "the store must have a value before it is read"


def test_the_value_of_an_external_secret_is_not_the_programs_to_read():
    def program() -> None:
        with pytest.raises(ValueError, match="known only to its store"):
            AppSecrets("web", STORE).value("JWT_SECRET")

    deploy(program)


def test_a_key_that_does_not_exist_is_refused():
    def program() -> None:
        with pytest.raises(ValueError, match="has no key 'JWT'; there are: JWT_SECRET"):
            AppSecrets("web", STORE).ref("JWT")

    deploy(program)


def test_an_error_about_a_value_does_not_show_it(refuses: Any):
    message = refuses(AppSecrets, {**NAMESPACE, "values": {"KEY": 12345}}, "values.KEY")
    assert "12345" not in message, "what was given may be the secret itself"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (NAMESPACE, ["values and generate are empty"]),
        ({**NAMESPACE, "values": {"A B": "x"}}, ["values = 'A B'", "key of a Secret"]),
        ({**NAMESPACE, "values": {"KEY": ""}}, ["values.KEY is empty"]),
        ({**NAMESPACE, "generate": [{"key": "K", "length": 8}]}, ["generate[0].length = 8", "16 to 256"]),
        ({**NAMESPACE, "values": {"K": "v"}, "generate": [{"key": "K"}]}, ["has a value already"]),
        ({**NAMESPACE, "values": {"K": "v"}, "external_prefix": "p"}, ["external_prefix has no meaning"]),
        ({**STORE, "values": {"K": "v"}}, ["values has no meaning with delivery external_secrets"]),
        ({**STORE, "own_secret": ["JWT_SECRET"]}, ["own_secret has no meaning with delivery external_secrets"]),
        ({**NAMESPACE, "values": {"k": "v", "l": "v"}, "own_secret": ["m"]}, ["own_secret = 'm'", "name one of k, l"]),
        ({**NAMESPACE, "values": {"K": "v", "l": "v"}, "own_secret": ["K"]}, ["own_secret = 'K'", "lower-case"]),
        ({**NAMESPACE, "values": {"k": "v"}, "own_secret": ["k"]}, ["leaves nothing for the common Secret"]),
        ({**STORE, "external_store": None}, ["external_store is missing"]),
        ({**STORE, "external_keys": None}, ["external_keys is missing"]),
        ({**STORE, "external_store": {"name": "v", "kind": "Store"}}, ["kind = 'Store'", "ClusterSecretStore or"]),
        ({**STORE, "refresh_interval": "often"}, ["refresh_interval = 'often'", "1h or 15m"]),
        ({**NAMESPACE, "delivery": "email"}, ["delivery = 'email'", "direct, external_secrets"]),
    ],
)
def test_what_contradicts_the_delivery_is_refused(refuses: Any, args: Any, words: list[str]):
    refuses(AppSecrets, args, *words)
