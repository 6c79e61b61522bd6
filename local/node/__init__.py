"""The embedded node: a single-node Kubernetes in namespaces of its own.

``up``, ``resume``, ``down``, ``status`` and ``running`` are the whole interface, with ``Node``,
``install_addons`` and ``builder``.
"""

from local.node.lifecycle import Builder, Node, Status, builder, down, install_addons, resume, running, status, up

__all__ = ["Builder", "Node", "Status", "builder", "down", "install_addons", "resume", "running", "status", "up"]
