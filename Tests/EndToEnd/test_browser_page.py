"""The status page in a real browser, under its own content security policy, which allows no scripts."""
import re
import shutil
import subprocess

import pytest

from harness import eventually, get

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")


def chromium(tmp_path, url, *arguments):
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
         f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1400", "--enable-logging=stderr", *arguments, url],
        capture_output=True, text=True, timeout=60, check=True)


def test_the_page_shows_the_pool_and_breaks_no_policy(start_agent, start_sim, tmp_path):
    sim = start_sim("--max-num-seqs", "4")
    agent = start_agent(f"""
listen: LISTEN
state: STATE
mode: dry_run
gpu: {{source: "off"}}
pools:
  - name: chat
    interval: 1s
    capacity: 4
    engine: {{kind: vllm, endpoints: ["{sim.url}"]}}
""")
    eventually(lambda: get(agent.url + "/-/ready").status == 200, 20, "the agent has decided")

    page = chromium(tmp_path, agent.url + "/", "--dump-dom")
    text = re.sub(r"<[^>]+>", " ", page.stdout)
    assert "chat" in text and "serving" in text and sim.url in text
    assert "<script" not in page.stdout
    # A style or an image that the page's own policy refuses is said on the console.
    assert "Content Security Policy" not in page.stderr, page.stderr

    picture = tmp_path / "page.png"
    chromium(tmp_path, agent.url + "/", f"--screenshot={picture}")
    assert picture.stat().st_size > 10_000, "a page without its style is smaller than this"
