"""What the engine hands over is checked like the file, before any resource."""

import json

import pytest

from infra.settings import SettingsError, from_engine
from infra.settings.app_secrets import values_of
from infra.settings.model import SECRET_KEYS

DIGEST = "sha256:" + "a" * 64
IMAGES = {name: f"localhost:5000/pxl/{name}@{DIGEST}" for name in ("postgres", "redis", "registry")}


def engine_config(**settings):
    """The engine passes strings, and objects as JSON."""
    config = {f"pxl:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    secret = [key for key in config if key.removeprefix("pxl:") in SECRET_KEYS]
    return {"PULUMI_CONFIG": json.dumps(config), "PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret)}


def test_objects_arrive_as_json():
    settings = from_engine("dev", engine_config(environment="dev", images=IMAGES, api={"replicas": 3}))
    assert settings.api.replicas.min == 3, "an object passed as JSON must be read"


@pytest.mark.parametrize("moment", ["2020-01-31T12:00:00Z", "2020-01-31 12:00:00 +0000 UTC"])
def test_a_moment_arrives_with_or_without_quotes(moment):
    release = {"digest": DIGEST, "healthySince": moment}
    settings = from_engine("dev", engine_config(environment="dev", images=IMAGES, release=release))
    assert settings.release is not None
    assert settings.release.healthy_since is not None
    assert settings.release.healthy_since.startswith("2020-01-31T12:00:00"), "the engine rewrites what has no quotes"


def test_a_secret_that_looks_like_json_stays_a_string():
    secret = "{not json, just a strange secret of some length}"
    settings = from_engine("dev", engine_config(environment="dev", images=IMAGES, jwtSecret=secret))
    assert settings.jwt_secret is not None, "the secret must arrive"
    assert settings.jwt_secret.get_secret_value() == secret, "as it was set"


def test_a_secret_does_not_show_in_the_settings():
    settings = from_engine("dev", engine_config(environment="dev", images=IMAGES, jwtSecret="c" * 40))
    assert "cccc" not in repr(settings), "settings end up in logs and tracebacks"


def test_a_bare_pulumi_up_refuses_what_the_engine_lets_through():
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", engine_config(environment="dev", images=IMAGES, api={"drainSecond": 5}))
    text = str(refused.value)
    for part in ("Pulumi.dev.yaml", "pxl:api.drainSecond", "5", "pxl:api.drainSeconds"):
        assert part in text, f"the message must name {part}"


def test_several_mistakes_come_together():
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", engine_config(environment="dev", images=IMAGES, api={"poolSize": 0}, colour="red"))
    assert len(refused.value.mistakes) == 2, "one run must show them all"


def test_images_that_the_stack_runs_itself_must_be_named():
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", engine_config(environment="dev"))
    keys = {mistake.key for mistake in refused.value.mistakes}
    assert keys == {"pxl:images.postgres", "pxl:images.redis", "pxl:images.registry"}, "each by its key"


def test_a_short_secret_is_refused_without_showing_it():
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", engine_config(environment="dev", images=IMAGES, jwtSecret="canary"))
    assert "canary" not in str(refused.value), "the value is a secret even when it is wrong"
    assert "pxl:jwtSecret" in str(refused.value), "the key must be named"


def test_what_was_set_as_a_secret_is_not_shown_under_a_key_that_is_none():
    config = engine_config(environment="dev", images=IMAGES, stripeKey="canary-canary")
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", {**config, "PULUMI_CONFIG_SECRET_KEYS": '["pxl:stripeKey"]'})
    assert "pxl:stripeKey" in str(refused.value), "it is reported"
    assert "canary" not in str(refused.value), "the engine has decrypted it, and the message ends in a log"


def test_a_secret_that_would_not_stay_one_is_refused():
    config = engine_config(environment="dev", images=IMAGES, app={"env": {"FEATURE": "canary-canary"}})
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", {**config, "PULUMI_CONFIG_SECRET_KEYS": '["pxl:app"]'})
    assert "pxl:app" in str(refused.value), "its value would stand in the pods"
    assert "canary" not in str(refused.value)


def test_the_program_refuses_a_stack_whose_name_is_no_namespace():
    with pytest.raises(SettingsError) as refused:
        from_engine("prod_eu", engine_config(environment="dev", images=IMAGES))
    assert "pxl:namespace" in str(refused.value), "before any resource"


def test_no_configuration_at_all_is_a_mistake_not_a_crash():
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", {})
    assert "pxl:environment" in str(refused.value), "it is the first thing to set"


def test_a_secret_in_plain_text_is_refused_by_the_program_too():
    plain = {**engine_config(environment="dev", images=IMAGES, jwtSecret="c" * 40), "PULUMI_CONFIG_SECRET_KEYS": "[]"}
    with pytest.raises(SettingsError) as refused:
        from_engine("dev", plain)
    assert "--secret" in str(refused.value), "the remedy is to set it as a secret"
    assert "cccc" not in str(refused.value), "and the value is not shown again"


def with_app_secrets(text):
    secrets = {"variables": ["SMTP_TOKEN"]}
    return from_engine("dev", engine_config(environment="dev", images=IMAGES, secrets=secrets, appSecrets=text))


def test_further_secrets_reach_the_program():
    settings = with_app_secrets('{"SMTP_TOKEN": "canary-1"}')
    assert values_of(settings) == {"SMTP_TOKEN": "canary-1"}, "each variable has its value"
    assert "canary" not in repr(settings), "and shows it to nobody"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("canary-2", "JSON"),
        ('["canary-2"]', "JSON"),
        ('{"SMTP_TOKEN": 3}', "JSON"),
        ('{"SMTP_TOKEN": ""}', "JSON"),
        ("{}", "SMTP_TOKEN"),
        ('{"SMTP_TOKEN": "canary-2", "OTHER": "canary-2"}', "OTHER"),
    ],
    ids=["no JSON", "a list", "a number", "an empty value", "a missing one", "one too many"],
)
def test_further_secrets_that_do_not_fit_are_refused_without_showing_them(text, word):
    with pytest.raises(SettingsError) as refused:
        with_app_secrets(text)
    assert "pxl:appSecrets" in str(refused.value), "the setting must be named"
    assert word in str(refused.value), f"says only: {refused.value}"
    assert "canary" not in str(refused.value), "a secret is not shown, even when it is wrong"
