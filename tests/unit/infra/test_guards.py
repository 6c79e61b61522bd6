"""A region that anything around the program speaks of must be the stack's own."""

import pytest

from infra.guards import WrongTargetError, check_region
from infra.settings.aws import Aws

WANTED = Aws.model_validate({"account": "111111111111", "region": "eu-central-1", "cluster": "main"})
HERE = "https://ABC0123456789.gr7.eu-central-1.eks.amazonaws.com"


@pytest.fixture(autouse=True)
def _own_shell(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("server", [HERE, "https://10.0.0.1:6443", "https://eks.example.com"])
def test_a_server_of_the_region_or_of_none_is_fine(server):
    check_region(WANTED, server)


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_shell_that_speaks_of_another_region_is_refused(monkeypatch, variable):
    monkeypatch.setenv(variable, "us-east-1")
    with pytest.raises(WrongTargetError, match=rf"pxl:aws\.region = eu-central-1, but {variable} = us-east-1") as said:
        check_region(WANTED, HERE)
    assert f"unset {variable}" in str(said.value)
    monkeypatch.setenv(variable, "eu-central-1")
    check_region(WANTED, HERE)


@pytest.mark.parametrize(
    "server",
    [
        "https://ABC.gr7.us-gov-west-1.eks.amazonaws.com",
        "https://abc.sk1.cn-north-1.eks.amazonaws.com.cn:443",
        "https://ABC.YL4.AP-SOUTHEAST-2.EKS.AMAZONAWS.COM",
    ],
)
def test_a_kubeconfig_that_leads_to_a_cluster_of_another_region_is_refused(server):
    with pytest.raises(WrongTargetError, match=r"pxl:aws\.region = eu-central-1, but the kubeconfig leads to") as said:
        check_region(WANTED, server)
    assert "aws eks update-kubeconfig --name main --region eu-central-1" in str(said.value)
