"""`make lab` opens on the notebooks, and not on a question: jupyter_settings/ answers it."""

import browser_kit as kit
import pytest
from needs import require

pytestmark = pytest.mark.browser

QUESTION = "Would you like to get notified about official Jupyter news?"


@pytest.mark.parametrize("options", [(kit.RAISED,), ()], ids=["ours", "its-own"])
def test_our_settings_keep_jupyterlab_from_asking_about_news(options, tmp_path):
    require(kit.chromium(), "Chromium, for the browser tests")
    fresh = {"JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "none")}
    with (
        kit.jupyter(tmp_path, tmp_path / "lab.log", fresh, options) as address,
        kit.browser() as context,
    ):
        page = kit.visit(context, f"{address}/lab")
        page.wait_for_function("window.jupyterapp && jupyterapp.restored.then(() => true)")
        asked = page.get_by_text(QUESTION)
        if options:
            page.wait_for_timeout(5_000)  # it would have asked by then
            assert not asked.is_visible()
        else:
            asked.wait_for()
