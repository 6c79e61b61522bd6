"""Every setting of a stack, parsed and checked once.

``model`` says what a setting is, ``contradictions`` what cannot hold together, ``sources`` where values come from and
``mistakes`` how a wrong one is reported.
"""

from infra.settings.mistakes import Mistake, SettingsError
from infra.settings.model import Settings
from infra.settings.sources import check_stack_file, default_namespace, from_engine, from_stack_file

__all__ = [
    "Mistake",
    "Settings",
    "SettingsError",
    "check_stack_file",
    "default_namespace",
    "from_engine",
    "from_stack_file",
]
