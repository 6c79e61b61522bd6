"""The platform's parts."""
