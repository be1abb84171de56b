/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';

import { Authority } from './lib/certificates.mjs';
import { answers, assertBroken, assertError, assertStream, chat, chatBody, get,
         open, open2, raw, session } from './lib/client.mjs';
import { dialects } from './lib/dialects.mjs';
import { model } from './lib/gateway.mjs';
import { chunks, completion, error, finish, done, role, says, word }
    from './lib/openai.mjs';
import { after, chunk, either, message, reply, silent, stream }
    from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertWithin, now, sanitized, sleep } from './lib/time.mjs';


/* the provider's connection is closed at once, and the log knows */

async function assertLeft(gateway, provider, request, left) {
    await provider.idle();

    const { closed } = provider.connections.at(-1);

    assertWithin(left, closed, 100, 'closing the provider\'s connection');

    const entry = await gateway.entry(request.id);

    assert.ok([200, 499].includes(entry.status), `status ${entry.status}`);
    assert.equal(entry.addr, provider.address);
}


row('C1 a client that leaves takes its provider\'s connection along',
    async (t) => {
        const authority = t.also(new Authority());
        const certificate = authority.signed('localhost');
        const provider = await t.provider(
            stream([role, word('a'), word('b')], { then: 'hang' }));
        const models = { m: model(provider,
                                  { timeout: 30, idle_timeout: 30 }) };

        const plain = await t.gateway({ models });
        const h2 = await t.gateway({ models, listen: 'http2' });
        const tls = await t.gateway({
            models, listen: 'ssl', server: 'ssl_certificate cert.pem;'
                                           + 'ssl_certificate_key key.pem;',
            files: { 'cert.pem': certificate.cert, 'key.pem': certificate.key }
        });

        const secure = { rejectUnauthorized: false };

        for (const [gateway, options, how] of [
            [plain, {}, 'abort'], [plain, {}, 'reset'],
            [tls, { secure }, 'abort'], [tls, { secure }, 'reset']
        ]) {
            const request = open(gateway, { stream: true, ...options });

            await request.event(2);

            const left = now();

            request[how]();
            await assertLeft(gateway, provider, request, left);
        }

        /* HTTP/2: one stream of a connection that goes on */

        const one = await session(h2);
        const stays = open2(one, { stream: true });

        await stays.event(2);

        const request = open2(one, { stream: true });

        await request.event(2);

        const left = now();

        request.abort();

        await provider.until(() => provider.open.length === 1, 5000,
                             () => 'the connection of the stream is open');

        const { closed } = provider.connections.at(-1);

        assertWithin(left, closed, 100, 'closing the provider\'s connection');

        const entry = await h2.entry(request.id);

        assert.ok([200, 499].includes(entry.status));
        assert.equal(provider.connections.at(-2).closed, null);
        assert.equal(stays.ended, undefined);

        const again = now();

        one.destroy();
        await provider.idle();
        assertWithin(again, provider.connections.at(-2).closed, 100,
                     'closing after the session');
    });


row('C2 a client that leaves before the header takes all of it along',
    async (t) => {
        const a = await t.provider(silent);
        const b = await t.provider(says('never'));
        const gateway = await t.between([a, b], { timeout: 30,
                                                  first_token_timeout: 30 });

        for (const streamed of [false, true]) {
            const request = open(gateway, { stream: streamed });

            await a.request(streamed ? 2 : 1);
            await sleep(50);

            const left = now();

            request.abort();
            await assertLeft(gateway, a, request, left);
        }

        await sleep(200);
        assert.deepEqual(b.connections, []);
    });


/* writes as long as somebody reads */

const flood = word('x'.repeat(8000));

async function fast(call) {
    await call.write(message(200, { 'Content-Type': 'text/event-stream',
                                    'Transfer-Encoding': 'chunked' }, ''));

    const piece = chunk(flood);

    while (call.sent < 256 << 20 && await call.write(piece)) { /* void */ }
}


row('C3 a reader that stalls costs 256 KB at the most, and has its time',
    async (t) => {
        const provider = await t.provider(fast);
        const gateway = await t.gateway({
            models: { m: model(provider, { timeout: 30, idle_timeout: 30 }) },
            location: 'send_timeout 1500ms;'
        });

        /* the first one takes what every worker needs once */

        await stalled(gateway, provider, 1);

        const before = gateway.memory().rss;
        const n = 8;

        const { readers } = await stalled(gateway, provider, n, async () => {
            const grown = gateway.memory().rss - before;

            if (!sanitized) {
                assert.ok(grown <= n * 256 * 1024,
                          `${grown} bytes for ${n} streams`);
            }
        });

        /* from when nothing was read to when nothing was taken any more */

        for (const { paused, full, ended } of readers) {
            assert.ok(ended - paused >= 1150, `after ${ended - paused} ms`);
            assertWithin(full, ended, 1500 + 300, 'send_timeout');
        }
    });


/*
 * N streams of which nothing is read after the beginning.  The provider goes on
 * until all buffers on the way are full, and is closed with the client.
 */

async function stalled(gateway, provider, n, check = () => { /* void */ }) {
    const before = provider.connections.length;
    const readers = await Promise.all(Array.from({ length: n }, () =>
        new Promise((resolve) => {
            const body = chatBody({ stream: true });
            const socket = net.connect(gateway.port, '127.0.0.1');

            socket.on('error', () => { /* of the end */ });
            socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n'
                         + `Content-Length: ${body.length}\r\n\r\n${body}`);
            socket.once('data', () => {
                socket.pause();
                resolve({ socket, paused: now() });
            });
        })));

    /* until the provider cannot write any more */

    const sent = () => provider.requests.slice(before)
        .reduce((sum, { call }) => sum + (call?.sent || 0), 0);

    for (let last = -1; sent() !== last || last === 0;) {
        last = sent();
        await sleep(100);
    }

    readers.forEach((reader) => { reader.full = now(); });

    await check();
    await provider.idle(10000);

    for (const [i, connection] of provider.connections.slice(before).entries())
    {
        readers[i].ended = connection.closed;
    }

    readers.forEach(({ socket }) => socket.destroy());

    return { readers };
}


/* [what, options of nginx, the dialect, how the stream is opened] */

const slowReaders = [
    ['HTTP/2', { listen: 'http2' }, 'openai', 'h2'],
    ['gzip', { location: 'gzip on; gzip_types *; gzip_min_length 1;' },
     'openai', 'gzip'],
    ['TLS', { listen: 'ssl', server: 'ssl_certificate cert.pem;'
                                     + 'ssl_certificate_key key.pem;' },
     'openai', 'tls'],
    ['Claude', {}, 'claude', 'plain'],
    ['Gemini', {}, 'gemini', 'plain']
];


row('C3 a reader that stalls, over whatever there is in between', async (t) => {
    const certificate = t.also(new Authority()).signed('localhost');

    await Promise.all(slowReaders.map(async ([what, options, name, how]) => {
        const { events, path, before: skipped } = dialects[name];

        /* words that gzip does not find again */

        const words = Array.from({ length: 40 }, () =>
            randomBytes(3000).toString('base64'));
        const all = events(...words, 'the end');
        const pieces = words.map((_, i) => chunk(all[skipped + i]));
        const provider = await t.provider(async (call) => {
            await stream(all.slice(0, skipped), { then: 'keep' })(call);

            for (let i = 0; call.sent < 64 << 20; i++) {
                if (!await call.write(pieces[i % pieces.length])) {
                    return;
                }
            }
        });
        const gateway = await t.gateway({
            models: { m: model({ url: provider.url.replace('/v1', path) }, {
                provider: name, timeout: 60, idle_timeout: 60 }) },
            files: { 'cert.pem': certificate.cert, 'key.pem': certificate.key },
            ...options
        });

        const one = how === 'h2' && await session(gateway);
        const start = async (n) => {
            const requests = Array.from({ length: n }, () =>
                (one ? open2(one, { stream: true })
                 : open(gateway, { stream: true, agent: false, ...(
                     how === 'tls' ? { secure: { rejectUnauthorized: false } }
                     : how === 'gzip' ? {
                         unpack: false, headers: { 'accept-encoding': 'gzip' }
                     } : {}) })));

            for (const request of requests) {
                await request.headers;
                (request.stream || request.response).pause();
            }

            for (let last = -1, sent = 0; sent !== last; ) {
                last = sent;
                await sleep(200);
                sent = provider.requests.reduce((sum, { call }) =>
                    sum + call.sent, 0);
            }

            return requests;
        };

        const [first] = await start(1);
        const before = gateway.memory().rss;
        const rest = await start(6);
        const grown = gateway.memory().rss - before;

        assert.ok(provider.requests.every(({ call }) => call.sent < 60 << 20),
                  `${what}: the provider was not stopped`);

        /* zlib has its state, and gzip its buffers */

        const each = (how === 'gzip' ? 256 + 264 + 128 : 256) * 1024;

        if (!sanitized) {
            assert.ok(grown <= 6 * each, `${what}: ${grown} bytes`);
        }

        [first, ...rest].forEach((request) => request.abort());
        await provider.idle();

        if (one) {
            one.destroy();
        }
    }));
});


/* C4: [directives, more of the server, what to look at] */

const directives = [
    ['limit_rate 1k;'],
    ['limit_rate 1k; limit_rate_after 0;'],
    ['gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;'],
    ['gzip on; gzip_types text/event-stream application/json;'],
    ['add_header X-Added here always; expires -1; etag on;'],
    ['sub_filter "nothing" "something"; sub_filter_types *;'],
    ['sub_filter "fine" "good"; sub_filter_types *; sub_filter_once off;',
     '', (answer) => assert.ok(answer.text.length > 0)],
    ['auth_request /allowed;', 'location = /allowed { return 204; }'],
    ['limit_except POST { deny all; }'],
    ['error_page 500 502 503 504 /page.html;',
     'location = /page.html { return 200 "page"; }'],
    ['error_page 429 502 = @other;', 'location @other { return 200 "page"; }'],
    ['chunked_transfer_encoding on; tcp_nodelay off; tcp_nopush on;'],
    ['sendfile on; aio threads; output_buffers 1 1k; postpone_output 1460;'],
    ['charset utf-8; charset_types *;'],
    ['add_before_body /allowed; addition_types *;',
     'location = /allowed { return 200 "data: 1\\n\\n"; }',
     (answer) => assert.match(answer.text, /time/)],
    ['client_body_in_file_only clean; client_body_buffer_size 16;'],
    ['client_body_in_single_buffer on; lingering_close off;'],
    ['keepalive_requests 1; reset_timedout_connection on;'],
    ['limit_conn zone 20; limit_req zone=rate burst=20 nodelay;'],
    ['proxy_buffering on; proxy_intercept_errors on; ssi on; ssi_types *;'],
    ['default_type text/html; types { }'],
    ['max_ranges 0; if_modified_since exact;']
];


row('C4 whatever else is in the location, a stream arrives in time',
    async (t) => {
        const gap = 60;
        const said = ['fine', ' and', ' in', ' time'];
        const events = [role, ...said.map(word), finish, done];
        const provider = await t.provider(either(
            reply(200, completion(said.join(''))), stream(events, { gap })));
        const failing = await t.provider(reply(500, error('no')));

        await Promise.all(directives.map(async ([location, server, look]) => {
            const gateway = await t.gateway({
                models: { m: model(provider), failing: model(failing) },
                http: 'limit_conn_zone $server_name zone=zone:1m;'
                      + 'limit_req_zone $server_name zone=rate:1m rate=1r/s;',
                location, server, account: false
            });

            const zipped = location.startsWith('gzip');
            const headers = zipped ? { 'accept-encoding': 'gzip' } : {};
            const request = open(gateway, { stream: true, headers });

            await request.done;

            const took = request.ended - request.started;
            const expected = events.length * gap;

            assert.equal(request.status, 200, location);
            assert.ok(request.complete, location);
            assert.equal(request.head['content-encoding'] === 'gzip', zipped);
            assert.ok(took < expected + 1500, `${location}: ${took} ms`);

            /* the first bytes come long before the last */

            assert.ok(request.ended - request.first > 2 * gap,
                      `${location}: all at once`);

            if (look) {
                look(request);

            } else {
                assertStream(request, said.join(''));
            }

            if (!look) {
                const answer = await chat(gateway);

                assert.equal(answer.status, 200, location);
                assert.match(answer.text, /fine and in time/, location);

                assertError(await chat(gateway, { model: 'failing' }), 502,
                            'provider_unavailable');
                assertError(await chat(gateway, { model: 'none' }), 404,
                            'model_not_found');
            }
        }));
    });


row('C4 auth_request and limit_except refuse as ever', async (t) => {
    const provider = await t.provider(says('never'));
    const denied = await t.between(provider, {}, {
        location: 'auth_request /denied; error_page 502 /page.html;',
        account: false,
        server: 'location = /denied { return 403; }'
                + 'location = /page.html { return 200 "page"; }'
    });
    const posts = await t.between(provider, {}, {
        location: 'limit_except POST { deny all; }', account: false
    });

    assert.equal((await chat(denied)).status, 403);
    assert.equal((await get(posts, '/v1/models')).status, 403);
    assert.deepEqual(provider.requests, []);
});


/* C5 */

row('C5 slow headers and slow bodies end with nginx\'s limits', async (t) => {
    const provider = await t.provider(says('fine'));
    const gateway = await t.between(provider, {}, {
        server: 'client_header_timeout 500ms; client_body_timeout 500ms;'
    });

    const slow = async (pieces, gap) => {
        const socket = net.connect(gateway.port, '127.0.0.1');
        const parts = [];
        let ended;

        socket.on('data', (data) => parts.push(data));
        socket.on('error', () => { /* void */ });
        socket.on('close', () => { ended = now(); });

        for (const piece of pieces) {
            if (ended) {
                break;
            }

            socket.write(piece);
            await sleep(gap);
        }

        for (let i = 0; i < 300 && !ended; i++) {
            await sleep(10);
        }

        assert.ok(ended, 'the connection is still open');
        socket.destroy();

        return Buffer.concat(parts).toString();
    };

    const body = chatBody({});
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n'
        + `Content-Length: ${body.length}\r\n\r\n`;

    const [, inBody, trickle, good] = await Promise.all([
        slow([...head.slice(0, 40)], 50),
        slow([head + body.slice(0, 10)], 0),
        slow([head, ...body.slice(0, 20)], 100).catch((e) => e.message),
        chat(gateway)
    ]);

    const [answer] = answers(inBody);

    assert.equal(answer.status, 408);
    assert.equal(JSON.parse(answer.body).error.code, 'request_timeout');
    assert.ok(trickle.includes('408') || trickle === '');
    assert.equal(good.status, 200);
    assert.equal(provider.requests.length, 1);
});


const sha = (data) => createHash('sha256').update(data).digest('hex');


/* a body of that size: text that needs escapes, and text that does not */

function bodyOf(size, model = 'm') {
    const text = JSON.stringify('caf\u00e9 \u{1f600} \\ / "q"\n\t\u2028 ');
    const noise = randomBytes(3 * size >> 3).toString('base64');
    const start = `{ "model":"${model}" ,\n "seed": 1.0e+2, "messages":`
        + `[{"role":"user","content":${text.slice(0, -1)}`;
    const end = '"}], "user" : "\\u0041" }  ';

    return start + noise.repeat(2).slice(0, size - Buffer.byteLength(start)
                                            - end.length) + end;
}


row('C5 bodies of every size and form reach the provider byte for byte',
    async (t) => {
        const provider = await t.provider(reply(200, completion('fine')));
        const gateway = await t.between(provider, { timeout: 30 }, {
            location: 'client_body_buffer_size 16k; client_max_body_size 32m;',
        });

        for (const size of [200, 16000, 17000, 100000, 32 << 20]) {
            const body = bodyOf(size);

            assert.equal(Buffer.byteLength(body), size);

            for (const headers of [
                {},
                { 'transfer-encoding': 'chunked', 'content-length': undefined },
                { 'expect': '100-continue' },
                { 'content-type': undefined }
            ]) {
                const answer = await send(gateway, body, headers);

                assert.equal(answer.status, 200, answer.body);

                const { body: got, headers: sent } = provider.requests.at(-1);

                assert.equal(got.length, size);
                assert.equal(sha(got), sha(body), `${size} bytes`);
                assert.equal(sent['transfer-encoding'], undefined);
                assert.equal(sent.expect, undefined);
                assert.equal(sent['content-type'], 'application/json');

                provider.requests.length = 0;

                if (size > 1 << 20 && !headers['transfer-encoding']) {
                    break;
                }
            }
        }
    });


/* with header fields left out where they are undefined */

function send(gateway, body, headers) {
    const all = { 'Content-Length': Buffer.byteLength(body),
                  'Content-Type': 'application/json' };

    for (const [name, value] of Object.entries(headers)) {
        for (const one of Object.keys(all)) {
            if (one.toLowerCase() === name) {
                delete all[one];
            }
        }

        if (value !== undefined) {
            all[name] = value;
        }
    }

    return new Promise((resolve, reject) => {
        const request = http.request({
            host: '127.0.0.1', port: gateway.port, method: 'POST',
            path: '/v1/chat/completions', agent: false, headers: all
        }, (response) => {
            const parts = [];

            response.on('data', (part) => parts.push(part));
            response.on('end', () => resolve({
                status: response.statusCode, headers: response.headers,
                body: Buffer.concat(parts).toString() }));
        });

        request.on('error', reject);

        if (all.expect) {
            request.on('continue', () => request.end(body));
            request.flushHeaders();

        } else {
            request.end(body);
        }
    });
}


row('C5 what is no request is refused in OpenAI\'s form', async (t) => {
    const provider = await t.provider(says('never'));
    const gateway = await t.between(provider, {}, {
        location: 'client_max_body_size 1m;'
    });

    const long = 'x'.repeat((1 << 20) + 1);
    const start = 'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n'
        + 'Connection: close\r\n';
    const inChunks = `${(1 << 20).toString(16)}\r\n${'x'.repeat(1 << 20)}\r\n`
        + '10\r\n0123456789abcdef\r\n0\r\n\r\n';

    for (const [request, status, code] of [
        [`${start}\r\n`, 400, 'invalid_json'],
        [`${start}Content-Length: 0\r\n\r\n`, 400, 'invalid_json'],
        [`${start}Content-Length: 4\r\n\r\nnull`, 400, 'invalid_json'],
        [`${start}Content-Length: 2\r\n\r\n[]`, 400, 'invalid_json'],
        [`${start}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400,
         'invalid_json'],
        [`${start}Content-Length: ${long.length}\r\n\r\n${long}`, 413,
         'request_too_large'],
        [`${start}Content-Length: ${long.length}\r\nExpect: 100-continue\r\n`
         + '\r\n', 413, 'request_too_large'],
        [`${start}Transfer-Encoding: chunked\r\n\r\n${inChunks}`, 413,
         'request_too_large'],
        [`${start}Content-Length: 13\r\n\r\n{"model":"m"}`, 400,
         'missing_required_parameter']
    ]) {
        const [answer] = answers(await raw(gateway, request,
                                            { wanted: 1 }));
        const what = request.slice(0, 120);

        assert.equal(answer.status, status, what);
        assert.match(answer.headers['content-type'], /^application\/json/);
        assert.equal(JSON.parse(answer.body).error.code, code, what);
    }

    /* a client that goes in the middle of its body */

    await raw(gateway, `${start}Content-Length: 100\r\n\r\n{"model"`,
              { half: true });

    assert.deepEqual(provider.connections, []);
    assert.equal((await get(gateway, '/v1/models')).status, 200);
});


row('C6 requests after errors, pipelined and on a kept connection',
    async (t) => {
        const a = await t.provider(either(
            reply(200, completion('fine')),
            stream([role, word('a'), word('b')], { then: 'end' })));
        const failing = await t.provider([
            reply(500, error('no')), silent
        ]);
        const gateway = await t.gateway({ models: {
            m: model(a),
            failing: model(failing, { first_token_timeout: 0.3 })
        } });

        const post = (body, path = '/v1/chat/completions') =>
            `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: `
            + `${Buffer.byteLength(body)}\r\n\r\n${body}`;

        const good = post(chatBody({}));
        const wrong = [
            [post('{"model":'), 400], [post(''), 400],
            [post(chatBody({ model: 'none' })), 404],
            [post(chatBody({}), '/v1/nothing'), 404],
            ['GET /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n', 405],
            [post(chatBody({ model: 'failing' })), 502],
            [post(chatBody({ model: 'failing' })), 504],
            [post(chatBody({ stream: true })), 200]
        ];
        const last = good.replace('Host: a', 'Host: a\r\nConnection: close');

        /* all at once, then each when the one before has been answered */

        const requests = wrong.flatMap(([request]) => [request, good]);
        const statuses = wrong.flatMap(([, status]) => [status, 200]);

        const check = (found) => {
            assert.deepEqual(found.map(({ status }) => status),
                             [...statuses, 200]);

            for (const [i, { status, body }] of found.entries()) {
                if (i % 2 || i === statuses.length) {
                    assert.match(body, /"fine"/);

                } else if (status === 200) {
                    assert.match(body, /"b"[^]*"error"[^\n]*\n\n$/);

                } else {
                    assert.ok(JSON.parse(body).error, body);
                }
            }
        };

        check(answers(await raw(gateway, requests.join('') + last)));

        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

        for (const options of [
            { body: '{' }, {}, { model: 'none' }, {}, { model: 'failing' }, {},
            { stream: true }, {}
        ]) {
            const answer = await chat(gateway, { agent, ...options });

            if (options.stream) {
                assertBroken(answer, 'ab');

            } else if (!Object.keys(options).length) {
                assert.equal(answer.status, 200);
                assert.match(answer.text, /"fine"/);

            } else {
                assertError(answer, answer.status);
            }

            assert.equal(answer.sent.reusedSocket, options.body === undefined);
        }

        agent.destroy();
    });


row('C6 an HTTP/2 connection goes on after errors', async (t) => {
    const provider = await t.provider(either(
        reply(200, completion('fine')),
        stream([role, word('a')], { then: 'reset' })));
    const failing = await t.provider(reply(500, error('no')));
    const gateway = await t.gateway({
        models: { m: model(provider), failing: model(failing) },
        listen: 'http2'
    });
    const one = await session(gateway);

    const found = await Promise.all([
        { body: '{' }, {}, { model: 'none' }, {}, { model: 'failing' }, {},
        { stream: true }, {}
    ].map((options) => open2(one, options).done));

    assert.deepEqual(found.map(({ status }) => status),
                     [400, 200, 404, 200, 502, 200, 200, 200]);
    assertBroken(found[6], 'a');

    one.destroy();
});


row('C8 an HTTP/2 connection of 100 streams of which half are reset',
    async (t) => {
        const provider = await t.provider(stream(chunks('a', 'b', 'c'),
                                                 { gap: 20 }));
        const slow = await t.provider(after(30000, reply(200, '{}')));
        const gateway = await t.gateway({
            models: { m: model(provider),
                      slow: model(slow, { timeout: 30,
                                          first_token_timeout: 30 }) },
            listen: 'http2', server: 'http2_max_concurrent_streams 256;'
        });
        const one = await session(gateway);

        const all = Array.from({ length: 100 }, (_, i) =>
            open2(one, i % 4 === 1 ? { model: 'slow' } : { stream: true }));

        await all[0].event(1);
        await slow.request(25);

        for (const [i, request] of all.entries()) {
            if (i % 2) {
                request.abort();
            }
        }

        for (const [i, request] of all.entries()) {
            await request.done;

            if (i % 2 === 0) {
                assertStream(request, 'abc');
            }
        }

        await slow.idle();

        one.destroy();
    });
