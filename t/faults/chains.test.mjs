/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { assertAttempts } from './lib/attempts.mjs';
import { assertError, assertStream, chat, open, open2, session }
    from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, fails, role, says } from './lib/openai.mjs';
import { after, either, refusing, reply, reset, silent, stream }
    from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, eventually, now, sleep }
    from './lib/time.mjs';


row('P5 several keys of one endpoint: one is refused, the next is tried',
    async (t) => {
        const good = says('fine');
        const provider = await t.provider((call) => {
            const key = call.request.headers.authorization;

            return (key === 'Bearer dead' ? fails(401, 'no such key')
                : key === 'Bearer poor' ? fails(429, 'slow down', {
                    'Retry-After': '30' }) : good)(call);
        });
        const gateway = await t.gateway({ models: { m: {
            provider: 'openai', base_url: provider.url,
            deployments: [{ api_key: 'dead', priority: 0 },
                          { api_key: 'poor', priority: 1 },
                          { api_key: 'good', priority: 2 }]
        } } });

        const first = await chat(gateway);

        assert.equal(first.status, 200);
        await assertAttempts(gateway, first, [provider, provider, provider],
                             [401, 429, 200]);

        for (let i = 0; i < 5; i++) {
            await assertAttempts(gateway, await chat(gateway), [provider],
                                 [200]);
        }

        /* all over one connection, since nothing was wrong with it */

        assert.equal(provider.connections.length, 1);
        assert.ok(!gateway.log().includes('dead'));
    });


row('embeddings and completions are asked elsewhere, too', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider((call) => reply(200,
        call.request.path.endsWith('/embeddings')
            ? { object: 'list', model: 'e', data: [{
                object: 'embedding', index: 0, embedding: [0.5, 1] }],
                usage: { prompt_tokens: 1, total_tokens: 1 } }
            : { id: 'cmpl-1', object: 'text_completion', created: 1,
                model: 'c', choices: [{ text: 'fine', index: 0,
                                        finish_reason: 'stop',
                                        logprobs: null }] })(call));
    const gateway = await t.between([a, b]);

    const vectors = await chat(gateway, {
        path: '/v1/embeddings', body: '{"model":"m","input":"a"}' });

    assert.equal(vectors.status, 200, vectors.text);
    assert.deepEqual(vectors.json.data[0].embedding, [0.5, 1]);
    await assertAttempts(gateway, vectors, [a, b], [500, 200]);

    const text = await chat(gateway, {
        path: '/v1/completions', body: '{"model":"m","prompt":"a"}' });

    assert.equal(text.json.choices[0].text, 'fine');
    await assertAttempts(gateway, text, [a, b], [500, 200]);
});


row('many streams of one HTTP/2 connection, all over failing providers',
    async (t) => {
        const a = await t.provider(either(
            reset, stream([role], { then: 'reset' })));
        const b = await t.provider(after(30, fails(503)));
        const c = await t.provider(either(
            after(20, reply(200, completion('fine'))),
            stream(chunks('fi', 'ne'), { gap: 10 })));
        const gateway = await t.gateway({
            models: { m: model([a, b, c], { breaker: false }) },
            listen: 'http2', server: 'http2_max_concurrent_streams 256;'
        });
        const one = await session(gateway);
        const all = Array.from({ length: 100 }, (_, i) =>
            open2(one, { stream: i % 2 === 0 }));

        for (const [i, request] of all.entries()) {
            await request.done;

            if (i % 2) {
                assert.equal(request.json.choices[0].message.content, 'fine');

            } else {
                assertStream(request, 'fine');
            }

            await assertAttempts(gateway, request, [a, b, c]);
        }

        one.destroy();
    });


row('32 MB are sent to one after the other', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(reset);
    const c = await t.provider(says('fine'));
    const gateway = await t.between([a, b, c], { timeout: 20 });
    const content = 'x'.repeat(32 << 20);
    const answer = await chat(gateway, { content });

    assert.equal(answer.status, 200, answer.text);

    for (const { requests: [{ body }] } of [a, b, c]) {
        assert.equal(body.length, c.requests[0].body.length);
        assert.ok(body.equals(c.requests[0].body));
        assert.ok(body.length > content.length);
    }
});


row('a provider that answers before it has read all', async (t) => {

    /* with a refusal and the end of the connection, as servers do with 413 */

    const refuses = await t.provider(says('never'), {
        onData: (connection, socket) => {
            if (connection.refused) {
                return true;
            }

            connection.refused = true;
            socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n'
                         + 'Connection: close\r\n\r\n{}');
            setTimeout(() => socket.destroy(), 50);

            return true;
        }
    });
    const b = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: {
        m: model([refuses, b], { timeout: 5 }) } });
    const answer = await chat(gateway, { content: 'x'.repeat(16 << 20) });

    /* its word, or that of the next: but one of the two, and soon */

    assert.ok([200, 413].includes(answer.status), answer.text);
    assertWithin(answer.started, answer.ended, 1500);
});


row('O1 a chain that has begun goes on in the old worker', async (t) => {
    const a = await t.provider(after(400, fails(500)));
    const b = await t.provider(either(
        after(400, reply(200, completion('fine'))),
        stream(chunks('fi', 'ne'), { gap: 200 })));
    const gateway = await t.between([a, b], {
        hedge: false, breaker: false, max_attempts: 4 });
    const requests = [open(gateway), open(gateway, { stream: true })];

    await a.request(2);

    const old = gateway.workers();

    await gateway.reload();

    const [buffered, streamed] = await Promise.all(
        requests.map((request) => request.done));

    assert.equal(buffered.json.choices[0].message.content, 'fine');
    assertStream(streamed, 'fine');

    for (const request of requests) {
        await assertAttempts(gateway, request, [a, b]);
        assert.ok(old.includes((await gateway.entry(request.id)).pid));
    }
});


row('a fallback that cannot be used is passed over', async (t) => {
    const b = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: {
        m: model(refusing(), { fallbacks: ['keyless', 'other'] }),
        keyless: model(refusing(), { api_key: '${FAULTS_NEVER_SET}' }),
        other: model(b)
    } });
    const answer = await chat(gateway);

    assert.equal(answer.status, 200, answer.text);
    await assertAttempts(gateway, answer, 2);

    /* nor does it hide what went wrong */

    b.script = fails(503, 'the last word');
    assert.equal(assertError(await chat(gateway), 503).message,
                 'the last word');
});


row('affinity without a value is none', async (t) => {
    const a = await t.provider(says('a'));
    const b = await t.provider(says('b'));
    const gateway = await t.gateway({ models: {
        m: model([a, b].map(({ url }) => ({ url,
                                            deployment: { priority: 0 } })),
                 { affinity: '$http_x_session_id' }) } });

    for (let i = 0; i < 20; i++) {
        await chat(gateway, i % 2 ? { headers: { 'x-session-id': '' } } : {});
    }

    assert.equal(a.requests.length, 10);
    assert.equal(b.requests.length, 10);
});


row('the deadline ends a pause, too', async (t) => {
    const a = await t.provider(fails(500));
    const gateway = await t.gateway({ models: { m: model(a, {
        max_attempts: 8, backoff: 4, backoff_max: 4, deadline: 0.4,
        breaker: false }) } });

    await Promise.all(Array.from({ length: 10 }, async () => {
        const answer = await chat(gateway);

        assert.ok([502, 504].includes(answer.status), answer.text);
        assertError(answer, answer.status);
        assertWithin(answer.started, answer.ended, 450);
    }));
});


row('Retry-After is honest when one is ejected and one is limited',
    async (t) => {
        const a = await t.provider(fails(500));
        const b = await t.provider(fails(429, 'slow', { 'Retry-After': '7' }));
        const gateway = await t.between([a, b], {
            breaker: { failures: 1, open: 3, open_max: 3 } });

        await chat(gateway);

        const answer = await chat(gateway);

        assertError(answer, 429);

        const wait = Number(answer.head['retry-after']);

        assert.ok(wait >= 2 && wait <= 3, `${wait}`);
    });


row('the time to the first token counts from the first call', async (t) => {
    const a = await t.provider(after(300, fails(500)));
    const b = await t.provider(after(200, says('fine')));
    const gateway = await t.between([a, b]);

    for (const streamed of [false, true]) {
        const answer = await chat(gateway, { stream: streamed });
        const { ttft, time } = await gateway.entry(answer.id);

        assert.equal(answer.status, 200);
        assertAfter(0, ttft * 1000, 500, 50, 'the first token');
        assertAfter(0, time * 1000, 500, 60, 'the request');
    }
});


row('many at once through a provider that dies and comes back', async (t) => {
    const a = await t.provider(says('fine'));
    const b = await t.provider(after(5, says('fine')));
    const gateway = await t.gateway({ workers: 2, models: {
        m: model([a, b].map(({ url }) => ({ url,
                                            deployment: { priority: 0 } })),
                 { breaker: { failures: 3, open: '100ms',
                              open_max: '200ms' } }) } });
    const failed = [];
    let going = true;

    const load = Promise.all(Array.from({ length: 10 }, async (_, i) => {
        while (going) {
            const answer = await chat(gateway, { stream: i % 2 === 0 });

            if (answer.status !== 200 || !/fine/.test(answer.text)) {
                failed.push(answer.text || String(answer.error));
            }
        }
    }));

    for (let i = 0; i < 6; i++) {
        await sleep(150);

        const before = a.requests.length;

        /* those that it is just answering are cut, and asked of the other */

        await a.stop();
        await sleep(150);
        await a.listen();
        await eventually('its return', () => a.requests.length > before + 5);
    }

    going = false;
    await load;

    assert.deepEqual(failed, []);
});


row('a hedge may be of a stream that commits with its header', async (t) => {
    const mute = await t.provider(silent);
    const b = await t.provider(stream(chunks('fi', 'ne'), { gap: 20 }));
    const gateway = await t.between([mute, b], {
        stream_commit: 'header', hedge: { after: '150ms', share: 100 } });
    const request = open(gateway, { stream: true });

    await request.headers;
    assertWithin(request.started, now(), 250);
    assertStream(await request.done, 'fine');
    await assertAttempts(gateway, request, 2);
    await mute.idle();
});
