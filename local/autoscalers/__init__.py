"""What scales pods on the embedded node: the metrics server, and KEDA. Real clusters have their own.

Both are built from their Go modules and installed with the manifests that these modules carry, only where a stack's
settings need them: few do on a laptop, and KEDA takes long to build.
"""

from local.autoscalers.install import ensure
from local.autoscalers.need import KEDA, METRICS_SERVER, needed

__all__ = ["KEDA", "METRICS_SERVER", "ensure", "needed"]
