"""``make rehearse``: a stack of AWS on this machine, with the embedded node in the place of its cluster.

The program and the components are those of every deployment and hold no branch for it. What AWS and the controllers of
a production cluster do is done here by something else; ``REPLACED`` is the whole list.
"""

REPLACED: dict[str, str] = {
    "AWS": "moto, a process of this machine, one a stack: what it lacks is added (local/aws)",
    "the AWS provider": "the stand-in, where the official plugin cannot be had",
    "RDS": "a Postgres with TLS in a pod, under the endpoint's name, its master user no superuser",
    "ElastiCache": "a Redis with TLS in a pod, under the endpoint's name; one, without copies",
    "endpoint names": "the cluster's DNS answers names of rds.amazonaws.com and cache.amazonaws.com with those pods",
    "their certificates": "signed by an authority that is drawn here and takes the place of postgres.ca and redis.ca",
    "security groups": "exist in moto and close nothing, those of pods neither; the NetworkPolicies are enforced",
    "KMS": "keys exist in moto; the engine's secrets are encrypted with a passphrase",
    "ECR": "the node's own registry, which also answers when the node pulls from ECR's name",
    "External Secrets": "a loop that reads moto's Secrets Manager and writes the Secrets",
    "the load balancer controller": "a loop that opens a port of this machine to the pods, without TLS",
    "the size of the pods": "50m of CPU each: staging and prod share one machine",
    "Route 53 and ACM": "records and certificates exist in moto and are asked by nobody",
}
"""What replaces what in a rehearsal."""
