"""Container registries: an image looked up, and copied from one to another byte for byte.

``manifests`` reads what an image consists of, ``login`` knows where credentials come from, ``client`` speaks the
protocol, ``copying`` moves an image. A tool of its own for it (skopeo, crane) would have to be installed everywhere.
"""
