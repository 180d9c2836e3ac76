"""The inputs of policies as messages of CEL's runtime: types made from the dataclasses of `inputs`,
what expressions of a moment are compiled against, and messages of what an entry keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE
from google.protobuf.wrappers_pb2 import DESCRIPTOR as WRAPPERS_FILE

from govd.policies.inputs import MOMENTS, Variable, hints, parts
from govd.types import Json

PACKAGE: Final = "govd"
YES_OR_NO: Final = cel.Type.BOOL
Field = descriptor_pb2.FieldDescriptorProto
SCALARS: Final = {
    str: Field.TYPE_STRING,
    int: Field.TYPE_INT64,
    float: Field.TYPE_DOUBLE,
    bool: Field.TYPE_BOOL,
}
REFERENCES: Final = {
    float | None: ".google.protobuf.DoubleValue",
    datetime: ".google.protobuf.Timestamp",
    datetime | None: ".google.protobuf.Timestamp",
}


@cache
def _pool() -> Any:
    """The types of all inputs."""
    pool = descriptor_pool.DescriptorPool()
    for file in (TIMESTAMP_FILE, WRAPPERS_FILE):
        copied = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(copied)
        pool.Add(copied)
    of_inputs = descriptor_pb2.FileDescriptorProto(
        name="govd/policies.proto", package=PACKAGE, syntax="proto3"
    )
    of_inputs.dependency.extend([TIMESTAMP_FILE.name, WRAPPERS_FILE.name])
    kinds = {
        parts(kind)[0]
        for _, variables in MOMENTS.values()
        for kind in variables.values()
    }
    for kind in sorted(
        (kind for kind in kinds if is_dataclass(kind)), key=lambda k: k.__name__
    ):
        _describe(of_inputs.message_type.add(name=kind.__name__), kind)
    pool.Add(of_inputs)
    return pool


def _describe(message: descriptor_pb2.DescriptorProto, kind: Variable) -> None:
    hint_of = get_type_hints(kind)
    for number, entry in enumerate(fields(kind), 1):
        hint = hint_of[entry.name]
        label = Field.LABEL_OPTIONAL
        if get_origin(hint) is tuple:
            hint, label = get_args(hint)[0], Field.LABEL_REPEATED
        described = message.field.add(name=entry.name, number=number, label=label)
        if hint in REFERENCES:
            described.type, described.type_name = Field.TYPE_MESSAGE, REFERENCES[hint]
        else:
            described.type = SCALARS[hint]


@cache
def environment(moment: str) -> Any:
    """What expressions of one moment are compiled by: it knows its variables."""
    types = {name: _cel_type(kind) for name, kind in MOMENTS[moment][1].items()}
    return cel.NewEnv(descriptor_pool=_pool(), variables=types)


def _cel_type(kind: Variable) -> Any:
    message, several = parts(kind)
    if not is_dataclass(message):
        return cel.Type.TIMESTAMP
    cel_type = cel.Type(f"{PACKAGE}.{message.__name__}")
    return cel.Type.List(cel_type) if several else cel_type


def given(moment: str, seen: Mapping[str, Json]) -> dict[str, Any]:
    """The variables of a moment, of their JSON."""
    activation: dict[str, Any] = {}
    for name, kind in MOMENTS[moment][1].items():
        message, several = parts(kind)
        if not is_dataclass(message):
            activation[name] = _time(str(seen[name]))
        elif several:
            activation[name] = [_message(message, member) for member in seen[name]]
        else:
            activation[name] = _message(message, seen[name])
    return activation


def _message(kind: Any, seen: Mapping[str, Json]) -> Any:
    """A message of a dataclass's JSON; what it does not have stays missing."""
    message = _message_class(kind.__name__)()
    for name, hint in hints(kind).items():
        value = seen.get(name)
        if value is None:
            continue
        if hint in (datetime, datetime | None):
            getattr(message, name).FromDatetime(_time(value))
        elif hint == float | None:
            getattr(message, name).value = float(value)
        elif get_origin(hint) is tuple:
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    return message


@cache
def _message_class(name: str) -> Any:
    return message_factory.GetMessageClass(
        _pool().FindMessageTypeByName(f"{PACKAGE}.{name}")
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
