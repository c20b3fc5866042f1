"""Services out of descriptors: all that their calls need, and nothing else."""

from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from detection.protobuf.services import Service, services, services_of_set
from detection.protobuf.types import Types
from tests.detection.protobuf.made import descriptors, make, types

FileDescriptorProto = descriptor_pb2.FileDescriptorProto


def files() -> list[bytes]:
    told = descriptor_pb2.FileDescriptorSet.FromString(descriptors())
    return [file.SerializeToString() for file in told.file]


def only(found: list[bytes]) -> Service:
    (service,) = services(found)
    return service


def test_a_service_has_all_types_that_its_messages_reach() -> None:
    service = only(files())
    assert service.name == "shop.v1.People"
    own, all_of_them = Types(), types()
    own.add_set(service.files)
    for path in (b"/shop.v1.People/Get", b"/shop.v1.People/List"):
        for is_request in (True, False):
            kind = own.of_method(path, is_request)
            assert kind == all_of_them.of_method(path, is_request)
    for name in ("shop.v1.Address", "shop.v1.Person.LabelsEntry"):
        assert own.type(name) == all_of_them.type(name)
    assert own.enum("shop.v1.Level") == all_of_them.enum("shop.v1.Level")


def test_well_known_types_are_known_though_no_program_brings_them() -> None:
    own = Types()
    own.add_set(only(files()[-1:]).files)
    assert own.type("google.protobuf.Timestamp") is not None
    assert own.type("google.protobuf.Struct") is not None


def test_what_no_call_reaches_and_what_is_no_name_is_left_out() -> None:
    file = FileDescriptorProto.FromString(files()[-1])
    file.message_type.add(name="Unreached").field.add(name="secret", number=1)
    file.message_type[0].field.add(name="jane@example.com", number=7, type=9, label=1)
    file.message_type[0].options.deprecated = True
    file.message_type[0].field[0].default_value = "4111111111111111"
    file.source_code_info.location.add(leading_comments="jane roe")
    before = only(files())
    assert only([*files()[:-1], file.SerializeToString()]) == before
    for word in (b"4111", b"jane", b"Unreached"):
        assert word not in before.files


def test_order_of_files_does_not_matter_and_a_set_gives_the_same() -> None:
    assert only(files()[::-1]) == only(files())
    assert list(services_of_set(descriptors())) == [only(files())]
    assert list(services_of_set(b"\xff\xff")) == []


def test_a_message_within_messages_can_be_read_by_name() -> None:
    from detection.protobuf.wire import Transcoder

    own = Types()
    own.add_set(only(files()).files)
    kind = own.of_method(b"/shop.v1.People/Get", False)
    data = make("Person", home_address={"city": "Bath"}).SerializeToString()
    assert Transcoder(own).json(data, kind) == b'{"home_address":{"city":"Bath"}}'


@given(st.data())
def test_any_bytes_are_no_error(data: st.DataObject) -> None:
    whole = bytearray(files()[-1])
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    for service in services([bytes(whole), data.draw(st.binary(max_size=50))]):
        assert isinstance(service, Service)
