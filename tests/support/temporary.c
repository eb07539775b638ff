#include "tests/support/temporary.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void temporary_make(struct temporary *directory)
{
    snprintf(directory->path, sizeof directory->path, "/tmp/openshell-test-XXXXXX");
    assert_non_null(mkdtemp(directory->path));
}

void temporary_remove(struct temporary *directory)
{
    DIR *entries = opendir(directory->path);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(entries), entry->d_name, 0), 0);
    closedir(entries);
    assert_int_equal(rmdir(directory->path), 0);
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
