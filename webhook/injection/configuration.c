#include "webhook/injection/configuration.h"

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/environment.h"
#include "common/json_canonical.h"
#include "webhook/injection/configuration_constraints.h"
#include "webhook/injection/configuration_document.h"
#include "webhook/injection/configuration_file.h"
#include "webhook/injection/configuration_value.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(CONFIGURATION_DIGEST_BYTES == DIGEST_SHA256_HEX_BYTES, "the digest is a SHA-256");

/* Where the value of an option comes from, for the errors that concern several options. */
struct origin {
    enum { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG } source;
    unsigned line;    /* in the file; 0: not known */
    const char *flag; /* as it was spelled */
};

struct loading {
    const struct configuration_sources *sources;
    struct configuration *configuration;
    struct origin *origins; /* one for each option */
    struct error *error;
};

static struct origin *origin_of(struct loading *loading, const struct option *option)
{
    return &loading->origins[option - configuration_options];
}

/* Puts the source of the option's value in front of the message. */
static bool fail_from(struct loading *loading, const struct option *option)
{
    const struct origin *origin = origin_of(loading, option);
    switch (origin->source) {
    case FROM_FLAG:
        return error_prefix(loading->error, "flag --%s", origin->flag);
    case FROM_ENVIRONMENT:
        return error_prefix(loading->error, "environment %s", option->variable);
    case FROM_FILE:
        error_prefix(loading->error, "%s", option->key);
        if (origin->line)
            return error_prefix(loading->error, "config \"%s\" line %u", loading->sources->file,
                                origin->line);
        return error_prefix(loading->error, "config \"%s\"", loading->sources->file);
    case FROM_DEFAULT:
        break;
    }
    return error_prefix(loading->error, "default of %s", option->key);
}

static bool load_text(struct loading *loading, const struct option *option, struct origin origin,
                      const char *text)
{
    *origin_of(loading, option) = origin;
    if (option_set_text(option, text, loading->configuration, loading->error))
        return true;
    return loading->error->code == ERROR_NO_MEMORY ? false : fail_from(loading, option);
}

static bool load_defaults(struct loading *loading)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        const char *text = option->fallback;
        if (!text && option->kind == OPTION_STRING)
            text = "";
        if (text && !load_text(loading, option, (struct origin){.source = FROM_DEFAULT}, text))
            return false;
    }
    return true;
}

static void note_line(void *context, const struct option *option, unsigned line)
{
    *origin_of(context, option) = (struct origin){.source = FROM_FILE, .line = line};
}

static bool load_file(struct loading *loading)
{
    const struct configuration_sources *sources = loading->sources;
    return !sources->file || configuration_file_read(sources->file, sources->text, note_line, loading,
                                                     loading->configuration, loading->error);
}

static bool load_environment(struct loading *loading)
{
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        const char *text =
            option->variable ? environment_find(loading->sources->environment, option->variable) : NULL;
        /* Empty is as good as absent: manifests often pass a variable through that nobody set. */
        if (text && *text && !load_text(loading, option, (struct origin){.source = FROM_ENVIRONMENT}, text))
            return false;
    }
    return true;
}

static bool load_flag(struct loading *loading, const struct configuration_flag *flag)
{
    const struct option *option = option_find_flag(flag->name);
    if (!option)
        return error_set(loading->error, ERROR_INVALID, "flag --%s: unknown", flag->name);
    if (origin_of(loading, option)->source == FROM_FLAG)
        return error_set(loading->error, ERROR_INVALID, "flag --%s: given twice", flag->name);
    const char *text = flag->value ? flag->value : option_is_switch(option) ? "true" : NULL;
    if (!text)
        return error_set(loading->error, ERROR_INVALID, "flag --%s: needs a value", flag->name);
    return load_text(loading, option, (struct origin){.source = FROM_FLAG, .flag = flag->name}, text);
}

static bool load_flags(struct loading *loading)
{
    for (size_t i = 0; i < loading->sources->flag_count; i++) {
        if (!load_flag(loading, &loading->sources->flags[i]))
            return false;
    }
    return true;
}

static bool check_constraints(struct loading *loading)
{
    const struct configuration_constraint *broken = configuration_broken_constraint(loading->configuration);
    if (!broken)
        return true;
    const struct option *blamed = option_find_key(broken->key);
    if (broken->other && origin_of(loading, blamed)->source == FROM_DEFAULT)
        blamed = option_find_key(broken->other);
    error_set(loading->error, ERROR_INVALID, "%s", broken->message);
    return fail_from(loading, blamed);
}

bool configuration_append_canonical(const struct configuration *configuration, struct error *error,
                                    struct buffer *buffer)
{
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    return configuration_document_build(configuration, error, &document) &&
           json_append_canonical(document, error, buffer);
}

static bool compute_digest(struct configuration *configuration, struct error *error)
{
    _cleanup_(buffer_done) struct buffer canonical = BUFFER_INIT(CONFIGURATION_CANONICAL_BYTES);
    return configuration_append_canonical(configuration, error, &canonical) &&
           digest_sha256_hex(canonical.data, canonical.length, error, configuration->digest);
}

bool configuration_load(const struct configuration_sources *sources, struct error *error,
                        struct configuration **configuration)
{
    struct error ignored = {0};
    _cleanup_(configuration_freep) struct configuration *loaded = calloc(1, sizeof *loaded);
    _cleanup_(freep) struct origin *origins = calloc(configuration_option_count, sizeof *origins);
    if (!loaded || !origins)
        return error_set_no_memory(error);
    struct loading loading = {
        .sources = sources,
        .configuration = loaded,
        .origins = origins,
        .error = error ? error : &ignored,
    };
    if (!load_defaults(&loading) || !load_file(&loading) || !load_environment(&loading) ||
        !load_flags(&loading) || !check_constraints(&loading) || !compute_digest(loaded, loading.error))
        return false;
    *configuration = take_pointer(&loaded);
    return true;
}

void configuration_free(struct configuration *configuration)
{
    if (!configuration)
        return;
    for (size_t i = 0; i < configuration_option_count; i++)
        option_clear(&configuration_options[i], configuration);
    free(configuration);
}
