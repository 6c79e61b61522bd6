"""``pxlctl render``: the manifests of a stack, from the program itself, without a cluster or credentials."""
