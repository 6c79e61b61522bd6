"""What every group of settings is."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A group of settings; keys that are not in it are refused, and nothing is coerced."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)
