/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import fs from 'node:fs';

import { open } from './lib/client.mjs';
import { dialects } from './lib/dialects.mjs';
import { model } from './lib/gateway.mjs';
import { stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { eventually, sanitized } from './lib/time.mjs';


/*
 * What a stream costs beside proxy_pass without buffering, of the same nginx
 * and provider: memory while it is open and says nothing, and system calls.
 */

/* words of which none repeats another, as a stream of DashScope's may */

const words = (n) => Array.from({ length: n }, (_, i) => ` word${i}`);

const long = { timeout: 300, first_token_timeout: 300, idle_timeout: 300 };


/* bytes of a process that no other has */

function own(pid) {
    const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');

    return text.match(/Private_Dirty:\s+(\d+)/)[1] * 1024;
}


/* system calls of a process that write, to sockets and files */

function writes(pid) {
    const text = fs.readFileSync(`/proc/${pid}/io`, 'utf8');

    return Number(text.match(/syscw: (\d+)/)[1]);
}


/* one gateway with a model "m", and with proxy_pass at /proxy/ */

async function beside(t, name, behaviour) {
    const { path } = dialects[name];
    const provider = await t.provider(behaviour);

    return t.gateway({
        models: { m: model(provider, {
            ...long, provider: name, model_name: 'm',
            base_url: `http://${provider.address}${path}` }) },
        http: `upstream a { server ${provider.address}; keepalive 8; }`,
        server: `location /proxy/ {
            proxy_pass http://a/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }`
    });
}


/* waits for N streams until each has brought its events */

async function opened(gateway, path, n, events) {
    const all = [];

    for (let i = 0; i < n; i += 50) {
        const some = Array.from({ length: Math.min(50, n - i) }, () =>
            open(gateway, { path, stream: true }));

        all.push(...some);
        await Promise.all(some.map((request) => request.event(events)));
    }

    return all;
}


async function closed(gateway, requests) {
    requests.forEach((request) => request.abort());

    await eventually('connections are closed', () =>
        fs.readdirSync(`/proc/${gateway.worker}/fd`).length < 40);
}


/* bytes for each of 300 open streams, of a worker that has had some before */

async function memory(t, name, path, events) {
    const { before: first, events: says } = dialects[name];
    const gateway = await beside(t, name, stream(says(...words(5)), {
        cut: first + 4, gap: 2, then: 'hang' }));
    const n = 300;

    await closed(gateway, await opened(gateway, path, 50, events));

    const before = own(gateway.worker);
    const requests = await opened(gateway, path, n, events);
    const grown = own(gateway.worker) - before;

    await closed(gateway, requests);

    return grown / n;
}


row('an open stream holds hardly more than with proxy_pass',
    { within: 120000, skip: sanitized }, async (t) => {
        const bare = await memory(t, 'openai', '/proxy/v1/chat/completions',
                                  5);

        assert.ok(bare > 8192, `proxy_pass: ${bare} bytes`);

        for (const name of ['openai', 'claude', 'qwen', 'gemini']) {
            const held = await memory(t, name, '/v1/chat/completions', 4);

            assert.ok(held < 1.5 * bare, `${name}: ${held} bytes a stream, `
                      + `${bare} with proxy_pass`);
        }
    });


row('what one read has brought leaves in one write', async (t) => {
    const said = words(60);

    for (const name of ['openai', 'claude', 'qwen', 'gemini']) {
        const list = dialects[name].events(...said);
        const gateway = await beside(t, name, stream(list, { gap: 3 }));
        const before = writes(gateway.worker);
        const request = open(gateway, { stream: true });

        await request.done;
        assert.equal(request.content, said.join(''));

        /* the request, the lines of both logs, and what ends the body */

        const made = writes(gateway.worker) - before;

        assert.ok(made <= list.length + 8,
                  `${name}: ${made} writes for ${list.length} events`);
        assert.ok(made >= said.length, `${name}: ${made} writes`);
    }
});
