"""Container images without a container registry in reach: base images from Debian and npm, and the app on top.

Everything is built by buildah in the node's root file system, kept as OCI archives in the cache, and pushed to a
registry inside the node.

- ``ensure(node, state)``: the images that the platform runs, by name.
- ``build_app(node, state, context, build_args)``: an app from its Dockerfile.
- ``push(node, archive, repository)``: an archive into a registry that the node can reach.
- ``answers(node, repository)``: whether such a registry answers right now.
- ``prepare(runner)``: only builds the platform's images; needs no running node.
"""

from local.images.app import BuiltImage, build_app
from local.images.context import Context
from local.images.platform import ensure, prepare
from local.images.registry import answers, push

__all__ = ["BuiltImage", "Context", "answers", "build_app", "ensure", "prepare", "push"]
