"""Live books into datasets: what feeds bring is written down, readable while it is being written."""

from arbkit.record.recorder import Recorder, RecordSummary
from arbkit.record.spec import RecordSpec, VenueSpec

__all__ = ["RecordSpec", "RecordSummary", "Recorder", "VenueSpec"]
