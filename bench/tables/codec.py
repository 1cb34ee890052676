"""The codec beside memcpy and beside protobuf-c, on five messages."""

from tables.common import at_least, run_json, share_cpus, target

SLOWER_THAN_OTHER = 0.95  # 64 KiB are one memcpy on both sides, equal but for noise
FASTER_ON_MOST = 3.0


def measure(options):
    result = run_json([options.bench / "codec-bench", "--json"], share_cpus()[0])
    other = result["other"]
    rows, ratios = [], []
    for row in result["rows"]:
        for verb in ("encode", "decode"):
            line = {"message": row["message"], "what": row["what"], "verb": verb,
                    "bytes": row["bytes"], "ns": row[f"{verb}_ns"], "copy_ns": row["copy_ns"],
                    "mb_per_s": row["bytes"] / row[f"{verb}_ns"] * 1000}  # fmt: skip
            if other:
                line["other_bytes"] = row["other_bytes"]
                line["other_ns"] = row[f"other_{verb}_ns"]
                line["times"] = row[f"{verb}_times"]
                ratios.append(line["times"])
            rows.append(line)
    targets = []
    if other:
        targets.append(at_least(f"the slowest beside {other}, times as fast", min(ratios), SLOWER_THAN_OTHER))
        fast = sum(times >= FASTER_ON_MOST for times in ratios)
        targets.append(target(f"{FASTER_ON_MOST:.0f} times as fast as {other}: how many of {len(ratios)}",
                              fast, len(ratios) // 2 + 1, fast > len(ratios) / 2))  # fmt: skip
    note = (f"{other} is the yardstick, on the same values and taking its memory from a bump "
            "allocator too. Ours is linked as a shared library, as a service links it. A copy is "
            "memcpy of our bytes, warm.") if other else "protobuf-c is not installed: make deps"  # fmt: skip
    return {
        "title": "Codec: encoding and decoding",
        "note": note,
        "columns": [["message", "message", -1], ["what", "of", -1], ["verb", "", -1],
                    ["bytes", "bytes", 0], ["ns", "ns", 1], ["mb_per_s", "MB/s", 0],
                    ["copy_ns", "copy ns", 1], ["other_bytes", f"{other} bytes", 0],
                    ["other_ns", f"{other} ns", 1], ["times", "times as fast", 1]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"group": ["message", "verb"], "series": None, "value": "times",
                 "axis": f"times as fast as {other or 'another codec'}", "line": FASTER_ON_MOST,
                 "most": 12, "detail": ["ns", "ns"]},  # fmt: skip
    }
