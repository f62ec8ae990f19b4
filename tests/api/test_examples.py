"""The example notebooks run from top to bottom, and show what their text says."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_part_5_finds_the_flip(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "part5.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"], "a warning that a reader would see"
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") == 3  # two grids and the plot of the search
    (location,) = eval(outputs[-1]["data"]["text/plain"])
    assert 0.06 < location < 0.088
    assert "abrupt" in "".join(output["data"].get("text/html", "") for output in outputs if "data" in output)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_saved_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
