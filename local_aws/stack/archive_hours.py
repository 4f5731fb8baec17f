"""Hours of the archive, as it names them."""

from datetime import datetime, timedelta, timezone


def last_hours(count):
    """The moment at which the last `count` hours that are over began."""
    return datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=count)


def moment(hour):
    """The beginning of an hour of the archive: 2025-11-21-0."""
    day, of_day = hour.rsplit("-", 1)
    return datetime.strptime(day, "%Y-%m-%d").replace(hour=int(of_day), tzinfo=timezone.utc)


def archive_hour(when):
    """`moment` the other way round."""
    return f"{when:%Y-%m-%d}-{when.hour}"
