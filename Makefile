# A thin door to meson and ninja. Everything that is built goes below build/.
.SUFFIXES:
.DEFAULT_GOAL := all
BUILD := build
PREFIX ?= /usr/local
SANITIZE = --buildtype=debugoptimized -Db_lundef=false -Db_sanitize
comma := ,
# build makes the directory $(1), configured once with meson's options $(2): all of it, or the targets $(3).
build = mkdir -p $(BUILD); test -f $(1)/build.ninja || meson setup $(2) $(1) >$(BUILD)/setup.log 2>&1 || \
	{ cat $(BUILD)/setup.log; echo "cannot configure $(1); 'make deps' installs what is missing"; exit 1; } >&2; \
	ninja -C $(1) $(3)

.PHONY: all deps run test bench soak asan tsan fuzz format lint install clean help

all: ## release build; the command is build/kipp
	@$(call build,$(BUILD),--prefix=$(PREFIX) -Db_lto=true)

deps: ## install what is missing, by apt
	@tools/deps

run: deps ## the platform on this machine with the Book demo on it, until Ctrl-C
	@$(MAKE) --no-print-directory all
	@tools/run-book $(BUILD)

test: deps ## every test; the last line adds them up
	@$(MAKE) --no-print-directory all
	@tools/run-tests $(BUILD)

bench: all ## Kipp beside yardsticks; KEEP=1 keeps the results
	@bench/run $(BUILD) $(if $(KEEP),--keep)

asan: build-asan ## the tests under AddressSanitizer and UBSan
	@tools/run-tests $(BUILD)/asan --without layers

tsan: build-tsan ## the tests under ThreadSanitizer
	@tools/run-tests $(BUILD)/tsan --without layers

soak: build-asan ## a mixed load through a failing network for SOAK_SECONDS (600), under AddressSanitizer
	@SOAK_SECONDS=$(or $(SOAK_SECONDS),600) KIPP_BUILD=$(abspath $(BUILD))/asan \
		python3 -m pytest -q -s -p no:cacheprovider test/system/test_soak.py

fuzz: build-fuzz ## each fuzzer for FUZZ_SECONDS (60)
	@tools/fuzz $(BUILD)/fuzz $(or $(FUZZ_SECONDS),60)

lint: build-clang ## what a machine can say about the sources
	@tools/lint $(BUILD)/clang

format: ## rewrite the sources as .clang-format says
	@git ls-files -z --cached --others --exclude-standard '*.c' '*.h' '*.cc' '*.hpp' | xargs -0 clang-format -i

# The other builds, each below build/ in a directory of its own.
.PHONY: build-asan build-tsan build-fuzz build-clang
build-asan:
	@$(call build,$(BUILD)/asan,$(SANITIZE)=address$(comma)undefined)
build-tsan:
	@$(call build,$(BUILD)/tsan,$(SANITIZE)=thread)
build-fuzz:
	@export CC=clang CXX=clang++; $(call build,$(BUILD)/fuzz,$(SANITIZE)=address$(comma)undefined -Dfuzz=true,fuzzers)
build-clang:
	@export CC=clang CXX=clang++; $(call build,$(BUILD)/clang,--buildtype=debugoptimized)

install: all ## into DESTDIR and PREFIX
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean: ## remove build/, the demo's data with it
	@rm -rf $(BUILD)

help: ## this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16
