"""Compile the search kernel when the project is installed, where there is a C compiler.

Without one the installation goes on: matching gives the same answers, only slower.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).parents[1] / "service" / "matching"
LIBRARY = FOLDER / "_kernel.so"
COMPILERS = ("cc", "gcc", "clang")
# Sums and products are rounded one by one, as numpy rounds them: no fused multiply-add.
FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off")


class CustomBuildHook(BuildHookInterface[Any]):
    """Put the compiled kernel beside its Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; called before an editable install as before a wheel is made."""
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None:
            self._go_without("No C compiler was found: matching will be slower.")
            return
        try:
            compile_kernel(compiler)
        except (OSError, subprocess.CalledProcessError) as error:
            self._go_without(f"The search kernel was not compiled: {error}")
            return
        build_data["artifacts"].append("service/matching/_kernel.so")
        build_data["pure_python"] = False

    def _go_without(self, sentence: str) -> None:
        """Leave no kernel of other sources; one in use stays until there is a new one."""
        LIBRARY.unlink(missing_ok=True)
        self.app.display_warning(sentence)


def compile_kernel(compiler: str) -> None:
    """Compile the sources of the kernel into a library, whole or not at all."""
    unfinished = LIBRARY.with_suffix(".unfinished")
    sources = sorted(map(str, (FOLDER / "kernel").glob("*.c")))
    subprocess.run([compiler, *FLAGS, "-o", str(unfinished), *sources, "-lm"], check=True)  # noqa: S603
    unfinished.replace(LIBRARY)
