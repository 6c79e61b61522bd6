"""The engine's copy of a stack file."""

import yaml

from local import stackfile

COMMITTED = """\
# why it is so
config:
  pxl:environment: dev
  pxl:kubernetes:
    context: mine
  pxl:images:
    redis: r@sha256:1
"""


def written(tmp_path, additions, before=None):
    source, copy = tmp_path / "Pulumi.dev.yaml", tmp_path / "state" / "Pulumi.dev.yaml"
    copy.parent.mkdir(exist_ok=True)
    source.write_text(COMMITTED)
    if before:
        copy.write_text(before)
    stackfile.write_copy(source, copy, additions)
    assert source.read_text() == COMMITTED, "the committed file must never change"
    return copy


def test_additions_are_merged_and_win(tmp_path):
    copy = written(tmp_path, {"pxl:kubernetes": {"context": "node"}, "pxl:images": {"postgres": "p@sha256:2"}})
    config = yaml.safe_load(copy.read_text())["config"]
    assert config["pxl:kubernetes"] == {"context": "node"}, "the platform says where it is"
    assert config["pxl:images"] == {"redis": "r@sha256:1", "postgres": "p@sha256:2"}, "objects are merged"


def test_the_salt_of_an_earlier_copy_stays(tmp_path):
    copy = written(tmp_path, {}, before="encryptionsalt: v1:abc\nconfig:\n  pxl:owner: old\n")
    document = yaml.safe_load(copy.read_text())
    assert document["encryptionsalt"] == "v1:abc", "without it the secrets in the state could not be read again"
    assert "pxl:owner" not in document["config"], "settings come from the committed file alone"


def test_the_copy_is_private(tmp_path):
    assert written(tmp_path, {}).stat().st_mode & 0o077 == 0, "it may hold encrypted secrets"


def test_an_earlier_release_can_be_read_back(tmp_path):
    copy = written(tmp_path, {"pxl:release": {"digest": "sha256:3"}})
    assert stackfile.settings(copy, "pxl:release", "pxl:none") == {"pxl:release": {"digest": "sha256:3"}}, (
        "what runs must stay while a registry comes"
    )
    assert stackfile.settings(tmp_path / "none.yaml", "pxl:release") == {}, "nothing ran before"
