"""Where anything around the program leads must be where the stack lies."""

import os
from types import SimpleNamespace

import pytest
import yaml

from infra.guards import WrongTargetError, check_region, server_of
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


def kubeconfig(current: str, **contexts: str) -> str:
    """A file whose contexts lead to servers, each by a cluster of the context's name."""
    return yaml.safe_dump(
        {
            "current-context": current,
            "contexts": [{"name": name, "context": {"cluster": name}} for name in contexts],
            "clusters": [{"name": name, "cluster": {"server": server}} for name, server in contexts.items()],
        }
    )


@pytest.mark.parametrize(
    ("variable", "context", "server"),
    [
        ("{0}/a{1}{0}/b", None, "https://one"),
        ("{0}/b{1}{0}/a", None, "https://another"),
        ("{0}/a{1}{0}/b", "two", "https://two"),
        ("{0}/b{1}{0}/a", "shared", "https://another"),
        ("{0}/a{1}{0}/b", "shared", "https://first"),
        ("{1}{0}/b", None, "https://another"),
        ("{0}/none{1}{0}/a{1}", None, "https://one"),
        ("", None, "https://home"),
    ],
)
def test_the_server_is_the_one_that_clients_of_kubernetes_find(monkeypatch, tmp_path, variable, context, server):
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(kubeconfig("home", home="https://home"))
    (tmp_path / "a").write_text(kubeconfig("one", one="https://one", shared="https://first"))
    (tmp_path / "b").write_text(kubeconfig("shared", two="https://two", shared="https://another"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", variable.format(tmp_path, os.pathsep))
    settings = SimpleNamespace(kubernetes=SimpleNamespace(kubeconfig=None, context=context))
    assert server_of(settings) == server, "the guard must vouch for the cluster that the provider goes to"


def test_a_context_that_no_file_has_is_told_with_all_of_them(monkeypatch, tmp_path):
    (tmp_path / "a").write_text(kubeconfig("one", one="https://one"))
    (tmp_path / "b").write_text("")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a{os.pathsep}{tmp_path}/b")
    settings = SimpleNamespace(kubernetes=SimpleNamespace(kubeconfig=None, context="three"))
    with pytest.raises(WrongTargetError, match=f"three is not in the kubeconfig {tmp_path}/a{os.pathsep}{tmp_path}/b"):
        server_of(settings)
