"""What Airflow's servers load of Headwater: pages and menu entries, timetable, listeners.

`plugins/headwater_plugin.py` imports the class; Airflow finds it there. Every component loads it, workers included, so
that the pages are imported only when the first of them is asked for.
"""

from typing import Final

from airflow.plugins_manager import AirflowPlugin

from headwater.orchestration import listeners
from headwater.orchestration.pages import Pages
from headwater.orchestration.timetable import AnchoredTimetable

PAGES_PREFIX: Final = "/headwater"

_MENU: Final = (
    ("Datasets", "/", "datasets"),
    ("Flow runs", "/flow-runs", "flow-runs"),
    ("Profiles", "/profiles", "profiles"),
)


class HeadwaterPlugin(AirflowPlugin):
    """Headwater in Airflow."""

    name = "headwater"

    def __init__(self) -> None:
        self.timetables = [AnchoredTimetable]
        self.listeners = [listeners]
        self.fastapi_apps = [{"app": Pages(), "url_prefix": PAGES_PREFIX, "name": "Headwater"}]
        self.external_views = [
            {
                "name": name,
                "href": PAGES_PREFIX + path,
                "destination": "nav",
                "category": "browse",
                "url_route": f"headwater-{route}",
            }
            for name, path, route in _MENU
        ]
