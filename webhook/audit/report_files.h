/* The files of webhook/audit/report, as they are: embedded when the program is built. */
#pragma once

extern const char report_page[];
extern const char report_script[];
extern const char report_style[];
