"""What every object of a stack carries, so that it can be told whose it is."""

STACK_LABEL = "pxl.dev/stack"
"""The stack's name. Another checkout may have a stack of the same name."""

STATE_ANNOTATION = "pxl.dev/state"
"""Which state of the engine made the object: an id that the state drew itself, so that no other has it."""

STATE_RESOURCE = "state"
"""The resource that draws this id, by its name in the program."""
