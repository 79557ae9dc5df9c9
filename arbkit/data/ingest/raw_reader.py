"""What reading any raw log has in common: files to messages, REST answers merged in by their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from arbkit.data.ingest.log import IngestLog
from arbkit.data.ingest.raw_lines import RawLine, read_line
from arbkit.data.ingest.sources import Source, text_blocks
from arbkit.errors import DataError

__all__ = ["Message", "Place", "messages", "starts_with_answer"]


class Place(NamedTuple):
    """Where a line stands."""

    source: str
    line: int


class Message(NamedTuple):
    """A recorded message with its place."""

    place: Place
    raw: RawLine


def messages(sources: Sequence[Source], log: IngestLog) -> Iterator[Message]:
    """Yield the messages of all files in the order given.

    Files of REST answers are read first, and each answer is put where its receive time belongs.

    Raises:
        DataError: when a file is damaged or holds no line.
    """
    answers = [source for source in sources if starts_with_answer(source)]
    streams = [source for source in sources if source not in answers]
    waiting = sorted(
        (message for source in answers for message in _file_messages(source, log)),
        key=lambda message: message.raw.ts_recv or 0,
        reverse=True,
    )
    for source in streams:
        for message in _file_messages(source, log):
            now = message.raw.ts_recv
            while waiting and now is not None and (waiting[-1].raw.ts_recv or 0) <= now:
                yield waiting.pop()
            yield message
    yield from reversed(waiting)


def starts_with_answer(source: Source) -> bool:
    """Whether a file's first line is a REST answer."""
    with source.open() as stream:
        return stream.read(8).startswith(b"http")


def _file_messages(source: Source, log: IngestLog) -> Iterator[Message]:
    log.reading = source.label
    label, empty = source.label, True
    with source.open(log.advance) as stream:
        for first, block in text_blocks(stream, source):
            for number, line in enumerate(block.split(b"\n"), first):
                if not line.strip():
                    continue
                empty = False
                try:
                    raw = read_line(line)
                except DataError as error:
                    log.refuse(label, number, str(error), line.decode("utf-8", "replace"))
                    continue
                if raw is None:
                    log.other_messages += 1
                else:
                    yield Message(Place(label, number), raw)
    if empty:
        raise DataError(f"{source.path}: holds no line")
