#include "webhook/commands/doctor_selector.h"

enum label_selection doctor_select_namespace(const cJSON *selector, const char *name, const cJSON *labels)
{
    if (!labels)
        return label_selector_select(selector, NAMESPACE_NAME_LABEL, name);
    return label_selector_matches(selector, labels) ? LABELS_SELECTED : LABELS_NOT_SELECTED;
}
