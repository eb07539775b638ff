#include "driver/rpc/message_guard.h"

#include "common/utf8.h"

#include <string.h>

#define VARINT_BYTES_MAXIMUM 10
/* Tags and lengths are 32 bits wide; protobuf-c reads no further. */
#define SHORT_VARINT_BYTES_MAXIMUM 5

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_LENGTH = 2,
    WIRE_FIXED32 = 5,
};

/* The part of the input that one message occupies. */
struct extent {
    const uint8_t *position;
    const uint8_t *end;
};

struct walk {
    unsigned depth;
    size_t fields;
    struct error *error;
};

static bool refuse(struct walk *walk, const ProtobufCMessageDescriptor *descriptor, const char *field,
                   const char *problem)
{
    return error_set(walk->error, ERROR_INVALID, "malformed %s: %s%s%s", descriptor->short_name,
                     field ? field : "", field ? ": " : "", problem);
}

static bool read_varint(struct extent *extent, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned index = 0; index < VARINT_BYTES_MAXIMUM && extent->position < extent->end; index++) {
        uint8_t byte = *extent->position++;
        result |= (uint64_t) (byte & 0x7f) << (7 * index);
        if (!(byte & 0x80)) {
            /* The tenth byte has room for one bit. */
            if (index == VARINT_BYTES_MAXIMUM - 1 && byte > 1)
                return false;
            *value = result;
            return true;
        }
    }
    return false;
}

static bool read_short_varint(struct extent *extent, uint64_t *value)
{
    const uint8_t *start = extent->position;
    return read_varint(extent, value) && extent->position - start <= SHORT_VARINT_BYTES_MAXIMUM &&
           *value <= UINT32_MAX;
}

static bool skip(struct extent *extent, uint64_t length)
{
    if (length > (uint64_t) (extent->end - extent->position))
        return false;
    extent->position += length;
    return true;
}

static enum wire_type expected_wire_type(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    default:
        return WIRE_VARINT;
    }
}

/* The compiler names the message behind `map<K, V> things` ThingsEntry, with the fields key and value. */
static bool is_map_entry(const ProtobufCMessageDescriptor *descriptor)
{
    size_t length = strlen(descriptor->short_name);
    return descriptor->n_fields == 2 && length > 5 &&
           strcmp(descriptor->short_name + length - 5, "Entry") == 0 &&
           strcmp(descriptor->fields[0].name, "key") == 0 && strcmp(descriptor->fields[1].name, "value") == 0;
}

static bool check_message(struct walk *walk, const ProtobufCMessageDescriptor *descriptor,
                          struct extent extent);

static bool check_length_delimited(struct walk *walk, const ProtobufCMessageDescriptor *descriptor,
                                   const ProtobufCFieldDescriptor *field, struct extent content)
{
    size_t length = (size_t) (content.end - content.position);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(walk, field->descriptor, content);
    if (field->type != PROTOBUF_C_TYPE_STRING)
        return true;
    if (memchr(content.position, '\0', length))
        return refuse(walk, descriptor, field->name, "holds a NUL character");
    if (!utf8_is_valid((const char *) content.position, length))
        return refuse(walk, descriptor, field->name, "is not UTF-8");
    return true;
}

/* Reads the content of one field; `content` is empty unless the wire type is WIRE_LENGTH. */
static bool read_content(struct extent *extent, unsigned wire_type, struct extent *content)
{
    uint64_t value = 0;
    *content = (struct extent){extent->position, extent->position};
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(extent, &value);
    case WIRE_FIXED64:
        return skip(extent, 8);
    case WIRE_FIXED32:
        return skip(extent, 4);
    case WIRE_LENGTH:
        if (!read_short_varint(extent, &value))
            return false;
        content->position = extent->position;
        if (!skip(extent, value))
            return false;
        content->end = extent->position;
        return true;
    default: /* the groups of proto2, and what was never defined */
        return false;
    }
}

static bool check_field(struct walk *walk, const ProtobufCMessageDescriptor *descriptor,
                        struct extent *extent, uint32_t *number)
{
    uint64_t tag = 0;
    if (++walk->fields > MESSAGE_FIELDS_MAXIMUM)
        return error_set(walk->error, ERROR_TOO_LARGE, "%s: more than %d fields", descriptor->short_name,
                         MESSAGE_FIELDS_MAXIMUM);
    if (!read_short_varint(extent, &tag) || tag >> 3 == 0)
        return refuse(walk, descriptor, NULL, "bad field tag");
    *number = (uint32_t) (tag >> 3);
    unsigned wire_type = tag & 7;
    struct extent content;
    if (!read_content(extent, wire_type, &content))
        return refuse(walk, descriptor, NULL, "truncated, or of an unknown wire type");

    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor, (unsigned) *number);
    if (!field)
        return true;
    enum wire_type expected = expected_wire_type(field->type);
    if (wire_type == WIRE_LENGTH && expected == WIRE_LENGTH)
        return check_length_delimited(walk, descriptor, field, content);
    bool is_packed = wire_type == WIRE_LENGTH && field->label == PROTOBUF_C_LABEL_REPEATED;
    if (wire_type != expected && !is_packed)
        return refuse(walk, descriptor, field->name, "has another wire type");
    return true;
}

static bool check_message(struct walk *walk, const ProtobufCMessageDescriptor *descriptor,
                          struct extent extent)
{
    if (walk->depth > MESSAGE_DEPTH_MAXIMUM)
        return error_set(walk->error, ERROR_TOO_LARGE, "%s: nested more than %d deep", descriptor->short_name,
                         MESSAGE_DEPTH_MAXIMUM);
    walk->depth++;
    bool has_value = false;
    while (extent.position < extent.end) {
        uint32_t number = 0;
        if (!check_field(walk, descriptor, &extent, &number))
            return false;
        has_value = has_value || number == 2;
    }
    walk->depth--;
    if (is_map_entry(descriptor) && descriptor->fields[1].type == PROTOBUF_C_TYPE_MESSAGE && !has_value)
        return refuse(walk, descriptor, NULL, "a map entry without a value");
    return true;
}

bool message_guard_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t length,
                         struct error *error)
{
    struct walk walk = {.error = error};
    return check_message(&walk, descriptor, (struct extent){bytes, bytes + length});
}
