"""A file of AWS profiles, one a rehearsed stack: what commands need to reach the account that moto plays."""

from pathlib import Path

from local.paths import State, write
from local.rehearsal import stage

_PROFILE = """[profile {stack}]
endpoint_url = {endpoint}
region = {region}
aws_access_key_id = local
aws_secret_access_key = local

"""


def path(state: State) -> Path:
    """The file; ``AWS_CONFIG_FILE`` names it to boto3 and to the aws command."""
    return state.path("rehearsal", "aws.config")


def refresh(state: State) -> None:
    """Writes the profiles of all rehearsals."""
    found = [known for stack in stage.stacks(state) if (known := stage.read(state, stack)) is not None]
    text = "".join(_PROFILE.format(stack=one.stack, endpoint=one.endpoint, region=one.region) for one in found)
    write(path(state), text)
