"""The code on the page of sizing and risk runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from arbkit.live.risk_block import loss_config
from arbkit.study import StudySpec


def test_the_code_of_the_page_runs_from_top_to_bottom(repository: Path) -> None:
    page = (repository / "docs" / "risk.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/risk.md, block {number}", "exec"), names)


def test_the_parts_of_a_spec_and_of_a_configuration_are_what_they_say(repository: Path) -> None:
    import yaml

    page = (repository / "docs" / "risk.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if not block.startswith("# ")]
    (risk,) = re.findall(r"^```text\n(risk: .*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert loss_config(yaml.safe_load(risk)["risk"]) is not None
    values = yaml.safe_load(block)
    values["fixed"] |= {
        "taker_fee_a_bps": 1,
        "taker_fee_b_bps": 1,
        "slippage_bps": 1,
        "max_position_usd": 1_000,
    }
    spec = StudySpec.from_dict({"name": "sized", "panel": "pair.csv", "seed": 1, "n_trials": 1, **values})
    assert len(spec.views) == 3
