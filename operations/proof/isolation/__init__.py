"""Shows by real connections that a running stack's network isolation is exactly what its program declares.

``declared`` holds what the program says, ``prove`` tries everything, ``judge`` compares, ``presenting`` shows.
"""
