/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import zlib from 'node:zlib';

import { assertAttempts } from './lib/attempts.mjs';
import { Authority } from './lib/certificates.mjs';
import { assertError, assertStream, chat, open } from './lib/client.mjs';
import { dialects } from './lib/dialects.mjs';
import { key, model } from './lib/gateway.mjs';
import { chunks, completion, error, fails, says } from './lib/openai.mjs';
import { after, blackhole, bytes, closeEarly, cut, either, Provider,
         refusing, reply, reset, resetEarly, silent, stream }
    from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, eventually, now, sleep }
    from './lib/time.mjs';


const backoff = 100;

const both = [false, true];


function assertSays(answer, text, streamed) {
    if (streamed) {
        assertStream(answer, text);
        return;
    }

    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.choices[0].message.content, text);
}


/* what fails at once, and what nginx says of it where it says one thing */

const failures = {
    'refused': [refusing, 502],
    'reset when connected': [resetEarly, 502],
    'closed when connected': [closeEarly, 502],
    'reset after the request': [reset, 502],
    'closed after the request': [cut, 502],
    'no HTTP': [bytes('SSH-2.0-x\r\n', 'end'), 502],
    'a bad chunk': [bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
                          + '\r\nzz\r\n', 'hang')],
    'a length that is too long': [bytes('HTTP/1.1 200 OK\r\nContent-Length: 9'
                                        + '\r\n\r\n{}', 'end')],
    'no JSON': [reply(200, 'oops')],
    'gzip': [reply(200, zlib.gzipSync('{}'), { 'Content-Encoding': 'gzip' })],
    'an empty answer': [reply(200, '')],
    'a redirect': [reply(302, '', { Location: 'http://127.0.0.1:1/' }), 302]
};


row('P1, P11, P16 what fails at once is answered by the next', async (t) => {
    const models = {};
    const pairs = {};

    for (const [i, [what, [behaviour]]] of Object.entries(failures).entries()) {
        const a = behaviour === refusing ? refusing()
            : await t.provider(behaviour);
        const b = await t.provider(says('fi', 'ne'));

        pairs[what] = [a, b];
        models[`m${i}`] = model([a, b], { breaker: false });
    }

    const gateway = await t.gateway({ models });

    for (const [i, what] of Object.keys(pairs).entries()) {
        for (const streamed of both) {
            const answer = await chat(gateway, { model: `m${i}`,
                                                 stream: streamed });

            assertSays(answer, 'fine', streamed);
            assertWithin(answer.started, answer.ended, backoff + 20, what);
            await assertAttempts(gateway, answer, pairs[what],
                                 failures[what][1] && [failures[what][1], 200]);
        }

        assert.equal(pairs[what][1].requests.length, 2, what);
    }
});


row('P13 a certificate that is not right: the next, and no key is told',
    async (t) => {
        const authority = t.also(new Authority());
        const a = await t.provider(says('never'), {
            tls: authority.selfSigned('localhost'), name: 'localhost' });
        const b = await t.provider(says('fine'), {
            tls: authority.signed('localhost'), name: 'localhost' });
        const gateway = await t.between([a, b], { ca_file: authority.file });

        for (const streamed of both) {
            const answer = await chat(gateway, { stream: streamed });

            assertSays(answer, 'fine', streamed);
            await assertAttempts(gateway, answer, 2);
        }

        assert.equal(a.connections.reduce((sum, c) => sum + c.bytes, 0), 0);
    });


row('P2 silence: the next at the timeout', async (t) => {
    const mute = await t.provider(silent);
    const deaf = await t.provider(blackhole);
    const b = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: { mute: model([mute, b]),
                                                deaf: model([deaf, b]) } });

    await Promise.all(both.flatMap((streamed) => [mute, deaf].map(async (a) => {
        const answer = await chat(gateway, { stream: streamed,
                                             model: a === mute ? 'mute'
                                                 : 'deaf' });

        assertSays(answer, 'fine', streamed);
        assertAfter(answer.started, answer.ended, 2000, 50, 'the answer');
        await assertAttempts(gateway, answer, [a, b], [504, 200]);
    })));

    for (const { at, connection } of mute.requests) {
        assertAfter(at, connection.closed, 2000, 50, 'the silence');
    }
});


row('P2 no connection: the next at connect_timeout', async (t) => {
    const a = t.also(await Provider.full());
    const b = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: { m: model([a, b]),
                                                lone: model(a) } });

    const [answer, lone] = await Promise.all([
        chat(gateway, {}), chat(gateway, { model: 'lone' })
    ]);

    assertSays(answer, 'fine');
    assertAfter(answer.started, answer.ended, 1000, 50, 'the answer');
    await assertAttempts(gateway, answer, [a, b], [504, 200]);

    assertError(lone, 504, 'provider_timeout');
    assertAfter(lone.started, lone.ended, 1000, 50, 'the error');
});


row('P2 "timeout" bounds one attempt, "deadline" all of them', async (t) => {
    const a = await t.provider(silent);
    const b = await t.provider(silent);
    const c = await t.provider(says('never'));
    const times = { first_token_timeout: 5, idle_timeout: 5 };
    const gateway = await t.gateway({ models: {
        timeout: model([a, b], { ...times, timeout: 0.6 }),
        deadline: model([a, b, c], { ...times, timeout: 1, deadline: 1.5 })
    } });

    const [first, second] = await Promise.all([
        chat(gateway, { model: 'timeout' }),
        chat(gateway, { model: 'deadline', stream: true })
    ]);

    assertError(first, 504, 'provider_timeout');
    assertAfter(first.started, first.ended, 1200, 100, 'two timeouts');
    await assertAttempts(gateway, first, [a, b], [504, 504]);

    assertError(second, 504, 'provider_timeout');
    assertAfter(second.started, second.ended, 1500, 50, 'the deadline');
    await assertAttempts(gateway, second, [a, b]);
    assert.deepEqual(c.requests, []);
});


row('P2 retry_on_failure_within does not double a slow failure', async (t) => {
    const slow = await t.provider(silent);
    const quick = await t.provider(fails(408));
    const b = await t.provider(says('fine'));
    const within = { retry_on_failure_within: 0.5, first_token_timeout: 0.8 };
    const gateway = await t.gateway({ models: {
        slow: model([slow, b], within), quick: model([quick, b], within) } });

    const [late, soon] = await Promise.all([
        chat(gateway, { model: 'slow' }), chat(gateway, { model: 'quick' })
    ]);

    assertError(late, 504, 'provider_timeout');
    assertAfter(late.started, late.ended, 800, 50, 'the timeout');
    assertSays(soon, 'fine');
    assert.equal(b.requests.length, 1);
});


/* how providers say when to come back: [headers, milliseconds from, to] */

const until = (ms) => new Date(Date.now() + ms);

const rfc3339 = (date) => date.toISOString().replace(/\.\d+Z/, 'Z');

const spellings = {
    'Retry-After in seconds': [() => ({ 'Retry-After': '1' }), 1000, 1000],
    'Retry-After as a date': [() => ({
        'Retry-After': until(2000).toUTCString() }), 900, 2000],
    'retry-after-ms': [() => ({ 'Retry-After-Ms': '700' }), 700, 700],
    'x-ratelimit-reset-requests': [() => ({
        'X-RateLimit-Remaining-Requests': '0',
        'X-RateLimit-Reset-Requests': '1s' }), 1000, 1000],
    'x-ratelimit-reset-tokens': [() => ({
        'X-RateLimit-Remaining-Requests': '10',
        'X-RateLimit-Reset-Requests': '6m0s',
        'X-RateLimit-Remaining-Tokens': '0',
        'X-RateLimit-Reset-Tokens': '800ms' }), 800, 800],
    'anthropic-ratelimit-*-reset': [() => ({
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': rfc3339(until(2000)) }),
        900, 2000]
};


row('P3 429: the next at once, this one rests as it was told', async (t) => {
    const models = {};
    const pairs = {};

    for (const [i, [what, [headers]]] of Object.entries(spellings).entries()) {
        const a = await t.provider([
            (call) => fails(429, 'slow down', headers())(call),
            reply(200, dialects[/anthropic/.test(what) ? 'claude' : 'openai']
                .answer('a'))
        ]);
        const b = await t.provider(says('b'));

        pairs[what] = [a, b];
        models[`m${i}`] = model([a, b]);

        /* they are Claude's own */

        if (/anthropic/.test(what)) {
            Object.assign(models[`m${i}`].deployments[0],
                          { provider: 'claude', api_key: key });
        }
    }

    const gateway = await t.gateway({ models });

    await Promise.all(Object.entries(pairs).map(async ([what, [a, b]], i) => {
        const ask = () => chat(gateway, { model: `m${i}` });
        const [, least, most] = spellings[what];

        const first = await ask();

        assertSays(first, 'b');
        assertWithin(first.started, first.ended, backoff + 20, what);
        await assertAttempts(gateway, first, [a, b], [429, 200]);

        const from = a.requests[0].at;
        const second = await ask();

        assertSays(second, 'b');
        await assertAttempts(gateway, second, [b], [200]);

        await eventually(`${what}: it is asked again`, async () => {
            await ask();

            return a.requests.length > 1;
        }, 3000, 15);

        const { at, connection } = a.requests[1];

        assert.ok(at - from >= least - 20, `${what}: after ${at - from} ms`);
        assertWithin(from, at, most + 100, what);

        /* over the connection that brought the 429 */

        assert.equal(a.connections.length, 1, what);
        assert.equal(connection.requests, 2, what);
    }));
});


row('P3 Retry-After that is nonsense does no harm', async (t) => {
    const nonsense = ['soon', '', '-1', '99999999999999999999', '1e9', '0',
                      '1; 2', '\u00fc', 'Thu, 99 Foo 2099 99:99:99 GMT'];
    const a = await t.provider(nonsense.map((value) =>
        fails(429, 'slow down', { 'Retry-After': value })));
    const models = {};

    for (const [i] of nonsense.entries()) {
        const own = { url: a.url.replace('/v1', `/${i}/v1`) };
        const b = await t.provider(says('b'));

        models[`m${i}`] = model([own, b]);
    }

    const gateway = await t.gateway({ models });

    for (const [i, value] of nonsense.entries()) {
        const answer = await chat(gateway, { model: `m${i}` });

        assertSays(answer, 'b');
        assertWithin(answer.started, answer.ended, backoff + 20, value);
    }

    assert.equal(a.requests.length, nonsense.length);
    assert.equal(a.connections.length, 1);
});


row('P3 all are limited: 429, with the soonest time', async (t) => {
    const a = await t.provider(fails(429, 'first', { 'Retry-After': '3' }));
    const b = await t.provider(fails(429, 'second', { 'Retry-After': '9' }));
    const gateway = await t.between([a, b]);
    const answer = await chat(gateway);

    const { message: text } = assertError(answer, 429, 'rate_limit_exceeded');

    assert.equal(text, 'second');
    assert.ok(['2', '3'].includes(answer.head['retry-after']),
              answer.head['retry-after']);
    await assertAttempts(gateway, answer, [a, b], [429, 429]);
});


/* P4: [what A answers, the status that a client would see of it] */

const retried = {
    'status 500': [fails(500), 502],
    'status 502': [fails(502), 502],
    'status 503': [fails(503), 503],
    'status 504': [fails(504), 502],
    'status 529': [fails(529), 502],
    'status 520': [fails(520), 502],
    'status 408': [fails(408), 408],
    'status 429': [fails(429), 429],
    'a page': [reply(502, '<html>Bad Gateway</html>',
                     { 'Content-Type': 'text/html' }), 502],
    'an empty 500': [reply(500, ''), 502],
    'an error in a 200': [reply(200, error('failed in a 200')), 502]
};


row('P4 errors of the provider: the next answers, the last is told',
    async (t) => {
        const models = {};
        const all = {};

        for (const [i, [what, [behaviour]]] of Object.entries(retried)
            .entries())
        {
            const a = await t.provider(behaviour);
            const b = await t.provider(says('fi', 'ne'));
            const first = await t.provider(fails(500, 'of the first'));

            all[what] = [a, b, first];
            models[`m${i}`] = model([a, b], { breaker: false });
            models[`last${i}`] = model([first, a], { breaker: false });
        }

        const gateway = await t.gateway({ models });

        for (const [i, what] of Object.keys(all).entries()) {
            for (const streamed of both) {
                const [a, b, first] = all[what];
                const answer = await chat(gateway, { model: `m${i}`,
                                                     stream: streamed });

                assertSays(answer, 'fine', streamed);
                assertWithin(answer.started, answer.ended, backoff + 20, what);

                if (what !== 'status 429' || !streamed) {
                    await assertAttempts(gateway, answer, [a, b]);
                }

                const last = await chat(gateway, { model: `last${i}`,
                                                   stream: streamed });

                const told = assertError(last, retried[what][1]);

                assert.ok(!last.text.includes('of the first'), what);
                assert.ok(!last.text.includes('<html>'), what);
                await assertAttempts(gateway, last, [first, a]);

                if (/^status/.test(what)) {
                    assert.match(told.message, /^failed with/, what);
                }
            }
        }
    });


/* P5: [status, what the client is told, its code] */

const final = [
    [400, 400], [404, 404, 'model_not_found'], [405, 405], [409, 409],
    [413, 413], [415, 415], [422, 422], [451, 451]
];


row('P5 what the client did wrong is told, and asked of nobody else',
    async (t) => {
        const models = {};
        const b = await t.provider(says('never'));
        const providers = [];

        for (const [status] of final) {
            const a = await t.provider(fails(status, 'your fault', {},
                { type: 'invalid_request_error', param: 'messages' }));

            providers.push(a);
            models[`m${status}`] = model([a, b]);
        }

        const gateway = await t.gateway({ models });

        for (const [i, [status, told, code]] of final.entries()) {
            for (let n = 1; n <= 5; n++) {
                const answer = await chat(gateway, { model: `m${status}`,
                                                     stream: n % 2 === 1 });
                const fault = assertError(answer, told, code);

                assert.equal(fault.message, 'your fault');
                assert.equal(fault.type, 'invalid_request_error');
                assert.equal(fault.param, code ? null : 'messages');
                await assertAttempts(gateway, answer, [providers[i]], [status]);

                /* and that is no reason to leave the provider alone */

                assert.equal(providers[i].requests.length, n);
            }

            assert.equal(providers[i].connections.length, 1);
        }

        assert.deepEqual(b.connections, []);

        for (const [i, [status]] of final.entries()) {
            const { failures: n } = await gateway.deployment(providers[i],
                                                             `m${status}`);

            assert.equal(n, 0, `${status}`);
        }
    });


row('P5 a key that is refused rests, another is asked', async (t) => {
    const models = {};
    const pairs = {};

    for (const status of [401, 402, 403]) {
        const a = await t.provider(fails(status, 'no such key'));
        const b = await t.provider(says('fine'));

        pairs[status] = [a, b];
        models[`m${status}`] = model([a, b]);
        models[`lone${status}`] = model(await t.provider(fails(status)));
    }

    const gateway = await t.gateway({ models });

    for (const [status, [a, b]] of Object.entries(pairs)) {
        const first = await chat(gateway, { model: `m${status}` });

        assertSays(first, 'fine');
        assertWithin(first.started, first.ended, backoff + 20);
        await assertAttempts(gateway, first, [a, b], [Number(status), 200]);

        for (let i = 0; i < 3; i++) {
            const answer = await chat(gateway, { model: `m${status}` });

            await assertAttempts(gateway, answer, [b], [200]);
        }

        assert.equal(a.requests.length, 1);
    }

    assertError(await chat(gateway, { model: 'lone401' }), 502,
                'provider_authentication_failed');
    assertError(await chat(gateway, { model: 'lone402' }), 402);
    assertError(await chat(gateway, { model: 'lone403' }), 403,
                'permission_denied');
});


row('P6 all fail: one error in JSON, in time', async (t) => {
    const refused = [refusing(), refusing(), refusing()];
    const mute = [await t.provider(silent), await t.provider(silent)];
    const gateway = await t.gateway({ models: {
        refused: model(refused), mute: model(mute),
        mixed: model([mute[0], refused[0]], { first_token_timeout: 0.5 }),
        alone: model(refusing())
    } });

    const headers = { accept: 'text/html' };

    await Promise.all([
        ['refused', 502, 'provider_unavailable', 2 * backoff + 20, refused],
        ['alone', 502, 'provider_unavailable', 20],
        ['mute', 504, 'provider_timeout', 4000 + 100, mute],
        ['mixed', 502, 'provider_unavailable', 500 + backoff + 50]
    ].map(async ([name, status, code, most, asked]) => {
        await Promise.all(both.map(async (streamed) => {
            const answer = await chat(gateway, { model: name, headers,
                                                 stream: streamed });

            assertError(answer, status, code);
            assertWithin(answer.started, answer.ended, most, name);

            if (asked) {
                await assertAttempts(gateway, answer, asked,
                                     asked.map(() => status));
            }
        }));
    }));
});


row('max_attempts is the most that is asked, in rounds with a pause',
    async (t) => {
        const a = await t.provider(fails(500));
        const b = await t.provider(fails(503));
        const gateway = await t.gateway({ models: {
            one: model([a, b], { max_attempts: 1, breaker: false }),
            five: model([a, b], { max_attempts: 5, breaker: false,
                                  backoff: '400ms' })
        } });

        assertError(await chat(gateway, { model: 'one' }), 502);
        assert.equal(a.requests.length, 1);
        assert.equal(b.requests.length, 0);

        const answer = await chat(gateway, { model: 'five' });

        assertError(answer, 502);
        await assertAttempts(gateway, answer, [a, b, a, b, a]);
        assertWithin(answer.started, answer.ended, 400 + 800 + 1600 + 100);
    });


row('C2 a client that leaves in the pause: nobody is asked any more',
    async (t) => {
        const a = await t.provider(fails(500));
        const b = await t.provider(fails(503));
        const gateway = await t.between([a, b], { max_attempts: 4,
                                                  breaker: false,
                                                  backoff: 4, backoff_max: 4 });
        const requests = Array.from({ length: 30 }, (_, i) =>
            open(gateway, { stream: i % 2 === 1 }));
        const asked = () => a.requests.length + b.requests.length;

        await eventually('all ask both', () => asked() >= 60);

        requests.forEach((request) => request.abort());

        for (const request of requests) {
            const entry = await gateway.entry(request.id);

            assert.ok([499, 502, 503].includes(entry.status));
        }

        assert.ok(requests.filter((request) => !request.status).length > 10);

        /* what was sent before they left may still be on its way */

        await sleep(200);

        const before = asked();

        /* a third of the pauses would have ended by then */

        await sleep(1500);

        assert.equal(asked(), before);
    });


row('P10 a kept connection that closes as we send is replaced at once',
    async (t) => {
        const hasty = { onData: (connection, socket) => {
            if (connection.requests > 0 && !socket.kept) {
                socket.resetAndDestroy();
                return true;
            }

            return false;
        } };
        const a = await t.provider(says('a'), hasty);
        const b = await t.provider(says('b'));
        const gateway = await t.between([a, b]);

        for (let i = 1; i <= 8; i++) {
            const answer = await chat(gateway, { stream: i % 3 === 0 });

            assertSays(answer, 'a', i % 3 === 0);
            assertWithin(answer.started, answer.ended, 20 + backoff / 2);

            /* each request was complete once, on a connection of its own */

            assert.equal(a.requests.length, i);
            assert.equal(a.connections.length, i);
        }

        assert.deepEqual(b.connections, []);
        assert.equal((await gateway.deployment(a)).failures, 0);
    });


row('P10 when the replacement fails too, the next is asked', async (t) => {
    let works = true;
    const a = await t.provider(says('a'), { onData: (connection, socket) => {
        if (works) {
            return false;
        }

        socket.resetAndDestroy();
        return true;
    } });
    const b = await t.provider(says('b'));
    const gateway = await t.between([a, b]);

    assertSays(await chat(gateway), 'a');

    works = false;

    const answer = await chat(gateway);

    assertSays(answer, 'b');
    assert.equal(a.connections.length, 2);
    assert.equal(a.requests.length, 1);
    assert.equal(b.requests.length, 1);
});


row('P10 a connection that was closed while idle is not used', async (t) => {
    const a = await t.provider(says('a'));
    const gateway = await t.between(a);

    for (let i = 1; i <= 5; i++) {
        assertSays(await chat(gateway), 'a');
        a.closeIdle();
        await a.idle();
        await sleep(20);
    }

    assert.equal(a.requests.length, 5);
    assert.equal(a.connections.length, 5);
});


row('what the first was sent is not sent to the next', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(reply(200, dialects.claude.answer('of b')));
    const c = await t.provider(says('of c'));
    const gateway = await t.gateway({ models: {
        m: model(a, { model_name: 'gpt-a', api_key: 'key-a',
                      fallbacks: ['claude', 'other'] }),
        claude: model(b, { provider: 'claude', model_name: 'claude-b',
                           api_key: 'key-b' }),
        other: model({ url: c.url.replace('/v1', '/deep/v1') },
                     { model_name: 'gpt-c', api_key: 'key-c' })
    } });

    const answer = await chat(gateway, { content: 'hello', top_p: 0.25 });

    assertSays(answer, 'of b');
    assert.equal(answer.head['x-llmbroker-model'], 'm');
    assert.equal(answer.head['x-llmbroker-provider'], 'claude');
    await assertAttempts(gateway, answer, [a, b], [500, 200]);

    const entry = await gateway.entry(answer.id);

    assert.equal(entry.model, 'm');
    assert.equal(entry.provider, 'claude');
    assert.equal(entry.upstream_model, 'claude-b');
    assert.equal(entry.total, '7');

    const [first] = a.requests;
    const [second] = b.requests;
    const asked = JSON.parse(second.body);

    assert.equal(first.path, '/v1/chat/completions');
    assert.equal(first.headers.authorization, 'Bearer key-a');
    assert.equal(JSON.parse(first.body).model, 'gpt-a');
    assert.equal(second.path, '/v1/messages');
    assert.equal(second.headers['x-api-key'], 'key-b');
    assert.equal(second.headers.authorization, undefined);
    assert.equal(second.headers.host, b.address);
    assert.equal(asked.model, 'claude-b');
    assert.match(JSON.stringify(asked.messages), /hello/);

    /* and from there to OpenAI's dialect again, at another path */

    b.script = fails(529, 'overloaded');

    const next = await chat(gateway, { content: 'hello', top_p: 0.25,
                                       stream: true });

    assertStream(next, 'of c');
    await assertAttempts(gateway, next, [a, b, c], [500, 529, 200]);
    assert.equal(c.requests[0].path, '/deep/v1/chat/completions');
    assert.equal(c.requests[0].headers.authorization, 'Bearer key-c');
    assert.equal(JSON.parse(c.requests[0].body).model, 'gpt-c');
    assert.equal(JSON.parse(c.requests[0].body).top_p, 0.25);
});


row('each alias of a chain has its own parameters', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(fails(500));
    const c = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: {
        m: model(a, { default_params: { temperature: 0.5, top_p: 0.9 },
                      override_params: { seed: 1 }, drop_params: ['user'],
                      fallbacks: ['second', 'third'] }),
        second: model(b, { provider: 'claude',
                           default_params: { max_tokens: 77 } }),
        third: model(c, { default_params: { temperature: 0.1 } })
    } });

    const answer = await chat(gateway, { user: 'u', top_p: 0.25 });

    assertSays(answer, 'fine');

    const [first, second, third] = [a, b, c].map(({ requests }) =>
        JSON.parse(requests[0].body));

    assert.equal(first.temperature, 0.5);
    assert.equal(first.top_p, 0.25);
    assert.equal(first.seed, 1);
    assert.equal(first.user, undefined);
    assert.equal(second.max_tokens, 77);
    assert.equal(second.temperature, undefined);
    assert.equal(third.temperature, 0.1);
    assert.equal(third.top_p, 0.25);
    assert.equal(third.seed, undefined);
    assert.equal(third.user, 'u');
});


row('fallbacks that name each other are asked once each', async (t) => {
    const [a, b, c] = [await t.provider(fails(500, 'a')),
                       await t.provider(fails(502, 'b')),
                       await t.provider(fails(503, 'c'))];
    const more = { breaker: false };
    const gateway = await t.gateway({ models: {
        a: model(a, { ...more, fallbacks: ['b', 'c'] }),
        b: model(b, { ...more, fallbacks: ['a'] }),
        c: model(c, { ...more, fallbacks: ['b', 'a'] })
    } });

    for (const [name, asked] of [['a', [a, b, c]], ['b', [b, a, c]],
                                 ['c', [c, b, a]]])
    {
        const answer = await chat(gateway, { model: name });

        assertError(answer, asked[2] === c ? 503 : 502);
        assert.equal(answer.head['x-llmbroker-attempts'], '3');
        await assertAttempts(gateway, answer, asked);
    }
});


/* how providers say that a conversation is too long */

const tooLong = {
    openai: [400, { message: 'This model\'s maximum context length is 8192 '
                             + 'tokens. However, your messages resulted in '
                             + '9000 tokens.', type: 'invalid_request_error',
                    param: 'messages', code: 'context_length_exceeded' }],
    claude: [400, { message: 'prompt is too long: 210000 tokens > 200000 '
                             + 'maximum', type: 'invalid_request_error' }],
    vllm: [400, { message: 'This model\'s maximum context length is 4096 '
                           + 'tokens. However, you requested 5000 tokens',
                  type: 'BadRequestError', param: null, code: 400 }]
};


row('a conversation that is too long goes to a fallback only', async (t) => {
    const models = {};
    const used = {};

    for (const [name, [status, said]] of Object.entries(tooLong)) {
        const short = await t.provider(reply(status, { error: said }));
        const same = await t.provider(says('never'));
        const large = await t.provider(says('fine'));

        used[name] = [short, same, large];
        models[name] = model([short, same], { fallbacks: [`large-${name}`] });
        models[`large-${name}`] = model(large);
        models[`lone-${name}`] = model(short);
    }

    const gateway = await t.gateway({ models });

    for (const [name, [short, same, large]] of Object.entries(used)) {
        for (let i = 1; i <= 5; i++) {
            const answer = await chat(gateway, { model: name,
                                                 stream: i % 2 === 0 });

            assertSays(answer, 'fine', i % 2 === 0);
            await assertAttempts(gateway, answer, [short, large],
                                 [tooLong[name][0], 200]);

            /* no fault of the deployment */

            assert.equal(short.requests.length, i);
        }

        assert.deepEqual(same.requests, []);

        const lone = await chat(gateway, { model: `lone-${name}` });

        assert.equal(assertError(lone, 400).message, tooLong[name][1].message);
    }
});


row('a body in a temporary file is sent again as it is', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(reset);
    const c = await t.provider(says('fine'));
    const gateway = await t.between([a, b, c], {}, {
        location: 'client_body_buffer_size 4k;'
    });
    const content = 'word '.repeat(100000);
    const answer = await chat(gateway, { content });

    assertSays(answer, 'fine');
    await assertAttempts(gateway, answer, [a, b, c]);

    for (const { requests: [request] } of [a, b, c]) {
        assert.equal(JSON.parse(request.body).messages[0].content, content);
    }
});


row('a slow but sound answer is not given up', async (t) => {
    const a = await t.provider(either(
        after(1200, reply(200, completion('fine'))),
        stream(chunks('fi', 'ne'), { gap: 400 })));
    const b = await t.provider(says('never'));
    const gateway = await t.between([a, b]);

    await Promise.all(both.map(async (streamed) =>
        assertSays(await chat(gateway, { stream: streamed }), 'fine',
                   streamed)));

    assert.deepEqual(b.connections, []);
});
