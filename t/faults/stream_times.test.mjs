/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { assertBroken, assertError, assertStream, chat, open }
    from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { done, finish, role, word } from './lib/openai.mjs';
import { chunk, silent, stream } from './lib/provider.mjs';
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
