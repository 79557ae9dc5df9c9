"""Foreign files into datasets: named formats, and a YAML spec for any table."""

from arbkit.data.ingest.agreement import Agreement, compare_tops
from arbkit.data.ingest.formats import FORMATS, Format, find_format, sniff_format
from arbkit.data.ingest.log import GapRecord, IngestLog, IngestReport, LegReport
from arbkit.data.ingest.run import ingest, input_bytes
from arbkit.data.ingest.sources import Source, find_sources
from arbkit.data.ingest.spec import (
    DATA_VARIABLE,
    ColumnsSpec,
    EntrySpec,
    IngestSpec,
    NumbersSpec,
    OtherLeg,
    TimeSpec,
)

__all__ = [
    "DATA_VARIABLE",
    "FORMATS",
    "Agreement",
    "ColumnsSpec",
    "EntrySpec",
    "Format",
    "GapRecord",
    "IngestLog",
    "IngestReport",
    "IngestSpec",
    "LegReport",
    "NumbersSpec",
    "OtherLeg",
    "Source",
    "TimeSpec",
    "compare_tops",
    "find_format",
    "find_sources",
    "ingest",
    "input_bytes",
    "sniff_format",
]
