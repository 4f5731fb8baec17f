"""Hours as GH Archive names them: `2025-11-21-0`, UTC, the hour without padding."""

from datetime import UTC, datetime, timedelta


def last_hours(count: int) -> datetime:
    """The beginning of the first of the last `count` complete hours."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=count)


def moment(hour: str) -> datetime:
    """The beginning of an hour."""
    day, hour_of_day = hour.rsplit("-", 1)
    return datetime.strptime(day, "%Y-%m-%d").replace(hour=int(hour_of_day), tzinfo=UTC)


def archive_hour(when: datetime) -> str:
    """The name of the hour of a moment."""
    return f"{when:%Y-%m-%d}-{when.hour}"
