"""The sample data of the Luma example as most tests take it."""

from dataclasses import replace

from demo.data import SampleData, sample_data

_DAYS = 3


def sample_of_few_days() -> SampleData:
    """The same data, except that all purchases were made within three days instead of a year.

    The lake keeps each day apart: what takes a second so takes ten with a year.
    """
    data = sample_data()
    purchases = tuple(
        {**record, "timestamp": f"2020-08-{10 + number % _DAYS}{record['timestamp'][10:]}"}
        for number, record in enumerate(data.purchases)
    )
    return replace(data, purchases=purchases)
