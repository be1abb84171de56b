
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * The client of "make bench": chat requests over connections that are kept, one
 * thread, epoll and a clock of nanoseconds.
 *
 *   load [options] port path bodies
 *
 * "bodies" is a file with one request body a line; they are sent in turn, so
 * that neither requests nor echoed answers are all alike.
 *
 *   -c N       connections (1)
 *   -d MS      requests begin for so long; those that have begun are finished
 *   -n N       or as many requests as that, in all
 *   -g US      between the first requests of two connections (0)
 *   -s N       answers are streams with N events that have content
 *   -k         says "open" when each stream has begun, and keeps them until
 *              the standard input ends
 *   -H TEXT    header lines, with CRLF between them
 *
 * A request is counted when its answer is complete and right: status 200 and
 * one JSON object, or that many events and [DONE].  Anything else ends the run
 * with status 1, 60 seconds too many with a signal.  The result is one line of
 * JSON.  Times are taken once a read, behind it: what comes together has one.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>


#define LOAD_LINE     16384
#define LOAD_SAMPLES  (4 * 1024 * 1024)


typedef enum {
    LOAD_HEAD = 0,
    LOAD_BODY,
    LOAD_CHUNK_SIZE,
    LOAD_CHUNK,
    LOAD_CHUNK_END,
    LOAD_LAST_END,
    LOAD_IDLE
} load_state_e;


typedef struct {
    char          *data;
    size_t         len;
} load_str_t;


/* times in ns */
typedef struct {
    float         *times;
    size_t         n;
    size_t         room;
} load_samples_t;


typedef struct {
    int            fd;
    load_state_e   state;
    load_str_t    *request;
    size_t         sent;
    uint64_t       began;
    uint64_t       last;      /* event */
    size_t         left;      /* of the body or the chunk */
    size_t         bytes;     /* of the body so far */
    size_t         events;
    char           first;     /* bytes of the body */
    char           end;
    int            done;      /* [DONE] was seen */
    size_t         len;
    char           line[LOAD_LINE];
} load_conn_t;


static void load_options(int argc, char **argv);
static void load_requests(const char *path, const char *bodies);
static void load_connect(int port);
static void load_run(void);
static void load_start(load_conn_t *c);
static void load_write(load_conn_t *c);
static void load_read(load_conn_t *c, int closed);
static size_t load_head(load_conn_t *c, const char *p, size_t n);
static void load_header(load_conn_t *c);
static size_t load_body(load_conn_t *c, const char *p, size_t n);
static size_t load_frame(load_conn_t *c, const char *p, size_t n);
static void load_data(load_conn_t *c, const char *p, size_t n);
static void load_append(load_conn_t *c, const char *p, size_t n);
static void load_event(load_conn_t *c, const char *p, size_t n);
static void load_complete(load_conn_t *c);
static void load_result(uint64_t took, uint64_t cpu);
static void load_add(load_samples_t *s, uint64_t time);
static void load_percentiles(const char *name, load_samples_t *s);
static void load_jitter(load_samples_t *s);
static int load_compare(const void *one, const void *two);
static void *load_alloc(void *p, size_t size);
static uint64_t load_now(clockid_t clock);
static void load_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));


static size_t          load_conns = 1;
static size_t          load_limit;         /* requests; 0: none */
static size_t          load_content;       /* events; 0: no stream */
static uint64_t        load_duration;      /* ns */
static uint64_t        load_gap;           /* ns */
static int             load_keep;
static const char     *load_headers = "Accept: */*";

static load_str_t     *load_request;
static size_t          load_nrequests;

static load_conn_t    *load_conn;
static int             load_epoll;
static uint64_t        load_time;          /* of the last read */
static uint64_t        load_deadline;
static size_t          load_active;
static size_t          load_begun;
static size_t          load_opened;        /* streams with content */
static size_t          load_answered;
static size_t          load_events;
static uint64_t        load_bytes;

static load_samples_t  load_latency, load_ttft, load_gaps;


int
main(int argc, char **argv)
{
    uint64_t  start, cpu;

    load_options(argc, argv);
    load_requests(argv[optind + 1], argv[optind + 2]);

    /* no wait is without an end: the signal ends the process */

    (void) alarm(60 + load_duration / 1000000000);

    load_connect(atoi(argv[optind]));

    cpu = load_now(CLOCK_PROCESS_CPUTIME_ID);
    start = load_now(CLOCK_MONOTONIC);
    load_deadline = start + load_duration;

    load_run();

    load_result(load_now(CLOCK_MONOTONIC) - start,
                load_now(CLOCK_PROCESS_CPUTIME_ID) - cpu);

    return 0;
}


static void
load_options(int argc, char **argv)
{
    int            c;
    struct rlimit  files;

    while ((c = getopt(argc, argv, "c:d:n:g:s:kH:")) != -1) {

        switch (c) {
        case 'c':
            load_conns = strtoul(optarg, NULL, 10);
            break;
        case 'd':
            load_duration = 1000000 * strtoull(optarg, NULL, 10);
            break;
        case 'n':
            load_limit = strtoul(optarg, NULL, 10);
            break;
        case 'g':
            load_gap = 1000 * strtoull(optarg, NULL, 10);
            break;
        case 's':
            load_content = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            load_keep = 1;
            break;
        case 'H':
            load_headers = optarg;
            break;
        default:
            exit(2);
        }
    }

    if (argc - optind != 3 || load_conns == 0
        || (load_duration == 0) == (load_limit == 0)
        || (load_limit && load_limit < load_conns))
    {
        load_die("usage: load [options] port path bodies, with -d or -n");
    }

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
}


/* Each request is one piece of memory, with its header. */

static void
load_requests(const char *path, const char *bodies)
{
    int          len;
    FILE        *file;
    char        *line;
    size_t       room;
    ssize_t      n;
    load_str_t  *r;

    file = fopen(bodies, "r");
    if (file == NULL) {
        load_die("%s: %s", bodies, strerror(errno));
    }

    line = NULL;
    room = 0;

    while ((n = getline(&line, &room, file)) > 0) {

        n -= (line[n - 1] == '\n');

        load_request = load_alloc(load_request,
                                  (load_nrequests + 1) * sizeof(load_str_t));
        r = &load_request[load_nrequests++];

        len = asprintf(&r->data, "POST %s HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\n"
                       "Content-Length: %zd\r\n%s\r\n\r\n%.*s",
                       path, n, load_headers, (int) n, line);

        if (len == -1) {
            load_die("no memory");
        }

        r->len = len;
    }

    free(line);
    fclose(file);

    if (load_nrequests == 0) {
        load_die("%s is empty", bodies);
    }
}


/* All connections are there, and accepted, before the first request. */

static void
load_connect(int port)
{
    int                 on;
    size_t              i;
    load_conn_t        *c;
    struct sockaddr_in  sin;
    struct epoll_event  ee;

    load_conn = load_alloc(NULL, load_conns * sizeof(load_conn_t));
    load_epoll = epoll_create1(0);

    on = 1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    for (i = 0; i < load_conns; i++) {

        c = &load_conn[i];
        c->state = LOAD_IDLE;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);

        if (c->fd == -1
            || connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
            || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
               == -1
            || fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
        {
            load_die("connection %zu: %s", i, strerror(errno));
        }

        ee.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        ee.data.ptr = c;

        if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
            load_die("epoll_ctl: %s", strerror(errno));
        }

        /* a queue of connections is short: it is given the time */

        if (i % 64 == 63) {
            usleep(2000);
        }
    }

    usleep(20000);
}


static void
load_run(void)
{
    int                 i, n, timer;
    size_t              next;
    uint64_t            times;
    struct epoll_event  events[256], ee;
    struct itimerspec   its;

    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    memset(&its, 0, sizeof(its));
    its.it_value.tv_nsec = 1;
    its.it_interval.tv_sec = load_gap / 1000000000;
    its.it_interval.tv_nsec = load_gap % 1000000000;

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (timer == -1 || timerfd_settime(timer, 0, &its, NULL) == -1
        || epoll_ctl(load_epoll, EPOLL_CTL_ADD, timer, &ee) == -1)
    {
        load_die("timer: %s", strerror(errno));
    }

    next = 0;

    while (next < load_conns || load_active) {

        n = epoll_wait(load_epoll, events, 256, -1);

        if (n == -1 && errno != EINTR) {
            load_die("epoll_wait: %s", strerror(errno));
        }

        for (i = 0; i < n; i++) {

            if (events[i].data.ptr) {
                load_read(events[i].data.ptr,
                          events[i].events & (EPOLLRDHUP|EPOLLHUP));
                continue;
            }

            if (read(timer, &times, sizeof(times)) != sizeof(times)) {
                continue;
            }

            if (load_gap == 0) {
                times = load_conns;
            }

            while (times-- && next < load_conns) {
                load_active++;
                load_start(&load_conn[next++]);
            }

            if (next == load_conns) {
                (void) epoll_ctl(load_epoll, EPOLL_CTL_DEL, timer, NULL);
            }
        }

        if (load_keep && load_opened == load_conns) {
            printf("open\n");
            fflush(stdout);

            while (getchar() != EOF) { /* void */ }

            return;
        }
    }
}


static void
load_start(load_conn_t *c)
{
    c->request = &load_request[load_begun++ % load_nrequests];
    c->state = LOAD_HEAD;
    c->sent = 0;
    c->bytes = 0;
    c->events = 0;
    c->done = 0;
    c->len = 0;
    c->began = load_now(CLOCK_MONOTONIC);

    load_write(c);
}


static void
load_write(load_conn_t *c)
{
    ssize_t  n;

    while (c->sent < c->request->len) {

        n = send(c->fd, c->request->data + c->sent, c->request->len - c->sent,
                 MSG_NOSIGNAL);

        if (n == -1) {
            if (errno == EAGAIN) {
                return;
            }

            /* what was answered instead tells more */

            c->sent = c->request->len;
            return;
        }

        c->sent += n;
    }
}


/* Edge-triggered: a read that leaves room in the buffer has taken all. */

static void
load_read(load_conn_t *c, int closed)
{
    size_t       done;
    ssize_t      n;
    static char  buf[131072];

    if (c->state != LOAD_IDLE) {
        load_write(c);
    }

    do {
        n = recv(c->fd, buf, sizeof(buf), 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            load_die("a connection was closed %s: %s",
                     c->state == LOAD_IDLE ? "between answers"
                                           : "in an answer",
                     n == 0 ? "end" : strerror(errno));
        }

        load_time = load_now(CLOCK_MONOTONIC);
        load_bytes += n;

        for (done = 0; done < (size_t) n; /* void */ ) {

            if (c->state == LOAD_IDLE) {
                load_die("bytes behind an answer");
            }

            done += c->state == LOAD_HEAD
                    ? load_head(c, buf + done, n - done)
                    : load_body(c, buf + done, n - done);
        }

    } while (n == sizeof(buf) || closed);
}


/* Returns how many of the bytes belong to the header. */

static size_t
load_head(load_conn_t *c, const char *p, size_t n)
{
    char    *end;
    size_t   before, len;

    before = c->len;
    len = n < LOAD_LINE - 1 - before ? n : LOAD_LINE - 1 - before;

    load_append(c, p, len);
    c->line[c->len] = '\0';

    end = strstr(c->line, "\r\n\r\n");

    if (end == NULL) {
        if (c->len == LOAD_LINE - 1) {
            load_die("a header is too long");
        }

        return len;
    }

    len = end + 4 - c->line - before;

    if (strncmp(c->line, "HTTP/1.1 200", 12) != 0) {
        load_die("an answer is none:\n%s", c->line);
    }

    end[2] = '\0';
    load_header(c);
    c->len = 0;

    return len;
}


static void
load_header(load_conn_t *c)
{
    const char  *p;

    p = strcasestr(c->line, "\r\nContent-Length:");

    if (p) {
        c->left = strtoul(p + 17, NULL, 10);
        c->state = LOAD_BODY;

        if (c->left == 0) {
            load_die("an answer is empty");
        }

        return;
    }

    p = strcasestr(c->line, "\r\nTransfer-Encoding: chunked\r\n");

    if (p == NULL) {
        load_die("the length of an answer is not known:\n%s", c->line);
    }

    c->left = 0;
    c->state = LOAD_CHUNK_SIZE;
}


/* Returns how many of the bytes were of use. */

static size_t
load_body(load_conn_t *c, const char *p, size_t n)
{
    if (c->state != LOAD_BODY && c->state != LOAD_CHUNK) {
        return load_frame(c, p, n);
    }

    n = n < c->left ? n : c->left;

    load_data(c, p, n);

    c->left -= n;

    if (c->left == 0) {
        if (c->state == LOAD_BODY) {
            load_complete(c);

        } else {
            c->state = LOAD_CHUNK_END;
        }
    }

    return n;
}


/* What stands between chunks: up to the next line feed. */

static size_t
load_frame(load_conn_t *c, const char *p, size_t n)
{
    char         ch;
    size_t       i;
    const char  *digit;

    static const char  hex[] = "0123456789abcdef0123456789ABCDEF";

    for (i = 0; i < n; i++) {
        ch = p[i];

        if (ch == '\r') {
            continue;
        }

        if (ch != '\n') {

            if (c->state == LOAD_CHUNK_SIZE) {
                digit = strchr(hex, ch);

                if (digit == NULL || ch == '\0') {
                    load_die("a chunk's size is none");
                }

                c->left = c->left * 16 + (digit - hex) % 16;

            } else {
                load_die("a chunk is too long, or a trailer behind the last");
            }

            continue;
        }

        if (c->state == LOAD_CHUNK_END) {
            c->state = LOAD_CHUNK_SIZE;

        } else if (c->state == LOAD_CHUNK_SIZE) {
            c->state = c->left ? LOAD_CHUNK : LOAD_LAST_END;

        } else {
            load_complete(c);
        }

        return i + 1;
    }

    return n;
}


static void
load_data(load_conn_t *c, const char *p, size_t n)
{
    char  *lf;

    if (c->bytes == 0) {
        c->first = *p;
    }

    c->bytes += n;

    if (load_content == 0) {

        while (n && (p[n - 1] == '\n' || p[n - 1] == '\r')) {
            n--;
        }

        if (n) {
            c->end = p[n - 1];
        }

        return;
    }

    while ((lf = memchr(p, '\n', n)) != NULL) {

        if (c->len) {
            load_append(c, p, lf - p);
            load_event(c, c->line, c->len);
            c->len = 0;

        } else {
            load_event(c, p, lf - p);
        }

        n -= lf + 1 - p;
        p = lf + 1;
    }

    load_append(c, p, n);
}


static void
load_append(load_conn_t *c, const char *p, size_t n)
{
    if (n > LOAD_LINE - c->len) {
        load_die("a line is too long");
    }

    memcpy(c->line + c->len, p, n);
    c->len += n;
}


/* One line of a stream; of OpenAI's, each event is one. */

static void
load_event(load_conn_t *c, const char *p, size_t n)
{
    const char  *content;

    static const char  done[] = "data: [DONE]";
    static const char  error[] = "data: {\"error\"";
    static const char  name[] = "\"content\":\"";

    if (n > 0 && p[n - 1] == '\r') {
        n--;
    }

    if (n == sizeof(done) - 1 && memcmp(p, done, n) == 0) {
        c->done = 1;
        return;
    }

    if (n >= sizeof(error) - 1 && memcmp(p, error, sizeof(error) - 1) == 0) {
        load_die("an event is an error: %.*s", (int) n, p);
    }

    content = memmem(p, n, name, sizeof(name) - 1);

    if (content == NULL || content[sizeof(name) - 1] == '"') {
        return;
    }

    if (c->done) {
        load_die("an event behind [DONE]");
    }

    if (c->events++ == 0) {
        load_opened++;
        load_add(&load_ttft, load_time - c->began);

    } else {
        load_add(&load_gaps, load_time - c->last);
    }

    c->last = load_time;
    load_events++;
}


static void
load_complete(load_conn_t *c)
{
    if (load_content) {

        if (c->events != load_content || !c->done) {
            load_die("a stream has %zu events of %zu%s", c->events,
                     load_content, c->done ? "" : ", and no [DONE]");
        }

    } else if (c->first != '{' || c->end != '}') {
        load_die("an answer is no JSON: from \"%c\" to \"%c\"", c->first,
                 c->end);
    }

    load_answered++;
    load_add(&load_latency, load_time - c->began);

    c->state = LOAD_IDLE;

    if (load_limit ? load_begun < load_limit : load_time < load_deadline) {
        load_start(c);

    } else {
        load_active--;
    }
}


static void
load_result(uint64_t took, uint64_t cpu)
{
    printf("{\"requests\":%zu,\"events\":%zu,\"bytes\":%llu,"
           "\"seconds\":%.6f,\"cpu\":%.6f", load_answered, load_events,
           (unsigned long long) load_bytes, took / 1e9, cpu / 1e9);

    load_percentiles("latency", &load_latency);
    load_percentiles("ttft", &load_ttft);
    load_jitter(&load_gaps);

    printf("}\n");
}


static void
load_add(load_samples_t *s, uint64_t time)
{
    if (s->n == LOAD_SAMPLES) {
        return;
    }

    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 4096;
        s->times = load_alloc(s->times, s->room * sizeof(float));
    }

    s->times[s->n++] = time;
}


/* microseconds: the median and the 99th percentile */

static void
load_percentiles(const char *name, load_samples_t *s)
{
    if (s->n == 0) {
        return;
    }

    qsort(s->times, s->n, sizeof(float), load_compare);

    printf(",\"%s\":{\"p50\":%.1f,\"p99\":%.1f}", name,
           s->times[s->n / 2] / 1e3, s->times[s->n * 99 / 100] / 1e3);
}


/* How far the time between two events is from its median. */

static void
load_jitter(load_samples_t *s)
{
    float   median;
    size_t  i;

    if (s->n == 0) {
        return;
    }

    load_percentiles("gap", s);

    median = s->times[s->n / 2];

    for (i = 0; i < s->n; i++) {
        s->times[i] = s->times[i] < median ? median - s->times[i]
                                           : s->times[i] - median;
    }

    load_percentiles("jitter", s);
}


static int
load_compare(const void *one, const void *two)
{
    float  a, b;

    a = *(const float *) one;
    b = *(const float *) two;

    return (a > b) - (a < b);
}


static void *
load_alloc(void *p, size_t size)
{
    p = realloc(p, size);

    if (p == NULL) {
        load_die("no memory");
    }

    return p;
}


static uint64_t
load_now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}


static void
load_die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);
    exit(1);
}
