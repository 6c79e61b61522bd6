"""``make proof``: what the rollout of a release does to those who use the app, shown on the embedded node.

``bench`` holds the running stack, ``apps`` makes the variants of the app that it is put through, ``scenarios`` are the
claims, one function each, and ``page`` writes what came of them into docs/.
"""
