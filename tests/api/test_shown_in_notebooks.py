"""What a notebook shows: HTML of plans, runs and searches; progress in place."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat

import cfgsweep
from cfgsweep.system.display import Lines, html_table


def test_a_plan_is_a_table_in_a_notebook_and_text_elsewhere(tmp_path: Path) -> None:
    plan = cfgsweep.plan("windows", out=tmp_path / "nowhere")
    assert str(plan).splitlines() == plan.lines()
    assert "<td>630</td>" in plan._repr_html_()
    assert "<td>evaluations</td>" in plan._repr_html_()


def test_lists_print_as_they_do_on_the_command_line(cli) -> None:
    for words, lines in [
        (("guiders",), cfgsweep.guiders()),
        (("guiders", "pag"), cfgsweep.guiders("pag")),
        (("schedules", "cosine"), cfgsweep.schedules("cosine")),
        (("configs",), cfgsweep.configs()),
        (("configs", "tnorm"), cfgsweep.configs("tnorm")),
    ]:
        assert cli(*words).out == f"{lines}\n"


def test_html_is_escaped() -> None:
    assert "<script>" not in html_table([("<script>", 1)], caption="<script>", head=["<script>"])
    assert "<script>" not in Lines(["<script>"])._repr_html_()


def test_a_kernel_shows_progress_in_one_output_that_is_updated() -> None:
    """In a real kernel: the last status is what remains, and a notice is on standard error."""
    cells = [
        "from cfgsweep.system.display import Status, choose\n"
        "display = choose(quiet=False)\n"
        "for done in range(4):\n"
        "    display.update(Status(done, 3, '<pictures>', done / 3))\n"
        "display.notice('look')\n"
        "display.close()",
        "display = choose(quiet=True)\ndisplay.update(Status(1, 1, 'pictures', 1.0))",
        "import cfgsweep\ncfgsweep.plan('windows', out='nowhere')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    progress, notice = notebook.cells[0].outputs
    assert "3/3 &lt;pictures&gt;" in progress["data"]["text/html"]
    assert 'value="1.0000"' in progress["data"]["text/html"]
    assert (notice["name"], notice["text"]) == ("stderr", "NOTICE: look\n")
    assert notebook.cells[1].outputs == []
    assert "<td>630</td>" in notebook.cells[2].outputs[0]["data"]["text/html"]
