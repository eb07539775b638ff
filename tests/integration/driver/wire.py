"""The compute driver protocol, written down once more from its wire table and not from the driver's own file.

A mistake in driver/proto would otherwise go unnoticed: both sides would make it. Everything is built at run
time; nothing is generated.
"""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

PACKAGE = "openshell.compute.v1"
SERVICE = f"/{PACKAGE}.ComputeDriver/"

# Message: fields as "name number type"; `*` repeats, `?` has explicit presence, `map` is a map of strings,
# `name|oneof` belongs to a oneof.
MESSAGES = {
    "GatewayMetadata": "",
    "GetCapabilitiesRequest": "",
    # What a gateway of 0.1 sends; not part of the contract that is served.
    "NewGetCapabilitiesRequest": "gateway 1 GatewayMetadata",
    "GetCapabilitiesResponse": "driver_name 1 string, driver_version 2 string, default_image 3 string, "
    "gateway_manages_lifecycle 6 bool",
    "GetGatewayListenerRequirementsRequest": "",
    "GatewayDefaultRouteInterfaceRequirement": "",
    "GatewayLoopbackInterfaceRequirement": "",
    "GatewayListenerRequirement": "reason 1 string, exact_bind_address|selector 2 string, "
    "default_route_interface|selector 3 GatewayDefaultRouteInterfaceRequirement, "
    "loopback_interface|selector 4 GatewayLoopbackInterfaceRequirement",
    "GetGatewayListenerRequirementsResponse": "requirements 1 *GatewayListenerRequirement",
    "DriverSandbox": "id 1 string, name 2 string, namespace 3 string, spec 4 DriverSandboxSpec, "
    "status 5 DriverSandboxStatus, workspace 6 string",
    "DriverSandboxSpec": "log_level 1 string, environment 5 map, template 6 DriverSandboxTemplate, "
    "resource_requirements 9 ResourceRequirements, sandbox_token 11 string, command 12 *string, tty 13 bool",
    "ResourceRequirements": "gpu 1 GpuResourceRequirements",
    "GpuResourceRequirements": "count 1 ?uint32",
    "DriverSandboxTemplate": "image 1 string, agent_socket_path 3 string, labels 4 map, environment 6 map, "
    "resources 10 DriverResourceRequirements, platform_config 11 .google.protobuf.Struct, "
    "driver_config 12 .google.protobuf.Struct",
    "DriverResourceRequirements": "cpu_request 1 string, cpu_limit 2 string, memory_request 3 string, "
    "memory_limit 4 string",
    "DriverSandboxStatus": "sandbox_name 1 string, instance_id 2 string, agent_fd 3 string, sandbox_fd 4 string, "
    "conditions 5 *DriverCondition, deleting 6 bool",
    "DriverCondition": "type 1 string, status 2 string, reason 3 string, message 4 string, "
    "last_transition_time 5 string",
    "DriverPlatformEvent": "timestamp_ms 1 int64, source 2 string, type 3 string, reason 4 string, "
    "message 5 string, metadata 6 map",
    "ValidateSandboxCreateRequest": "sandbox 1 DriverSandbox",
    "ValidateSandboxCreateResponse": "",
    "GetSandboxRequest": "sandbox_id 1 string, sandbox_name 2 string",
    "GetSandboxResponse": "sandbox 1 DriverSandbox",
    "ListSandboxesRequest": "",
    "ListSandboxesResponse": "sandboxes 1 *DriverSandbox",
    "CreateSandboxRequest": "sandbox 1 DriverSandbox",
    "CreateSandboxResponse": "",
    "StopSandboxRequest": "sandbox_id 1 string, sandbox_name 2 string",
    "StopSandboxResponse": "",
    "StartSandboxRequest": "sandbox_id 1 string, sandbox_name 2 string",
    "StartSandboxResponse": "",
    "DeleteSandboxRequest": "sandbox_id 1 string, sandbox_name 2 string",
    "DeleteSandboxResponse": "deleted 1 bool",
    "WatchSandboxesRequest": "",
    "WatchSandboxesSandboxEvent": "sandbox 1 DriverSandbox",
    "WatchSandboxesDeletedEvent": "sandbox_id 1 string",
    "WatchSandboxesPlatformEvent": "sandbox_id 1 string, event 2 DriverPlatformEvent",
    "WatchSandboxesEvent": "sandbox|payload 1 WatchSandboxesSandboxEvent, "
    "deleted|payload 2 WatchSandboxesDeletedEvent, platform_event|payload 3 WatchSandboxesPlatformEvent",
    "EnsureWorkspaceRequest": "workspace 1 string",
    "EnsureWorkspaceResponse": "",
    "DeleteWorkspaceRequest": "workspace 1 string",
    "DeleteWorkspaceResponse": "",
    "ResolveSandboxEndpointRequest": "sandbox 1 DriverSandbox",
    "ResolveSandboxEndpointResponse": "endpoint 1 SandboxEndpoint",
    "SandboxEndpoint": "ip|target 1 string, host|target 2 string, port 3 uint32",
}

UNARY = [name[: -len("Request")] for name in MESSAGES if name.endswith("Request") and name != "WatchSandboxesRequest"]
UNARY.remove("NewGetCapabilities")

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": Field.TYPE_STRING,
    "bool": Field.TYPE_BOOL,
    "uint32": Field.TYPE_UINT32,
    "int64": Field.TYPE_INT64,
}


def _add_map(message, field):
    """A map is a repeated entry message, as the language defines it."""
    entry = message.nested_type.add()
    entry.name = "".join(part.capitalize() for part in field.name.split("_")) + "Entry"
    entry.options.map_entry = True
    for number, name in ((1, "key"), (2, "value")):
        entry.field.add(name=name, number=number, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    field.type = Field.TYPE_MESSAGE
    field.label = Field.LABEL_REPEATED
    field.type_name = f".{PACKAGE}.{message.name}.{entry.name}"


def _add_field(message, text, oneofs):
    name, number, kind = text.split()
    name, _, oneof = name.partition("|")
    field = message.field.add(name=name, number=int(number), label=Field.LABEL_OPTIONAL)
    if kind.startswith("*"):
        field.label = Field.LABEL_REPEATED
        kind = kind[1:]
    if kind.startswith("?"):
        field.proto3_optional = True
        oneof = "_" + name
        kind = kind[1:]
    if oneof:
        if oneof not in oneofs:
            oneofs.append(oneof)
            message.oneof_decl.add(name=oneof)
        field.oneof_index = oneofs.index(oneof)
    if kind == "map":
        _add_map(message, field)
    elif kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type = Field.TYPE_MESSAGE
        field.type_name = kind if kind.startswith(".") else f".{PACKAGE}.{kind}"


def _build():
    file = descriptor_pb2.FileDescriptorProto(name="wire_table.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append("google/protobuf/struct.proto")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        oneofs = []
        for text in filter(None, (part.strip() for part in fields.split(","))):
            _add_field(message, text, oneofs)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


TYPES = _build()


def __getattr__(name):
    try:
        return TYPES[name]
    except KeyError:
        raise AttributeError(name) from None


class Driver:
    """Calls of the driver: `driver.GetSandbox(sandbox_id="...")`; errors are grpc.RpcError."""

    def __init__(self, socket_path, timeout_s=60):
        self.timeout_s = timeout_s
        self.channel = grpc.insecure_channel(
            f"unix:{socket_path}",
            options=[("grpc.default_authority", "[::]:50051"), ("grpc.enable_retries", 0)],
        )
        for name in UNARY:
            setattr(self, name, self._unary(name))

    def _unary(self, name):
        response = TYPES[name + "Response"]
        call = self.channel.unary_unary(
            SERVICE + name,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )

        def invoke(request=None, **fields):
            return call(request or TYPES[name + "Request"](**fields), timeout=self.timeout_s)

        return invoke

    def raw(self, name, data, timeout_s=20):
        """Sends bytes as the request message of a unary method."""
        call = self.channel.unary_unary(SERVICE + name)
        return call(data, timeout=timeout_s)

    def watch(self, timeout_s=None):
        call = self.channel.unary_stream(
            SERVICE + "WatchSandboxes",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=TYPES["WatchSandboxesEvent"].FromString,
        )
        return call(TYPES["WatchSandboxesRequest"](), timeout=timeout_s)

    def close(self):
        self.channel.close()
