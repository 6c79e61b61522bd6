"""What a build borrows from this machine and must not keep: certificate authorities, proxies, package registries.

It is mounted while commands of the build run, so nothing of it is in an image and a Dockerfile need not know of it.
"""

import os
import re
from pathlib import Path

from local.debian import APT_FILE, apt_settings

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
_NPM_KEYS = {"registry", "proxy", "https-proxy", "noproxy", "strict-ssl"}


def mounts(folder: Path) -> list[str]:
    """Writes what a build borrows into a folder.

    Returns:
        The options for ``buildah build`` that show it to the commands of the build.
    """
    folder.mkdir(mode=0o700)
    borrowed: dict[str, str] = {}
    npm, apt, bundle = npm_settings(os.environ), apt_settings(), certificates()
    if bundle:
        borrowed[str(_BUNDLE)] = bundle.read_text()
        npm.append(f"cafile={_BUNDLE}")
    if npm:
        borrowed["/root/.npmrc"] = "\n".join(npm) + "\n"
    if apt:
        borrowed[APT_FILE] = "\n".join(apt) + "\n"
    options: list[str] = []
    for inside, content in borrowed.items():
        outside = folder / Path(inside).name
        outside.write_text(content)
        outside.chmod(0o644)
        options += ["--volume", f"{outside}:{inside}:ro"]
    return options


def certificates() -> Path | None:
    """The certificate authorities that this machine trusts, in one file; None when it has no such file."""
    named = [Path(value) for name in _BUNDLE_VARIABLES if (value := os.environ.get(name))]
    return next((path for path in [*named, _BUNDLE] if path.is_file()), None)


def npm_settings(environment: "os._Environ[str] | dict[str, str]") -> list[str]:
    """The lines of the user's ``.npmrc``, and of ``NPM_CONFIG_*``, that say where packages come from."""
    path = Path(environment.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    lines = path.read_text().splitlines() if path.is_file() else []
    for name, value in environment.items():
        if name.lower().startswith("npm_config_"):
            lines.append(f"{name[len('npm_config_') :].lower().replace('_', '-')}={value}")
    return [line.strip() for line in lines if _tells_where(line.partition("=")[0].strip())]


def _tells_where(key: str) -> bool:
    return key in _NPM_KEYS or key.startswith("//") or bool(re.fullmatch(r"@[\w.-]+:registry", key))
