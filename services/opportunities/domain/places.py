"""Places on the earth, and how far they are apart."""

from math import asin, cos, radians, sin, sqrt

from shared.errors import FieldProblem, Malformed
from shared.events.visits import Place

_EARTH_RADIUS_METRES = 6_371_008.8
_SHOWN_DECIMALS = 3


def metres_between(one: Place, other: Place) -> float:
    """Along the surface, by the haversine formula on a sphere: off by at most 0.6 % (S4)."""
    latitude, other_latitude = radians(one.latitude), radians(other.latitude)
    across = sin((other_latitude - latitude) / 2) ** 2
    along = sin(radians(other.longitude - one.longitude) / 2) ** 2
    half = sqrt(min(1.0, across + cos(latitude) * cos(other_latitude) * along))
    return 2 * _EARTH_RADIUS_METRES * asin(half)


def coarse(place: Place) -> Place:
    """To about 100 m: enough for a speed between two visits, not for an address."""
    return Place(
        latitude=round(place.latitude, _SHOWN_DECIMALS),
        longitude=round(place.longitude, _SHOWN_DECIMALS),
    )


def is_on_earth(latitude: float, longitude: float) -> bool:
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


def check_place(place: Place, field: str) -> None:
    """Raises Malformed for degrees that there are not."""
    if not is_on_earth(place.latitude, place.longitude):
        message = "latitude is -90 to 90, longitude -180 to 180 degrees"
        problem = FieldProblem(field, "not-on-earth", message)
        raise Malformed("there is no such place", errors=[problem])
