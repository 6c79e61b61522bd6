"""The loads: what they do to a stack, at a rate that does not wait for its answers."""
