"""A real browser without a window, spoken to as the WebDriver standard says: JSON over HTTP."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
MISSING = "no chromium and chromedriver: apt-get install chromium chromium-driver"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Left": "\ue012", "Right": "\ue014", "Down": "\ue015"}


class Browser:
    """One window."""

    def __init__(self, address):
        self._address = address
        options = {
            "binary": CHROMIUM,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--hide-scrollbars", "--disable-sync",
                "--disable-background-networking", "--disable-component-update",
            ],
        }  # fmt: skip
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self._send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._address += f"/{answer['sessionId']}"

    def _send(self, method, path, body=None):
        request = urllib.request.Request(
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # No proxy stands between two programs of one machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page, width=1280, height=900, dark=False):
        self._command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        ])  # fmt: skip
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.leave()  # what lies under a resting pointer would light up by itself
        self.said()
        self.requests()
        self._send("POST", "/url", {"url": Path(page).as_uri()})

    def _command(self, name, **parameters):
        return self._send("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def run(self, script, *arguments):
        """Run the body of a function and return its value."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition, seconds=20.0):
        """Wait until an expression is true: what follows an event may be drawn a moment later."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"not so after {seconds:g} seconds: {condition}"
            time.sleep(0.02)

    def _find(self, selector):
        found = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def hover(self, selector):
        self._pointer({
            "type": "pointerMove", "duration": 0, "origin": self._find(selector), "x": 0, "y": 0,
        })  # fmt: skip

    def leave(self):
        self._pointer({"type": "pointerMove", "duration": 0, "x": 2, "y": 2})

    def _pointer(self, *actions):
        mouse = {"type": "pointer", "id": "mouse", "actions": list(actions)}
        self._send("POST", "/actions", {"actions": [mouse]})

    def click(self, selector):
        found = self._find(selector)[_ELEMENT]
        self._send("POST", f"/element/{found}/click", {})

    def press(self, *keys):
        """Press keys by name, wherever the focus is."""
        strokes = [
            {"type": kind, "value": _KEYS[key]} for key in keys for kind in ("keyDown", "keyUp")
        ]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self._send("POST", "/actions", {"actions": [keyboard]})

    def select(self, selector, value):
        self.run(
            "const [selector, value] = arguments; const chosen = document.querySelector(selector);"
            "chosen.value = value; chosen.dispatchEvent(new Event('change'))",
            selector, value,
        )  # fmt: skip

    def said(self):
        """Return what stands in the console since the last call."""
        return [entry["message"] for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """Return the addresses that were asked for since the last call."""
        entries = self._send("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, path, whole=True):
        answer = self._command("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    def close(self):
        self._send("DELETE", "")


@contextlib.contextmanager
def started():
    """Start a browser; it ends with the block."""
    driver = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, encoding="utf-8")
    try:
        port = next(
            found[1]
            for line in driver.stdout
            if (found := re.search(r"successfully on port (\d+)", line))
        )
        browser = Browser(f"http://127.0.0.1:{port}/session")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait()
        driver.stdout.close()
