/* Places where a test makes the driver die, to see what the next one makes of what is left.
 *
 * In the program itself these do nothing (fault_point_off.c). The test program openshell-driver-pods-faults
 * is the same but for fault_point_on.c, which ends the process at the point that the environment names.
 */
#pragma once

/* `name` is "<operation>.<what was just done>", such as "create.record". */
void fault_point(const char *name);
