"""Is this computer ready for the course? `make check`, or `python -m helpers.course.check_setup`.

Every line says what was found; ✗ is wrong and has the one thing that helps, · is worth knowing.
The last line is for whoever teaches the course: it holds no path and nobody's name. Notebook 00
shows the same. Nothing is downloaded, and no database stays open.
"""

import argparse
import platform
import sys
from dataclasses import dataclass, field

from helpers.course.setup import computer, material, programs, trial
from helpers.course.setup.check import Check, from_error, guarded
from helpers.course.setup.trial import Trial
from helpers.errors import PlainError
from helpers.search import tuning
from helpers.settings import from_environment


@dataclass
class Report:
    """All checks, in order, and the first search; `trial` is None where not even that worked."""

    checks: list[Check] = field(default_factory=list)
    trial: Trial | None = None

    def add(self, check: Check) -> Check:
        """Print a check as soon as it is done, and keep it."""
        print(check, flush=True)
        self.checks.append(check)
        return check

    @property
    def wrong(self) -> list[str]:
        """The names of the checks that found something wrong."""
        return [check.name for check in self.checks if check.ok is False]

    @property
    def line(self) -> str:
        """One line for the teacher."""
        verdict = f"{len(self.wrong)} ✗ ({', '.join(self.wrong)})" if self.wrong else "ok"
        briefs = [check.brief for check in self.checks if check.brief]
        system = f"{platform.system()} {platform.machine()}"
        return " | ".join([f"bootcamp-check: {verdict}", system, *briefs])


def run(quick: bool = False) -> Report:
    """Print every check and the line for the teacher; return the Report.

    `quick` leaves TensorFlow alone, and doesn't read the kit's files. No check that fails, and no
    setting that is wrong, ends it with an error.
    """
    report = Report()
    report.add(guarded("Python", computer.python))
    report.add(guarded("memory", computer.memory))
    try:
        settings = from_environment()
        tuning.named(settings.tuning)
        _ask_for(settings, report, quick)
    except PlainError as error:  # nobody knows which folder and which pictures are meant
        report.add(from_error("settings", error))
    print(f"\n{report.line}", flush=True)
    return report


def _ask_for(settings, report, quick):
    """Add the checks that depend on the settings."""
    report.add(guarded("packages", computer.packages, settings))
    folder = report.add(guarded("folder", computer.folder, settings))
    if settings.kit:
        report.add(guarded("kit", material.kit, settings, quick))
    planned = guarded("pictures", material.plan, settings)  # a Check if planning failed
    known = isinstance(planned, material.Plan)
    report.add(guarded("pictures", material.pictures, settings, planned) if known else planned)
    to_fetch = planned.bytes_to_fetch if known else 0
    report.add(guarded("disk", computer.disk, settings, to_fetch))
    weights = report.add(guarded("weights", material.weights, settings))
    report.add(guarded("Milvus", programs.milvus, settings))
    report.add(guarded("uploads", programs.uploads))
    if folder.ok:  # the search keeps which drawings it has seen there
        _search(settings, report, bool(weights.ok) and not quick, planned if known else None)


def _search(settings, report, able, planned):
    """Add the checks of the processor and of a first search, by the network where that can run."""
    able &= report.add(guarded("processor", computer.processor, settings)).ok is True
    able = able and report.add(guarded("GPU", computer.gpu)).ok is not False
    made = guarded("search", trial.search, settings, able)  # a Check if it failed
    if not isinstance(made, Trial):
        report.add(made)
        return
    report.trial = made
    report.add(guarded("search", trial.judged, made))
    if made.rate:
        report.add(guarded("speed", trial.forecast, made, planned))


def main(arguments: list[str] | None = None) -> int:
    """Print the checks; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser("make check", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without TensorFlow, in seconds")
    asked = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):  # what Windows pipes by itself has no ✓
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    return 1 if run(asked.quick).wrong else 0


if __name__ == "__main__":
    sys.exit(main())
