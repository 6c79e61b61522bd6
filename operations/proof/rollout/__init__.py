"""Drives a running stack through a change with four loads at once, and tells what was dropped.

``command.run`` is the whole; ``loads`` drive, ``changes`` change, ``pods`` watch, ``judge`` decides, and ``presenting``
and ``plotting`` show.
"""
