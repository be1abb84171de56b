# The policy of a model: how its calls are routed, retried and given up.  Each
# key is checked, in a model and in "proxy", which has the defaults of all
# models; a message tells the line and the path.

use Test::Nginx::Socket 'no_plan';

BEGIN {
    $ENV{LLMBROKER_TEST_NUMBER} = '3';
    $ENV{LLMBROKER_TEST_SHARE} = '20%';
    delete $ENV{LLMBROKER_TEST_UNSET};
}

# a policy is that of the model "m", from line 5 of the file on

our $model = <<'_EOC_';
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
_EOC_

# nothing is looked up, as no key is set

our $full = do {
    local $/;
    open my $fh, '<', 'conf/llmbroker.full.yaml' or die "full.yaml: $!\n";
    ">>> llmbroker.yaml\n" . <$fh>;
};

delete @ENV{$full =~ /\$\{(\w+)\}/g};

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    map $arg_session $llmbroker_test_session {
        default $arg_session;
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', '# ' . $block->name . "\n$http");
    $block->set_value('config', "location / { llmbroker; }");

    if (defined $block->policy) {
        $block->set_value('user_files', $model . $block->policy);
    }

    if (!defined $block->must_die) {
        $block->set_value('request', 'GET /v1/models');
        $block->set_value('no_error_log', "[warn]\n[emerg]")
            if !defined $block->error_log && !defined $block->no_error_log;
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: every key of a model
--- policy
    strategy: least_latency
    affinity: $http_x_session_id
    max_attempts: 8
    deadline: 2m
    backoff: 50ms
    backoff_max: 1.5
    retry_on_failure_within: 10
    stream_commit: header
    on_client_abort: drain
    when_all_ejected: least_bad
    hedge: {after: 800ms, max: 3, share: 100%}
    breaker:
      failures: 5
      error_rate: 25
      min_requests: 20
      window: 1m
      open: 5s
      open_max: 5m
    health_check:
      interval: 10
      timeout: 500ms
      path: /healthz?deep=1



=== TEST 2: every key of proxy
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  strategy: least_latency
  affinity: $http_x_session_id
  max_attempts: 8
  deadline: 2m
  backoff: 50ms
  backoff_max: 1.5
  retry_on_failure_within: 10
  stream_commit: header
  on_client_abort: drain
  when_all_ejected: least_bad
  hedge: {after: 800ms, max: 3, share: 100%}
  breaker:
    failures: 5
    error_rate: 25
    min_requests: 20
    window: 1m
    open: 5s
    open_max: 5m
  health_check:
    interval: 10
    timeout: 500ms
    path: /healthz?deep=1
  drain_timeout: 30



=== TEST 3: a null leaves the default
--- policy
    strategy: ~
    max_attempts: null
    hedge:
    breaker: {open: ~}
    health_check: {interval: ~, timeout: null}



=== TEST 4: references
--- policy
    max_attempts: ${LLMBROKER_TEST_NUMBER}
    strategy: ${LLMBROKER_TEST_UNSET:-priority}
    hedge: {after: "${LLMBROKER_TEST_NUMBER}s", share: "${LLMBROKER_TEST_SHARE}"}



=== TEST 5: an unset variable makes the model unavailable
--- policy
    breaker:
      open: ${LLMBROKER_TEST_UNSET}
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.m is not available in
llmbroker.yaml:5



=== TEST 6: but in proxy it is an error
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  hedge:
    after: ${LLMBROKER_TEST_UNSET}
--- must_die
--- error_log
variable "LLMBROKER_TEST_UNSET" for proxy.hedge is not set in
llmbroker.yaml:4



=== TEST 7: a key that is nearly right
--- policy
    stratgy: weighted
--- must_die
--- error_log
unknown key models.m.stratgy, did you mean "strategy"? in
llmbroker.yaml:5



=== TEST 8: a key of proxy that is nearly right
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  on_client_abrot: drain
--- must_die
--- error_log
unknown key proxy.on_client_abrot, did you mean "on_client_abort"? in
llmbroker.yaml:4



=== TEST 9: a key of hedge that is nearly right
--- policy
    hedge:
      after: 1
      shar: 10
--- must_die
--- error_log
unknown key models.m.hedge.shar, did you mean "share"? in
llmbroker.yaml:7



=== TEST 10: a key of breaker that is nearly right
--- policy
    breaker: {failure: 3}
--- must_die
--- error_log
unknown key models.m.breaker.failure, did you mean "failures"? in
llmbroker.yaml:5



=== TEST 11: a key of health_check that is nearly right
--- policy
    health_check: {intervall: 3}
--- must_die
--- error_log
unknown key models.m.health_check.intervall, did you mean "interval"? in
llmbroker.yaml:5



=== TEST 12: a key of hedge in another mapping
--- policy
    breaker: {after: 3}
--- must_die
--- error_log
unknown key models.m.breaker.after in
llmbroker.yaml:5



=== TEST 13: a policy of a deployment
--- policy
    deployments:
      - {weight: 2}
      - {strategy: weighted}
--- must_die
--- error_log
invalid value for models.m.deployments[1].strategy, the key is not allowed at this place in
llmbroker.yaml:7



=== TEST 14: a breaker of a deployment
--- policy
    deployments:
      - breaker: {failures: 1}
--- must_die
--- error_log
invalid value for models.m.deployments[0].breaker, the key is not allowed at this place in
llmbroker.yaml:6



=== TEST 15: drain_timeout is a key of proxy
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    drain_timeout: 3
--- must_die
--- error_log
unknown key models.m.drain_timeout
llmbroker.yaml:4



=== TEST 16: a strategy that is nearly right
--- policy
    strategy: least-latency
--- must_die
--- error_log
unknown strategy "least-latency" for models.m.strategy, did you mean "least_latency"? in
llmbroker.yaml:5



=== TEST 17: a strategy that is near to nothing
--- policy
    strategy: round_robin
--- must_die
--- error_log
invalid value "round_robin" for models.m.strategy, expected weighted, least_latency, least_busy or priority in
llmbroker.yaml:5



=== TEST 18: a strategy that is a list
--- policy
    strategy: [weighted]
--- must_die
--- error_log
invalid value for models.m.strategy, expected a string in
llmbroker.yaml:5



=== TEST 19: a commit that is nearly right
--- policy
    stream_commit: headers
--- must_die
--- error_log
unknown word "headers" for models.m.stream_commit, did you mean "header"? in
llmbroker.yaml:5



=== TEST 20: a commit that is a boolean
--- policy
    stream_commit: true
--- must_die
--- error_log
invalid value "true" for models.m.stream_commit, expected a string in
llmbroker.yaml:5



=== TEST 21: an abort that is near to nothing
--- policy
    on_client_abort: ignore
--- must_die
--- error_log
invalid value "ignore" for models.m.on_client_abort, expected cancel or drain in
llmbroker.yaml:5



=== TEST 22: an ejection that is nearly right
--- policy
    when_all_ejected: leastbad
--- must_die
--- error_log
unknown word "leastbad" for models.m.when_all_ejected, did you mean "least_bad"? in
llmbroker.yaml:5



=== TEST 23: no attempt
--- policy
    max_attempts: 0
--- must_die
--- error_log
invalid value "0" for models.m.max_attempts, expected a whole number from 1 to 8 in
llmbroker.yaml:5



=== TEST 24: too many attempts
--- policy
    max_attempts: 9
--- must_die
--- error_log
invalid value "9" for models.m.max_attempts, expected a whole number from 1 to 8 in
llmbroker.yaml:5



=== TEST 25: attempts that are a time
--- policy
    max_attempts: 3s
--- must_die
--- error_log
invalid value "3s" for models.m.max_attempts, expected a whole number from 1 to 8 in
llmbroker.yaml:5



=== TEST 26: a deadline that is no time
--- policy
    deadline: never
--- must_die
--- error_log
invalid value "never" for models.m.deadline, expected a time, such as 60, 1.5, 500ms or 2m in
llmbroker.yaml:5



=== TEST 27: a deadline that is negative
--- policy
    deadline: -1
--- must_die
--- error_log
invalid value "-1" for models.m.deadline, expected a time, such as 60, 1.5, 500ms or 2m in
llmbroker.yaml:5



=== TEST 28: a deadline that is longer than a day
--- policy
    deadline: 2d
--- must_die
--- error_log
invalid value "2d" for models.m.deadline, expected a time from 0ms to 86400s in
llmbroker.yaml:5



=== TEST 29: a limit that is no time
--- policy
    retry_on_failure_within: fast
--- must_die
--- error_log
invalid value "fast" for models.m.retry_on_failure_within, expected a time, such as
llmbroker.yaml:5



=== TEST 30: a backoff above its maximum
--- policy
    backoff: 10
    backoff_max: 5
--- must_die
--- error_log
invalid value "10" for models.m.backoff, "backoff" is longer than "backoff_max" in
llmbroker.yaml:5



=== TEST 31: a backoff above the maximum of proxy
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    backoff: 2
proxy:
  backoff_max: 1
--- must_die
--- error_log
invalid value "2" for models.m.backoff, "backoff" is longer than "backoff_max" in
llmbroker.yaml:4



=== TEST 32: a maximum below the backoff of proxy
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    backoff_max: 1
proxy:
  backoff: 2
--- must_die
--- error_log
invalid value "1" for models.m.backoff_max, "backoff" is longer than "backoff_max" in
llmbroker.yaml:4



=== TEST 33: a backoff of proxy above its maximum
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, backoff: 1, backoff_max: 2}
proxy:
  backoff: 4
  backoff_max: 3
--- must_die
--- error_log
invalid value "4" for proxy.backoff, "backoff" is longer than "backoff_max" in
llmbroker.yaml:4



=== TEST 34: a default gives way
--- policy
    backoff: 10
    breaker: {open: 5m}
    health_check: {interval: 1}



=== TEST 35: also to a maximum
--- policy
    backoff_max: 10ms
    breaker: {open_max: 1}
    health_check: {timeout: 6}



=== TEST 36: a hedge without a time
--- policy
    hedge: {max: 1}
--- must_die
--- error_log
invalid value for models.m.hedge, it has no "after" in
llmbroker.yaml:5



=== TEST 37: an empty hedge
--- policy
    hedge: {}
--- must_die
--- error_log
invalid value for models.m.hedge, it has no "after" in
llmbroker.yaml:5



=== TEST 38: a hedge after nothing
--- policy
    hedge: {after: 0}
--- must_die
--- error_log
invalid value "0" for models.m.hedge.after, expected a time from 1ms to 86400s in
llmbroker.yaml:5



=== TEST 39: a hedge that is a time
--- policy
    hedge: 800ms
--- must_die
--- error_log
invalid value "800ms" for models.m.hedge, expected a mapping or false in
llmbroker.yaml:5



=== TEST 40: a hedge that is switched on
--- policy
    hedge: true
--- must_die
--- error_log
invalid value "true" for models.m.hedge, expected a mapping or false in
llmbroker.yaml:5



=== TEST 41: no hedge at most
--- policy
    hedge: {after: 1, max: 0}
--- must_die
--- error_log
invalid value "0" for models.m.hedge.max, expected a whole number from 1 to 3 in
llmbroker.yaml:5



=== TEST 42: too many hedges
--- policy
    hedge: {after: 1, max: 4}
--- must_die
--- error_log
invalid value "4" for models.m.hedge.max, expected a whole number from 1 to 3 in
llmbroker.yaml:5



=== TEST 43: a share of nothing
--- policy
    hedge: {after: 1, share: 0}
--- must_die
--- error_log
invalid value "0" for models.m.hedge.share, expected a percentage from 1 to 100, such as 50 or 50% in
llmbroker.yaml:5



=== TEST 44: a share of more than all
--- policy
    hedge: {after: 1, share: 101%}
--- must_die
--- error_log
invalid value "101%" for models.m.hedge.share, expected a percentage from 1 to 100, such as 50 or 50% in
llmbroker.yaml:5



=== TEST 45: a share that is a fraction
--- policy
    hedge: {after: 1, share: 0.1}
--- must_die
--- error_log
invalid value "0.1" for models.m.hedge.share, expected a percentage from 1 to 100, such as 50 or 50% in
llmbroker.yaml:5



=== TEST 46: a share that is only a sign
--- policy
    hedge: {after: 1, share: "%"}
--- must_die
--- error_log
invalid value "%" for models.m.hedge.share, expected a percentage
llmbroker.yaml:5



=== TEST 47: a share that is a list
--- policy
    hedge: {after: 1, share: [1]}
--- must_die
--- error_log
invalid value for models.m.hedge.share, expected a percentage
llmbroker.yaml:5



=== TEST 48: a hedge has the time of proxy
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1", hedge: {max: 2}}
  n: {provider: openai, base_url: "http://127.0.0.1:1/v1", hedge: false}
proxy:
  hedge: {after: 1}



=== TEST 49: too many failures
--- policy
    breaker: {failures: 1001}
--- must_die
--- error_log
invalid value "1001" for models.m.breaker.failures, expected a whole number from 0 to 1000 in
llmbroker.yaml:5



=== TEST 50: a rate above all
--- policy
    breaker: {error_rate: 200}
--- must_die
--- error_log
invalid value "200" for models.m.breaker.error_rate, expected a percentage from 0 to 100, such as 50 or 50% in
llmbroker.yaml:5



=== TEST 51: a rate of no requests
--- policy
    breaker: {min_requests: 0}
--- must_die
--- error_log
invalid value "0" for models.m.breaker.min_requests, expected a whole number from 1 to 10000 in
llmbroker.yaml:5



=== TEST 52: a window of nothing
--- policy
    breaker: {window: 0}
--- must_die
--- error_log
invalid value "0" for models.m.breaker.window, expected a time from 100ms to 86400s in
llmbroker.yaml:5



=== TEST 53: a breaker that is open for no time
--- policy
    breaker: {open: 0}
--- must_die
--- error_log
invalid value "0" for models.m.breaker.open, expected a time from 1ms to 86400s in
llmbroker.yaml:5



=== TEST 54: a breaker that is open for more than its maximum
--- policy
    breaker:
      open: 20
      open_max: 10s
--- must_die
--- error_log
invalid value "20" for models.m.breaker.open, "open" is longer than "open_max" in
llmbroker.yaml:6



=== TEST 55: a breaker that is open for more than the maximum of proxy
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    breaker: {open: 20}
proxy:
  breaker: {open_max: 10}
--- must_die
--- error_log
invalid value "20" for models.m.breaker.open, "open" is longer than "open_max" in
llmbroker.yaml:4



=== TEST 56: a breaker that is a number
--- policy
    breaker: 3
--- must_die
--- error_log
invalid value "3" for models.m.breaker, expected a mapping or false in
llmbroker.yaml:5



=== TEST 57: a breaker that never opens
--- policy
    breaker: false



=== TEST 58: health checks with defaults
--- policy
    health_check: {}



=== TEST 59: no health checks
--- policy
    health_check: false



=== TEST 60: a health check with a model
--- policy
    health_check: {model: gpt-4o-mini}



=== TEST 61: health checks that are switched on
--- policy
    health_check: true
--- must_die
--- error_log
invalid value "true" for models.m.health_check, expected a mapping or false in
llmbroker.yaml:5



=== TEST 62: checks without a pause
--- policy
    health_check: {interval: 0}
--- must_die
--- error_log
invalid value "0" for models.m.health_check.interval, expected a time from 100ms to 86400s in
llmbroker.yaml:5



=== TEST 63: checks with hardly a pause
--- policy
    health_check: {interval: 99ms}
--- must_die
--- error_log
invalid value "99ms" for models.m.health_check.interval, expected a time from 100ms to 86400s in
llmbroker.yaml:5



=== TEST 64: a timeout of nothing
--- policy
    health_check: {timeout: 0}
--- must_die
--- error_log
invalid value "0" for models.m.health_check.timeout, expected a time from 1ms to 86400s in
llmbroker.yaml:5



=== TEST 65: a timeout above the interval
--- policy
    health_check:
      interval: 1
      timeout: 2
--- must_die
--- error_log
invalid value "2" for models.m.health_check.timeout, "timeout" is longer than "interval" in
llmbroker.yaml:7



=== TEST 66: a timeout above the interval of monitoring
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai}
proxy:
  health_check: {timeout: 20}
monitoring:
  health_check_interval: 10
--- must_die
--- error_log
invalid value "20" for proxy.health_check.timeout, "timeout" is longer than "interval" in
llmbroker.yaml:4



=== TEST 67: two kinds of checks
--- policy
    health_check: {path: /, model: m}
--- must_die
--- error_log
invalid value for models.m.health_check, it has both "path" and "model" in
llmbroker.yaml:5



=== TEST 68: another kind than that of proxy
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {model: gpt-4o-mini}
proxy:
  health_check: {path: /healthz}



=== TEST 69: a path without a slash
--- policy
    health_check: {path: healthz}
--- must_die
--- error_log
invalid value "healthz" for models.m.health_check.path, expected a path such as /healthz in
llmbroker.yaml:5



=== TEST 70: a path with a blank
--- policy
    health_check: {path: "/a b"}
--- must_die
--- error_log
invalid value "/a b" for models.m.health_check.path, expected a path such as /healthz in
llmbroker.yaml:5



=== TEST 71: a path with a line feed
--- policy
    health_check: {path: "/a\nX-Evil: 1"}
--- must_die
--- error_log
invalid value "/a?X-Evil: 1" for models.m.health_check.path, a control character is not allowed in it in
llmbroker.yaml:5



=== TEST 72: an empty path
--- policy
    health_check: {path: ""}
--- must_die
--- error_log
invalid value "" for models.m.health_check.path, expected a path such as /healthz in
llmbroker.yaml:5



=== TEST 73: a model of checks that is empty
--- policy
    health_check: {model: ""}
--- must_die
--- error_log
invalid value "" for models.m.health_check.model, expected a name in
llmbroker.yaml:5



=== TEST 74: checks by monitoring with hardly a pause
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai}
monitoring:
  health_check_interval: 50ms
--- must_die
--- error_log
invalid value "50ms" for monitoring.health_check_interval, expected 0 or a time from 100ms to 86400s in
llmbroker.yaml:4



=== TEST 75: checks by monitoring that are off
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
monitoring: {health_check_interval: 0}



=== TEST 76: an affinity to a header
--- policy
    affinity: $http_x_session_id



=== TEST 77: an affinity to a cookie
--- policy
    affinity: $cookie_sid



=== TEST 78: an affinity to the user
--- policy
    affinity: user



=== TEST 79: no affinity
--- policy
    affinity: none



=== TEST 80: an affinity to a variable of a map below it
--- policy
    affinity: $llmbroker_test_session



=== TEST 81: an affinity to a variable that nginx does not have
--- policy
    affinity: $remote_adr
--- must_die
--- error_log
unknown variable "$remote_adr" for models.m.affinity, did you mean "remote_addr"? in
llmbroker.yaml:5



=== TEST 82: and in proxy
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  affinity: $some_header_of_mine
--- must_die
--- error_log
unknown variable "$some_header_of_mine" for proxy.affinity in
llmbroker.yaml:4



=== TEST 83: an affinity to a word
--- policy
    affinity: session
--- must_die
--- error_log
invalid value "session" for models.m.affinity, expected none, user or a variable such as $http_x_session_id in
llmbroker.yaml:5



=== TEST 84: an affinity to a variable without a name
--- policy
    affinity: $
--- must_die
--- error_log
invalid value "$" for models.m.affinity, expected one variable, such as $http_x_session_id in
llmbroker.yaml:5



=== TEST 85: an affinity to two variables
--- policy
    affinity: $http_a$http_b
--- must_die
--- error_log
invalid value "$http_a$http_b" for models.m.affinity, expected one variable, such as $http_x_session_id in
llmbroker.yaml:5



=== TEST 86: a drain of nothing
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  drain_timeout: 0
--- must_die
--- error_log
invalid value "0" for proxy.drain_timeout, expected a time from 1ms to 86400s in
llmbroker.yaml:4



=== TEST 87: a cycle of fallbacks, and one to a model without its key
--- user_files
>>> llmbroker.yaml
models:
  a: {provider: openai, base_url: "http://127.0.0.1:1/v1", fallbacks: [b, c]}
  b: {provider: openai, base_url: "http://127.0.0.1:1/v1", fallbacks: [a]}
  c: {provider: openai, api_key: "${LLMBROKER_TEST_UNSET}"}
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.c is not available in
--- no_error_log
[emerg]



=== TEST 88: the file that shows every key
--- user_files eval: $::full
--- no_error_log
[emerg]
no effect in this version
