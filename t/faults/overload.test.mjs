/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import net from 'node:net';

import { assertError, chat, get, open } from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { completion, role, word } from './lib/openai.mjs';
import { either, reply, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { eventually, sleep } from './lib/time.mjs';


row('O7 no connection is free: 503 in our form, and it passes by itself',
    async (t) => {
        const provider = await t.provider(either(
            reply(200, completion('fine')),
            stream([role, word('a')], { then: 'hang' })));
        const gateway = await t.gateway({
            models: { m: model(provider, { timeout: 30, idle_timeout: 30 }) },
            connections: 32,
            allow: [/32 worker_connections are not enough/]
        });

        /*
         * Two connections a stream.  Where none is left for the client either,
         * nginx closes what it cannot take; one more that is open makes it
         * the provider's that is missing.
         */

        const streams = [];
        let refused, idle;

        for (let i = 0; i < 40 && refused?.status === undefined; i++) {
            const request = open(gateway, { stream: true });

            await Promise.race([request.event(1).catch(() => { /* below */ }),
                                request.done]);

            if (request.ended === undefined) {
                streams.push(request);
                continue;
            }

            refused = request;

            if (request.status === undefined && !idle) {
                streams.pop().abort();
                await eventually('a connection that is closed', () =>
                    provider.open.length === streams.length);
                idle = t.also(await halfRequest(gateway));
            }
        }

        assert.ok(streams.length > 5, `${streams.length} streams`);
        assertError(refused, 503);

        /* those that are there do not suffer; the next is served again */

        assert.ok(streams.every((request) => request.ended === undefined));
        assert.equal(gateway.workers().length, 1);

        streams.forEach((request) => request.abort());
        await provider.idle();

        for (let i = 0; i < 5; i++) {
            assert.equal((await chat(gateway)).status, 200);
        }

        const { json } = await get(gateway, '/health');

        assert.equal(json.status, 'healthy');
    });


/* a connection that waits for the rest of a header */

async function halfRequest(gateway) {
    const socket = net.connect(gateway.port, '127.0.0.1');

    socket.on('error', () => { /* of the end */ });
    await new Promise((resolve) => socket.on('connect', resolve));
    socket.write('GET / HTTP/1.1\r\nHost:');
    await sleep(50);

    return { stop: () => socket.destroy() };
}
