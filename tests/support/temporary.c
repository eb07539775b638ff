#include "tests/support/temporary.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

void temporary_make(struct temporary *directory)
{
    snprintf(directory->path, sizeof directory->path, "/tmp/openshell-test-XXXXXX");
    assert_non_null(mkdtemp(directory->path));
}

void temporary_remove(struct temporary *directory)
{
    assert_int_equal(temporary_remove_tree(directory->path), 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void) status;
    (void) type;
    (void) place;
    return remove(path);
}

int temporary_remove_tree(const char *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temporary_name(const struct temporary *directory, const char *name,
                           char path[TEMPORARY_PATH_BYTES])
{
    int length = snprintf(path, TEMPORARY_PATH_BYTES, "%s/%s", directory->path, name);
    assert_in_range(length, 1, TEMPORARY_PATH_BYTES - 1);
    return path;
}

void temporary_write(const struct temporary *directory, const char *name, const char *text)
{
    char path[TEMPORARY_PATH_BYTES], fresh[TEMPORARY_PATH_BYTES];
    temporary_name(directory, name, path);
    temporary_name(directory, "fresh", fresh);
    FILE *file = fopen(fresh, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}
