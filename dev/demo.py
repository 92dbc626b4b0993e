"""The farm at work, once: a screenshot and a probe through the HTTP API (``make demo``)."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev.pages import serving
from dev.stack import ROOT, Ports, Stack, interrupt_on_signals, running
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_OUTPUT = ROOT / "demo"
_WAIT_S = 60
_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Renderfarm's demo</title>
<style>
  body { margin: 0; height: 100vh; display: grid; place-content: center; text-align: center;
         font: 28px system-ui, sans-serif; color: white;
         background: linear-gradient(135deg, #1b3a6b, #0f8a7e) }
  h1 { font-size: 84px; margin: 0 0 12px }
</style>
<h1>It works.</h1><p>A worker of your farm has opened this page.</p></html>
"""


def main() -> int:
    """Start the farm, use it, show what came of it, stop it; return the exit code."""
    parser = argparse.ArgumentParser(description="See the farm work.")
    parser.add_argument("url", nargs="?", help="page to render instead of the demo's own")
    given = parser.parse_args().url
    _OUTPUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="farm-demo-") as folder, serving({"/": _PAGE}) as own:
        run_dir = Path(folder)
        log = _OUTPUT / "farm.log"
        # Of itself a farm opens public addresses alone.
        settings = {} if given else {"FARM_EGRESS_ALLOW": own.removeprefix("http://")}
        with log.open("wb") as output:
            started = time.monotonic()
            with running(Stack(run_dir, Ports.free(), output=output, settings=settings)) as stack:
                print(f"The farm starts at {stack.url} (log: {log}) ...", flush=True)
                stack.wait_ready()
                print(f"Ready after {time.monotonic() - started:.1f} s.", flush=True)
                with FarmClient(stack.url) as client:
                    jobs = [
                        _screenshot(client, given or own),
                        _probe(client, run_dir),
                    ]
                print("Stopping the farm ...", flush=True)
    return 0 if all(job.state is JobState.SUCCEEDED for job in jobs) else 1


def _screenshot(client: FarmClient, url: str) -> JobView:
    job = client.wait(client.submit({"kind": "screenshot", "url": url}), timeout_s=_WAIT_S)
    _report(job, f"Screenshot of {url}")
    if job.artifacts:
        client.save_artifact(job.id, "screenshot.png", _OUTPUT / "screenshot.png")
        print(f"  {_OUTPUT / 'screenshot.png'}")
    return job


def _probe(client: FarmClient, folder: Path) -> JobView:
    video = folder / "demo.mp4"
    make_video(video)
    upload = client.upload(video)
    job = client.wait(client.submit({"kind": "probe", "upload_id": upload.id}), timeout_s=_WAIT_S)
    _report(job, f"Probe of a {upload.size_bytes}-byte MP4")
    if job.artifacts:
        content = json.loads(client.result(job.id))
        (_OUTPUT / "probe.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
        print(f"  {_OUTPUT / 'probe.json'}")
    return job


def _report(job: JobView, what: str) -> None:
    outcome = f"{job.failure.code}: {job.failure.message}" if job.failure else job.state.value
    timings = (job.report or {}).get("timings_ms", {})
    stages = "  ".join(f"{stage} {took} ms" for stage, took in timings.items())
    print(f"{what}: {outcome}\n  {stages}" if stages else f"{what}: {outcome}", flush=True)


def make_video(path: Path) -> None:
    """Write two seconds of H.264 and AAC."""
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin"),
            *("-f", "lavfi", "-i", "testsrc=size=640x360:rate=30000/1001"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
            *("-t", "2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    interrupt_on_signals()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Interrupted; the farm is stopped.", flush=True)
        sys.exit(130)
