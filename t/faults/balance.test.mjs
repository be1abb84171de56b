/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import http from 'node:http';

import { assertAttempts } from './lib/attempts.mjs';
import { assertError, assertStream, chat, open } from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { completion, fails, role, says, word } from './lib/openai.mjs';
import { after, either, reply, silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, eventually, now, sleep }
    from './lib/time.mjs';


/* deployments that differ by nothing but what is said */

function equal(providers, more = {}) {
    return model(providers.map((provider) => ({
        url: provider.url,
        deployment: { priority: 0, ...provider.deployment } })), more);
}


function weighing(provider, weight) {
    provider.deployment = { weight };

    return provider;
}


/* N requests by some clients at a time */

async function load(gateway, n, options = {}, clients = 8, keepAlive = true) {
    const agent = new http.Agent({ keepAlive, maxSockets: clients });
    const found = [];
    let left = n;

    await Promise.all(Array.from({ length: clients }, async () => {
        while (left-- > 0) {
            found.push(await chat(gateway, { agent, ...options }));
        }
    }));

    agent.destroy();

    return found;
}


row('weights within 5 % over 2,000 requests, whichever worker serves them',
    async (t) => {
        const providers = [];

        for (const weight of [5, 3, 2]) {
            providers.push(weighing(await t.provider(says(`${weight}`)),
                                    weight));
        }

        const gateway = await t.gateway({
            models: { m: equal(providers) }, workers: 2 });
        const n = 2000;

        /* a few kept connections may all be one worker's */

        const found = await load(gateway, n, {}, 16, false);

        assert.ok(found.every(({ status }) => status === 200));
        assert.ok(new Set(gateway.entries().map(({ pid }) => pid)).size === 2);

        for (const { requests, deployment: { weight } } of providers) {
            const share = n * weight / 10;

            assert.ok(Math.abs(requests.length - share) <= share * 0.05,
                      `${requests.length} requests for weight ${weight}`);
        }

        /* and they are mixed: no long run of the same */

        const last = gateway.entries().slice(-50).map(({ addr }) => addr);

        assert.equal(new Set(last.slice(0, 20)).size, 3);
    });


row('a lower priority is asked when a higher one cannot', async (t) => {
    const first = [await t.provider(says('a')), await t.provider(says('b'))];
    const second = await t.provider(says('c'));

    second.deployment = { priority: 7 };

    const gateway = await t.gateway({ models: { m: equal([...first, second], {
        breaker: { failures: 2, open: 60 } }) } });

    for (const { status } of await load(gateway, 20)) {
        assert.equal(status, 200);
    }

    assert.equal(first[0].requests.length, 10);
    assert.equal(second.requests.length, 0);

    /* one of the first tier is enough */

    first[0].script = fails(500);

    for (let i = 0; i < 10; i++) {
        assert.equal((await chat(gateway)).status, 200);
    }

    assert.equal(second.requests.length, 0);

    first[1].script = fails(500);

    for (let i = 0; i < 10; i++) {
        assert.equal((await chat(gateway)).status, 200);
    }

    /* its breaker opened after two, from then on the second tier alone */

    assert.equal(second.requests.length, 10);
    assert.equal(first[1].requests.length, 10 + 10 + 2);
});


row('strategy: priority asks in the order of the file', async (t) => {
    const [a, b, c] = [await t.provider(says('a')), await t.provider(says('b')),
                       await t.provider(says('c'))];
    const gateway = await t.gateway({ models: {
        m: equal([a, b, c], { strategy: 'priority', breaker: false }) } });

    await load(gateway, 10);
    assert.deepEqual([a, b, c].map(({ requests }) => requests.length),
                     [10, 0, 0]);

    a.script = fails(500);

    const answer = await chat(gateway);

    assert.equal(answer.json.choices[0].message.content, 'b');
    await assertAttempts(gateway, answer, [a, b], [500, 200]);
});


row('affinity: the same deployment for the same session, while it works',
    async (t) => {
        const providers = [];

        for (const name of ['a', 'b', 'c']) {
            providers.push(await t.provider(says(name)));
        }

        const more = { breaker: { failures: 1, open: 0.6 } };
        const gateway = await t.gateway({ workers: 2, models: {
            header: equal(providers, { ...more,
                                       affinity: '$http_x_session_id' }),
            cookie: equal(providers, { ...more, affinity: '$cookie_sid' }),
            user: equal(providers, { ...more, affinity: 'user' })
        } });

        const asks = {
            header: (id) => ({ headers: { 'x-session-id': id } }),
            cookie: (id) => ({ headers: { cookie: `x=1; sid=${id}` } }),
            user: (id) => ({ user: id })
        };

        const ask = async (name, id) => {
            const answer = await chat(gateway, { model: name,
                                                 ...asks[name](id) });

            assert.equal(answer.status, 200, answer.text);

            return answer.json.choices[0].message.content;
        };

        const ids = Array.from({ length: 40 }, (_, i) => `session-${i}`);

        for (const name of Object.keys(asks)) {
            const homes = new Map();

            for (let i = 0; i < 3; i++) {
                for (const id of ids) {
                    const home = await ask(name, id);

                    assert.equal(home, homes.get(id) ?? home, `${name} ${id}`);
                    homes.set(id, home);
                }
            }

            /* all have some */

            assert.equal(new Set(homes.values()).size, 3);

            if (name !== 'header') {
                continue;
            }

            /* one fails: its sessions go elsewhere, the others stay */

            const [a] = providers;

            a.script = fails(500);

            for (let i = 0; i < 2; i++) {
                for (const id of ids) {
                    const at = await ask(name, id);

                    assert.notEqual(at, 'a');

                    if (homes.get(id) !== 'a') {
                        assert.equal(at, homes.get(id), `${id} moved`);
                    }
                }
            }

            /* it works again, and they return */

            a.script = says('a');

            const mine = ids.filter((id) => homes.get(id) === 'a');

            await eventually('sessions that return', async () =>
                await ask(name, mine[0]) === 'a', 5000, 50);

            for (const id of mine) {
                assert.equal(await ask(name, id), 'a');
            }
        }
    });


/* streams that stay open until they are aborted */

const held = either(reply(200, completion('fine')),
                    stream([role, word('a')], { then: 'hang' }));


async function hold(gateway, n) {
    const streams = [];

    for (let i = 0; i < n; i++) {
        const request = open(gateway, { stream: true, user: '@id' });

        await request.event(1);
        streams.push(request);
    }

    return streams;
}


const ofOpen = (providers) => providers.map((provider) => provider.open.filter(
    ({ requests }) => requests > 0).length);


row('least_busy: the one with the fewest calls, and none is left behind',
    async (t) => {
        const providers = [await t.provider(held), await t.provider(held)];
        const gateway = await t.gateway({
            workers: 2, allow: [/exited on signal 9/],
            models: { m: equal(providers, { strategy: 'least_busy', timeout: 60,
                                            idle_timeout: 60 }) }
        });

        /* each new one goes where fewer are */

        const first = await hold(gateway, 10);

        assert.deepEqual(ofOpen(providers), [5, 5]);

        /* those of one deployment leave: it gets the next */

        const [a, b] = providers;
        const mine = first.filter(({ id }) => a.requests.some(({ body }) =>
            JSON.parse(body).user === id));

        assert.equal(mine.length, 5);
        mine.forEach((request) => request.abort());
        await a.idle();

        const more = await hold(gateway, 5);

        assert.deepEqual(ofOpen(providers), [5, 5]);
        assert.equal(a.requests.length, 10);

        /*
         * Workers that are killed leave nothing behind: what they had in
         * flight would keep the deployments unequal.
         */

        for (let i = 0; i < 3; i++) {
            const gone = gateway.workers();

            gone.forEach((pid) => process.kill(pid, 'SIGKILL'));

            await eventually('new workers', () =>
                gateway.serving().length === 2
                && !gateway.serving().some((pid) => gone.includes(pid)));
            await eventually('connections that are closed', () =>
                a.open.length + b.open.length === 0);

            const again = await hold(gateway, 10);

            assert.deepEqual(ofOpen(providers), [5, 5]);

            if (i === 2) {
                again.forEach((request) => request.abort());
                await a.idle();
                await b.idle();

                const four = await hold(gateway, 4);

                assert.deepEqual(ofOpen(providers), [2, 2]);
                four.forEach((request) => request.abort());
            }
        }

        [...first, ...more].forEach((request) => request.abort());
    });


row('least_latency: the faster one', async (t) => {
    const slow = await t.provider(after(80, says('slow')));
    const fast = await t.provider(after(5, says('fast')));
    const gateway = await t.gateway({ models: {
        m: equal([slow, fast], { strategy: 'least_latency' }) } });

    for (let i = 0; i < 60; i++) {
        assert.equal((await chat(gateway, { stream: i % 2 === 0 })).status,
                     200);
    }

    assert.ok(fast.requests.length >= 50, `${fast.requests.length} of 60`);

    /* and it is the other one as soon as that is faster */

    fast.script = after(300, says('slow now'));
    slow.script = after(5, says('fast now'));

    await chat(gateway);
    await chat(gateway);

    const before = slow.requests.length;

    for (let i = 0; i < 20; i++) {
        await chat(gateway);
    }

    assert.ok(slow.requests.length - before >= 15,
              `${slow.requests.length - before} of 20`);
});


/* hedges */

row('a hedge: the first that says something wins, the other is closed',
    async (t) => {
        const mute = await t.provider(silent);
        const quick = await t.provider(says('qui', 'ck'));
        const late = await t.provider(after(450, says('la', 'te')));
        const more = { hedge: { after: '300ms', share: 100 }, breaker: false };
        const gateway = await t.gateway({ models: {
            second: model([mute, quick], more),
            first: model([late, mute], more),
            none: model([quick, mute], more)
        } });

        for (const streamed of [false, true]) {
            const said = (answer, text) => (streamed
                ? assertStream(answer, text)
                : assert.equal(answer.json.choices[0].message.content, text));

            /* the first is silent: the second answers */

            const one = await chat(gateway, { model: 'second',
                                              stream: streamed });

            said(one, 'quick');
            assertAfter(one.started, one.ended, 300, 50, 'the hedge');
            await assertAttempts(gateway, one, 2);

            const loser = mute.requests.at(-1).connection;

            await mute.idle();
            assertWithin(quick.requests.at(-1).at, loser.closed, 100,
                         'closing the loser');

            /* the first answers after all: the second is closed */

            const asked = mute.requests.length;
            const two = await chat(gateway, { model: 'first',
                                              stream: streamed });

            said(two, 'late');
            assertAfter(two.started, two.ended, 450, 50, 'the first');
            assert.equal(mute.requests.length, asked + 1);
            await mute.idle();
            assertWithin(two.started + 450, mute.connections.at(-1).closed,
                         100, 'closing the hedge');

            /* an answer in time needs none */

            const three = await chat(gateway, { model: 'none',
                                                stream: streamed });

            said(three, 'quick');
            await assertAttempts(gateway, three, [quick], [200]);
        }

        await sleep(400);
        assert.equal(mute.requests.length, 4);

        /* and to lose is no failure */

        assert.equal((await gateway.deployment(mute, 'second')).failures, 0);
    });


row('a hedge is made of a share of the requests only', async (t) => {
    const late = await t.provider(after(120, says('late')));
    const other = await t.provider(says('other'));
    const gateway = await t.gateway({ models: {
        m: model([late, other], { hedge: { after: '50ms', share: 10 },
                                  breaker: false }) } });
    const n = 100;
    const found = await load(gateway, n);

    assert.ok(found.every(({ status }) => status === 200));

    /* ten are given in advance */

    assert.ok(other.requests.length <= 10 + n / 10 + 1,
              `${other.requests.length} hedges`);
    assert.ok(other.requests.length >= 10);
});


row('a hedge that fails does no harm; both failing is an error', async (t) => {
    const late = await t.provider(after(300, says('late')));
    const bad = await t.provider(fails(500, 'bad'));
    const lateBad = await t.provider(after(200, fails(503, 'worse')));
    const last = await t.provider(says('last'));
    const more = { hedge: { after: '100ms', share: 100 }, breaker: false };
    const gateway = await t.gateway({ models: {
        good: model([late, bad], more),
        bad: model([lateBad, bad], more),
        rest: model([lateBad, bad, last], more)
    } });

    for (const streamed of [false, true]) {
        const good = await chat(gateway, { model: 'good', stream: streamed });

        assert.equal(good.status, 200, good.text);
        await assertAttempts(gateway, good, 2);

        const both = await chat(gateway, { model: 'bad', stream: streamed });

        assert.ok([502, 503].includes(both.status));
        assertError(both, both.status);
        await assertAttempts(gateway, both, 2);

        const rest = await chat(gateway, { model: 'rest', stream: streamed });

        assert.equal(rest.status, 200, rest.text);
        assertWithin(rest.started, rest.ended, 220);
    }
});


row('C1 a client that leaves takes the hedge along', async (t) => {
    const a = await t.provider(silent);
    const b = await t.provider(silent);
    const gateway = await t.gateway({ models: {
        m: model([a, b], { hedge: { after: '100ms', share: 100 } }) } });

    for (const streamed of [false, true]) {
        const request = open(gateway, { stream: streamed });

        await b.request(streamed ? 2 : 1);

        const left = now();

        request.abort();
        await a.idle();
        await b.idle();

        for (const { connections } of [a, b]) {
            assertWithin(left, connections.at(-1).closed, 100, 'closing');
        }

        const entry = await gateway.entry(request.id);

        assert.equal(entry.status, 499);
        assert.equal(entry.addr.split(', ').length, 2);
    }

    /* before the hedge has begun: it never does */

    const early = open(gateway);

    await a.request(3);
    early.abort();
    await sleep(250);
    assert.equal(b.requests.length, 2);
});


/* breakers */

const failures = (n) => ({ breaker: { failures: n, open: 1, open_max: 4 } });


row('a breaker opens after failures in a row, lets one probe through, closes',
    async (t) => {
        const a = await t.provider(fails(500));
        const b = await t.provider(says('b'));
        const gateway = await t.between([a, b], failures(3), { workers: 2 });
        const ask = () => chat(gateway);

        for (let i = 0; i < 10; i++) {
            assert.equal((await ask()).status, 200);
        }

        assert.equal(a.requests.length, 3);

        const opened = a.requests[2].at;
        const { status, breaker, retry_in: wait }
            = await gateway.deployment(a);

        assert.equal(status, 'down');
        assert.equal(breaker, 'open');
        assert.equal(wait, 1);
        assert.equal((await gateway.deployment(b)).status, 'up');

        /* one probe when the time is over, which fails: twice as long */

        const asking = async () => {
            for (let i = 0; i < 1000 && asked; i++) {
                const found = await Promise.all([ask(), ask(), ask()]);

                assert.ok(found.every(({ status }) => status === 200));
                await sleep(10);
            }
        };

        let asked = true;
        const busy = asking();

        await a.request(4, 8000);
        assertAfter(opened, a.requests[3].at, 1000, 60, 'the first probe');
        await a.request(5, 8000);
        assertAfter(a.requests[3].at, a.requests[4].at, 2000, 60,
                    'the second probe');

        /* the third is good, though slow: nobody else goes there meanwhile */

        a.script = after(300, says('a'));
        await a.request(6, 8000);
        assertAfter(a.requests[4].at, a.requests[5].at, 4000, 60,
                    'the third probe');
        await sleep(200);
        assert.equal(a.requests.length, 6);
        await a.request(8);
        asked = false;
        await busy;

        assert.equal((await gateway.deployment(a)).breaker, 'closed');

        /* the log tells each change once: it opened three times and closed */

        const lines = gateway.log().split('\n').filter((line) =>
            /deployment "/.test(line) && line.includes(a.address));

        assert.equal(lines.length, 4, lines.join('\n'));
    });


row('a lone deployment fails fast, with an honest Retry-After', async (t) => {
    const a = await t.provider(silent);
    const gateway = await t.between(a, { ...failures(2),
                                         first_token_timeout: 0.2 });

    for (let i = 0; i < 2; i++) {
        assertError(await chat(gateway), 504, 'provider_timeout');
    }

    const from = now();
    const answer = await chat(gateway, { stream: true });

    assertError(answer, 503, 'no_healthy_deployment');
    assertWithin(answer.started, answer.ended, 20, 'failing fast');
    assert.equal(answer.head['retry-after'], '1');

    /* one who waits for so long is the probe */

    a.script = says('a');
    await sleep(Math.max(0, 1000 - (now() - from)) + 30);
    assert.equal((await chat(gateway)).status, 200);
    assert.equal((await chat(gateway)).status, 200);
});


row('when_all_ejected: least_bad asks all the same', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(fails(503));
    const gateway = await t.between([a, b], { ...failures(1),
                                              when_all_ejected: 'least_bad' });

    assertError(await chat(gateway), 503, 'provider_unavailable');

    a.script = says('a');

    const answer = await chat(gateway);

    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.choices[0].message.content, 'a');
});


row('a breaker opens by the rate of errors in its window', async (t) => {
    let n = 0;
    const a = await t.provider((call) =>
        (n++ % 2 ? fails(500) : says('a'))(call));
    const b = await t.provider(says('b'));
    const gateway = await t.between([a, b], { breaker: {
        failures: 0, error_rate: 50, min_requests: 10, window: 30,
        open: 30 } });

    for (let i = 0; i < 30; i++) {
        assert.equal((await chat(gateway)).status, 200);
    }

    assert.ok(a.requests.length >= 10 && a.requests.length <= 12,
              `${a.requests.length} requests`);
});


row('refusals and limits open no breaker', async (t) => {
    const a = await t.provider([]);
    const gateway = await t.between(a, failures(2));

    for (const status of [400, 404, 422, 429]) {
        a.script = fails(status, 'no', { 'Retry-After': '1' });

        for (let i = 0; i < 5; i++) {
            assertError(await chat(gateway), status);
        }
    }

    a.script = says('a');
    assert.equal((await chat(gateway)).status, 200);
});


row('a client that leaves opens no breaker', async (t) => {
    const a = await t.provider(silent);
    const gateway = await t.between(a, failures(2));

    for (let i = 1; i <= 4; i++) {
        const request = open(gateway);

        await a.request(i);
        request.abort();
        await a.idle();
    }

    a.script = says('a');
    assert.equal((await chat(gateway)).status, 200);
});


row('O1 breakers survive a reload, whatever the order in the file',
    async (t) => {
        const a = await t.provider(fails(500));
        const b = await t.provider(says('b'));
        const c = await t.provider(says('c'));
        const more = { breaker: { failures: 2, open: 60 } };
        const gateway = await t.gateway({ models: {
            m: model([a, b], more), other: model(c, more) } });

        for (let i = 0; i < 4; i++) {
            assert.equal((await chat(gateway)).status, 200);
        }

        assert.equal(a.requests.length, 2);

        const swapped = model([b, a], more);

        swapped.deployments[0].priority = 1;
        swapped.deployments[1].priority = 0;
        gateway.options.models = { other: model(c, more), m: swapped };
        gateway.write();
        await gateway.reload();

        const answer = await chat(gateway);

        await assertAttempts(gateway, answer, [b], [200]);
        assert.equal(a.requests.length, 2);
        assert.equal((await gateway.deployment(a)).breaker, 'open');
        assert.equal((await chat(gateway, { model: 'other' })).status, 200);
    });


row('O4 a probe that dies with its worker does not close the door',
    async (t) => {
        const a = await t.provider(fails(500));
        const gateway = await t.between(a, {
            breaker: { failures: 1, open: 0.5 }, timeout: 3
        }, { allow: [/exited on signal 9/] });

        assertError(await chat(gateway), 502);
        await sleep(550);

        a.script = silent;

        const probe = open(gateway);

        await a.request(2);
        assertError(await chat(gateway), 503, 'no_healthy_deployment');

        process.kill(gateway.worker, 'SIGKILL');
        await probe.done;
        a.script = says('a');

        /* not longer than the probe might have taken */

        await eventually('another probe', async () =>
            (await chat(gateway)).status === 200, 4000, 20);
    });


/* health checks */

row('a health check ejects what is dead before a client finds out',
    async (t) => {
        let up = true;
        const a = await t.provider((call) => {
            if (call.request.path === '/healthz') {
                return reply(up ? 200 : 503, 'ok')(call);
            }

            return (up ? says('a') : fails(500))(call);
        });
        const b = await t.provider((call) =>
            (call.request.path === '/healthz' ? reply(200, 'ok')
             : says('b'))(call));
        const gateway = await t.between([a, b], {
            health_check: { interval: '200ms', timeout: '100ms',
                            path: '/healthz' } }, { workers: 2 });

        const checks = (provider) => provider.requests.filter(
            ({ path }) => path === '/healthz').length;
        const chats = (provider) => provider.requests.filter(
            ({ path }) => path !== '/healthz').length;

        await eventually('checks of both', () => checks(a) > 1
                         && checks(b) > 1);

        assert.equal((await chat(gateway)).json.choices[0].message.content,
                     'a');

        up = false;
        await eventually('a bad sign in /health', async () =>
            (await gateway.deployment(a)).status === 'down', 3000);

        for (let i = 0; i < 5; i++) {
            const answer = await chat(gateway);

            assert.equal(answer.json.choices[0].message.content, 'b');
            await assertAttempts(gateway, answer, [b], [200]);
        }

        assert.equal(chats(a), 1);

        up = true;
        await eventually('its return', async () =>
            (await chat(gateway)).json.choices[0].message.content === 'a',
                         3000, 30);

        /* one worker checks, not each */

        const before = checks(b);
        const from = now();

        await sleep(1000);

        const n = (checks(b) - before) / ((now() - from) / 200);

        assert.ok(n > 0.6 && n < 1.3, `${n} checks in each interval`);
    });


row('a health check by a model, of what refuses and of what is silent',
    async (t) => {
        const a = await t.provider(says('a'));
        const mute = await t.provider((call) =>
            (/tiny/.test(call.request.body) ? silent : says('mute'))(call));
        const b = await t.provider(says('b'));
        const gateway = await t.gateway({ models: { m: equal([a, mute, b], {
            strategy: 'priority',
            health_check: { interval: '300ms', timeout: '150ms',
                            model: 'tiny' } }) } });

        await eventually('a check', () => a.requests.some(({ body, path }) =>
            path === '/v1/chat/completions'
            && JSON.parse(body).model === 'tiny'));

        await a.stop();
        await sleep(700);

        const answer = await chat(gateway);

        assert.equal(answer.json.choices[0].message.content, 'b');
        await assertAttempts(gateway, answer, [b], [200]);

        await a.listen();
        await eventually('its return', async () =>
            (await chat(gateway)).json.choices[0].message.content === 'a',
                         4000, 50);
    });


row('O3 proxy.drain_timeout: streams of an old worker get their error event',
    async (t) => {
        const a = await t.provider(
            stream([role, word('a'), word('b')], { then: 'hang' }));
        const mute = await t.provider(silent);
        const more = { timeout: 30, idle_timeout: 30, first_token_timeout: 30 };
        const gateway = await t.gateway({
            models: { m: model(a, more), mute: model(mute, more) },
            proxy: { drain_timeout: '500ms' }
        });
        const requests = [open(gateway, { stream: true }),
                          open(gateway, { model: 'mute' })];

        await requests[0].event(3);
        await mute.request(1);

        const old = gateway.workers();
        const from = now();

        await gateway.reload();
        assert.equal(requests[0].ended, undefined);

        const [streamed, buffered] = await Promise.all(
            requests.map((request) => request.done));

        assert.ok(streamed.complete);
        assert.equal(streamed.content, 'ab');
        assert.ok(streamed.events.at(-1).json.error);
        assert.ok(!streamed.text.includes('[DONE]'));
        assert.ok(buffered.status >= 500, buffered.text);
        assertError(buffered, buffered.status);

        for (const request of requests) {
            assertWithin(from, request.ended, 500 + 250, 'the end');
            assert.ok((await gateway.entry(request.id)).addr);
        }

        await eventually('no old worker', () =>
            gateway.workers().every((pid) => !old.includes(pid)));
    });
