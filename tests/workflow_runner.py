"""A runner for the workflows of `newsletter init --ci`: each step of a job as GitHub's and Forgejo's own would run it.

Steps that run commands are run by bash, in a folder of the job's own. Of the actions that the workflows use, the
checkout is a real clone, and artifacts are folders; nothing is installed, since `newsletter` is the one under test.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_BIN = Path(sys.executable).parent
_Tree = Mapping[str, Any]


@dataclass
class Job:
    """A job that was run: its steps' output, and whether each of them succeeded."""

    name: str
    output: str = ""
    success: bool = True


@dataclass
class WorkflowRunner:
    """A forge's runners: `remote` is the repository, `folder` where jobs work, `environ` what every step has.

    `secrets` and `variables` are what the forge's settings have. `programs` are shell scripts that steps find first;
    those that install something do nothing.
    """

    remote: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    token: str = ""
    programs: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _step: "subprocess.Popen[str] | None" = None

    def kill(self) -> None:
        """Kill the step that is running with all that it has started, as a runner that is shot."""
        assert self._step is not None
        os.killpg(self._step.pid, signal.SIGKILL)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def run(self, workflow: str, event_name: str, event: Mapping[str, Any], ref: str) -> dict[str, Job]:
        """Run a workflow's jobs, in their order, at a branch of the repository; return those that were not left out."""
        jobs: dict[str, Job] = {}
        text = yaml.safe_load(_show(self.remote, ref, workflow))
        for name, job in text["jobs"].items():
            github = {"event_name": event_name, "event": event, "repository": "ada/digest", "token": self.token,
                      "workspace": ""}  # fmt: skip
            context = {
                "github": github, "secrets": self.secrets, "vars": self.variables,
                "needs": {one: {"result": "success" if done.success else "failure"} for one, done in jobs.items()},
            }  # fmt: skip
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            condition = job.get("if", "success()")
            met = all(one in jobs and jobs[one].success for one in needs) or "always()" in condition
            if met and _evaluate(condition, context):
                jobs[name] = self._run_job(name, job, context, ref)
        return jobs

    def _run_job(self, name: str, job: Mapping[str, Any], context: Mapping[str, Any], ref: str) -> Job:
        self._count += 1
        place = self.folder / f"{self._count}-{name}"
        place.mkdir(parents=True)
        done = Job(name)
        for step in job["steps"]:
            if not done.success and "always()" not in step.get("if", ""):
                continue
            self._run_step(done, step, job, context, place, ref)
        return done

    def _run_step(
        self,
        done: Job,
        step: Mapping[str, Any],
        job: Mapping[str, Any],
        context: Mapping[str, Any],
        place: Path,
        ref: str,
    ) -> None:
        action = step.get("uses", "").rpartition("@")[0].rpartition("/")[2]
        given = {key: _fill(str(value), context) for key, value in step.get("with", {}).items()}
        if action == "checkout":
            self._check_out(place, given.get("ref") or ref)
        elif action in ("upload-artifact", "upload-pages-artifact"):
            source = place / given["path"]
            if source.exists():
                shutil.copytree(source, self.artifacts / given.get("name", "pages"), dirs_exist_ok=True)
        elif action == "download-artifact":
            shutil.copytree(self.artifacts / given["name"], place / given["path"])
        elif "run" in step:
            folder = place / job.get("defaults", {}).get("run", {}).get("working-directory", ".")
            environ = {key: _fill(str(value), context) for key, value in step.get("env", {}).items()}
            self._run_commands(done, _fill(step["run"], context), folder, environ)

    def _check_out(self, place: Path, ref: str) -> None:
        subprocess.run(["git", "clone", "--quiet", f"file://{self.remote}", place], check=True)
        subprocess.run(["git", "checkout", "--quiet", ref], cwd=place, check=True)

    def _run_commands(self, done: Job, commands: str, folder: Path, environ: Mapping[str, str]) -> None:
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        for name, script in {"pip": "exit 0", "apt-get": "exit 0", **self.programs}.items():
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        kept["PATH"] = f"{tools}:{_BIN}:{kept['PATH']}"
        summary = self.folder / "step-summary.md"
        self._step = ran = subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", commands], cwd=folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**kept, "CI": "true", "HOME": str(self.folder), "GITHUB_STEP_SUMMARY": str(summary), **self.environ,
                 **{name: value for name, value in environ.items() if value}},
        )  # fmt: skip
        said, _ = ran.communicate(timeout=300)
        done.output += said
        done.success = done.success and ran.returncode == 0


def _show(remote: Path, ref: str, path: str) -> str:
    words = ["git", "show", f"{ref}:{path}"]
    return subprocess.run(words, cwd=remote, check=True, capture_output=True, text=True).stdout


def _fill(text: str, context: Mapping[str, Any]) -> str:
    return _EXPRESSION.sub(lambda match: str(_evaluate(match[1], context)), text)


def _evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """Return the value of an expression of the workflows: names, comparisons, `&&` and `||` alone."""
    python = expression.replace("&&", " and ").replace("||", " or ").strip()
    names = {name: _Names(value) for name, value in context.items()}
    functions = {"always": lambda: True, "success": lambda: True}
    return eval(python, {"__builtins__": {}}, SimpleNamespace(**names, **functions).__dict__)


class _Names:
    """A mapping whose keys are read as names; a missing one is "", as on a forge."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        value = self._values.get(name, "")
        return _Names(value) if isinstance(value, Mapping) else value
