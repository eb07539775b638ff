#!/usr/bin/python3
"""`audit report` in headless Chromium: it opens, filters, shows a pod, runs nothing that a record brings, asks the
network for nothing, and says what matters without JavaScript and in print.

AUDIT_REPORT_RECORDS: decisions in the large report (2000); the full count is 100,000.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import unittest

from audit_case import AuditCase
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
import audit_log
import injector

RECORDS = int(os.environ.get("AUDIT_REPORT_RECORDS", "2000"))
LIMIT_S = 30

HOSTILE = (
    "</script><script>document.title='broken'</script>", "<img src=x onerror=\"document.title='broken'\">",
    "\"><svg onload=alert(1)>", "<!--<script>", "{{data}}", "' onmouseover='x", "\u202eevil", "\",\"", "true", "1000",
    "\\u0022", "javascript:alert(1)", "&lt;b&gt;", "\u2028", "]]>", "spec",
)


def hostile(lines):
    """Every text of the records that comes from somebody else."""
    changed = []
    for line, text in zip(lines, HOSTILE * 3):
        record = json.loads(line)
        record |= {key: text for key in ("user", "namespace", "pod", "sandboxName", "sandboxId", "reason", "uid",
                                         "message", "product", "replica")}
        record["object"]["metadata"]["labels"][text] = text
        record["object"]["spec"]["containers"][0]["command"] = [text, text]
        record["causes"] = [{"reason": text, "field": text, "message": text}]
        changed.append(json.dumps(record, ensure_ascii=False) + "\n")
    return changed


class Browser:
    """One page in a browser of its own."""

    def __init__(self, with_scripts=True):
        self.profile = tempfile.mkdtemp(prefix="test-audit-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
                     "disable-background-networking", "disable-component-update", "disable-sync",
                     "disable-dev-shm-usage", "window-size=1280,1000", f"user-data-dir={self.profile}"):
            options.add_argument(f"--{flag}")
        if not with_scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, path):
        """Afterwards the logs are about this page alone."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(f"file://{path}")

    def console(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self):
        """Addresses that the page had fetched since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"
                and not message["params"]["documentURL"].startswith("chrome:")]

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def wait(self, condition, what):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {LIMIT_S} s")
            time.sleep(0.05)

    def choose(self, selector, label):
        element = self.one(selector)
        for option in element.find_elements("css selector", "option"):
            if option.text == label:
                option.click()
                return
        raise AssertionError(f"{selector} has no {label}")


class Report(AuditCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browsers = {}
        for with_scripts in (True, False):
            cls.browsers[with_scripts] = Browser(with_scripts)
            cls.addClassCleanup(cls.browsers[with_scripts].close)

    def open(self, log, with_scripts=True):
        path = self.directory / f"report-{len(list(self.directory.iterdir()))}.html"
        self.audit("report", log, "-o", path)
        browser = self.browsers[with_scripts]
        browser.open(path)
        return browser, path

    def assert_quiet(self, browser, path):
        self.assertEqual(browser.console(), [])
        self.assertEqual(set(browser.requested()), {f"file://{path}"})

    def test_opens_filters_and_shows_a_pod(self):
        browser, path = self.open(self.whole)
        records = self.records(self.whole)
        self.assertEqual(browser.one("#shown").text, f"{len(records)} decisions")
        self.assertFalse(browser.one("#newest").is_displayed())
        browser.choose("#filter-decision", "denied")
        denied = [record for record in records if record["decision"] == "denied"]
        self.assertEqual(browser.one("#shown").text, f"{len(denied)} of {len(records)} decisions")
        browser.one("#clear").click()
        wanted = next(record for record in records if record["decision"] == "injected" and not record["dryRun"])
        browser.one("#search").send_keys(wanted["uid"])
        browser.wait(lambda: browser.one("#shown").text.startswith("1 of"), "the search narrows the list")
        browser.one("#list tbody tr").click()
        detail = browser.one("#detail").text
        for text in (f"Record {wanted['sequence']}", wanted["pod"], wanted["user"], wanted["configuration"],
                     "the supervisor starts first and starts the agent inside the fence"):
            self.assertIn(text, detail)
        self.assertNotIn("no reason is known", detail)
        patch = json.loads(base64.b64decode(wanted["patch"]))
        self.assertEqual(len(browser.all("#detail .operation")), len(patch))
        added = [line.text for line in browser.all("#detail .difference .added")]
        self.assertTrue(any(wanted["sandboxId"] in line for line in added), added)
        self.assertFalse(any("hello sandbox" in line for line in added), "a value of the user's is shown")
        self.assert_quiet(browser, path)

    def test_shows_why_a_pod_was_denied(self):
        browser, path = self.open(self.whole)
        browser.choose("#filter-decision", "denied")
        browser.one("#list tbody tr").click()
        self.assertIn("spec.hostNetwork", browser.one("#detail .cause").text)
        browser.one("#close").click()
        self.assertFalse(browser.one("#detail").is_displayed())
        self.assert_quiet(browser, path)

    def test_pages_and_links(self):
        browser, path = self.open(self.bare)
        newest = self.RECORDS
        self.assertEqual(browser.one("#list tbody tr td").text, str(newest))
        browser.one("#older").click()
        self.assertEqual(browser.one("#list tbody tr td").text, str(newest - 50))
        browser.open(f"{path}#record-7")
        self.assertIn("Record 7", browser.one("#detail-title").text)
        self.assertEqual(browser.console(), [])

    def test_the_essentials_stand_without_javascript(self):
        browser, path = self.open(self.whole, with_scripts=False)
        text = browser.one("body").text
        for word in ("Audit report", "By namespace", "Who created what", "Capabilities granted", "SYS_ADMIN",
                     "Newest decisions", f"record {self.RECORDS}"):
            self.assertIn(word, text)
        self.assertFalse(browser.one("#decisions").is_displayed())
        browser.one("#newest details:has(.injected) summary").click()
        self.assertIn("the supervisor starts first", browser.one("#newest details[open]").text)
        self.assert_quiet(browser, path)

    def test_prints_on_paper(self):
        browser, _ = self.open(self.whole)
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.assertTrue(browser.one("#newest").is_displayed())
        self.assertFalse(browser.one("#decisions").is_displayed())
        printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]
        self.assertGreater(len(base64.b64decode(printed)), 10000)

    def test_is_dark_where_that_is_preferred(self):
        browser, _ = self.open(self.bare)

        def brightness(scheme):
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            colour = browser.one("body").value_of_css_property("background-color")
            return sum(map(int, re.findall(r"\d+", colour)[:3]))
        self.assertGreater(brightness("light"), 600)
        self.assertLess(brightness("dark"), 150)

    def test_hostile_names_are_text(self):
        for with_scripts in (True, False):
            with self.subTest(with_scripts=with_scripts):
                browser, path = self.open(self.copy(self.whole, hostile), with_scripts)
                self.assertEqual(browser.driver.title, "Audit report: OpenShell Injector")
                self.assertEqual(browser.all("img, main svg[onload], iframe"), [])
                self.assertIn("<img src=x", browser.one("body").text)
                self.assert_quiet(browser, path)
        browser, path = self.open(self.copy(self.whole, hostile))
        for row in range(len(HOSTILE)):
            browser.all("#list tbody tr")[row].click()
            self.assertIn(HOSTILE[-1 - row].strip()[:4], browser.one("#detail-body").text.replace("\n", " "))
            self.assertNotIn("does not apply", browser.one("#detail-body").text)
            browser.one("#close").click()
        self.assertEqual(browser.driver.title, "Audit report: OpenShell Injector")
        self.assert_quiet(browser, path)

    def test_a_large_log_still_opens(self):
        log = self.directory / "large"
        audit_log.write(log, RECORDS, objects="whole")
        browser, path = self.open(log)
        browser.wait(lambda: browser.one("#shown").text == f"{RECORDS:,} decisions", "the list is there")
        self.assertLess(path.stat().st_size, 2_000_000 + 200 * RECORDS)
        browser.one("#search").send_keys(f"sandbox-{RECORDS - 1}")
        browser.wait(lambda: browser.one("#shown").text.startswith("1 of"), "the search narrows the list")
        self.assert_quiet(browser, path)

    def test_is_readable_by_its_owner_alone_and_replaces_what_was_there(self):
        path = self.directory / "again.html"
        path.write_text("old")
        self.audit("report", self.bare, "-o", path)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertIn("<title>", path.read_text())
        before = path.read_bytes()
        self.audit("report", self.directory / "absent", "-o", path, status=2)
        self.assertEqual(path.read_bytes(), before)
        self.assertEqual(list(self.directory.glob("again.html.*")), [])
        self.audit("report", self.bare, status=2)

    def test_values_of_variables_are_left_out_wherever_an_object_has_them(self):
        def add_values(lines):
            record = json.loads(lines[-1])
            pod = record["object"]
            pod["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": "a-secret"}]
            pod["spec"]["ephemeralContainers"] = [{"name": "debug", "env": [{"name": "TOKEN", "value": "a-secret"}]}]
            pod["metadata"].setdefault("annotations", {})["kubectl.kubernetes.io/last-applied-configuration"] = \
                json.dumps({"spec": pod["spec"]})
            lines[-1] = json.dumps(record) + "\n"
        page = self.audit("report", self.copy(self.whole, add_values), "-o", "-")
        self.assertIn("TOKEN", page)
        self.assertNotIn("a-secret", page)

    def test_a_patch_that_cannot_be_read_does_not_hide_the_rest(self):
        def spoil(lines):
            record = json.loads(lines[-1]) | {"decision": "injected", "patch": "no base64"}
            lines[-1] = json.dumps(record) + "\n"
        browser, path = self.open(self.copy(self.whole, spoil), with_scripts=False)
        browser.one("#newest summary").click()
        self.assertIn("The recorded patch cannot be read.", browser.one("#newest details[open]").text)
        self.assertIn("NOT intact", browser.one(".chain.broken").text)
        self.assert_quiet(browser, path)

    def test_says_where_the_chain_is_broken(self):
        browser, _ = self.open(self.whole)
        self.assertIn("is intact", browser.one(".chain").text)
        browser, _ = self.open(self.copy(self.whole, lambda lines: lines[:9] + lines[10:]))
        self.assertIn("NOT intact", browser.one(".chain.broken").text)

    def test_counts_a_pod_once_although_it_is_looked_at_twice(self):
        def look_again(lines):
            injected = [json.loads(line) for line in lines if '"decision":"injected"' in line]
            second = injected[0] | {"endpoint": "validate", "decision": "unchanged", "reason": "Unchanged"}
            refused = injected[1] | {"endpoint": "validate", "decision": "denied", "reason": "NotSupervised"}
            return lines + [json.dumps(record) + "\n" for record in (second, refused)]
        browser, _ = self.open(self.copy(self.bare, look_again))
        self.assertEqual(browser.one(".totals .all strong").text, str(self.RECORDS + 1))
        self.assertEqual(browser.one(".totals .unchanged strong").text, "0")
        self.assertEqual(browser.one("#shown").text, f"{self.RECORDS + 2} decisions")

    def test_a_log_whose_records_are_gone(self):
        empty = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        injector.run("review", f"--audit-directory={empty}", stdin=json.dumps(injector.review_of({"kind": "Pod"})))
        self.log_file(empty).unlink()
        browser, path = self.open(empty)
        self.assertIn("NOT intact", path.read_text())
        self.assertEqual(browser.one("#shown").text, "0 decisions")
        self.assert_quiet(browser, path)


if __name__ == "__main__":
    unittest.main()
