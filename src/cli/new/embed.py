#!/usr/bin/env python3
"""embed.py OUTPUT LANGUAGE:NAME=FILE...: writes the files as C data, which scaffold.c reads."""
import sys

output, rows = sys.argv[1], []
for argument in sys.argv[2:]:
    language, rest = argument.split(":", 1)
    rows.append((language, *rest.split("=", 1)))
with open(output, "w") as out:
    out.write('// Made from the templates.\n#include "cli/new/scaffold.h"\n\n')
    for number, (_, _, path) in enumerate(rows):
        data = open(path, "rb").read()
        out.write(f"static const char text_{number}[] = {{\n")
        for at in range(0, len(data), 20):
            out.write("\t" + "".join(f"{byte}, " for byte in data[at:at + 20]).rstrip() + "\n")
        out.write("};\n\n")
    out.write("const struct scaffold_file scaffold_files[] = {\n")
    for number, (language, name, _) in enumerate(rows):
        out.write(f'\t{{"{name}", SCAFFOLD_{language}, text_{number}, sizeof(text_{number})}},\n')
    out.write(f"}};\nconst size_t scaffold_file_count = {len(rows)};\n")
