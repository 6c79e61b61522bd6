"""``pxlctl doctor``: what is missing, each with the command that mends it. It only looks."""
