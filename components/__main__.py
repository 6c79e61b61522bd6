"""The component plugin: ``pulumi package add`` and other languages start it."""

from pxl_components.plugin import host

if __name__ == "__main__":
    host()
