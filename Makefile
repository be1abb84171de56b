# LLMBroker.  GNU make; "make help" lists the targets.

BUILD ?=	release
PORT ?=		8000
MOCK_PORT ?=	$(shell expr $(PORT) + 1)
TEST ?=
TEST_JOBS ?=	2
FUZZ_TIME ?=	20
DURATION ?=	60
QUICK ?=
UPDATE ?=
CORPUS ?=
DESTDIR ?=
NGINX_SRC ?=

ifeq ($(origin CC),default)
CC =		cc
endif

TOP :=		$(CURDIR)
export PATH :=	$(PATH):/usr/sbin:/sbin

# packages are installed before anything that needs them

ifeq ($(filter unit,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

OBJS ?=		$(TOP)/objs$(patsubst %,-%,$(filter-out release,$(BUILD)))
WORK ?=		$(TOP)/build

override OBJS :=	$(abspath $(OBJS))
override WORK :=	$(abspath $(WORK))

MODULE =	$(OBJS)/ngx_http_llmbroker_module.so
MOCK =		$(OBJS)/ngx_http_llmbroker_mock_module.so
DIR =		ngx_http_llmbroker_module


# The nginx to build for: the installed one with the sources of its package,
# or any source tree, whose nginx is then built as well.

INSTALLED =	$(shell PATH=$$PATH:/usr/sbin:/sbin; command -v nginx)

ifeq ($(NGINX_SRC),)
SRC =		/usr/share/nginx/src
NGINX_BINARY =	$(INSTALLED)
CONF_FLAGS =	$(shell test -f $(SRC)/conf_flags && bash -c \
		'. $(SRC)/conf_flags; echo "$${NGX_CONF_FLAGS[@]}"')
MAKE_GOALS =	modules
nginx_opt =	$(shell $(or $(INSTALLED),:) -V 2>&1 \
		| sed -n "s/.*--with-$(1)-opt='\([^']*\)'.*/\1/p")
else
SRC :=		$(abspath $(NGINX_SRC))
NGINX_BINARY =	$(OBJS)/nginx
CONF_FLAGS =	--prefix=/usr/local/nginx --with-compat --with-debug \
		--with-http_ssl_module --with-http_v2_module \
		--with-http_auth_request_module --with-http_realip_module \
		--with-http_stub_status_module --with-http_sub_module \
		--with-http_addition_module --with-http_gunzip_module \
		--with-http_slice_module --with-threads
MAKE_GOALS =	binary modules
nginx_opt =	$(if $(filter cc,$(1)),-O2 -g)
endif


# The flags of a release build are those of the installed nginx, without the
# paths of the machine that built it.

WARN =		-Wall -Wextra -Werror -Wno-unused-parameter

ifeq ($(BUILD),release)
CC_OPT =	$(filter-out -ffile-prefix-map=%,$(call nginx_opt,cc)) $(WARN)
LD_OPT =	$(call nginx_opt,ld)
else ifeq ($(BUILD),debug)
CC_OPT =	-O0 -g3 $(WARN)
LD_OPT =
else ifeq ($(BUILD),asan)
SANITIZE =	-fsanitize=address,undefined -fno-sanitize-recover=undefined

# nginx itself copies nothing from nowhere, and reads words where they lie

ifneq ($(NGINX_SRC),)
SANITIZE +=	-fno-sanitize=nonnull-attribute,alignment
endif

CC_OPT =	-O1 -g -fno-omit-frame-pointer -DNGX_DEBUG_PALLOC=1 \
		$(SANITIZE) $(WARN)
LD_OPT =	$(SANITIZE)
else
$(error BUILD is release, debug or asan, not "$(BUILD)")
endif


# nginx as the tests start it.  The installed nginx knows nothing of the
# sanitizers: their runtime has to be there before the modules.

ifeq ($(BUILD)$(NGINX_SRC),asan)
TEST_NGINX =	$(OBJS)/nginx-asan
else
TEST_NGINX =	$(NGINX_BINARY)
endif

RUNTIME =	$(shell $(CC) -print-file-name=$(if $(findstring \
		clang,$(CC)),libclang_rt.asan-$$(uname -m).so,libasan.so))


# Debian's packages; "command@package" asks for a command, whoever brought it.

DEPS_BUILD =	cc@gcc libc6-dev make@make libssl-dev libpcre2-dev zlib1g-dev \
		libyajl-dev libyaml-dev libcurl4-openssl-dev
DEPS_RUN =	perl@perl curl@curl ca-certificates
DEPS_TEST =	node@nodejs npm@npm chromium@chromium openssl@openssl
DEPS_CONFORMANCE = node@nodejs
DEPS_CHECK =	cppcheck@cppcheck
DEPS_FUZZ =	clang@clang libclang-rt-dev
DEPS_BENCH =	openssl@openssl
DEPS_PEERS =	haproxy@haproxy libnginx-mod-http-lua lua-cjson node@nodejs \
		npm@npm
DEPS_GATE =	valgrind@valgrind

ifeq ($(NGINX_SRC),)
DEPS_BUILD +=	nginx@nginx nginx-dev
endif

ifeq ($(CC),clang)
DEPS_BUILD +=	clang@clang
endif


.PHONY: all build deps run test soak unit bench bench-peers gate conformance \
	fuzz check install clean help FORCE

all: build


build: $(OBJS)/Makefile $(if $(filter %-asan,$(TEST_NGINX)),$(TEST_NGINX)) ## build both modules into objs/ (the default)
	@$(MAKE) -s --no-print-directory -C $(WORK)/$(notdir $(OBJS)) \
	    $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) \
	    -f $(OBJS)/Makefile $(MAKE_GOALS)
	@echo "built $(MODULE:$(TOP)/%=%) and $(MOCK:$(TOP)/%=%)"


# what the build was configured with; changes only when that changes

$(OBJS)/flags: FORCE
	@mkdir -p $(OBJS)
	@{ echo '$(SRC)'; cat $(SRC)/src/core/nginx.h 2>&1; $(CC) --version; \
	   echo '$(CC) $(CONF_FLAGS)'; echo '$(CC_OPT)'; echo '$(LD_OPT)'; } \
	    >$@.new 2>&1; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi


# nginx's configure needs a folder it can write to: links to the sources

$(OBJS)/Makefile: config $(OBJS)/flags
	@$(call check_nginx)
	@rm -rf $(WORK)/$(notdir $(OBJS))
	@mkdir -p $(WORK)/$(notdir $(OBJS))
	@cd $(WORK)/$(notdir $(OBJS)) \
	&& ln -s $(SRC)/* . && rm -f Makefile objs \
	&& configure=$$(ls configure auto/configure 2>/dev/null | head -n 1) \
	&& echo "configuring for nginx$(if $(NGINX_SRC), in $(NGINX_SRC))" \
	&& { sh $$configure $(CONF_FLAGS) --builddir=$(OBJS) --with-cc=$(CC) \
	    --with-cc-opt='$(CC_OPT)' --with-ld-opt='$(LD_OPT)' \
	    --add-dynamic-module=$(TOP) >$(OBJS)/configure.log 2>&1 \
	|| { grep 'error:' $(OBJS)/configure.log \
	    || tail -n 20 $(OBJS)/configure.log; rm -f $@; exit 1; } >&2; }
	@touch $@

define check_nginx
if [ ! -f $(SRC)/src/core/nginx.h ]; then \
    echo "no nginx sources in $(SRC): install nginx-dev (make deps)" \
	"or give NGINX_SRC=dir" >&2; \
    exit 1; \
fi; \
has=$$(sed -n 's/.*NGINX_VERSION  *"\(.*\)"/\1/p' $(SRC)/src/core/nginx.h); \
is=$$($(or $(INSTALLED),:) -v 2>&1 | sed -n 's/.*nginx\/\([0-9.]*\).*/\1/p'); \
if [ -z "$(NGINX_SRC)" ] && [ "$$has" != "$$is" ]; then \
    echo "$(SRC) is nginx $$has, the installed nginx is $${is:-missing}:" \
	"give NGINX_SRC=dir with the sources of nginx $$is" >&2; \
    exit 1; \
fi
endef

$(OBJS)/nginx-asan: $(OBJS)/flags
	@printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$$@"\n' \
	    $(RUNTIME) $(NGINX_BINARY) >$@
	@chmod +x $@


deps: deps-build deps-run deps-test deps-check ## install the Debian packages that are missing
	@:

deps-%:
	@sh .ci/deps $* $(DEPS_$(shell echo $* | tr a-z A-Z))


run: deps-build deps-run build ## serve on http://localhost:8000 (PORT=), with .env if there is one
	@OBJS=$(OBJS) WORK=$(WORK) NGINX_BINARY=$(TEST_NGINX) PORT=$(PORT) \
	    MOCK_PORT=$(MOCK_PORT) sh conf/run.sh


# Unit tests are programs of their own: codec/, provider/, state/ and the few
# others know nothing of nginx's requests, and t/unit/ngx_shim.c is what they
# need of its core.

UNIT =		$(OBJS)/unit
UNIT_SRCS =	$(wildcard $(DIR)/codec/*.c $(DIR)/provider/*.c \
		$(DIR)/state/*.c) \
		$(DIR)/config/ngx_http_llmbroker_clients.c \
		$(DIR)/config/ngx_http_llmbroker_conf_tier.c \
		$(DIR)/request/ngx_http_llmbroker_balance.c \
		$(DIR)/request/ngx_http_llmbroker_retry.c \
		t/unit/ngx_shim.c
UNIT_OBJS =	$(patsubst %.c,$(UNIT)/%.o,$(notdir $(UNIT_SRCS)))
UNIT_TESTS =	$(patsubst t/unit/%.c,$(UNIT)/%,$(wildcard t/unit/test_*.c))
UNIT_FUZZ =	$(patsubst t/fuzz/%.c,$(UNIT)/%,$(wildcard t/fuzz/fuzz_*.c))
UNIT_LIBS =	-lyajl -lyaml -lcrypto -lm
UNIT_INCS =	-I $(DIR) -I t/unit -I $(OBJS) \
		$(patsubst %,-I $(SRC)/src/%,core event event/modules \
		os/unix http http/modules http/v2 http/v3 event/quic)

vpath %.c $(addprefix $(DIR)/,codec provider state config request) t/unit t/fuzz

unit: $(UNIT_TESTS) $(UNIT_FUZZ)

$(UNIT)/%.o: %.c $(OBJS)/Makefile
	@mkdir -p $(UNIT)
	@$(CC) $(CC_OPT) $(UNIT_INCS) -MMD -MP -c -o $@ $<

$(UNIT)/test_%: $(UNIT)/test_%.o $(UNIT_OBJS)
	@$(CC) $(SANITIZE) -o $@ $^ $(UNIT_LIBS)

$(UNIT)/fuzz_%: $(UNIT)/fuzz_%.o $(UNIT)/replay.o $(UNIT_OBJS)
	@$(CC) $(SANITIZE) -o $@ $^ $(UNIT_LIBS)

$(UNIT)/test_conf_policy: $(patsubst %,$(UNIT)/ngx_http_llmbroker_conf_%.o, \
		env log policy value)

.PRECIOUS: $(UNIT)/%.o

-include $(wildcard $(UNIT)/*.d)


test: deps-build deps-run deps-test build ## build and run every test (BUILD=asan, TEST=t/foo.t); ends with their count
	@$(if $(TEST),,$(MAKE) -s --no-print-directory \
	    $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) unit)
	@OBJS=$(OBJS) WORK=$(WORK) NGINX_BINARY=$(TEST_NGINX) BUILD=$(BUILD) \
	    JOBS=$(TEST_JOBS) perl t/run.pl $(or $(TEST), \
	    $(UNIT_TESTS) $(UNIT_FUZZ) $(sort $(wildcard t/*.t)) \
	    t/faults/run.sh t/clients/run.sh t/conformance/selftest.sh)


soak: deps-build deps-run deps-test build ## faults for minutes: flapping providers, 1,000 streams, mixed load (DURATION=60)
	@OBJS=$(OBJS) NGINX_BINARY=$(TEST_NGINX) BUILD=$(BUILD) \
	    DURATION=$(DURATION) node --test t/faults/soak.mjs


bench: deps-build deps-run deps-bench build $(OBJS)/bench/load ## CPU, latency and memory against proxy_pass (QUICK=1 is shorter)
	@OBJS=$(OBJS) WORK=$(WORK) NGINX_BINARY=$(NGINX_BINARY) QUICK=$(QUICK) \
	    perl t/bench/bench.pl

$(OBJS)/bench/load: t/bench/load.c $(OBJS)/flags
	@mkdir -p $(OBJS)/bench
	@$(CC) -O2 -g $(WARN) -o $@ $<


# each may be missing from an archive; "make bench" does without it then

bench-peers: ## install what "make bench" compares with: HAProxy, nginx's Lua, Portkey's gateway
	-@for peer in $(DEPS_PEERS); do sh .ci/deps "compare" $$peer; done
	-@mkdir -p $(WORK)/peers && cp t/bench/peers.json $(WORK)/peers/package.json \
	&& npm install --prefix $(WORK)/peers --no-audit --no-fund \
	    --legacy-peer-deps --loglevel=error


gate: deps-build deps-run deps-gate build ## count instructions per request; fails 3 % above t/bench/gate.json (UPDATE=1 writes it)
	@$(if $(filter release,$(BUILD)),,echo "the figures are those of" \
	    "BUILD=release" >&2; exit 1;) \
	CC="$(CC)" OBJS=$(OBJS) WORK=$(WORK) NGINX_BINARY=$(NGINX_BINARY) \
	    UPDATE=$(UPDATE) perl t/bench/gate.pl


conformance: $(if $(CORPUS),deps-build deps-run deps-conformance build) ## replay recorded provider traffic (CORPUS=dir)
	@if [ -z "$(CORPUS)" ]; then \
	    echo "make conformance CORPUS=dir: the folder with the recorded" \
		"traffic, one folder a group, one folder a case" >&2; \
	    exit 1; \
	fi
	@OBJS=$(OBJS) NGINX_BINARY=$(TEST_NGINX) \
	    node t/conformance/main.mjs $(CORPUS)


FUZZ =		$(WORK)/fuzz
FUZZERS =	$(patsubst t/fuzz/%.c,$(FUZZ)/%,$(wildcard t/fuzz/fuzz_*.c))
FUZZ_OBJS =	$(patsubst %.c,$(FUZZ)/%.o,$(notdir $(UNIT_SRCS)))
FUZZ_FLAGS =	-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined

$(FUZZ)/%.o: %.c $(OBJS)/Makefile
	@mkdir -p $(FUZZ)
	@clang -g -O1 -fno-omit-frame-pointer $(WARN) $(FUZZ_FLAGS) \
	    $(UNIT_INCS) -MMD -MP -c -o $@ $<

$(FUZZ)/fuzz_%: $(FUZZ)/fuzz_%.o $(FUZZ_OBJS)
	@clang $(FUZZ_FLAGS) -o $@ $^ $(UNIT_LIBS)

.PRECIOUS: $(FUZZ)/%.o

-include $(wildcard $(FUZZ)/*.d)

fuzz: deps-build deps-fuzz $(FUZZERS) ## run each fuzzer for FUZZ_TIME seconds (20)
	@WORK=$(FUZZ) TIME=$(FUZZ_TIME) sh t/fuzz/run.sh $(FUZZERS)


check: deps-build deps-check $(OBJS)/Makefile ## check style, layers and the file list, run cppcheck
	@rc=0; \
	for lint in style layers files; do perl t/lint/$$lint.pl || rc=1; done; \
	INCS="$(UNIT_INCS)" WORK=$(WORK) sh t/lint/cppcheck.sh || rc=1; \
	exit $$rc


MODULES =	$(or $(shell $(or $(NGINX_BINARY),:) -V 2>&1 \
		| sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'), \
		/usr/local/nginx/modules)
CONF =		$(or $(shell $(or $(NGINX_BINARY),:) -V 2>&1 \
		| sed -n 's/.*--conf-path=\([^ ]*\)\/[^ ]*.*/\1/p'), \
		/usr/local/nginx/conf)

install: build ## install the module and, where there are none, the sample files (DESTDIR=)
	install -d $(DESTDIR)$(MODULES) $(DESTDIR)$(CONF)
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES)/
	@for f in llmbroker.yaml llmbroker_log.conf; do \
	    if [ -e $(DESTDIR)$(CONF)/$$f ]; then \
		echo "$(DESTDIR)$(CONF)/$$f is there already: left as it is"; \
	    else \
		echo install -m 640 conf/$$f $(DESTDIR)$(CONF)/; \
		install -m 640 conf/$$f $(DESTDIR)$(CONF)/; \
	    fi; \
	done


clean: ## remove everything that was built
	rm -rf objs objs-* build t/servroot_*


help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1 | \2/p' Makefile \
	    | awk -F' [|] ' '{ printf "%-19s %s\n", $$1, $$2 }'
	@echo
	@echo "  NGINX_SRC=dir       build for that source tree, and its nginx"
	@echo "  BUILD=release       or debug, asan (into objs-debug, objs-asan)"
	@echo "  CC=clang            another compiler"
