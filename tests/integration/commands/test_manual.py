#!/usr/bin/python3
"""The manual pages are well formed and have the options and exit codes that --help has."""

import pathlib
import re
import subprocess
import sys
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "tests/support"))

import injector

PAGES = sorted((PROJECT / "docs/man").glob("*.1"))
COMMANDS = ("explain", "render", "review", "verify", "doctor", "version", "serve", "certs")


def text_of(page):
    printed = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=1000", page], capture_output=True, encoding="utf-8",
                             check=True).stdout
    return re.sub(".\b", "", printed)


def own_options(command):
    """The command's options as its help shows them, without the configuration's flags."""
    own = re.split("Options of the configuration|Options that shape pods", injector.run(command, "--help").stdout)[0]
    own = own.split("\nExamples:")[0]
    if command == "certs":
        # Its help has several in a line; --help is its own.
        return sorted(set(re.findall(r"--[a-z-]+", own)))
    return sorted(set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", own, re.MULTILINE)))


class Manual(unittest.TestCase):
    def test_the_pages_are_well_formed(self):
        self.assertGreater(len(PAGES), len(COMMANDS))
        for page in PAGES:
            result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True,
                                    check=False)
            self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_each_option_is_described(self):
        for command in COMMANDS:
            text = text_of(PROJECT / f"docs/man/openshell-injector-{command}.1")
            described = sorted(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)(?: \S+)?$", text, re.MULTILINE))
            self.assertEqual(described, own_options(command), command)

    def test_the_synopsis_has_each_option(self):
        for command in COMMANDS:
            text = text_of(PROJECT / f"docs/man/openshell-injector-{command}.1")
            synopsis = text.split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
            if "[option ...]" in synopsis:
                continue
            for short, option in re.findall(r"(?m)^ +(?:(-\w), )?(--[a-z-]+)(?: \S+)?$", text):
                if option != "--help":
                    self.assertRegex(synopsis, rf"(?<![\w-])({short or option}|{option}) ", command)

    def test_every_subcommand_of_audit_and_its_options_are_described(self):
        text = text_of(PROJECT / "docs/man/openshell-injector-audit.1")
        subcommands = re.findall(r"^  (\w+) ", injector.run("audit", "--help").stdout, re.MULTILINE)
        self.assertGreater(len(subcommands), 4)
        for subcommand in subcommands:
            self.assertRegex(text, rf"(?m)^ +{subcommand} ")
            usage = injector.run("audit", subcommand, "--help").stdout
            for option in set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", usage, re.MULTILINE)):
                self.assertRegex(text, rf"(?m)^ +(?:-\w, )?{option}\b")

    def test_the_drivers_page_has_every_flag_and_variable(self):
        page = PROJECT / "docs/man/openshell-driver-pods.1"
        for option in ("--help", "-h"):
            usage = subprocess.run([injector.programs() / "openshell-driver-pods", option], capture_output=True, text=True,
                                   timeout=injector.TIME_LIMIT_S, check=True).stdout
            options = usage.split("Options (flag, or environment variable):\n")[1]
            expected = re.findall(r"(?<![\w-])--[a-z-]+", "".join(re.findall(r"(?m)^  -.*\n", options)))
            text = text_of(page).split("ENVIRONMENT")[0]
            described = re.findall(r"^ +(-.*)$", text, re.MULTILINE)
            self.assertEqual(sorted(re.findall(r"--[a-z-]+", "\n".join(described))), sorted(expected))
            for variable in re.findall(r"\((OPENSHELL_\w+)\)", options):
                self.assertIn(variable, text)

    def test_the_overview_has_every_command(self):
        text = text_of(PROJECT / "docs/man/openshell-injector.1")
        commands = re.findall(r"^  (\w+) ", injector.run("--help").stdout, re.MULTILINE)
        self.assertGreater(len(commands), len(COMMANDS))
        for command in commands:
            self.assertRegex(text, rf"(?m)^ +{command} ")


if __name__ == "__main__":
    unittest.main()
