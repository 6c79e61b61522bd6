"""What is shown of a running stack by trying it."""
