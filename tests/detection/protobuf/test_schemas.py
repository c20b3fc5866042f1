"""Schemas: by path, from several sources and of several versions."""

from google.protobuf import descriptor_pb2

from detection.protobuf import schemas as module
from detection.protobuf.schemas import Schemas, Source
from detection.protobuf.services import services_of_set
from tests.detection.protobuf.made import descriptors

PATH = b"/shop.v1.People/Get"
NAME = "shop.v1.People"


def files(**renamed: int) -> bytes:
    """The service's set, with fields of Wanted added."""
    told = descriptor_pb2.FileDescriptorSet.FromString(descriptors())
    (wanted,) = (m for m in told.file[-1].message_type if m.name == "Wanted")
    for name, number in renamed.items():
        known = [field for field in wanted.field if field.number == number]
        field = known[0] if known else wanted.field.add(number=number, type=9, label=1)
        field.name = name
    (service,) = services_of_set(told.SerializeToString())
    return service.files


def fields(schemas: Schemas) -> dict[int, str]:
    kind = schemas.of(PATH).of_method(PATH, True)
    return {n: field.name for n, field in kind.fields.items()} if kind else {}


def test_a_call_finds_its_types_behind_whatever_stands_before() -> None:
    schemas = Schemas()
    schemas.add(NAME, files(), Source.PROGRAM)
    for path in (PATH, b"/api" + PATH, PATH + b"?x=/y/z", b"http://shop" + PATH):
        assert schemas.of(path).of_method(path, True) is not None, path
    for path in (b"", b"/", b"/shop.v1.People", b"/shop.v1.Other/Get", b"/\xff/x"):
        assert len(schemas.of(path)) == 0, path


def test_versions_add_up_and_the_newer_name_counts() -> None:
    schemas = Schemas()
    schemas.add(NAME, files(colour=2), Source.PROGRAM)
    assert fields(schemas) == {1: "id", 2: "colour"}
    schemas.add(NAME, files(key=1, size=3), Source.PROGRAM)
    assert fields(schemas) == {1: "key", 2: "colour", 3: "size"}
    assert schemas.conflicts == 1
    schemas.add(NAME, files(colour=2), Source.PROGRAM)
    assert fields(schemas)[1] == "id"


def test_a_file_goes_before_a_program_and_that_before_an_answer() -> None:
    schemas = Schemas()
    schemas.add(NAME, files(answered=2), Source.ANSWER)
    assert fields(schemas) == {1: "id", 2: "answered"}
    schemas.add(NAME, files(found=2), Source.PROGRAM)
    schemas.add(NAME, files(answered=2), Source.ANSWER)
    assert fields(schemas) == {1: "id", 2: "found"}
    schemas.add(NAME, files(given=2), Source.FILE)
    schemas.add(NAME, files(found=2), Source.PROGRAM)
    assert fields(schemas) == {1: "id", 2: "given"}
    assert schemas.conflicts == 0


def test_what_is_no_set_gives_no_names() -> None:
    schemas = Schemas()
    schemas.add(NAME, b"\xff", Source.PROGRAM)
    assert fields(schemas) == {}
    assert schemas.malformed == 1


def test_bounds_hold() -> None:
    schemas = Schemas()
    for number in range(module.MOST_SERVICES + 5):
        schemas.add(f"s{number}", b"", Source.PROGRAM)
    assert len(schemas) == module.MOST_SERVICES
    for number in range(module.MOST_VERSIONS + 3):
        schemas.add(NAME, files(**{f"f{number}": number + 2}), Source.PROGRAM)
    assert len(fields(schemas)) == 1 + module.MOST_VERSIONS
    for number in range(module.MOST_READ + 5):
        schemas.of(f"/s{number + 10}/x".encode())
    assert fields(schemas)
