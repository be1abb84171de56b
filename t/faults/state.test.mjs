/*
 * Copyright (C) LLMBroker contributors
 *
 * What workers know of a deployment is in shared memory: it survives them, and
 * a reload that shuffles the file.
 */


import assert from 'node:assert/strict';

import { assertError, chat, get, open } from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, error, says } from './lib/openai.mjs';
import { reply, silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { eventually, sleep } from './lib/time.mjs';


/* by alias: the first deployment as /health tells it */

const health = async (gateway) => {
    const { json } = await get(gateway, '/health');

    return Object.fromEntries(json.models.map(({ name, deployments }) =>
        [name, deployments[0]]));
};


row('O1 an open breaker survives a reload of a file in another order',
    async (t) => {
        const bad = await t.provider(reply(500, error('no')));
        const good = await t.provider(says('fine'));
        const breaker = { failures: 2, open: '60s' };
        const models = { bad: model(bad, { breaker }),
                         good: model(good, { breaker }) };
        const gateway = await t.gateway({ models, workers: 2 });

        for (let i = 0; i < 2; i++) {
            assertError(await chat(gateway, { model: 'bad' }), 502,
                        'provider_unavailable');
        }

        for (let i = 0; i < 3; i++) {
            const now = await health(gateway);

            assert.equal(now.bad.breaker, 'open');
            assert.equal(now.bad.status, 'down');
            assert.equal(now.bad.failures, 2);
            assert.ok(now.bad.retry_in > 50, `${now.bad.retry_in} s`);
            assert.equal(now.good.breaker, 'closed');
            assert.equal(now.good.status, 'up');

            gateway.options.models = i % 2 ? { ...models }
                : { [`new-${i}`]: model(good), good: models.good,
                    bad: models.bad };
            gateway.write();
            await gateway.reload();
        }

        /* another key is another deployment */

        gateway.options.models.bad = { ...models.bad, api_key: 'sk-other' };
        gateway.write();
        await gateway.reload();

        assert.equal((await health(gateway)).bad.breaker, 'closed');
    });


row('a probe closes the breaker with its first word, not with its last',
    async (t) => {
        const talks = stream(chunks(' a', ' b', ' c', ' d', ' e'),
                             { gap: 300 });
        const bad = reply(500, error('no'));
        let calls = 0;

        const provider = await t.provider((...args) =>
            (calls++ === 0 ? bad : talks)(...args));
        const gateway = await t.between(provider, {
            breaker: { failures: 1, open: '200ms' } });

        assertError(await chat(gateway), 502, 'provider_unavailable');
        assert.equal((await health(gateway)).m.breaker, 'open');
        await sleep(250);

        const probe = chat(gateway, { stream: true });

        await eventually('an answer that begins', async () =>
            (await health(gateway)).m.breaker === 'closed');
        assert.equal((await health(gateway)).m.in_flight, 1);

        assert.equal((await probe).status, 200);
    });


row('O4 an open breaker survives the kill -9 of all workers',
    async (t) => {
        const bad = await t.provider(reply(500, error('no')));
        const gateway = await t.between(bad, { breaker: { failures: 1,
                                                          open: '60s' } },
                                        { workers: 2,
                                          allow: [/exited on signal 9/] });

        assertError(await chat(gateway), 502, 'provider_unavailable');

        const old = gateway.workers();

        old.forEach((pid) => process.kill(pid, 'SIGKILL'));

        await eventually('other workers', () =>
            gateway.serving().length === 2
            && gateway.serving().every((pid) => !old.includes(pid)));

        const now = await health(gateway);

        assert.equal(now.m.breaker, 'open');
        assert.equal(now.m.in_flight, 0);
    });


row('O4 kill -9 of a worker takes its calls in flight with it', async (t) => {
    const mute = await t.provider(silent);
    const gateway = await t.between(mute, { timeout: 60,
                                            first_token_timeout: 60 },
                                    { allow: [/exited on signal 9/] });
    const counted = (n, within = 1000) =>
        eventually(`${n} calls in flight`, async () =>
            (await health(gateway)).m.in_flight === n, within);

    const requests = () => Array.from({ length: 3 }, () => open(gateway));
    const first = requests();

    await counted(3);
    process.kill(gateway.worker, 'SIGKILL');
    await Promise.all(first.map((request) => request.done));
    await counted(0);

    /* an old worker behind a reload is followed by no other */

    const second = requests();

    await counted(3);

    const old = gateway.worker;

    await gateway.reload();
    await counted(3);

    process.kill(old, 'SIGKILL');
    await Promise.all(second.map((request) => request.done));
    await counted(0, 4000);

    /* and a client that leaves */

    const third = requests();

    await counted(3);
    third.forEach((request) => request.abort());
    await counted(0);
});


row('O4 kill -9 of a worker lets another probe', async (t) => {
    const provider = await t.provider([reply(500, error('no')), silent,
                                       reply(200, completion('fine'))]);
    const gateway = await t.between(provider, {
        timeout: 60, first_token_timeout: 60, max_attempts: 1,
        breaker: { failures: 1, open: '200ms' }
    }, { allow: [/exited on signal 9/] });

    assertError(await chat(gateway), 502, 'provider_unavailable');
    await eventually('half open', async () =>
        (await health(gateway)).m.breaker === 'half_open', 1000);

    const probe = open(gateway);

    await provider.request(2);
    assertError(await chat(gateway), 503, 'no_healthy_deployment');

    process.kill(gateway.worker, 'SIGKILL');
    await probe.done;

    /* no lease of a minute */

    const answer = await chat(gateway);

    assert.equal(answer.status, 200);
    assert.equal((await health(gateway)).m.breaker, 'closed');
});


row('without a master process there is a state, too', async (t) => {
    const bad = await t.provider(reply(500, error('no')));
    const gateway = await t.between(bad, { breaker: { failures: 1,
                                                      open: '60s' } },
                                    { main: 'master_process off;' });

    assertError(await chat(gateway), 502, 'provider_unavailable');
    assert.equal((await health(gateway)).m.breaker, 'open');
});
