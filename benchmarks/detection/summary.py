"""What the catalog holds: types by category, providers of keys, countries of ids."""

from collections import Counter

import yaml

from detection.catalog import BUILT_IN, load


def report() -> None:
    catalog = load()
    categories = Counter(name.partition(".")[0] for name in catalog.types)
    formats = [
        kind["name"]
        for file in BUILT_IN.glob("apikey-*.yaml")
        for kind in yaml.safe_load(file.read_bytes())["types"]
    ]
    providers = {name.partition("_")[0] for name in formats}
    countries = {
        tag
        for name, kind in catalog.types.items()
        for tag in kind.tags
        if len(tag) == 2 and name.startswith(("identity.", "health.", "financial."))
    }
    print(f"{len(catalog.types)} data types: ", end="")
    print(", ".join(f"{count} {name}" for name, count in categories.most_common()))
    print(f"{len(formats)} formats of keys and tokens, of {len(providers)} providers")
    print(f"ids of {len(countries)} countries: {' '.join(sorted(countries))}")
