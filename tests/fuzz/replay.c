/* Stands in for libFuzzer where that is not linked: gives the fuzz target each file that is named, or lies in
 * a folder that is named, so that every compiler and sanitizer runs the corpus.
 *
 * Not for: finding new inputs (preset "fuzz").
 */
#include "common/cleanup.h"
#include "common/error.h"
#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#define INPUT_BYTES (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

DEFINE_POINTER_CLEANUP(DIR *, closedir)

static bool replay_file(const char *path, size_t *count)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    struct error error;
    if (!file_read(path, INPUT_BYTES, &error, &text, &length)) {
        fprintf(stderr, "%s\n", error.message);
        return false;
    }
    LLVMFuzzerTestOneInput((const uint8_t *) text, length);
    (*count)++;
    return true;
}

static bool replay_folder(DIR *folder, const char *path, size_t *count)
{
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        char file[PATH_MAX];
        if ((size_t) snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= sizeof file)
            return false;
        if (!replay_file(file, count))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        _cleanup_(closedirp) DIR *folder = opendir(argv[i]);
        if (!folder && errno != ENOTDIR) {
            perror(argv[i]);
            return 1;
        }
        if (folder ? !replay_folder(folder, argv[i], &count) : !replay_file(argv[i], &count))
            return 1;
    }
    printf("%zu inputs\n", count);
    /* A corpus that went missing must not look like one that passed. */
    return count ? 0 : 1;
}
