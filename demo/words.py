"""Word lists from which the sample data is made. Spelling marks, accents and spaces are there on purpose."""

from typing import Final

FIRST_NAMES: Final = (
    "Ada", "Aisha", "Alejandro", "Anaïs", "Anders", "Beatriz", "Björn", "Brigid", "Carlos", "Chloé", "D'Arcy",
    "Dagny", "Emeka", "Esperanza", "Fatima", "Fergus", "Gisèle", "Greta", "Hana", "Hugo", "Inés", "Ivo", "Jasmine",
    "Jean-Luc", "Jörg", "Kaito", "Keiko", "Lars", "Leïla", "Lucía", "Magnus", "Mei-Ling", "Mira", "N’Golo", "Nadia",
    "Noor", "Oisín", "Olga", "Pavel", "Priya", "Quentin", "Rania", "René", "Saoirse", "Sérgio", "Tamara", "Tomáš",
    "Ulrike", "Vera", "Wendell", "Ximena", "Yusuf", "Zoë", "Zuzana",
)  # fmt: skip

LAST_NAMES: Final = (
    "Abara", "Ågren", "Baptiste-Roy", "Bianchi", "Castañeda", "Černý", "D’Angelo", "De la Cruz", "Dubois", "Eriksen",
    "Farrow", "Fernández", "Gallagher", "García-Ruiz", "Haddad", "Håkansson", "Ibarra", "Ivanova", "Jansen", "Kowalska",
    "Kügler", "L'Heureux", "Lindqvist", "M’Bala", "Marchetti", "McAllister", "Müller", "Núñez", "O'Malley", "O’Rourke",
    "Okafor", "Østergaard", "Papadakis", "Pereira", "Quispe", "Rosenthal", "Šimić", "Sørensen", "Tanaka", "Teixeira",
    "Uddin", "van der Meer", "Villeneuve", "Weiß", "Wójcik", "Xu", "Yamamoto", "Ziegler",
)  # fmt: skip

CITIES: Final = (
    "Aix-en-Provence", "Ann Arbor", "Århus", "Belém", "Bogotá", "Brno", "Coeur d'Alene", "Córdoba", "Düsseldorf",
    "Fort Wayne", "Galway", "Genève", "Gdańsk", "Halifax", "Kraków", "L’Aquila", "La Paz", "Linköping", "Malmö",
    "Medellín", "Montréal", "N'Djamena", "New York City", "O'Fallon", "Osaka", "Portland", "Reykjavík", "Saint-Étienne",
    "San José", "São Paulo", "Tampere", "Valparaíso", "Winston-Salem", "Zürich",
)  # fmt: skip

TIERS: Final = ("bronze", "silver", "gold", "diamond")
"""Tiers of the loyalty programme, lowest first."""

GENDERS: Final = ("male", "female", "not_specified", "non_specific")
"""The values that XDM's `person.gender` allows."""

GARMENTS: Final = (
    ("H", "hoodies_sweatshirts", "Hoodie", 58),
    ("J", "jackets", "Jacket", 79),
    ("T", "tees", "Tee", 27),
    ("S", "shorts", "Shorts", 35),
    ("P", "pants", "Pants", 62),
)
"""Letter in the SKU, category, noun and usual price in dollars of each kind of garment."""

GARMENT_WORDS: Final = (
    "Alpenglow", "Basalt", "Cinder", "Driftwood", "Estuary", "Foxglove", "Gannet", "Harrier", "Juniper", "Kestrel",
    "Larkspur", "Meltwater", "Nimbus", "Osprey", "Petrel", "Quartz", "Ridgeline", "Sandpiper", "Tidepool", "Updraft",
    "Verbena", "Windrow",
)  # fmt: skip

COLORS: Final = ("black", "blue", "gray", "green", "orange", "purple", "red", "white", "yellow")

GEAR: Final = (
    ("24-MB01", "Commuter Duffle", "bags", 34.0),
    ("24-MB02", "Treeline Rucksack", "bags", 59.0),
    ("24-MB03", "Courier Satchel", "bags", 45.0),
    ("24-MB04", "Strideâ„¢ Shoulder Pack", "bags", 32.0),
    ("24-MB05", "Corner Sling", "bags", 42.5),
    ("24-MB06", "Overnight Holdall", "bags", 64.0),
    ("24-WB01", "Mat Carrier", "bags", 32.0),
    ("24-WB02", "Harbor Tote", "bags", 29.0),
    ("24-WB03", "Sprint Hip Pack", "bags", 22.0),
    ("24-WB04", "Studio Carryall", "bags", 38.0),
    ("24-MG01", "Lap Counter", "watches", 49.0),
    ("24-MG02", "PulsewiseÂ® Watch", "watches", 92.0),
    ("24-MG03", "Field Watch", "watches", 54.0),
    ("24-WG01", "Slim Band Watch", "watches", 49.0),
    ("24-WG02", "Dial Tracker", "watches", 92.0),
    ("24-UG01", "Quiet Foam Roller", "fitness_equipment", 19.5),
    ("24-UG02", "Grip\ufffd Push-up Bars", "fitness_equipment", 24.0),
    ("24-UG03", "Resistance Band Trio", "fitness_equipment", 22.0),
    ("24-UG04", "Stretch Strap, 6 foot", "fitness_equipment", 14.0),
    ("24-UG05", "Go-Anywhere Towel", "fitness_equipment", 20.0),
    ("24-UG06", "Half-Litre Flask", "fitness_equipment", 7.0),
    ("24-UG07", "Twin Speed Rope", "fitness_equipment", 12.0),
    ("24-WG08", "Balance Ball, 65 cm", "fitness_equipment", 27.0),
    ("24-WG09", 'Cork "Calm" Brick', "fitness_equipment", 5.0),
)
"""SKU, name, category and price of what has neither color nor size. Some names have damaged ™ and ® signs."""

EXTRAS: Final = (
    ("Luma-Gift-25", "Luma Gift Card 25", "gift_cards", 25.0),
    ("Luma-Gift-50", "Luma Gift Card 50", "gift_cards", 50.0),
    ("Luma-Gift-100", "Luma Gift Card 100", "gift_cards", 100.0),
    ("Luma-Class-Yoga", "Yogaâ„¢ Beginners' Course", "courses", 18.0),
    ("Luma-Class-Run", "Runners’ Clinic", "courses", 15.0),
    ("Luma-Class-Lift", "Lifting Basics", "courses", 15.0),
)
"""SKU, name, category and price of gift cards and courses."""
