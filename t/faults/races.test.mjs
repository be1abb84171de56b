/*
 * Copyright (C) LLMBroker contributors
 *
 * What happens while something else does: hedges beside connections that die,
 * clients that leave before the first word, a process that ends between two
 * steps of a call.
 */


import assert from 'node:assert/strict';
import net from 'node:net';

import { answers, assertBroken, assertError, assertStream, chat, get, open,
         open2, session } from './lib/client.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, fails, says } from './lib/openai.mjs';
import { after, cut, either, reply, silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertAfter, assertWithin, eventually, now, sleep }
    from './lib/time.mjs';


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


/* the beginning of an answer, and its connection's end after "ms" */

function half(ms) {
    return async (call) => {
        const text = JSON.stringify(completion('never'));

        await call.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}`
                         + `\r\n\r\n${text.slice(0, 80)}`);
        await call.sleep(ms);
        call.end();
    };
}


row('a hedge that has lost is asked again when the winner breaks',
    async (t) => {
        const a = await t.provider(after(60, half(60)));
        const b = await t.provider(inTurn(after(500, says('late')),
                                          says('again')));
        const gateway = await t.between([a, b], { hedge, breaker: false });
        const answer = await chat(gateway);

        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.text, /"again"/);
        assert.equal(answer.head['x-llmbroker-attempts'], '3');
        assertWithin(answer.started, answer.ended, 250, 'the answer');
    });


row('what no other can do better is told although a hedge runs',
    async (t) => {
        const bad = await t.provider(after(100, fails(400, 'bad')));
        const long = await t.provider(after(100, fails(400, 'too long', {}, {
            code: 'context_length_exceeded' })));
        const mute = await t.provider(silent);
        const larger = await t.provider(says('larger'));
        const more = { hedge, breaker: false };
        const gateway = await t.gateway({ models: {
            bad: model([bad, mute], more),
            long: model([long, mute], { ...more, fallbacks: ['larger'] }),
            larger: model(larger)
        } });

        for (const stream of [false, true]) {
            const one = await chat(gateway, { model: 'bad', stream });

            assertError(one, 400);
            assert.match(one.text, /"bad"/);
            assertWithin(one.started, one.ended, 200, 'the error');

            const two = await chat(gateway, { model: 'long' });

            assert.match(two.text, /"larger"/);
            assertWithin(two.started, two.ended, 250, 'the fallback');
        }

        await mute.idle();
    });


row('what fails beside a hedge is followed by the next at once',
    async (t) => {
        const a = await t.provider(after(100, fails(500)));
        const b = await t.provider(silent);
        const c = await t.provider(says('third'));
        const gateway = await t.between([a, b, c], { hedge, breaker: false });

        for (const stream of [false, true]) {
            const answer = await chat(gateway, { stream });

            assert.equal(answer.status, 200);
            assert.match(answer.text, /"third"/);
            assertWithin(answer.started, answer.ended, 200, 'the third');
            await b.idle();
        }
    });


row('stream_commit: header tells of a hedge at once, and of its silence',
    async (t) => {
        const mute = await t.provider(silent);
        const half = await t.provider(async (call) => {
            await call.write('HTTP/1.1 200 OK\r\n'
                             + 'Content-Type: text/event-stream\r\n'
                             + 'Transfer-Encoding: chunked\r\n\r\n8');
            await call.gone;
        });
        const gateway = await t.between([mute, half], {
            hedge, breaker: false, stream_commit: 'header',
            first_token_timeout: 0.5 });
        const request = open(gateway, { stream: true });

        await request.headers;
        assertWithin(request.started, now(), 200, 'the header');

        const answer = await request.done;

        assertBroken(answer, '', 'provider_timeout');
        assertAfter(answer.started, answer.ended, 530, 70, 'the error');
    });


row('a hedge is asked for an attempt that follows another, too', async (t) => {
    const a = await t.provider(fails(500));
    const b = await t.provider(after(1500, says('late')));
    const c = await t.provider(says('hedge'));
    const gateway = await t.between([a, b, c], {
        hedge: { after: '100ms', share: 100 }, breaker: false });
    const answer = await chat(gateway, { stream: true });

    assertStream(answer, 'hedge');
    assertWithin(answer.started, answer.ended, 300, 'the hedge');
    assert.equal(answer.head['x-llmbroker-attempts'], '3');
});


/* what Claude says, buffered: its tokens are known when all is read */

const claude = { id: 'msg_1', type: 'message', role: 'assistant', model: 'c-1',
                 content: [{ type: 'text', text: 'a' }],
                 stop_reason: 'end_turn',
                 usage: { input_tokens: 3, output_tokens: 4 } };


row('C1 drain: a client of HTTP/2 that leaves before the first word',
    async (t) => {
        const openai = await t.provider(after(200, either(
            reply(200, completion('a')),
            stream(chunks('a', 'b', 'c'), { gap: 20 }))));
        const other = await t.provider(after(200, reply(200, claude)));
        const more = { on_client_abort: 'drain' };
        const gateway = await t.gateway({ listen: 'http2', models: {
            openai: model(openai, more),
            claude: model(other, { ...more, provider: 'claude' })
        } });
        const one = await session(gateway);

        for (const [name, streamed] of [['openai', true], ['openai', false],
                                        ['claude', false]])
        {
            const provider = name === 'openai' ? openai : other;
            const n = provider.requests.length;
            const request = open2(one, { model: name, stream: streamed });

            await provider.request(n + 1);
            request.abort();

            const entry = await gateway.entry(request.id);

            assert.equal(entry.total, '7', `${name} ${streamed}`);
            assert.equal(entry.status, 499, `${name} ${streamed}`);
            assert.equal(entry.upstream_status, '200');
        }

        one.close();
    });


row('C1 what the alias says of clients that leave is for its fallbacks, too',
    async (t) => {
        const bad = await t.provider(fails(500));
        const good = await t.provider(after(300, says('good')));
        const gateway = await t.gateway({ models: {
            cancel: model(bad, { fallbacks: ['drain'], breaker: false }),
            drain: model(good, { on_client_abort: 'drain' }),
            both: model(bad, { fallbacks: ['plain'], breaker: false,
                               on_client_abort: 'drain' }),
            plain: model(good)
        } });

        for (const [name, total] of [['cancel', ''], ['both', '7']]) {
            const n = good.requests.length;
            const request = open(gateway, { model: name });

            await good.request(n + 1);
            request.abort();

            const left = now();

            if (name === 'cancel') {
                await good.idle();
                assertWithin(left, now(), 100, 'closing');
            }

            assert.equal((await gateway.entry(request.id)).total, total);
        }
    });


row('O3 a body that comes behind the drain_timeout is refused', async (t) => {
    const provider = await t.provider(stream(chunks(...'abcdefghij'),
                                             { gap: 300 }));
    const gateway = await t.gateway({ models: { m: model(provider) },
                                      proxy: { drain_timeout: '300ms' } });
    const old = gateway.worker;
    const body = '{"model":"m","stream":true,"messages":[]}';
    const socket = net.connect(gateway.port, '127.0.0.1');
    let text = '';

    socket.on('data', (data) => { text += data.toString('latin1'); });
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n'
                 + `Content-Length: ${body.length}\r\n\r\n{`);
    await sleep(100);

    await gateway.reload();
    await sleep(500);

    const sent = now();

    socket.write(body.slice(1));
    await new Promise((resolve) => socket.on('close', resolve));

    assertWithin(sent, now(), 200, 'the refusal');

    const [answer] = answers(text);

    assert.equal(answer.status, 503);
    assert.equal(JSON.parse(answer.body).error.code, 'server_shutdown');
    assert.equal(provider.requests.length, 0);

    await eventually('no old worker', () => !gateway.workers().includes(old));
});


row('O3 between two parts of an answer the drain_timeout holds, too',
    async (t) => {
        const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
        const text = [
            event({ type: 'message_start', message: {
                ...claude, content: [], stop_reason: null } }),
            event({ type: 'content_block_start', index: 0,
                    content_block: { type: 'text', text: '' } }),
            event({ type: 'content_block_delta', index: 0,
                    delta: { type: 'text_delta', text: 'a' } }),
            event({ type: 'content_block_stop', index: 0 }),
            event({ type: 'message_delta',
                    delta: { stop_reason: 'end_turn' },
                    usage: { output_tokens: 4 } }),
            event({ type: 'message_stop' })
        ];

        /* the answer's end comes, its message's does not */

        const provider = await t.provider(stream(text, { then: 'hang' }));
        const gateway = await t.gateway({
            models: { m: model(provider, { provider: 'claude' }) },
            proxy: { drain_timeout: '100ms' } });
        const request = open(gateway, {
            path: '/v1/completions',
            body: '{"model":"m","stream":true,"prompt":["a","b"]}' });

        await request.event(2);
        await gateway.reload();

        const answer = await request.done;

        assert.ok(answer.complete);
        assert.equal(answer.events.at(-1).json.error.code, 'server_shutdown');
    });
