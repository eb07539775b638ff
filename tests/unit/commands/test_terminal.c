#include "common/cleanup.h"
#include "webhook/commands/terminal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The other end of a terminal of the test's own. */
static FILE *open_terminal(int *main_end)
{
    *main_end = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(*main_end >= 0);
    assert_int_equal(grantpt(*main_end), 0);
    assert_int_equal(unlockpt(*main_end), 0);
    FILE *terminal = fopen(ptsname(*main_end), "w");
    assert_non_null(terminal);
    return terminal;
}

static int reset(void **state)
{
    (void) state;
    unsetenv("NO_COLOR");
    return setenv("TERM", "xterm", 1);
}

static void colours_a_terminal(void **state)
{
    (void) state;
    _cleanup_(closep) int main_end = -1;
    _cleanup_(fclosep) FILE *terminal = open_terminal(&main_end);
    assert_true(terminal_has_colour(terminal));
}

static void honours_no_color_unless_it_is_empty(void **state)
{
    (void) state;
    _cleanup_(closep) int main_end = -1;
    _cleanup_(fclosep) FILE *terminal = open_terminal(&main_end);
    setenv("NO_COLOR", "1", 1);
    assert_false(terminal_has_colour(terminal));
    setenv("NO_COLOR", "", 1);
    assert_true(terminal_has_colour(terminal));
}

static void leaves_dumb_and_unknown_terminals_plain(void **state)
{
    (void) state;
    _cleanup_(closep) int main_end = -1;
    _cleanup_(fclosep) FILE *terminal = open_terminal(&main_end);
    setenv("TERM", "dumb", 1);
    assert_false(terminal_has_colour(terminal));
    unsetenv("TERM");
    assert_false(terminal_has_colour(terminal));
}

static void leaves_files_plain(void **state)
{
    (void) state;
    _cleanup_(fclosep) FILE *file = fopen("/dev/null", "we");
    assert_false(terminal_has_colour(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(colours_a_terminal, reset),
        cmocka_unit_test_setup(honours_no_color_unless_it_is_empty, reset),
        cmocka_unit_test_setup(leaves_dumb_and_unknown_terminals_plain, reset),
        cmocka_unit_test_setup(leaves_files_plain, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
