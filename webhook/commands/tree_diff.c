#include "webhook/commands/tree_diff.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/yaml.h"
#include "webhook/commands/terminal.h"

#include <string.h>

/* Largest YAML text of one changed value. */
#define VALUE_BYTES (64u * 1024 * 1024)

struct diff {
    struct buffer *buffer;
    struct error *error;
    bool is_coloured;
};

/* Where two values stand, as a chain on the stack. */
struct place {
    const struct place *parent;
    const char *label; /* a member's key, or what an element is known by */
    bool is_element;
    bool has_heading; /* it was printed */
};

/* An element's identity: the first of these that it has. */
static const char *element_label(const cJSON *element)
{
    static const char *const keys[] = {"mountPath", "name", "ip"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *member = json_member(element, keys[i]);
        if (cJSON_IsString(member) && *member->valuestring)
            return member->valuestring;
    }
    return NULL;
}

static bool is_labelled_list(const cJSON *list)
{
    if (!cJSON_IsArray(list))
        return false;
    for (const cJSON *element = list->child; element; element = element->next) {
        if (!element_label(element))
            return false;
    }
    return true;
}

/* True when a difference is shown inside the two values instead of as a change from one to the other. */
static bool can_descend(const cJSON *before, const cJSON *after)
{
    return (cJSON_IsObject(before) && cJSON_IsObject(after)) ||
           (is_labelled_list(before) && is_labelled_list(after));
}

static bool is_plain_key(const char *key)
{
    return *key && !key[strcspn(key, ".[]/ ")];
}

static void append_place(const struct place *place, struct buffer *buffer)
{
    if (!place->parent)
        return;
    append_place(place->parent, buffer);
    if (place->is_element || !is_plain_key(place->label))
        buffer_append_format(buffer, "[%s]", place->label);
    else
        buffer_append_format(buffer, "%s%s", place->parent->parent ? "." : "", place->label);
}

/* One line, coloured as a whole. */
static void append_line(struct diff *diff, const char *colour, const char *prefix, const char *text,
                        size_t length)
{
    struct buffer *buffer = diff->buffer;
    if (diff->is_coloured)
        buffer_append_string(buffer, colour);
    buffer_append_string(buffer, prefix);
    buffer_append(buffer, text, length);
    if (diff->is_coloured)
        buffer_append_string(buffer, TERMINAL_PLAIN);
    buffer_append_character(buffer, '\n');
}

/* Names the object or list that the next lines are about, once. */
static bool show_heading(struct diff *diff, struct place *place)
{
    if (place->has_heading)
        return true;
    place->has_heading = true;
    _cleanup_(buffer_done) struct buffer path = BUFFER_INIT(VALUE_BYTES);
    append_place(place, &path);
    buffer_append_string(&path, path.length ? " @@" : "@@");
    append_line(diff, TERMINAL_CYAN, "@@ ", buffer_string(&path), path.length);
    return buffer_check(&path, diff->error);
}

/* `holder`, an object or a list with one value in it, as YAML. */
static bool show_yaml(struct diff *diff, struct place *place, bool is_added, const cJSON *holder)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(VALUE_BYTES);
    if (!show_heading(diff, place) || !yaml_append_document(holder, diff->error, &text))
        return false;
    const char *line = buffer_string(&text);
    while (*line) {
        size_t length = strcspn(line, "\n");
        append_line(diff, is_added ? TERMINAL_GREEN : TERMINAL_RED, is_added ? "+ " : "- ", line, length);
        line += length + (line[length] == '\n');
    }
    return true;
}

/* Shows a child of an object or array as if it were the only one. The holder stands on the stack: where
 * memory is short, cJSON's own way of adding a reference leaks it. */
static bool show_alone(struct diff *diff, struct place *place, bool is_added, int holder_type,
                       const cJSON *child)
{
    cJSON only = *child;
    only.next = NULL;
    only.prev = &only;
    const cJSON holder = {.type = holder_type, .child = &only};
    return show_yaml(diff, place, is_added, &holder);
}

static bool show_member(struct diff *diff, struct place *place, bool is_added, const cJSON *member)
{
    return show_alone(diff, place, is_added, cJSON_Object, member);
}

static bool show_element(struct diff *diff, struct place *place, bool is_added, const cJSON *element)
{
    return show_alone(diff, place, is_added, cJSON_Array, element);
}

static bool compare(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place);

/* Members that came, went or changed as a whole; those whose inside changed are for the next round. */
static bool compare_members(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place)
{
    for (const cJSON *member = before->child; member; member = member->next) {
        const cJSON *other = json_member(after, member->string);
        bool is_changed =
            !cJSON_IsNull(member) && (!other || (!can_descend(member, other) && !json_equal(member, other)));
        if (!is_changed)
            continue;
        if (!show_member(diff, place, false, member) || (other && !show_member(diff, place, true, other)))
            return false;
    }
    for (const cJSON *member = after->child; member; member = member->next) {
        if (!cJSON_IsNull(member) && !json_member(before, member->string) &&
            !show_member(diff, place, true, member))
            return false;
    }
    return true;
}

static bool compare_objects(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place)
{
    if (!compare_members(diff, before, after, place))
        return false;
    for (const cJSON *member = before->child; member; member = member->next) {
        const cJSON *other = json_member(after, member->string);
        struct place member_place = {.parent = place, .label = member->string};
        if (other && can_descend(member, other) && !compare(diff, member, other, &member_place))
            return false;
    }
    return true;
}

/* The element of `list` that is to `element` what it is in its own list: the same label, and as many of that
 * label before it. */
static const cJSON *find_counterpart(const cJSON *own_list, const cJSON *element, const cJSON *list)
{
    const char *label = element_label(element);
    size_t earlier = 0;
    for (const cJSON *own = own_list->child; own != element; own = own->next)
        earlier += strcmp(element_label(own), label) == 0;
    for (const cJSON *found = list->child; found; found = found->next) {
        if (strcmp(element_label(found), label) == 0 && earlier-- == 0)
            return found;
    }
    return NULL;
}

/* True when the elements that both lists have stand in the same order. */
static bool is_same_order(const cJSON *before, const cJSON *after)
{
    const cJSON *at = after->child;
    for (const cJSON *element = before->child; element; element = element->next) {
        const cJSON *counterpart = find_counterpart(before, element, after);
        if (!counterpart)
            continue;
        while (at && at != counterpart)
            at = at->next;
        if (!at)
            return false;
        at = at->next;
    }
    return true;
}

static bool show_order(struct diff *diff, struct place *place, bool is_added, const cJSON *list)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(VALUE_BYTES);
    for (const cJSON *element = list->child; element; element = element->next)
        buffer_append_format(&text, "%s%s", text.length ? ", " : "# order: ", element_label(element));
    if (!buffer_check(&text, diff->error) || !show_heading(diff, place))
        return false;
    append_line(diff, is_added ? TERMINAL_GREEN : TERMINAL_RED, is_added ? "+ " : "- ", buffer_string(&text),
                text.length);
    return true;
}

static bool compare_elements(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place)
{
    if (!is_same_order(before, after) &&
        (!show_order(diff, place, false, before) || !show_order(diff, place, true, after)))
        return false;
    for (const cJSON *element = before->child; element; element = element->next) {
        if (!find_counterpart(before, element, after) && !show_element(diff, place, false, element))
            return false;
    }
    for (const cJSON *element = after->child; element; element = element->next) {
        if (!find_counterpart(after, element, before) && !show_element(diff, place, true, element))
            return false;
    }
    return true;
}

static bool compare_lists(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place)
{
    if (!compare_elements(diff, before, after, place))
        return false;
    for (const cJSON *element = before->child; element; element = element->next) {
        const cJSON *other = find_counterpart(before, element, after);
        struct place element_place = {.parent = place, .label = element_label(element), .is_element = true};
        if (other && !compare(diff, element, other, &element_place))
            return false;
    }
    return true;
}

/* Recursion is bounded by the depth limit of whoever parsed the trees. */
static bool compare(struct diff *diff, const cJSON *before, const cJSON *after, struct place *place)
{
    if (json_equal(before, after))
        return true;
    return cJSON_IsObject(before) ? compare_objects(diff, before, after, place)
                                  : compare_lists(diff, before, after, place);
}

bool tree_diff_append(const cJSON *before, const cJSON *after, bool is_coloured, struct error *error,
                      struct buffer *buffer)
{
    struct place root = {0};
    struct diff diff = {.buffer = buffer, .error = error, .is_coloured = is_coloured};
    return compare(&diff, before, after, &root) && buffer_check(buffer, error);
}
