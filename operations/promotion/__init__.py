"""Brings one image from a stack to the next, byte for byte, and back again.

``health`` judges what a cluster runs, ``release`` writes the block that says what is to run, ``history`` reads which
ones there were, ``promote`` and ``rollback`` are the commands.
"""
