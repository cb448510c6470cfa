"""The sample product catalog: 62 garments, 24 pieces of gear, 6 gift cards and courses."""

from random import Random
from typing import Final

from demo.words import COLORS, EXTRAS, GARMENT_WORDS, GARMENTS, GEAR

Product = tuple[str, str, str, str, str, str]
"""SKU, name, category, color, size, price: one line of the file. Color and size may be empty."""

HEADINGS: Final = ("SKU", "Name", "Category", "Color", "Size", "Price")
ALTERED_HEADINGS: Final = ("Product SKU", "Product Name", "category", "Colour", "size", "List Price")
"""Headings that the mapping set does not know, for trying out what happens then."""

PRODUCTS: Final = 92
"""Lines of the file, without its heading."""

_GARMENT_COUNT = PRODUCTS - len(GEAR) - len(EXTRAS)
_HOODIE: Final[Product] = ("LLMH09", "Abominable Hoodie", "men:tops:hoodies_sweatshirts", "blue", "s", "69")
_PURCHASED_BY_DANIEL: Final = ("LLMH09", "LLMJ03", "LLWP11")


def product_rows(rng: Random) -> list[Product]:
    """Make the 92 products. Sizes are letters or inches; prices have cents only where needed."""
    codes = [f"LL{who}{letter}{number:02d}" for who in "MW" for letter, *_ in GARMENTS for number in range(1, 13)]
    others = [code for code in codes if code not in _PURCHASED_BY_DANIEL]
    chosen = sorted([*_PURCHASED_BY_DANIEL, *rng.sample(others, _GARMENT_COUNT - len(_PURCHASED_BY_DANIEL))])
    garments = [_HOODIE if code == _HOODIE[0] else _garment(rng, code) for code in chosen]
    gear = [(sku, name, f"gear:{category}", "", "", _price(price)) for sku, name, category, price in (*GEAR, *EXTRAS)]
    return [*garments, *gear]


def _garment(rng: Random, sku: str) -> Product:
    who = "men" if sku[2] == "M" else "women"
    category, noun, price = next(entry[1:] for entry in GARMENTS if entry[0] == sku[3])
    half = "bottoms" if sku[3] in "PS" else "tops"
    sizes = ("28", "30", "32", "34", "36") if half == "bottoms" else ("xs", "s", "m", "l", "xl")
    name = f"{rng.choice(GARMENT_WORDS)} {noun}"
    color = rng.choice(COLORS) if rng.random() < 0.9 else ""
    size = rng.choice(sizes) if rng.random() < 0.95 else ""
    return sku, name, f"{who}:{half}:{category}", color, size, _price(price + rng.choice((-4.0, 0.0, 0.5, 6.0)))


def _price(dollars: float) -> str:
    return f"{dollars:.2f}".removesuffix(".00")
