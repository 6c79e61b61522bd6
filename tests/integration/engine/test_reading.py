"""The check reads a stack file as the engine does: compared on the engine itself, with any scalar."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from infra.settings import reading
from local import engine
from local.paths import State

pytestmark = pytest.mark.engine

_PROGRAM = """
import os, pathlib
pathlib.Path(__file__).with_name("config.json").write_text(os.environ["PULUMI_CONFIG"])
"""
# In the alphabet of what is read in more than one way, and what people write.
_LETTERS = st.text("0123456789abcdefxob_+-.:~=tTrueyYnNoOfF<", min_size=1, max_size=9)
_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+][0-9]{2}:[0-9]{2})?"
_FORMS = st.one_of(
    _LETTERS,
    st.from_regex(r"[-+]?0?[xXbBoO]?[0-9_]{1,20}", fullmatch=True),
    st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,3}([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(rf"{_DAY}([Tt ]{_TIME})?", fullmatch=True),
    st.sampled_from(["yes", "on", "null", "Null", "true", "TRUE", "~", "1:30", "1e3", "017", "08", "0o17", "1_0"]),
)  # fmt: skip


def scalars(count: int) -> list[str]:
    """Texts that mean something to YAML when they stand without quotes; only those that both can read."""
    found: set[str] = set()

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(_FORMS)
    def draw(text: str) -> None:
        found.add(text)

    draw()
    return sorted(text for text in found if _is_plain(text))


def _is_plain(text: str) -> bool:
    """Whether it can stand without quotes; indicators of YAML's own syntax cannot, nor can what is not finite."""
    if not text or (text[0] in "-?:" and text[1:2] in ("", " ", "-", ":", ".")):
        return False
    return ": " not in text and text[-1] != ":" and text != "<<" and "inf" not in text


@pytest.fixture(scope="module")
def handed_on(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """What was written, what the engine hands to a program, and what is read here, from one file."""
    folder = tmp_path_factory.mktemp("reading")
    (folder / "Pulumi.yaml").write_text("name: pxl\nruntime: python\n")
    (folder / "__main__.py").write_text(_PROGRAM)
    texts = scalars(800)
    inside = "".join(f"    k{number}: {text}\n" for number, text in enumerate(texts))
    top = "".join(f"  pxl:k{number}: {text}\n" for number, text in enumerate(texts))
    document = f"config:\n  pxl:group:\n{inside}{top}"
    (folder / "Pulumi.x.yaml").write_text(document)
    state = State(tmp_path_factory.mktemp("state"))
    # Go calls the machine's own time zone by its name.
    env = {**engine.ensure().env(state), "TZ": "UTC"}
    for arguments in (["stack", "init", "x"], ["preview", "--stack", "x"]):
        command = ["pulumi", *arguments, "--non-interactive"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    by_engine = json.loads(Path(folder, "config.json").read_text())
    here = reading.read((folder / "Pulumi.x.yaml").read_text())["config"]
    assert len(texts) > 400, "else the comparison says little"
    return texts, by_engine, here


def test_every_scalar_is_read_as_the_engine_reads_it(handed_on):
    texts, by_engine, here = handed_on
    group = json.loads(by_engine["pxl:group"])
    wrong = {
        texts[int(key[1:])]: (value, here["pxl:group"][key])
        for key, value in group.items()
        if (value, type(value)) != (here["pxl:group"][key], type(here["pxl:group"][key]))
    }
    assert wrong == {}, f"written: (the engine's, ours): {wrong}"


def test_every_single_value_is_handed_on_as_the_engine_does(handed_on):
    texts, by_engine, here = handed_on
    wrong = {
        texts[int(key.removeprefix("pxl:k"))]: (value, reading.as_text(here[key]))
        for key, value in by_engine.items()
        if key != "pxl:group" and value != reading.as_text(here[key])
    }
    assert wrong == {}, f"written: (the engine's, ours): {wrong}"
