"""What only a cloud knows is readable in a rendering, and never resolves to anything."""

import pulumi

from operations.rendering.placeholders import output_placeholders


@pulumi.type_token("test:database/instance:Instance")
class Instance(pulumi.CustomResource):
    @property
    @pulumi.getter(name="masterEndpoint")
    def master_endpoint(self) -> pulumi.Output[str]: ...

    @property
    @pulumi.getter
    def port(self) -> pulumi.Output[int]: ...


def test_a_text_output_names_its_resource() -> None:
    found = output_placeholders("test:database/instance:Instance", "orders")
    assert found["masterEndpoint"] == "orders-master-endpoint.placeholder.invalid", "RFC 2606: it can reach nothing"


def test_a_number_is_not_invented() -> None:
    assert "port" not in output_placeholders("test:database/instance:Instance", "orders")


def test_an_unknown_type_has_no_outputs_to_invent() -> None:
    assert output_placeholders("other:index:Thing", "x") == {}
