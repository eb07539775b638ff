#include "common/json.h"
#include "webhook/commands/doctor_judge.h"

#include <stdlib.h>

#define MAJOR 1
/* The oldest Kubernetes 1.x that the manifests and the policy are for. */
#define OLDEST_MINOR 30
/* Past every release: a major version of its own. */
#define NEWEST_MINOR 1000

/* Something of Kubernetes that an option needs. */
struct feature {
    const char *check;
    const char *words;
    const char *gate;  /* its feature gate */
    int first_minor;   /* has it, behind the gate */
    int default_minor; /* from here on the gate is on */
    const char *alternative;
    bool (*is_needed)(const struct configuration *configuration);
};

static bool needs_image_volumes(const struct configuration *configuration)
{
    return configuration->sideload_method == SIDELOAD_IMAGE_VOLUME;
}

static bool needs_native_sidecar(const struct configuration *configuration)
{
    return configuration->topology == TOPOLOGY_SIDECAR && configuration->sidecar_kind == SIDECAR_NATIVE;
}

static bool needs_user_namespaces(const struct configuration *configuration)
{
    return configuration->user_namespaces;
}

static bool needs_app_armor_profile(const struct configuration *configuration)
{
    return *configuration->app_armor_profile;
}

static const struct feature features[] = {
    {"image-volumes", "image volumes", "ImageVolume", 33, 35,
     "configure supervisor.sideloadMethod: init-container", needs_image_volumes},
    {"native-sidecar", "native sidecars", "SidecarContainers", 29, 29, "configure sidecar.kind: container",
     needs_native_sidecar},
    {"user-namespaces", "user namespaces", "UserNamespacesSupport", 30, 33,
     "configure sandbox.userNamespaces: false", needs_user_namespaces},
    {"app-armor-profile", "the field appArmorProfile", "AppArmorFields", 30, 30,
     "leave sandbox.appArmorProfile out", needs_app_armor_profile},
};

static void judge_feature(const struct feature *feature, int minor, struct checkup *checkup)
{
    if (minor >= feature->default_minor) {
        checkup_add(checkup, CHECK_OK, feature->check, "Kubernetes has %s from 1.%d on", feature->words,
                    feature->default_minor);
    } else if (minor >= feature->first_minor) {
        checkup_add(checkup, CHECK_WARNING, feature->check,
                    "before 1.%d Kubernetes has %s only with the feature gate %s", feature->default_minor,
                    feature->words, feature->gate);
        checkup_advise(checkup, "see that it is on at the API server and on every node, or %s",
                       feature->alternative);
    } else {
        checkup_add(checkup, CHECK_FAILED, feature->check, "Kubernetes has %s from 1.%d on only",
                    feature->words, feature->first_minor);
        checkup_advise(checkup, "%s", feature->alternative);
    }
}

/* The number that a text such as "34+" begins with; 0: none. */
static int number_of(const cJSON *version, const char *key)
{
    long number = strtol(json_text(version, key), NULL, 10);
    return number < 0 || number > NEWEST_MINOR ? 0 : (int) number;
}

void doctor_judge_version(const cJSON *version, const struct configuration *configuration,
                          struct checkup *checkup)
{
    static const char check[] = "kubernetes-version";
    int major = number_of(version, "major");
    int minor = major > MAJOR ? NEWEST_MINOR : number_of(version, "minor");
    if (major < MAJOR) {
        checkup_add(checkup, CHECK_WARNING, check, "the API server does not say which version it is");
        checkup_advise(checkup, "Kubernetes 1.%d or later is needed", OLDEST_MINOR);
        return;
    }
    bool is_new_enough = minor >= OLDEST_MINOR;
    checkup_add(checkup, is_new_enough ? CHECK_OK : CHECK_FAILED, check, "%.60s",
                json_text(version, "gitVersion"));
    if (!is_new_enough)
        checkup_advise(checkup, "Kubernetes 1.%d or later is needed", OLDEST_MINOR);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        if (features[i].is_needed(configuration))
            judge_feature(&features[i], minor, checkup);
    }
}
