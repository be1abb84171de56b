/*
 * Copyright (C) LLMBroker contributors
 *
 * What happens while something else does: hedges beside connections that die,
 * clients that leave before the first word, a process that ends between two
 * steps of a call.
 */


import assert from 'node:assert/strict';

import { assertStream, chat, get } from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { fails, says } from './lib/openai.mjs';
import { after, cut } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { sleep } from './lib/time.mjs';


const hedge = { after: '30ms', share: 100 };

const deployment = async (gateway, n = 0) =>
    (await get(gateway, '/health')).json.models[0].deployments[n];


/* one behaviour after the other, whoever asks; the last one stays */

function inTurn(...behaviours) {
    let n = 0;

    return (call) => behaviours[Math.min(n++, behaviours.length - 1)](call);
}


row('P10 a kept connection that dies is replaced although a hedge runs',
    async (t) => {
        const a = await t.provider(inTurn(says('one'), after(80, cut),
                                          says('again')));
        const b = await t.provider(after(160, fails(500)));
        const gateway = await t.gateway({ models: {
            m: model([a, b], { hedge, breaker: false }),
            alone: model(a)
        } });

        assert.equal((await chat(gateway, { model: 'alone' })).status, 200);

        /* it dies after the hedge has begun, which has not failed yet */

        const answer = await chat(gateway, { stream: true });

        assertStream(answer, 'again');
        assert.equal(a.requests.length, 3);
        assert.equal(b.requests.length, 1);
        assert.equal((await deployment(gateway)).in_flight, 0);
    });


row('a probe whose kept connection dies beside a hedge is not lost',
    async (t) => {
        const a = await t.provider(inTurn(fails(500), after(60, cut),
                                          after(500, says('late')),
                                          says('a')));
        const b = await t.provider(inTurn(says('b'), after(150, says('b'))));
        const gateway = await t.between([a, b], {
            hedge, breaker: { failures: 1, open: '100ms' } });

        assert.match((await chat(gateway)).text, /"b"/);
        assert.equal((await deployment(gateway)).breaker, 'open');
        await sleep(150);

        /* the probe, on the connection that was kept */

        assert.match((await chat(gateway)).text, /"b"/);
        assert.equal((await deployment(gateway)).in_flight, 0);

        /* nobody has said that it works: the next one is the probe */

        assert.match((await chat(gateway)).text, /"a"/);
        assert.equal((await deployment(gateway)).breaker, 'closed');
    });
