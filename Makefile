# midwatch.  `make drill` and `make test` are all that one needs to know.
#
#   make           build/midwatch           make install   PREFIX=/usr/local DESTDIR=
#   make drill     play a small incident    make deb       build/midwatch_VERSION_ARCH.deb
#   make test      every test but the long  make soak      the long ones too
#   make san       tests, ASan and UBSan    make valgrind  unit tests under memcheck
#   make cov       lines covered, by file   make fuzz      each target for T=60 seconds
#   make lint      layers, bans, clang-tidy make bench     measurements
#   make clean                              make screenshots   doc/screens/*.svg
#
# Debian packages that a target lacks are installed first (.ci/deps has the lists).
# V=1 shows the commands, WERROR=1 makes warnings errors, ONLY=journal picks the
# tests with that in their names, ISAL=no packs with zlib. Objects: build/obj/VARIANT.

PREFIX  ?= /usr/local
VARIANT ?= rel
ISAL    ?= $(eval ISAL := $$(shell pkg-config --exists libisal && echo yes))$(ISAL)
PKGS     = libconfig jansson libcrypto libssh2 zlib $(if $(filter yes,$(ISAL)),libisal)

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
.DELETE_ON_ERROR:
.SECONDARY:
Q       = $(if $(V),,@)
say     = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))
submake = +$(Q)$(MAKE) DEPS=done

# --- what is made of what --------------------------------------------------------------
O       = build/obj/$(VARIANT)
dir     = build$(if $(filter rel,$(VARIANT)),,/$(VARIANT))
bin     = $(dir)/midwatch
src     = $(wildcard src/*.c src/*/*.c ui/*.c)
lib_o   = $(patsubst %.c,$(O)/%.o,$(filter-out src/main.c,$(src)))
test_c  = $(filter-out tests/fuzz/%,$(wildcard tests/*/*.c))
fuzz_c  = $(wildcard tests/fuzz/*_fuzz.c)
only    = $(if $(ONLY),$(foreach t,$(1),$(if $(findstring $(ONLY),$(t)),$(t))),$(1))
tested  = $(foreach c,$(test_c:tests/%.c=%),$(dir)/tests/$(subst /,_,$(c)))
unit    = $(call only,$(filter %_test,$(tested)))
helpers = $(filter-out %_test $(dir)/tests/bench_%,$(tested))
benches = $(filter $(dir)/tests/bench_%,$(tested))
replay  = $(call only,$(fuzz_c:tests/fuzz/%_fuzz.c=$(dir)/tests/%_replay))
fuzzers = $(call only,$(fuzz_c:tests/fuzz/%.c=build/fuzz/%))
cli     = $(call only,$(wildcard tests/cli/*.sh))

version := $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | tr -- - +)
version := $(or $(version:v%=%),0.1.0)

warn     = -Wall -Wextra -Wpedantic -Wformat=2 -Wshadow -Wconversion -Wsign-conversion -Wcast-qual \
	   -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	   -Wwrite-strings -Wvla -Wundef -Wnull-dereference -Wdouble-promotion
warn.gcc = -Wduplicated-cond -Wduplicated-branches -Wlogical-op
opt.rel  = -O2 -g -D_FORTIFY_SOURCE=2
opt.deb  = $(opt.rel) -ffile-prefix-map=$(CURDIR)=.
opt.san  = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
opt.mem  = -O1 -g
opt.cov  = -O0 -g --coverage
opt.fuzz = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

# pkg-config runs when the first object is compiled, once, after .ci/deps.
# libpq and libcurl are loaded when they are needed (src/base/late.h).
pkg_cflags = $(eval pkg_cflags := $$(shell pkg-config --cflags $(PKGS) libpq libcurl))$(pkg_cflags)
pkg_libs   = $(eval pkg_libs := $$(shell pkg-config --libs $(PKGS) ncursesw))$(pkg_libs)
cppflags = -D_GNU_SOURCE $(if $(filter yes,$(ISAL)),-DHAVE_ISAL) -Isrc -I. $(pkg_cflags) $(CPPFLAGS)
cflags   = -std=c11 $(warn) $(if $(findstring clang,$(CC)),,$(warn.gcc)) $(if $(WERROR),-Werror) \
	   -fPIE -fstack-protector-strong -fstack-clash-protection $(opt.$(VARIANT)) $(CFLAGS)
ldflags  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
identity = -DMIDWATCH_VERSION='"$(version)"' -DMIDWATCH_PREFIX='"$(PREFIX)"'

all: $(bin)

# Whatever is compiled waits for the packages of what was asked for.
goal  = $(filter $(1),$(MAKECMDGOALS))
needs = build $(if $(call goal,test soak san cov screenshots),test) $(call goal,valgrind fuzz bench deb) \
	$(if $(call goal,lint%),lint)
deps:
	$(Q)$(if $(DEPS),:,.ci/deps $(needs))

# Changed flags compile everything again; another version or prefix only these.
versed = src/main.c src/verb/% src/site/shipped.c
$(O)/.flags $(O)/.identity: FORCE | deps
	@mkdir -p $(@D)
	@echo "$(if $(filter %.flags,$@),$(CC) $(cppflags) $(cflags),$(version) $(PREFIX))" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(patsubst %.c,$(O)/%.o,$(filter $(versed),$(src))): $(O)/.identity

$(O)/%.o: %.c $(O)/.flags | deps
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cppflags) $(if $(filter $(versed),$<),$(identity)) $(cflags) $(if $(filter tests/%,$<),-Wno-write-strings) \
		-MMD -MP -c -o $@ $<
-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d)

link = $(Q)mkdir -p $(@D) && $(CC) $(cflags) $(ldflags) -o $@ $(filter %.o,$^) $(1) $(pkg_libs)
$(bin): $(O)/src/main.o $(lib_o)
	$(call say,LINK,$@)
	@mkdir -p build && ln -sfn ../runbooks build/runbooks	# for what is one deeper than build/midwatch
	$(call link)

# tests/ROOM/NOUN.c is the program build/tests/ROOM_NOUN: a cmocka test when it ends in
# _test, else a helper of the shell tests. One whose first line says
# /* WRAP: PQexec PQstatus */  brings its own __wrap_PQexec.
wraps = $(addprefix -Wl$(comma)--wrap=,$(shell sed -n '1s,.*WRAP: \(.*\) \*/.*,\1,p' $(1)))
comma = ,
define test_rule
$(dir)/tests/$(subst /,_,$(1)): $(O)/tests/$(1).o $(lib_o)
	$$(call say,LINK,$$@)
	$$(call link,$(if $(filter bench/%,$(1)),-lsqlite3,-lcmocka) $(if $(filter ui/% bench/console%,$(1)),-lcmocka -lvterm -lutil -lm) $$(call wraps,tests/$(1).c))
endef
$(foreach c,$(test_c:tests/%.c=%),$(eval $(call test_rule,$(c))))

$(dir)/tests/%_replay: $(O)/tests/fuzz/%_fuzz.o $(O)/tests/fuzz/replay.o $(lib_o)
	$(call say,LINK,$@)
	$(call link)
build/fuzz/%: $(O)/tests/fuzz/%.o $(lib_o)
	$(call say,LINK,$@)
	$(call link,-fsanitize=fuzzer)

# --- trying it -------------------------------------------------------------------------
drill: $(bin)
	$(Q)bash tests/cli/small_incident.sh --show

# cmocka catches SIGSEGV and would keep the sanitizer's report to itself.
# The exit status is one that no test expects of the program.
env.san = UBSAN_OPTIONS=print_stacktrace=1:exitcode=99 ASAN_OPTIONS=exitcode=99:handle_segv=2:$\
	  handle_abort=2:strict_string_checks=1:detect_stack_use_after_return=1:detect_leaks=1 $\
	  LSAN_OPTIONS=print_suppressions=0:suppressions=$(CURDIR)/tests/leaks.allowed
programs: $(bin) $(unit) $(helpers) $(replay)
test soak: programs
	$(Q)MIDWATCH=$(CURDIR)/$(bin) MIDWATCH_VARIANT=$(VARIANT) $(env.$(VARIANT)) \
		$(if $(filter soak,$@),MIDWATCH_SOAK=1) tests/run $(sort $(unit)) $(replay) $(cli)
# Memcheck takes a fortified memmove for a memcpy, hence a variant of its own.
memcheck = valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
	   --child-silent-after-fork=yes --suppressions=tests/memcheck.allowed
valgrind: | deps
	$(submake) VARIANT=mem memcheck
memcheck: programs
	$(Q)MIDWATCH=$(CURDIR)/$(bin) MIDWATCH_VARIANT=$(VARIANT) LIMIT=1800 WRAP='$(memcheck)' \
		tests/run $(sort $(unit))
san: | deps
	$(submake) VARIANT=san test

cov: | deps
	$(Q)find build/obj/cov -name '*.gcda' -delete 2>/dev/null || :
	$(submake) VARIANT=cov programs
	-$(submake) VARIANT=cov test
	$(Q)find build/obj/cov/src -name '*.gcno' | sort | xargs gcov -n 2>/dev/null | awk ' \
		/^File / { file = $$2; gsub(/\047/, "", file) } \
		/^Lines executed:/ && file ~ /^src\/.*\.c$$/ { sub(/.*:/, ""); split($$0, n, "% of "); \
			printf "%6.1f %%  of %5d  %s\n", n[1], n[2], file; file = ""; \
			all += n[2]; hit += n[1] * n[2] / 100 } \
		END { printf "%6.1f %%  of %5d  altogether\n", all ? hit * 100 / all : 0, all }'

fuzz: | deps
	$(submake) VARIANT=fuzz CC=clang run-fuzzers
run-fuzzers: $(fuzzers)
	$(Q)set -e; for f in $(fuzzers:build/fuzz/%_fuzz=%); do echo "  FUZZ    $$f"; \
		mkdir -p build/corpus/$$f tests/corpus/$$f; \
		build/fuzz/$${f}_fuzz -max_total_time=$(or $(T),60) -timeout=10 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=build/corpus/$$f- build/corpus/$$f tests/corpus/$$f; done

bench: $(bin) $(benches) $(helpers)
	$(Q)if [ -x tests/bench/run ]; then MIDWATCH=$(CURDIR)/$(bin) tests/bench/run; \
		else echo 'there is nothing to measure yet'; fi

# Real screens of a canned night, for README and manual: the same bytes each time.
screenshots: $(dir)/tests/ui_shots
	$(Q)mkdir -p doc/screens && $< doc/screens

# tests/lint explains its checks; `make lint-layers` and so on run one.
lint_sets = $(addprefix lint-,layers headers banned size readme tidy cppcheck)
lint $(lint_sets): export FLAGS = -std=c11 $(cppflags) $(identity)
lint $(lint_sets): | deps
	$(Q)tests/lint $(patsubst lint-%,%,$(filter lint-%,$@))

# --- putting it where it belongs -------------------------------------------------------
$(dir)/midwatch.1: $(bin)
	$(Q)$(bin) help --man >$@
$(dir)/midwatch.bash: $(bin)
	$(Q)$(bin) help --completion >$@

to = $(DESTDIR)$(PREFIX)
install: $(bin) $(dir)/midwatch.1 $(dir)/midwatch.bash
	$(call say,INSTALL,$(to))
	$(Q)install -D $(bin) $(to)/bin/midwatch
	$(Q)install -Dm644 $(dir)/midwatch.1 $(to)/share/man/man1/midwatch.1
	$(Q)install -Dm644 $(dir)/midwatch.bash $(to)/share/bash-completion/completions/midwatch
	$(Q)for f in $$(find $(wildcard runbooks themes) /dev/null -type f); do case $$f in \
		runbooks/automation/*) m=755 ;; *) m=644 ;; esac; \
		install -Dm$$m $$f $(to)/share/midwatch/$$f || exit; done
	$(Q)for f in doc/screens/*.svg; do install -Dm644 $$f $(to)/share/doc/midwatch/$$(basename $$f) || exit; done

deb: | deps
	$(Q)rm -rf build/deb/debian
	$(submake) VARIANT=deb PREFIX=/usr DESTDIR=build/deb/debian/midwatch pack
pack: install
	$(Q)strip --strip-unneeded $(to)/bin/midwatch
	$(Q)gzip -9n $(to)/share/man/man1/midwatch.1
	$(Q)install -Dm644 LICENSE $(to)/share/doc/midwatch/copyright
	$(Q)mkdir $(DESTDIR)/DEBIAN
	$(Q)printf 'Source: midwatch\n\nPackage: midwatch\nArchitecture: any\n' >build/deb/debian/control
	$(Q)cd build/deb && depends=$$(dpkg-shlibdeps -O debian/midwatch/usr/bin/midwatch) && printf '%s\n' \
		'Package: midwatch' 'Version: $(version)' "Architecture: $$(dpkg --print-architecture)" \
		'Maintainer: midwatch authors <midwatch@localhost>' 'Section: admin' 'Priority: optional' \
		"Installed-Size: $$(du -k -s debian/midwatch | cut -f1)" "Depends: $${depends#*=}, libcurl4, libpq5, tzdata" \
		'Description: console for the night on which the database backup failed' \
		' It shows what is true, walks the person on watch through the runbook, does' \
		' the dangerous work safely, and writes the record of the incident meanwhile.' \
		>debian/midwatch/DEBIAN/control
	$(Q)dpkg-deb --root-owner-group --build $(DESTDIR) build

clean:
	$(Q)rm -rf build
FORCE:
.PHONY: all deps drill programs test soak valgrind memcheck san cov fuzz run-fuzzers bench screenshots lint $(lint_sets) install \
	deb pack clean FORCE
