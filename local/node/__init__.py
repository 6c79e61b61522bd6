"""The embedded node: a single-node Kubernetes in namespaces of its own.

``up``, ``down`` and ``status`` are the whole interface, with ``Node``, ``install_addons`` and ``builder``.
"""

from local.node.lifecycle import Builder, Node, Status, builder, down, install_addons, status, up

__all__ = ["Builder", "Node", "Status", "builder", "down", "install_addons", "status", "up"]
