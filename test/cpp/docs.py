#!/usr/bin/env python3
"""docs.py PAGE TARS SOURCE: takes the examples out of docs/cpp.md, as a program that runs them."""
import re
import sys

PROLOGUE = """// Made from docs/cpp.md.
#include "Hello.hpp"

#include <cstdlib>
#include <iostream>
#include <thread>

static void check(bool is_so)
{
	if (!is_so)
		abort();
}

"""
EPILOGUE = """
int main(int argc, char **argv)
{
	if (argc > 1)
		return serve(argc, argv);
	kipp::server server;
	struct kp_adapter_options options = {};
	options.endpoint = "tcp -h 127.0.0.1 -p 0";
	int adapter = server.listen(options);
	greeter greeter;
	server.serve(adapter, "Demo.HelloServer.HelloObj", greeter);
	server.start();
	std::string object = "Demo.HelloServer.HelloObj@" + server.endpoint(adapter);
	call(object);

	kipp::client client;
	int total = 0;
	add_lengths(Demo::HelloProxy(client, object), total);
	check(client.drive(10000) == KP_OK && total == 11);
	server.stop(10000);
	return 0;
}
"""

page, tars, source = sys.argv[1:]
with open(page, encoding="utf-8") as file:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", file.read(), re.M | re.S)
with open(tars, "w", encoding="utf-8") as out:
    out.write("".join(text for kind, text in blocks if kind == "tars"))
with open(source, "w", encoding="utf-8") as out:
    out.write(PROLOGUE + "\n".join(text for kind, text in blocks if kind != "tars") + EPILOGUE)
