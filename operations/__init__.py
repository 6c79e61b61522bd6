"""The commands: ``pxlctl`` and what it does. The Kubernetes client lives here, never in the program."""
