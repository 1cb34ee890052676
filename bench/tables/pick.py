"""What choosing an endpoint costs."""

from tables.common import at_most, run_json, share_cpus

NS_MAX = 50


def measure(options):
    rows = run_json([options.bench / "pick-bench", "--json"], share_cpus()[0])
    return {
        "title": "Choosing one of 1,000 endpoints",
        "note": "Everything a call pays for: looking whether health or weights have changed, the choice, "
        "and the record for `kipp explain`.",
        "columns": [["balancer", "balancer", -1], ["ns", "ns", 1]],
        "rows": rows,
        "targets": [at_most(f"{row['balancer']}: ns", row["ns"], NS_MAX) for row in rows],
        "plot": {"group": [], "series": "balancer", "value": "ns", "axis": "ns per choice",
                 "line": NS_MAX},  # fmt: skip
    }
