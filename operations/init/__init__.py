"""``pxlctl init``: what a stack stands on before it exists: state, key, who may deploy it, where it lands."""
