"""What a deployment would change, as a page for a pull request."""
