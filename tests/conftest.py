"""What every test shares."""

from hypothesis import HealthCheck, settings

settings.register_profile("headwater", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("headwater")
