"""The app's image, built and pushed once, for who builds with Pulumi. A deployment takes digests and needs it not."""

import re
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi import Input

from pxl_components.validation import Arguments

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOVING = ("latest", "main", "master", "stable", "edge", "dev")
_PLATFORM = re.compile(r"linux/(amd64|arm64)")


class RegistryLogin(TypedDict):
    """Who pushes."""

    address: Input[str]
    """The registry, such as ``registry.example.com``."""
    username: Input[str]
    """The user; ``AWS`` for ECR."""
    password: Input[str]
    """The password or token; secret from here on."""


class AppImageArgs(TypedDict):
    """Arguments of ``AppImage``."""

    repository: Input[str]
    """Where it is pushed to: registry and path, without a tag."""
    context: str
    """The folder with the app and its Dockerfile."""
    tag: str
    """Names this build for people, such as the commit; a name that moves is refused."""
    dockerfile: NotRequired[str]
    """The Dockerfile; default that of ``context``."""
    target: NotRequired[str]
    """The stage to build; default the last."""
    platforms: NotRequired[list[str]]
    """``linux/amd64``, ``linux/arm64`` or both; default ``linux/amd64``."""
    build_args: NotRequired[dict[str, Input[str]]]
    """Arguments of the Dockerfile. They stay readable in the image: never a secret."""
    login: NotRequired[RegistryLogin]
    """Who pushes; default: who is logged in on this machine."""


class AppImage(pulumi.ComponentResource):
    """An image in a registry, built with BuildKit from a folder.

    Needs Docker and the package ``pulumi-docker-build`` (``pip install 'pxl-components[docker]'``). Use it in a stack
    of its own that runs once a commit: environments then share the digest, and promotion compares it.
    """

    digest: pulumi.Output[str]
    """``sha256:…``, what a release names."""
    reference: pulumi.Output[str]
    """``repository@sha256:…``."""

    def __init__(self, name: str, args: AppImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        docker_build = _sdk()
        super().__init__("pxl:index:AppImage", name, {}, opts)
        image = docker_build.Image(
            f"{name}-image",
            context={"location": spec.context},
            dockerfile=None if spec.dockerfile is None else {"location": spec.dockerfile},
            target=spec.target,
            platforms=spec.platforms,
            build_args=spec.build_args,
            registries=spec.logins,
            tags=[pulumi.Output.concat(spec.repository, ":", spec.tag)],
            push=True,
            # A preview, and a pull request from a fork least of all, runs no Dockerfile.
            build_on_preview=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.digest = image.digest
        self.reference = pulumi.Output.concat(spec.repository, "@", image.digest)
        self.register_outputs({"digest": self.digest, "reference": self.reference})


def _sdk() -> Any:
    try:
        import pulumi_docker_build  # noqa: PLC0415 (only who builds with Pulumi has it)
    except ImportError as error:
        remedy = "pip install 'pxl-components[docker]'"
        raise pulumi.RunError(f"AppImage needs the package pulumi-docker-build; {remedy}") from error
    return pulumi_docker_build


@dataclass(frozen=True)
class _Spec:
    repository: Input[str]
    context: str
    tag: str
    dockerfile: str | None
    target: str | None
    platforms: list[str]
    build_args: dict[str, Input[str]]
    logins: list[dict[str, Input[str]]]

    @staticmethod
    def read(name: str, args: AppImageArgs) -> "_Spec":
        given = Arguments.of("AppImage", name, args, AppImageArgs)
        return _Spec(
            repository=given.text_input("repository"),
            context=given.text("context"),
            tag=_tag(given),
            dockerfile=given.text("dockerfile") or None,
            target=given.text("target") or None,
            platforms=_platforms(given),
            build_args={
                key: given.checked(f"build_args.{key}", value) for key, value in given.mapping("build_args").items()
            },
            logins=_logins(given),
        )


def _tag(args: Arguments) -> str:
    tag = args.text("tag", pattern=_TAG, form="a tag (letters, digits, _ . and -)")
    if tag in _MOVING:
        raise args.error("tag", tag, "is a name that moves from build to build", "use the commit, which does not")
    return tag


def _platforms(args: Arguments) -> list[str]:
    platforms = args.strings("platforms", ["linux/amd64"])
    for platform in platforms:
        if not _PLATFORM.fullmatch(platform):
            raise args.error("platforms", platform, "is not linux/amd64 or linux/arm64", "write one of them, or both")
    if not platforms:
        raise args.error("platforms", platforms, "is empty", "name one, or leave it out")
    return platforms


def _logins(args: Arguments) -> list[dict[str, Input[str]]]:
    login = args.group("login", RegistryLogin)
    if login is None:
        return []
    return [
        {
            "address": login.text_input("address"),
            "username": login.text_input("username"),
            "password": login.secret_input("password"),
        }
    ]
