"""A Postgres for trying things out: without a volume its data goes with its pod."""

import pulumi
import pulumi_random as random
from pxl_components import IsolatedNamespace, Postgres

settings = pulumi.Config()
place = IsolatedNamespace("place", {"namespace_name": settings.require("namespace")})
password = random.RandomPassword("password", length=32, special=False)
postgres = Postgres(
    "database",
    {
        "namespace": place.namespace_name,
        "ephemeral": {"image": settings.require("image"), "storage": "512Mi"},
        "database": "shop",
        "username": "shop",
        "password": password.result,
    },
)

pulumi.export("host", postgres.host)
pulumi.export("port", postgres.port)
pulumi.export("secret", postgres.secret_name)
