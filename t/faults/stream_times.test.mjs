/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { assertBroken, assertError, assertStream, chat, open }
    from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { done, finish, role, says, word } from './lib/openai.mjs';
import { bytes, chunk, silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, now } from './lib/time.mjs';


row('the first token and the whole have their time', async (t) => {
    const gap = 150;
    const a = await t.provider(silent);
    const late = await t.provider(stream([role], { then: 'hang' }));
    const slow = await t.provider(stream(
        [role, ...Array.from({ length: 16 }, () => word('a')), finish, done],
        { gap }));
    const models = {
        silent: model(a, { first_token_timeout: 0.5 }),
        role: model(late, { first_token_timeout: 0.5 }),
        idle: model(late, { stream_commit: 'header', idle_timeout: 0.5,
                            first_token_timeout: 0.5 }),
        whole: model(slow, { timeout: 1.5 }),
        steady: model(slow, { first_token_timeout: 0.5, idle_timeout: 1,
                              timeout: 20 })
    };
    const gateway = await t.gateway({ models });

    const [first, held, idle, whole, steady] = await Promise.all(
        Object.keys(models).map((name) => chat(gateway, { model: name,
                                                          stream: true })));

    assertError(first, 504, 'provider_timeout');
    assertAfter(first.started, first.ended, 500, 50, 'the first token');

    assertError(held, 504, 'provider_timeout');
    assertAfter(held.started, held.ended, 500, 50, 'the first word');

    assertBroken(idle, '', 'provider_timeout');
    assertAfter(idle.started, idle.ended, 500, 50, 'silence');

    assertBroken(whole, whole.content, 'provider_timeout');
    assertAfter(whole.started, whole.ended, 1500, 50, 'the whole');
    assert.ok(whole.content.length >= 7, whole.content);

    assertStream(steady, 'a'.repeat(16));
});


row('P8 a stall after words that come slowly, and none that is none',
    async (t) => {
        const gaps = [0, 40, 100, 150, 220, 290];
        const list = Array.from({ length: 8 }, () => word('a'));
        const models = {};
        const stalls = [];

        for (const [i, gap] of gaps.entries()) {
            stalls.push(await t.provider(stream([role, ...list],
                                                { gap, then: 'hang' })));
            models[`stall${i}`] = model(stalls[i], { idle_timeout: 1,
                                                     first_token_timeout: 4 });
            models[`steady${i}`] = model(await t.provider(
                stream([role, ...list, finish, done], { gap })),
                                         { idle_timeout: `${gap + 100}ms` });
        }

        const gateway = await t.gateway({ models });

        await Promise.all(gaps.map(async (gap, i) => {
            const [stalled, steady] = await Promise.all([
                chat(gateway, { model: `stall${i}`, stream: true }),
                chat(gateway, { model: `steady${i}`, stream: true })
            ]);
            const broken = assertBroken(stalled, 'aaaaaaaa',
                                        'provider_timeout');

            assertAfter(stalls[i].requests[0].last, broken.at, 1000, 50,
                        `the error event, ${gap} ms apart,`);
            assertStream(steady, 'aaaaaaaa');
        }));
    });


row('on_client_abort: drain has its bounds', async (t) => {
    const flood = chunk(word('x'.repeat(1000)).repeat(50));
    const endless = await t.provider(async (call) => {
        await stream([role, word('a')], { then: 'keep' })(call);

        while (call.sent < 512 << 20 && await call.write(flood)) { /* void */ }
    });
    const stalls = await t.provider(stream([role, word('a')],
                                           { then: 'hang' }));
    const more = { on_client_abort: 'drain', timeout: 3, idle_timeout: 1 };
    const gateway = await t.gateway({ models: {
        endless: model(endless, more), stalls: model(stalls, more) } });

    await Promise.all([endless, stalls].map(async (a) => {
        const request = open(gateway, {
            stream: true, model: a === endless ? 'endless' : 'stalls' });

        await request.event(2);

        const left = now();

        request.abort();
        await a.idle(8000);
        assertWithin(left, a.connections[0].closed,
                     a === endless ? 3100 : 1100, 'closing');
        assert.ok(await gateway.entry(request.id));
    }));
});


/* sends a piece from time to time, as long as somebody is there */

function drips(start, piece, gap) {
    return async (call) => {
        await call.write(start);

        while (call.alive) {
            await call.write(piece);
            await call.sleep(gap);
        }
    };
}


const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n';


row('P2 what drips without a word is as good as silence', async (t) => {
    const cases = {
        header: drips('HTTP/1.1 200 OK\r\nX-Drip: ', 'x', 50),
        headers: drips('HTTP/1.1 200 OK\r\n', 'X-Drip: x\r\n', 20),
        hints: drips('', 'HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n', 50),
        pings: drips(`${head}\r\n`, ': ping\n\n', 50),
        event: drips(`${head}\r\ndata: {"id":"`, 'x', 50),
        roles: drips(`${head}\r\n`, role, 100)
    };
    const b = await t.provider(stream([role, word('fine'), finish, done]));
    const models = {};

    for (const [name, behaviour] of Object.entries(cases)) {
        models[name] = model([await t.provider(behaviour), b],
                             { first_token_timeout: 1, idle_timeout: 1 });
    }

    const gateway = await t.gateway({ models });

    await Promise.all(Object.keys(cases).map(async (name) => {
        const answer = await chat(gateway, { model: name, stream: true });

        assertStream(answer, 'fine');
        assertAfter(answer.started, answer.ended, 1000, 50, name);
    }));
});


row('P8 a buffered answer that stalls or drips is asked elsewhere',
    async (t) => {
        const half = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
            + 'Content-Length: 1000000\r\n\r\n{"id":"x","choices":[{"index":0';
        const stalls = await t.provider(bytes(half, 'hang'));
        const dripping = await t.provider(drips(half, ' ', 50));
        const b = await t.provider(says('fine'));
        const gateway = await t.gateway({ models: {
            stalls: model([stalls, b], { idle_timeout: 1 }),
            drips: model([dripping, b], { timeout: 1.5, idle_timeout: 1 })
        } });

        await Promise.all([['stalls', 1000], ['drips', 1500]].map(
            async ([name, ms]) => {
                const answer = await chat(gateway, { model: name });

                assert.equal(answer.json.choices[0].message.content, 'fine');
                assertAfter(answer.started, answer.ended, ms, 50, name);
                assert.equal(answer.head['x-llmbroker-attempts'], '2');
            }));
    });
