"""Draw docs/img/screen.png: the screen of five synthetic coins.

arbkit data synth coins --replace
python docs/img/draw_screen.py
"""

from __future__ import annotations

from pathlib import Path

from arbkit.screen import Costs, screen

if __name__ == "__main__":
    found = screen("datasets/coins", size=1000, costs=Costs(fee_a_bps=5, fee_b_bps=5), reference="ewma:6h")
    found.save(Path(__file__).parent / "screen.png")
