/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { assertAttempts } from './lib/attempts.mjs';
import { assertBroken, assertStream, chat, open }
    from './lib/client.mjs';
import { dialects } from './lib/dialects.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, delta, done, error, finish, role, says, usage,
         word } from './lib/openai.mjs';
import { bytes, chunk, message, reply, silent, stream }
    from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, now, sanitized, sleep }
    from './lib/time.mjs';


const words = ['one', ' two', ' three', ' four'];

const streamed = { stream: true };


/* ways in which a stream can end too early */

const ends = ['end', 'reset', 'done'];


for (const [name, { events, path, before, failure }]
     of Object.entries(dialects))
{
    /* a pair of which the first speaks that dialect, behind an alias */

    const pair = async (t, a, more) => {
        const b = await t.provider(says('fi', 'ne'));

        return { b, gateway: await t.gateway({ models: {
            m: model({ url: a.url.replace('/v1', path) },
                     { provider: name, fallbacks: ['other'], breaker: false,
                       ...more }),
            other: model(b, { breaker: false })
        } }) };
    };


    row(`P7 ${name}: cut after k events`, async (t) => {
        const all = events(...words);
        const a = await t.provider(silent);
        const { b, gateway } = await pair(t, a);

        for (const then of ends) {
            for (let k = 0; k < before + words.length; k++) {
                a.script = stream(all, { cut: k, then });

                const asked = b.requests.length;
                const answer = await chat(gateway, streamed);

                if (k <= before) {
                    assertStream(answer, 'fine');
                    await assertAttempts(gateway, answer, [a, b]);
                    assert.equal(b.requests.length, asked + 1);
                    continue;
                }

                const said = words.slice(0, k - before);

                assertBroken(answer, said.join(''));
                await assertAttempts(gateway, answer, [a]);
                assert.equal(b.requests.length, asked, 'B was asked');

                /* each event is one event, and they are in order */

                const texts = answer.events.map((event) =>
                    event.json.choices?.[0]?.delta?.content).filter(Boolean);

                assert.deepEqual(texts, said);
            }
        }
    });


    row(`P7 ${name}: cut within an event`, async (t) => {
        const all = events(...words);
        const a = await t.provider(silent);
        const { b, gateway } = await pair(t, a);

        const part = (k) => {
            const text = all[k];

            return [...all.slice(0, k), text.slice(0, text.length >> 1)];
        };

        a.script = stream(part(before), { then: 'end' });
        assertStream(await chat(gateway, streamed), 'fine');

        a.script = stream(part(before + 2), { then: 'end' });
        assertBroken(await chat(gateway, streamed), 'one two');
        assert.equal(b.requests.length, 1);
    });


    row(`P7 ${name}: an error in the stream, before and after its words`,
        async (t) => {
            const all = events(...words);
            const a = await t.provider(silent);
            const { b, gateway } = await pair(t, a);

            for (let k = 0; k <= before + 2; k++) {
                a.script = stream([...all.slice(0, k), failure]);

                const answer = await chat(gateway, streamed);

                if (k <= before) {
                    assertStream(answer, 'fine');
                    await assertAttempts(gateway, answer, [a, b]);

                } else {
                    const last = assertBroken(answer, words
                        .slice(0, k - before).join(''));

                    assert.match(last.json.error.message, /overloaded/);
                    await assertAttempts(gateway, answer, [a]);
                }
            }
        });


    row(`P8 ${name}: a stall in the stream`, async (t) => {
        const all = events(...words);
        const early = await t.provider(stream(all, { cut: before,
                                                     then: 'hang' }));
        const late = await t.provider(stream(all, { cut: before + 2,
                                                    then: 'hang' }));

        const [first, second] = await Promise.all([early, late].map(
            async (a) => {
                const { b, gateway } = await pair(t, a);
                const answer = await chat(gateway, streamed);

                return { a, b, answer };
            }));

        assertStream(first.answer, 'fine');
        assertAfter(first.answer.started, first.answer.ended, 2000, 50,
                    'the next');

        const broken = assertBroken(second.answer, 'one two',
                                    'provider_timeout');
        const { last, connection } = late.requests[0];

        assertAfter(last, broken.at, 2000, 50, 'the error event');
        assertAfter(last, connection.closed, 2000, 60, 'closing');
        assert.deepEqual(second.b.connections, []);
    });
}


/* what is no word yet: a stream that fails after it is asked elsewhere */

const beginnings = {
    'nothing': [],
    'comments': [': ping\n\n', ':\n\n'],
    'the role': [role],
    'an empty delta': [role, delta({ delta: {} }), delta({ delta: {
        content: '' } })],
    'null for everything': [delta({ delta: { role: 'assistant', content: null,
                                             refusal: null,
                                             tool_calls: null } })],
    'usage': [role, usage],
    'no choices': ['data: {"id":"c","object":"chat.completion.chunk","created":'
                   + '1,"model":"m","choices":[]}\n\n']
};


/* and what is; an answer that has its finish reason lacks nothing more */

const begun = {
    'a word': word('a'),
    'reasoning': delta({ delta: { reasoning_content: 'hm' } }),
    'a refusal': delta({ delta: { refusal: 'no' } }),
    'a tool call': delta({ delta: { tool_calls: [{
        index: 0, id: 'call_1', type: 'function',
        function: { name: 'f', arguments: '' } }] } }),
    'the end': finish
};


row('nothing reaches the client before the first word', async (t) => {
    const a = await t.provider(silent);
    const b = await t.provider(says('fi', 'ne'));
    const gateway = await t.between([a, b], { breaker: false });

    for (const [what, events] of Object.entries(beginnings)) {
        for (const then of [...ends, 'error', 'nonsense']) {
            a.script = then === 'error' ? stream([...events,
                                                  dialects.openai.failure])
                : then === 'nonsense' ? stream([...events, 'data: oops\n\n'])
                : stream(events, { then });

            const answer = await chat(gateway, streamed);

            assertStream(answer, 'fine');
            assert.equal(answer.events.filter((event) =>
                event.json?.choices?.[0]?.delta?.role).length, 1, what);
            await assertAttempts(gateway, answer, [a, b]);
        }
    }

    for (const [what, event] of Object.entries(begun)) {
        const asked = b.requests.length;

        a.script = stream([role, event], { then: 'reset' });

        const answer = await chat(gateway, streamed);

        assert.equal(answer.status, 200, what);
        assert.ok(answer.complete);
        assert.ok(answer.events.at(-1).json?.error
                  || (event === finish && answer.events.at(-1).data
                      === '[DONE]'), `${what}: ${answer.text}`);
        assert.equal(answer.events[1].raw, event.trimEnd(), what);
        assert.equal(b.requests.length, asked, what);
    }
});


row('a stream whose words come late is held back and then passed whole',
    async (t) => {
        const a = await t.provider(async (call) => {
            await stream([': ping\n\n', role, usage], { then: 'keep' })(call);
            await call.sleep(300);

            for (const event of [word('fi'), word('ne'), finish, done]) {
                await call.write(chunk(event));
                await call.sleep(100);
            }

            await call.write('0\r\n\r\n');
        });
        const b = await t.provider(says('never'));
        const gateway = await t.between([a, b]);
        const request = open(gateway, streamed);

        await request.headers;
        assertAfter(request.started, now(), 300, 50, 'the header');
        await request.done;
        assertStream(request, 'fine');
        assert.equal(request.events.filter((event) =>
            event.json?.choices?.[0]?.delta?.role).length, 1);
        assertAfter(request.events[1].at, request.ended, 400, 60, 'the rest');
        assert.deepEqual(b.connections, []);
    });


row('stream_commit: header passes the first event on, and stays there',
    async (t) => {
        const a = await t.provider([
            stream([role], { then: 'reset' }),
            stream([role], { then: 'hang' }),
            reply(500, error('no'))
        ]);
        const b = await t.provider(says('fine'));
        const gateway = await t.between([a, b], { stream_commit: 'header' });

        assertBroken(await chat(gateway, streamed), '');
        assert.deepEqual(b.connections, []);

        const request = open(gateway, streamed);

        await request.event(1);
        assertWithin(request.started, now(), 50, 'the role');
        assertBroken(await request.done, '', 'provider_timeout');
        assert.deepEqual(b.connections, []);

        assertStream(await chat(gateway, streamed), 'fine');
    });


row('a 200 to a stream that is no stream', async (t) => {
    const page = message(200, { 'Content-Type': 'text/html',
                                'Content-Length': 6 }, '<html>');
    const cases = {
        'an error in JSON': reply(200, error('overloaded')),
        'a page': bytes(page),
        'nothing': reply(200, '', { 'Content-Type': 'text/event-stream' }),
        'half of an answer': bytes(message(200, {
            'Content-Type': 'application/json', 'Content-Length': 500 },
                                           '{"choices":['), 'end')
    };
    const a = await t.provider(silent);
    const b = await t.provider(says('fi', 'ne'));
    const gateway = await t.between([a, b], { breaker: false });

    for (const [what, behaviour] of Object.entries(cases)) {
        a.script = behaviour;

        const answer = await chat(gateway, streamed);

        assertStream(answer, 'fine');
        await assertAttempts(gateway, answer, [a, b]);
        assert.equal(b.requests.length > 0, true, what);
    }

    /* a whole answer becomes a stream */

    a.script = reply(200, completion('whole'));
    assertStream(await chat(gateway, streamed), 'whole');
});


row('what is held back has its bound', async (t) => {
    const cases = {
        comments: `: ${'ping '.repeat(20)}\n\n`,
        roles: role,
        usage,
        names: delta({ delta: {}, padding: 'x'.repeat(1000) })
    };

    await Promise.all(Object.entries(cases).map(async ([what, event]) => {
        const piece = chunk(event.repeat(100));
        const a = await t.provider(async (call) => {
            await stream([], { then: 'keep' })(call);

            while (call.sent < 64 << 20 && await call.write(piece)) {
                /* void */
            }

            call.end();
        });
        const b = await t.provider(says('fi', 'ne'));
        const gateway = await t.between([a, b], { timeout: 8 });

        await chat(gateway, { model: 'none' });

        const before = gateway.memory().rss;
        const answer = await chat(gateway, streamed);

        /* held until it is too much: then it is the answer, or it is not */

        if (answer.content === 'fine') {
            assertStream(answer, 'fine');

        } else {
            assertBroken(answer, '');
        }

        if (!sanitized) {
            const grown = gateway.memory().peak - before;

            assert.ok(grown < 2 << 20, `${what}: ${grown} bytes`);
        }
    }));
});


row('on_client_abort: drain reads the rest, and knows the usage', async (t) => {
    const all = chunks(...words);
    const a = await t.provider(stream(all, { gap: 50 }));
    const gateway = await t.gateway({ models: {
        drain: model(a, { on_client_abort: 'drain' }),
        cancel: model(a, { on_client_abort: 'cancel' })
    } });

    for (const how of ['drain', 'cancel']) {
        const request = open(gateway, { stream: true, model: how });

        await request.event(2);

        const left = now();

        request.abort();
        await sleep(50);

        if (how === 'cancel') {
            await a.idle();
            assertWithin(left, a.connections.at(-1).closed, 100, 'closing');
        }

        const entry = await gateway.entry(request.id);

        assert.ok([200, 499].includes(entry.status));

        if (how === 'drain') {
            assert.equal(entry.total, '7');
            assert.ok(a.requests[0].last - left > 100, 'it was cut');
            assert.equal(a.connections[0].closed, null);
        }
    }
});
