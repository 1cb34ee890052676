#!/usr/bin/env python3
"""embed.py OUTPUT NAME=FILE...: writes the files as C data, which scaffold.c reads."""
import sys

output, pairs = sys.argv[1], [pair.split("=", 1) for pair in sys.argv[2:]]
with open(output, "w") as out:
    out.write('// Made from the templates.\n#include "cli/new/scaffold.h"\n\n')
    for number, (_, path) in enumerate(pairs):
        data = open(path, "rb").read()
        out.write(f"static const char text_{number}[] = {{\n")
        for at in range(0, len(data), 20):
            out.write("\t" + "".join(f"{byte}, " for byte in data[at:at + 20]).rstrip() + "\n")
        out.write("};\n\n")
    out.write("const struct scaffold_file scaffold_files[] = {\n")
    for number, (name, _) in enumerate(pairs):
        out.write(f'\t{{"{name}", text_{number}, sizeof(text_{number})}},\n')
    out.write(f"}};\nconst size_t scaffold_file_count = {len(pairs)};\n")
