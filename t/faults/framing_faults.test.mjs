/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import zlib from 'node:zlib';

import { assertError, assertStream, chat, open } from './lib/client.mjs';
import { dialects } from './lib/dialects.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, delta, done, error, finish, role, says, word }
    from './lib/openai.mjs';
import { blackhole, bytes, chunk, either, message, pieces, reply, stream }
    from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { sanitized } from './lib/time.mjs';


/* what must never reach a client */

const secret = 'bytes-of-a-bad-answer';

const good = JSON.stringify(completion('fine'));
const bad = JSON.stringify(completion(secret));

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const length = `Content-Length: ${bad.length}\r\n`;
const coding = 'Transfer-Encoding: chunked\r\n';
const chunked = `${head}${coding}\r\n`;


/* P11: [what, the provider's bytes, what it does then, the code] */

const broken = [
    ['no HTTP at all', `SSH-2.0-OpenSSH_9.2 ${secret}\r\n`, 'end'],
    ['a status line without a status', `HTTP/1.1 OK\r\n\r\n${bad}`, 'end'],
    ['a status of two digits', `HTTP/1.1 20 OK\r\n\r\n${bad}`, 'end'],
    ['a status line that never ends', `HTTP/1.1 200 ${'O'.repeat(1 << 17)}`,
     'hang'],
    ['a header larger than the buffer',
     `${head}X-Large: ${'x'.repeat(1 << 17)}\r\n`
     + `Content-Length: ${bad.length}\r\n\r\n${bad}`, 'keep'],
    ['very many headers',
     head + 'X-Many: headers\r\n'.repeat(20000)
     + `Content-Length: ${bad.length}\r\n\r\n${bad}`, 'keep'],
    ['a header without a colon', `HTTP/1.1 200 OK\r\nnonsense\0\r\n\r\n${bad}`,
     'end'],
    ['a length and chunks',
     `${head}${length}${coding}\r\n${chunk(bad)}0\r\n\r\n`, 'keep'],
    ['chunks and a length',
     `${head}${coding}${length}\r\n${chunk(bad)}0\r\n\r\n`, 'keep'],
    ['two lengths', `${head}${length}Content-Length: 2\r\n\r\n${bad}`, 'keep'],
    ['the same length twice', `${head}${length}${length}\r\n${bad}`, 'keep'],
    ['a negative length', `${head}Content-Length: -1\r\n\r\n${bad}`, 'keep'],
    ['a length that is no number',
     `${head}Content-Length: 1${bad.length}x\r\n\r\n${bad}`, 'keep'],
    ['a length that overflows',
     `${head}Content-Length: 99999999999999999999999\r\n\r\n${bad}`, 'keep'],
    ['an unknown transfer coding',
     `${head}Transfer-Encoding: gzip\r\n\r\n${bad}`, 'end'],
    ['gzip within chunks',
     `${head}Transfer-Encoding: gzip, chunked\r\n\r\n${chunk(bad)}0\r\n\r\n`,
     'keep'],
    ['transfer codings on two lines',
     `${head}${coding}Transfer-Encoding: identity\r\n\r\n`
     + `${chunk(bad)}0\r\n\r\n`, 'keep'],
    ['a chunk size that is none', `${chunked}zz\r\n${bad}\r\n0\r\n\r\n`,
     'keep'],
    ['a chunk size that overflows',
     `${chunked}ffffffffffffffffff\r\n${bad}\r\n0\r\n\r\n`, 'keep'],
    ['a negative chunk size', `${chunked}-5\r\n${bad}\r\n0\r\n\r\n`, 'keep'],
    ['a chunk that is longer than it says',
     `${chunked}4\r\n${bad}\r\n0\r\n\r\n`, 'keep'],
    ['chunks that do not end', `${chunked}${chunk(bad)}`, 'end'],
    ['an answer that is shorter than it said',
     `${head}Content-Length: ${bad.length + 1}\r\n\r\n${bad}`, 'end'],
    ['an answer that is no JSON',
     `${head}Content-Length: 5\r\n\r\n{"a":`, 'keep'],
    ['an answer that is empty', `${head}Content-Length: 0\r\n\r\n`, 'keep'],
    ['an answer that is a page',
     message(200, { 'Content-Type': 'text/html',
                    'Content-Length': 26 + secret.length },
             `<html><body>${secret}</body></html>`), 'keep'],
    ['101, which nobody asked for',
     'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n' + bad, 'hang'],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'keep'],
    ['a redirect',
     `HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/${secret}\r\n`
     + 'Content-Length: 0\r\n\r\n', 'keep']
];


row('P11 broken HTTP is 502, nothing of it is told, no connection is kept',
    async (t) => {
        const models = {};
        const providers = [];

        for (const [i, [, data, then]] of broken.entries()) {
            const provider = await t.provider(bytes(data, then));

            providers.push(provider);
            models[`m${i}`] = model(provider, { first_token_timeout: 3 });
        }

        const gateway = await t.gateway({ models });

        await Promise.all(broken.map(async ([what], i) => {
            for (const streamed of [false, true]) {
                const answer = await chat(gateway, { model: `m${i}`,
                                                     stream: streamed });

                assert.equal(answer.status, 502, `${what}: ${answer.text}`);
                assertError(answer, 502);
                assert.match(answer.json.error.code,
                             /^provider_(bad_response|unavailable)$/, what);
                assert.ok(!answer.text.includes(secret), what);
                assert.ok(!JSON.stringify(answer.head).includes(secret), what);
            }

            const { connections } = providers[i];

            if (!/page|empty|no JSON|204|redirect/.test(what)) {
                await providers[i].idle();
                assert.ok(connections.every((c) => c.requests === 1),
                          `${what}: the connection was used again`);
            }
        }));
    });


/* what is odd but right */

const odd = [
    ['a byte at a time', pieces(`${head}Content-Length: ${good.length}\r\n\r\n`
                                + good)],
    ['chunks of a byte', pieces(chunked + [...good].map((c) => `1\r\n${c}\r\n`)
                                    .join('') + '0\r\n\r\n', 7)],
    ['chunk extensions', bytes(`${chunked}${good.length.toString(16)};a="b;c"`
                               + `\r\n${good}\r\n0;x\r\n\r\n`)],
    ['trailers', bytes(`${chunked}${chunk(good)}0\r\nX-Sum: 1\r\nSet-Cookie: a`
                       + '\r\n\r\n')],
    ['no length, until the end', bytes(`${head}\r\n${good}`, 'end')],
    ['HTTP/1.0', bytes(`HTTP/1.0 200 OK\r\n\r\n${good}`, 'end')],
    ['no reason phrase', bytes(`HTTP/1.1 200\r\nContent-Length: ${good.length}`
                               + `\r\n\r\n${good}`)],
    ['103 and 100 first (P18)',
     bytes('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
           + 'HTTP/1.1 100 Continue\r\n\r\n'
           + `${head}Content-Length: ${good.length}\r\n\r\n${good}`)],
    ['103 in a packet of its own (P18)', async (call) => {
        await call.pieces('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
                          9, 2);
        await reply(200, good)(call);
    }],
    ['more than it said', bytes(`${head}Content-Length: ${good.length}\r\n\r\n`
                                + good + secret)]
];


row('P11, P18 odd HTTP is an answer', async (t) => {
    const models = {};
    const providers = [];

    for (const [i, [, behaviour]] of odd.entries()) {
        const provider = await t.provider(behaviour);

        providers.push(provider);
        models[`m${i}`] = model(provider);
    }

    const gateway = await t.gateway({ models });

    await Promise.all(odd.map(async ([what], i) => {
        const answer = await chat(gateway, { model: `m${i}` });

        assert.equal(answer.status, 200, `${what}: ${answer.text}`);
        assert.equal(answer.text.trim(), good, what);

        for (const header of ['link', 'set-cookie', 'x-sum', 'trailer']) {
            assert.equal(answer.head[header], undefined, what);
        }
    }));

    /* what follows the end belongs to no answer */

    await providers.at(-1).idle();
});


const words = ['Gr\u00fc\u00dfe', ' \u{1f600}', ' "end"'];

const streamHead = message(200, { 'Content-Type': 'text/event-stream',
                                  'Connection': 'close' }, '');


/* the same said with other line ends and with all that events may have */

function spellings(events) {
    const text = events.join('');

    return {
        'LF': text,
        'CRLF': text.replaceAll('\n', '\r\n'),
        'CR': text.replaceAll('\n', '\r'),
        'BOM': `\ufeff${text}`,
        'comments': events.map((event) => `: ping\n${event}:\n\n`).join(''),
        'other fields': events.map((event) => `id: 7\nretry: 1\nx: y\n${event}`)
            .join(''),
        'several data lines': text.replace(/^(data: ?)(\{.*)$/gm, (_, name,
            json) => `${name}${json.replace('":', `":\n${name}`)}`),
        'no blank line at the end': text.replace(/\n+$/, '\n'),
        'no end of the last line': text.replace(/\n+$/, '')
    };
}


/* what the client sees, without what is another for each request */

function seen(answer) {
    return answer.events.map(({ data, json }) =>
        (json ? JSON.stringify({ ...json, created: 0, id: json.id && 'id' })
         : data));
}


for (const [name, { events: say, path }] of Object.entries(dialects)) {
    const events = say(...words);

    row(`P9 ${name}: every split of a stream and every spelling tell the same`,
        async (t) => {
            const provider = await t.provider(async (call) => {
                const { messages, contents, input } = JSON.parse(
                    call.request.body.toString());
                const asked = JSON.stringify(messages || contents || input)
                    .match(/!(\d+)!([\w ]+)!/);
                const text = Buffer.from(spellings(events)[asked[2]]);
                const at = Number(asked[1]);

                await call.write(streamHead);

                if (at === 0) {
                    await call.pieces(text);

                } else {
                    await call.write(text.subarray(0, at));
                    await new Promise((resolve) => setTimeout(resolve, 3));
                    await call.write(text.subarray(at));
                }

                call.end();
            });

            const gateway = await t.gateway({ models: { m: model(
                { url: provider.url.replace('/v1', path) },
                { provider: name, first_token_timeout: 9,
                  idle_timeout: 9 }) } });

            const ask = async (spelling, at) => {
                const answer = await chat(gateway, {
                    stream: true, stream_options: { include_usage: true },
                    content: `!${at}!${spelling}!`
                });

                assertStream(answer, words.join(''));

                return seen(answer);
            };

            const length = Buffer.byteLength(events.join(''));
            const expected = await ask('LF', length);

            const cases = Object.keys(spellings(events))
                .map((spelling) => [spelling, 0]);

            for (let at = 1; at < length; at++) {
                cases.push(['LF', at]);
            }

            await inParallel(24, cases, async ([spelling, at]) => {
                assert.deepEqual(await ask(spelling, at), expected,
                                 `${spelling}, cut at ${at}`);
            });
        });
}


async function inParallel(n, list, fn) {
    const left = [...list];

    await Promise.all(Array.from({ length: n }, async () => {
        while (left.length) {
            await fn(left.shift());
        }
    }));
}


/* P12: headers that steer nginx, and those that are not a client's business */

const steering = {
    'X-Accel-Redirect': '/internal/secret',
    'X-Accel-Limit-Rate': '1',
    'X-Accel-Buffering': 'yes',
    'X-Accel-Expires': '@0',
    'X-Accel-Charset': 'koi8-r',
    'Set-Cookie': ['session=1', 'other=2'],
    'Location': 'http://127.0.0.1:1/',
    'Refresh': '0; url=http://127.0.0.1:1/',
    'Content-Disposition': 'attachment',
    'Content-Security-Policy': 'default-src none',
    'Access-Control-Allow-Origin': '*',
    'Strict-Transport-Security': 'max-age=1',
    'WWW-Authenticate': 'Basic',
    'Trailer': 'X-Late',
    'Server': 'provider',
    'X-Powered-By': 'provider',
    'Date': 'Thu, 01 Jan 1970 00:00:00 GMT',
    'Last-Modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
    'ETag': '"1"',
    'Cache-Control': 'public, max-age=1000',
    'Vary': '*',
    'Via': '1.1 provider',
    'Alt-Svc': 'h3=":443"',
    'Status': '500',
    'Keep-Alive': 'timeout=1',
    'X-Content-Type-Options': 'nosniff'
};


row('P12 a provider\'s headers steer nothing and do not pass', async (t) => {
    const text = 'word '.repeat(400);
    const failure = JSON.stringify(error('not now'));
    const provider = await t.provider(either(
        (call) => reply(call.request.path.includes('fail') ? 429 : 200,
                        call.request.path.includes('fail')
                            ? failure : completion(text), steering)(call),
        stream(chunks(text), { headers: steering })));

    const gateway = await t.gateway({
        models: {
            m: model(provider),
            fail: model({ url: provider.url.replace('/v1', '/fail/v1') })
        },
        server: 'location /internal/ { internal; return 200 "inside"; }',
        location: 'add_header X-Ours yes always;'
    });

    for (const options of [{}, { stream: true }, { model: 'fail' }]) {
        const answer = await chat(gateway, options);
        const took = answer.ended - answer.started;

        assert.equal(answer.status, options.model ? 429 : 200);
        assert.equal(answer.head['x-ours'], 'yes');
        assert.ok(took < 1500, `limited: ${took} ms`);

        for (const [name, value] of Object.entries(steering)) {
            const got = answer.head[name.toLowerCase()];

            assert.notDeepEqual(got, value, name);

            if (!/^(Server|Date|Cache-Control|X-Accel-Buffering|Keep-Alive)$/
                    .test(name))
            {
                assert.equal(got, undefined, name);
            }
        }

        if (options.stream) {
            assertStream(answer, text);
            assert.equal(answer.head['x-accel-buffering'], 'no');
            assert.equal(answer.head['cache-control'], 'no-cache');
        }
    }
});


/* P15 */

const cap = 32 * 1024 * 1024;

function large(size) {
    const frame = JSON.stringify(completion('@')).split('@');

    return frame.join('x'.repeat(size - frame.join('').length));
}


/* writes until it is stopped, "most" bytes at the most */

function endless(start, piece, most) {
    return async (call) => {
        await call.write(start);

        while (call.sent < most && await call.write(piece)) { /* void */ }

        call.end();
    };
}


async function memoryOf(gateway, fn) {
    const before = gateway.memory().rss;

    await fn();

    return gateway.memory().peak - before;
}


row('P15 an answer of 32 MB passes; a larger one is 502, memory has its bound',
    async (t) => {
        const fits = await t.provider(reply(200, large(cap)));
        const more = await t.provider(reply(200, large(cap + 1)));
        const never = await t.provider(
            endless(chunked, chunk('x'.repeat(65536)), 4 * cap));

        const models = { fits: model(fits), more: model(more),
                         never: model(never) };

        for (const name of Object.keys(models)) {
            const gateway = await t.gateway({ models: { m: models[name] } });

            await chat(gateway, { model: 'none' });

            const grown = await memoryOf(gateway, async () => {
                const answer = await chat(gateway);

                if (name === 'fits') {
                    assert.equal(answer.status, 200);
                    assert.equal(answer.bytes.length, cap);

                } else {
                    assertError(answer, 502, 'provider_bad_response');
                }
            });

            if (!sanitized) {
                assert.ok(grown <= cap + (1 << 20),
                          `${name}: ${grown - cap} bytes more than the answer`);
            }
        }

        await never.idle();
    });


row('P15 endless headers, events, comments and errors have their bounds',
    async (t) => {
        const megabyte = 'x'.repeat(1 << 20);
        const most = 3 * cap;
        const cases = {
            header: [endless(`${head}X: `, megabyte, most), 502],
            headers: [endless(head, 'X-Header: value\r\n'.repeat(4096), most),
                      502],
            hints: [endless('', 'HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n'
                                    .repeat(1024), most), 502],
            event: [endless(`${streamHead}data: {"a":"`, megabyte, most), 502],
            error: [endless('HTTP/1.1 500 Oops\r\n\r\n{"error":"', megabyte,
                            most), 502]
        };

        const models = {};
        const providers = {};

        for (const [name, [behaviour]] of Object.entries(cases)) {
            providers[name] = await t.provider(behaviour);
            models[name] = model(providers[name], { timeout: 5 });
        }

        const gateway = await t.gateway({ models });

        for (const [name, [, status]] of Object.entries(cases)) {
            const answer = await chat(gateway, { model: name, stream: true });

            assert.equal(answer.status, status, `${name}: ${answer.text}`);
            assertError(answer, status);
            await providers[name].idle();
        }

        if (!sanitized) {
            assert.ok(gateway.memory().peak < 100 * (1 << 20));
        }
    });


row('P16 gzip that nobody asked for is 502', async (t) => {
    const packed = zlib.gzipSync(good);
    const answers = {
        gzip: reply(200, packed, { 'Content-Encoding': 'gzip' }),
        deflate: reply(200, zlib.deflateSync(good),
                       { 'Content-Encoding': 'deflate' }),
        twice: reply(200, packed, { 'Content-Encoding': ['identity', 'gzip'] }),
        silent: reply(200, packed),
        streamed: bytes(message(200, { 'Content-Type': 'text/event-stream',
                                       'Content-Encoding': 'gzip' },
                                zlib.gzipSync(chunks('a').join(''))), 'end')
    };
    const models = {};

    for (const [name, behaviour] of Object.entries(answers)) {
        models[name] = model(await t.provider(behaviour));
    }

    const same = await t.provider(reply(200, good,
                                        { 'Content-Encoding': 'identity' }));

    models.same = model(same);

    const gateway = await t.gateway({ models });

    for (const name of Object.keys(answers)) {
        const answer = await chat(gateway, { model: name,
                                             stream: name === 'streamed' });

        assertError(answer, 502, 'provider_bad_response');
    }

    const answer = await chat(gateway, { model: 'same' });

    assert.equal(answer.text, good);

    /* and it is told so */

    assert.equal(same.requests[0].headers['accept-encoding'] ?? 'identity',
                 'identity');
});


row('a blackhole does not hold up the others', async (t) => {
    const hole = await t.provider(blackhole);
    const fine = await t.provider(says('fine'));
    const gateway = await t.gateway({ models: {
        hole: model(hole, { first_token_timeout: 1 }), fine: model(fine) } });

    const waiting = Array.from({ length: 20 }, () =>
        open(gateway, { model: 'hole' }));

    for (let i = 0; i < 20; i++) {
        const answer = await chat(gateway, { model: 'fine' });

        assert.equal(answer.status, 200);
    }

    for (const { done: ended } of waiting) {
        assertError(await ended, 504, 'provider_timeout');
    }
});


row('a stream that ends without its end is told as broken', async (t) => {
    const provider = await t.provider([
        stream([role, word('a'), word('b')]),
        stream([role, word('a'), word('b'), delta({ delta: {} })]),
        stream([role, word('a'), word('b'), finish, done])
    ]);
    const gateway = await t.between(provider);

    for (const ends of [false, false, true]) {
        const answer = await chat(gateway, { stream: true });

        assert.equal(answer.content, 'ab');
        assert.ok(answer.complete);
        assert.equal(answer.events.at(-1).data === '[DONE]', ends);
        assert.equal(answer.events.some((event) => event.json?.error), !ends);
    }
});
