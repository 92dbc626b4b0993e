"""Take a screenshot of each address in a list, and say what became of it.

``python script.py FOLDER URL...``; the farm is the one that ``FARM_URL`` names, else the
one on this machine. Written with nothing but the client: no event loop, no threads.
"""

import sys
from pathlib import Path

from farm.client.http import FarmClient
from farm.jobs.states import JobState


def main(folder: Path, urls: list[str]) -> int:
    """Return 0 if there is a picture of each of ``urls`` in ``folder``, else 1."""
    folder.mkdir(parents=True, exist_ok=True)
    with FarmClient() as farm:
        batch = farm.batch(urls, kind="screenshot", full_page=True)
        for rejected in batch.rejected:
            print(f"{urls[rejected.line - 1]}: {rejected.errors[0].message}", file=sys.stderr)
        # Each is told as soon as it has ended; a farm that is restarted is waited for.
        for job in batch:
            if job.state is JobState.SUCCEEDED:
                picture = folder / f"{job.id}.png"
                farm.save_artifact(job, "screenshot.png", picture, patience_s=60)
                print(f"{job.spec['url']}: {picture}")
            else:
                why = job.failure.code if job.failure else job.state
                print(f"{job.spec['url']}: {why}", file=sys.stderr)
    return 0 if batch.view.succeeded == len(urls) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
