"""Types of the tests, compiled by protoc, and messages of them."""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from detection.protobuf.schemas import Schemas, Source
from detection.protobuf.services import services_of_set
from detection.protobuf.types import Types

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
service People { rpc Get(Wanted) returns (Person); rpc List(Wanted) returns (Page); }
message Wanted { string id = 1; }
enum Level { UNKNOWN = 0; GOLD = 1; }
message Address { string street = 1; string city = 2; string postal_code = 3; }
message Person {
  string given_name = 1;
  string family_name = 2;
  string email = 3;
  string phone_number = 4;
  Address home_address = 5;
  repeated Address others = 6;
  repeated string tags = 7;
  int64 account = 8;
  sint32 balance = 9;
  double latitude = 10;
  float score = 11;
  bool is_active = 12;
  Level level = 13;
  bytes blob = 14;
  repeated int32 visits = 15;
  map<string, string> labels = 16;
  map<int32, Address> places = 17;
  google.protobuf.Timestamp birth_date = 18;
  google.protobuf.StringValue iban = 19;
  google.protobuf.Struct extra = 20;
  fixed64 key = 21;
  sfixed32 signed_key = 22;
  oneof id { string card_number = 23; string tax_id = 24; }
  repeated double points = 25;
  uint64 large = 26;
  string password = 27;
}
message Page { repeated Person people = 1; string next = 2; }
"""


@cache
def descriptors() -> bytes:
    """A FileDescriptorSet with all that is imported."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.proto").write_text(PROTO)
        target = Path(folder) / "shop.pb"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}"]
        command += ["--include_imports", f"--descriptor_set_out={target}", "shop.proto"]
        subprocess.run(command, check=True)
        return target.read_bytes()


@cache
def types() -> Types:
    made = Types()
    made.add_set(descriptors())
    return made


def schemas() -> Schemas:
    made = Schemas()
    for service in services_of_set(descriptors()):
        made.add(*service, Source.PROGRAM)
    return made


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file:
        pool.Add(file)
    return pool


def make(name: str, **fields: Any) -> Any:
    """A message of the type."""
    described = _pool().FindMessageTypeByName(f"shop.v1.{name}")
    return message_factory.GetMessageClass(described)(**fields)
