
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a unit test may ask of the shim beside nginx's own calls.
 */


#ifndef _NGX_SHIM_H_INCLUDED_
#define _NGX_SHIM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* writes to stderr, level NGX_LOG_ERR at first; debug needs a higher one */
extern ngx_log_t   ngx_shim_log;

/* allocations that still succeed before all fail; -1: none fails */
extern ngx_int_t   ngx_shim_allocs_left;

/* allocations and bytes taken from pools and by ngx_alloc() since the start */
extern ngx_uint_t  ngx_shim_allocs;
extern size_t      ngx_shim_bytes;

/* lines that ngx_log_error_core() was given */
extern ngx_uint_t  ngx_shim_logged;


#endif /* _NGX_SHIM_H_INCLUDED_ */
