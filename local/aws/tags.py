"""The tags by which a cluster is told which API server it stands for; apart, because moto takes a second to load."""

ENDPOINT_TAG = "pxl:endpoint"
"""The address of the API server."""

AUTHORITY_TAG = "pxl:certificate-authority"
"""The API server's authority, PEM in base64."""
