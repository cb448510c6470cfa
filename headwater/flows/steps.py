"""The steps of a flow run, each a function of ids: what the tasks of a dataflow's Dag call."""

from headwater.flows.discover import Discovery, discover
from headwater.flows.expectations import check_expectations
from headwater.flows.finish import finish
from headwater.flows.ingest import GroupResult, ingest_group
from headwater.flows.load import LakeLoad, StoreLoad, load_identities, load_lake, load_profiles
from headwater.flows.notifications import DeliveryReport, deliver, deliver_due

__all__ = [
    "DeliveryReport",
    "Discovery",
    "GroupResult",
    "LakeLoad",
    "StoreLoad",
    "check_expectations",
    "deliver",
    "deliver_due",
    "discover",
    "finish",
    "ingest_group",
    "load_identities",
    "load_lake",
    "load_profiles",
]
