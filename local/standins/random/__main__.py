"""Started by the engine as ``pulumi-resource-random``."""

from local.standins.random.provider import RandomProvider
from local.standins.serve import serve

serve(RandomProvider)
