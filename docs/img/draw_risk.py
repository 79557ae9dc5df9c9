"""Draw docs/img/risk-scale.png: a market with spells of volatility, two forecasts, what is left of the size.

python docs/img/draw_risk.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arbkit import Panel
from arbkit.risk import scale_of, volatility_bps_of
from arbkit.show.look import AB, BA, GREY, as_times, stacked, time_axis
from arbkit.synthetic import PanelShape, noise_panel

RULES = {
    "EWMA, half-life 2 h": "ewma:2h,target=15",
    "GARCH(1,1), 7 days": "garch:7d,refit=1d,step=5m,target=15",
}

if __name__ == "__main__":
    shape = PanelShape(rows=21 * 1_440, step_s=60.0)
    panel = Panel.from_frame(noise_panel(shape, seed=4, kind="spells"))
    mids = (panel.bid_a + panel.ask_a) / 2, (panel.bid_b + panel.ask_b) / 2
    times = as_times(panel.ts)
    with stacked(
        "Volatility of the premium, its forecasts, and the share of the position", [1.5, 2.1, 1.6]
    ) as (
        figure,
        (top, middle, bottom),
    ):
        top.set_title("Premium of A over B, bps")
        top.plot(times, (mids[0] / mids[1] - 1) * 1e4, color=GREY, lw=0.8)
        middle.set_title("Forecast of the next hour, bps; the target is 15")
        bottom.set_title("Share of the position: target over forecast, at most 1; 0 while nothing is known")
        for (name, rule), colour in zip(RULES.items(), (AB, BA), strict=True):
            bps = volatility_bps_of(rule, panel.ts, *mids, panel.tradable)
            middle.plot(times, bps, color=colour, label=name)
            bottom.plot(times, scale_of(rule, panel.ts, *mids, panel.tradable), color=colour)
        middle.axhline(15, color=GREY, ls="--", lw=1)
        middle.set_ylim(0, float(np.nanmax(bps)) * 1.05)
        middle.legend(loc="upper left", ncols=2)
        bottom.set_ylim(-0.03, 1.06)
        time_axis(bottom)
        bottom.set_xlabel("UTC", loc="center", fontsize=8)
        figure.savefig(Path(__file__).parent / "risk-scale.png")
