
/*
 * Copyright (C) LLMBroker contributors
 *
 * A zone of shared memory as nginx gives it to the module, and processes that
 * use it.
 */


#ifndef _ZONE_H_INCLUDED_
#define _ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "state/ngx_http_llmbroker_state.h"
#include "unit.h"


/* memory that is shared with children, all zero */
static inline void *
zone_memory(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }

    return p;
}


/* a zone for so many workers, prepared */
static inline ngx_shm_zone_t *
zone_create(size_t size, ngx_uint_t workers)
{
    ngx_shm_zone_t   *zone;
    ngx_slab_pool_t  *shpool;

    zone = zone_memory(sizeof(ngx_shm_zone_t));
    shpool = zone_memory(size);

    shpool->start = (u_char *) shpool + sizeof(ngx_slab_pool_t);
    shpool->end = (u_char *) shpool + size;

    zone->shm.addr = (u_char *) shpool;
    zone->shm.size = size;

    if (ngx_http_llmbroker_state_init(zone, NULL, workers) != NGX_OK) {
        printf("Bail out! no zone\n");
        exit(1);
    }

    return zone;
}


static inline ngx_http_llmbroker_state_t *
zone_state(ngx_shm_zone_t *zone, const char *text)
{
    ngx_str_t  name;

    name.data = (u_char *) text;
    name.len = strlen(text);

    return ngx_http_llmbroker_state_get(zone, &name);
}


/* as nginx starts a worker: a child in a slot; 0 in the child */
static inline ngx_pid_t
zone_fork(ngx_shm_zone_t *zone, ngx_int_t slot)
{
    ngx_pid_t  pid;

    fflush(stdout);

    pid = fork();

    if (pid == -1) {
        perror("fork");
        exit(1);
    }

    if (pid == 0) {
        ngx_pid = getpid();
        ngx_process_slot = slot;
        ngx_http_llmbroker_state_process(zone,
                                 ngx_http_llmbroker_state_generation(zone));
    }

    return pid;
}


/* waits until a child has set the word */
static inline void
zone_await(volatile ngx_uint_t *word, ngx_uint_t value)
{
    ngx_uint_t  i;

    for (i = 0; i < 10000 && *word != value; i++) {
        (void) poll(NULL, 0, 1);
    }
}


/* ends a child, at once */
static inline void
zone_kill(ngx_pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
}


#endif /* _ZONE_H_INCLUDED_ */
