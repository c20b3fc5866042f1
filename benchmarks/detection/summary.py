"""What the catalog holds: types by category, providers of keys, countries of ids."""

from collections import Counter

import yaml

from detection.catalog import BUILT_IN, load


def report() -> None:
    catalog = load()
    categories = Counter(name.partition(".")[0] for name in catalog.types)
    providers = yaml.safe_load((BUILT_IN / "apikey.yaml").read_bytes())["types"]
    countries = {
        tag
        for name, kind in catalog.types.items()
        for tag in kind.tags
        if len(tag) == 2 and name.startswith(("identity.", "health.", "financial."))
    }
    print(f"{len(catalog.types)} data types: ", end="")
    print(", ".join(f"{count} {name}" for name, count in categories.most_common()))
    print(f"keys and tokens of {len(providers)} providers")
    print(f"ids of {len(countries)} countries: {' '.join(sorted(countries))}")
