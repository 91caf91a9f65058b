"""Logs: structlog, for people on a console or as JSON lines; to stderr, so that stdout stays output."""

import sys

import structlog


def configure(log_format: str, *, quiet: bool = False) -> None:
    """Set up logging once per process.

    Args:
        log_format: `console` or `json`.
        quiet: only warnings and errors, for commands whose output is the answer.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("warning" if quiet else "info"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
