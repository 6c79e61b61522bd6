"""The stand-in for the Kubernetes provider, against the real API server."""
