/* What the tests of the configuration share: a folder of their own with injector.yaml in it, and loading from
 * plain texts. */
#pragma once

#include "webhook/injection/configuration.h"

/* The first lines of every file; what follows begins at line 3. */
#define FIXTURE_HEADER "apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"

#define FIXTURE_ARGUMENTS 16

/* Group setup and teardown: a temporary folder becomes the working directory, and is removed. */
int fixture_open(void **state);
int fixture_close(void **state);

/* Writes injector.yaml. */
void fixture_write(const char *text, size_t length);

/* Loads from `yaml` (the whole file), `environment` and `arguments` ("--name=value" or "--name"), the last
 * two ended by NULL; each may be NULL. */
bool fixture_load(const char *yaml, const char *const *environment, const char *const *arguments,
                  struct error *error, struct configuration **configuration) _warn_unused_result_;

/* The same; must succeed, or must fail with this message and ERROR_INVALID. */
struct configuration *fixture_load_ok(const char *yaml, const char *const *environment,
                                      const char *const *arguments);
void fixture_load_fails(const char *yaml, const char *const *environment, const char *const *arguments,
                        const char *message);

#define STRINGS(...) ((const char *const[]){__VA_ARGS__, NULL})
