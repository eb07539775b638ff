/* The subcommands of `audit`: one file each, which exports one `struct command`; audit.c holds the table.
 * Their names have two words ("audit show"), as messages call them.
 */
#pragma once

#include "webhook/commands/command.h"

extern const struct command command_audit_diff;
extern const struct command command_audit_match;
extern const struct command command_audit_replay;
extern const struct command command_audit_report;
extern const struct command command_audit_show;
extern const struct command command_audit_verify;
