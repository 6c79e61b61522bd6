"""The settings of promotion: what a stack asks of an image that comes to it from another stack."""

from pydantic import Field

from infra.settings.section import Section


class Promotion(Section):
    """What an image must have shown before it comes here."""

    soak_hours: int = Field(
        ge=0, le=720, description="hours that a digest must have been healthy in the stack that it comes from"
    )
