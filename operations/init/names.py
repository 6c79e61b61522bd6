"""What everything is called that ``init`` makes: derived, so that a second run finds what the first one made."""

import re
from dataclasses import dataclass

from operations.errors import Problem

OIDC_HOST = "token.actions.githubusercontent.com"
_LONGEST_BUCKET = 63
_LONGEST_ROLE = 64


@dataclass(frozen=True)
class Names:
    """The names of one stack's foundations.

    Attributes:
        project: The project's name in ``Pulumi.yaml``.
        stack: The stack.
        account: The account's id.
        region: The region.
        partition: ``aws``, or that of a country's or a government's own AWS.
    """

    project: str
    stack: str
    account: str
    region: str
    partition: str = "aws"

    def __post_init__(self) -> None:
        """Refuses what cannot be the name of a bucket or a role.

        Raises:
            Problem: The project or the stack has a name that does not fit.
        """
        fits = re.fullmatch(r"[a-z0-9][a-z0-9-]*", f"{self.project}-{self.stack}")
        if not fits or len(self.bucket) > _LONGEST_BUCKET or len(self.role("preview")) > _LONGEST_ROLE:
            raise Problem(
                f"the names of project {self.project} and stack {self.stack} cannot be used for a bucket",
                why=f"{self.bucket} has to be lower-case letters, digits and hyphens, at most {_LONGEST_BUCKET}",
                remedy="name the stack with fewer and with such characters",
            )

    @property
    def prefix(self) -> str:
        """What all of them begin with."""
        return f"{self.project}-{self.stack}"

    @property
    def bucket(self) -> str:
        """The bucket of the engine's state; account and region keep it apart from everybody else's."""
        return f"{self.prefix}-state-{self.account}-{self.region}"

    @property
    def alias(self) -> str:
        """The alias of the key that encrypts the state and its secrets."""
        return f"alias/{self.prefix}-state"

    def role(self, purpose: str) -> str:
        """The role that CI takes for ``preview`` or ``deploy``."""
        return f"{self.prefix}-ci-{purpose}"

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """An ARN in this account and region."""
        where = f"{self.region if region else ''}:{self.account if account else ''}"
        return f"arn:{self.partition}:{service}:{where}:{resource}"

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN."""
        return self.arn("s3", self.bucket, region=False, account=False)

    def role_arn(self, purpose: str) -> str:
        """The ARN of one of the roles of CI."""
        return self.arn("iam", f"role/{self.role(purpose)}", region=False)

    @property
    def oidc_arn(self) -> str:
        """The ARN of GitHub's identity provider in this account."""
        return self.arn("iam", f"oidc-provider/{OIDC_HOST}", region=False)

    @property
    def secrets_provider(self) -> str:
        """How the engine names the key."""
        return f"awskms://{self.alias}?region={self.region}"

    @property
    def backend(self) -> str:
        """How the engine names the place of its state."""
        return f"s3://{self.bucket}?region={self.region}"

    @property
    def tags(self) -> dict[str, str]:
        """What says to whom it belongs: nothing that lacks them is taken over."""
        return {"pxl:project": self.project, "pxl:stack": self.stack, "pxl:made-by": "pxlctl-init"}
