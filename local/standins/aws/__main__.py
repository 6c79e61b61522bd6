"""Started by the engine as ``pulumi-resource-aws``."""

from local.standins.aws.provider import AwsProvider
from local.standins.serve import serve

serve(AwsProvider)
