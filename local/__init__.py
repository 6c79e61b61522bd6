"""The embedded platform behind ``make up``: engine, node, images and stand-ins for a bare Linux machine."""
