/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import zlib from 'node:zlib';

import { now } from './time.mjs';


let ids = 0;


/*
 * A request that is on its way.  "headers" and "done" are promises, which an
 * error of the connection does not reject: it is in "error".
 *
 *   status, head   of the answer, when there is one
 *   text, json     of the body
 *   events         { data, json, at } of a stream
 *   complete       whether the answer ended as HTTP wants it
 *   started, first, ended   times
 */

class Request {

    events = [];
    error = null;
    complete = false;
    first = null;

    #parts = [];
    #rest = '';
    #waiting = [];


    constructor(id) {
        this.id = id;
        this.started = now();
        this.headers = new Promise((resolve) => { this.arrived = resolve; });
        this.done = new Promise((resolve) => { this.finish = resolve; });
    }


    get text() {
        return Buffer.concat(this.#parts).toString();
    }


    get bytes() {
        return Buffer.concat(this.#parts);
    }


    get json() {
        return JSON.parse(this.text);
    }


    /* what the events of a stream say, put together */

    get content() {
        return this.events.map((event) =>
            event.json?.choices?.[0]?.delta?.content || '').join('');
    }


    /* waits until N events have come */

    async event(n = 1) {
        while (this.events.length < n) {
            assert.ok(this.ended === undefined,
                      `the stream ended after ${this.events.length} events`
                      + `, not ${n}: ${this.text}`);

            await new Promise((resolve) => this.#waiting.push(resolve));
        }

        return this.events[n - 1];
    }


    data(part) {
        this.first ??= now();
        this.#parts.push(part);

        if (!/event-stream/.test(this.head?.['content-type'])) {
            return;
        }

        const events = (this.#rest + part.toString()).split('\n\n');

        this.#rest = events.pop();

        for (const event of events) {
            const data = event.replace(/^data: /, '');
            const json = data === '[DONE]' ? null : parsed(data);

            this.events.push({ data, json, at: now(), raw: event });
        }

        this.wake();
    }


    end(complete) {
        if (this.ended === undefined) {
            this.ended = now();
            this.complete = complete;
            this.arrived(this);
            this.finish(this);
            this.wake();
        }
    }


    wake() {
        for (const resolve of this.#waiting.splice(0)) {
            resolve();
        }
    }
}


function parsed(data) {
    try {
        return JSON.parse(data);

    } catch {
        return undefined;
    }
}


export function chatBody({ model = 'm', stream, content = 'hi', ...more }) {
    return JSON.stringify({ model, ...(stream ? { stream } : {}),
                            messages: [{ role: 'user', content }], ...more });
}


/*
 * Sends a chat, or the body that is given, over HTTP/1.1 with a connection of
 * its own unless there is an agent; "secure" are options of TLS.  What comes
 * with gzip is unpacked as it comes, unless "unpack" is false.  "@id" in a chat
 * becomes the request's.
 */

export function open(gateway, options = {}) {
    const { path = '/v1/chat/completions', method = 'POST', headers = {},
            agent = false, secure, body, timeout = 20000, unpack = true,
            ...chat } = options;
    const id = `t${process.pid}-${++ids}`;
    const request = new Request(id);

    gateway.requests.add(request);
    request.done.then(() => gateway.requests.delete(request));

    const data = method === 'GET' ? ''
        : body ?? chatBody(chat).replace('@id', id);

    /* the raw socket, to be reset whatever is on top of it */

    const createConnection = () => {
        request.socket = net.connect(gateway.port, '127.0.0.1');

        return secure ? tls.connect({ socket: request.socket, ...secure })
            : request.socket;
    };

    const sent = (secure ? https : http).request({
        host: '127.0.0.1', port: gateway.port, path, method, timeout,
        ...(agent ? { agent } : { createConnection }),
        headers: { 'content-type': 'application/json', 'x-test': id,
                   ...(method === 'GET'
                       ? {} : { 'content-length': Buffer.byteLength(data) }),
                   ...headers }
    }, (response) => {
        request.response = response;
        request.status = response.statusCode;
        request.head = response.headers;

        const zipped = unpack
            && response.headers['content-encoding'] === 'gzip';
        const source = zipped ? response.pipe(zlib.createGunzip()) : response;

        source.on('data', (part) => request.data(part));
        source.on('end', () => request.end(response.complete));
        source.on('close', () => request.end(response.complete));
        source.on('error', (e) => {
            request.error = e;
            request.end(false);
        });
        response.on('error', (e) => {
            request.error = e;
            request.end(false);
        });

        request.arrived(request);
    });

    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (e) => {
        request.error = e;
        request.end(false);
    });

    request.abort = () => sent.destroy();
    request.reset = () => request.socket.resetAndDestroy();
    request.sent = sent;

    sent.end(data);

    return request;
}


export function chat(gateway, options) {
    return open(gateway, options).done;
}


export function get(gateway, path, options = {}) {
    return open(gateway, { path, method: 'GET', ...options }).done;
}


/* over a session of HTTP/2, made by session() */

export function open2(session, options = {}) {
    const { path = '/v1/chat/completions', headers = {}, body,
            ...chat } = options;
    const id = `t${process.pid}-${++ids}`;
    const request = new Request(id);
    const stream = session.request({ ':method': 'POST', ':path': path,
                                     'content-type': 'application/json',
                                     'x-test': id, ...headers });

    stream.on('response', (head) => {
        request.status = head[':status'];
        request.head = head;
        request.arrived(request);
    });
    stream.on('data', (part) => request.data(part));
    stream.on('end', () => request.end(true));
    stream.on('close', () => request.end(false));
    stream.on('error', (e) => {
        request.error = e;
        request.end(false);
    });

    request.abort = () => stream.close(http2.constants.NGHTTP2_CANCEL);
    request.stream = stream;

    stream.end(body ?? chatBody(chat));

    return request;
}


export function session(gateway, scheme = 'http') {
    return new Promise((resolve, reject) => {
        const one = http2.connect(`${scheme}://127.0.0.1:${gateway.port}`,
                                  { rejectUnauthorized: false });

        one.on('error', reject);
        one.on('connect', () => resolve(one));
    });
}


/*
 * Bytes as they are; resolves with what came until the end, or until there are
 * as many answers as are wanted.
 */

export function raw(gateway, data, options = {}) {
    const { idle = 5000, half = false, wanted = Infinity } = options;

    return new Promise((resolve) => {
        const socket = net.connect(gateway.port, '127.0.0.1');
        const parts = [];
        const end = () => resolve(Buffer.concat(parts).toString('latin1'));

        socket.setTimeout(idle, () => socket.destroy());
        socket.on('data', (part) => {
            parts.push(part);

            try {
                const text = Buffer.concat(parts).toString('latin1');

                if (answers(text).length >= wanted) {
                    socket.destroy();
                }

            } catch {
                /* not complete yet */
            }
        });
        socket.on('close', end);
        socket.on('error', end);
        socket.write(data);

        if (half) {
            socket.end();
        }
    });
}


/* the answers in what raw() got: { status, headers, body } */

export function answers(text) {
    const found = [];
    let rest = Buffer.from(text, 'latin1');

    while (rest.length) {
        const end = rest.indexOf('\r\n\r\n');

        assert.notEqual(end, -1, `no header in ${rest.toString('latin1')}`);

        const [line, ...lines] = rest.toString('latin1', 0, end).split('\r\n');
        const headers = Object.fromEntries(lines.map((one) => {
            const colon = one.indexOf(':');

            return [one.slice(0, colon).toLowerCase(),
                    one.slice(colon + 1).trim()];
        }));

        rest = rest.subarray(end + 4);

        const status = Number(line.split(' ')[1]);
        let body = Buffer.alloc(0);

        if (headers['transfer-encoding'] === 'chunked') {
            for (;;) {
                const lf = rest.indexOf('\r\n');
                const size = parseInt(rest.toString('latin1', 0, lf), 16);

                assert.ok(lf > 0 && size >= 0, 'a chunk is broken');

                body = Buffer.concat([body,
                                      rest.subarray(lf + 2, lf + 2 + size)]);
                rest = rest.subarray(lf + 2 + size + 2);

                if (size === 0) {
                    break;
                }
            }

        } else if (status >= 200) {
            const length = Number(headers['content-length'] ?? rest.length);

            assert.ok(rest.length >= length, 'the body is not complete');

            body = rest.subarray(0, length);
            rest = rest.subarray(length);
        }

        found.push({ status, headers, body: body.toString() });
    }

    return found;
}


/* an error in OpenAI's form, and nothing else */

export function assertError(answer, status, code) {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.head['content-type'], /^application\/json/);
    assert.ok(answer.complete, 'the answer is not complete');

    const { error } = answer.json;

    assert.deepEqual(Object.keys(answer.json), ['error']);
    assert.deepEqual(Object.keys(error).sort(),
                     ['code', 'message', 'param', 'type']);
    assert.equal(typeof error.message, 'string');

    if (code) {
        assert.equal(error.code, code, answer.text);
    }

    return error;
}


/* a stream that was cut: these events, one error event, and a clean end */

export function assertBroken(answer, content, code) {
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.complete, 'the stream has no end');

    const last = answer.events.at(-1);

    assert.ok(last?.json?.error, `no error event: ${answer.text}`);
    assert.equal(answer.events.filter((event) => event.json?.error).length, 1);
    assert.ok(!/\[DONE\]/.test(answer.text), answer.text);
    assert.equal(answer.content, content);

    if (code) {
        assert.equal(last.json.error.code, code, answer.text);
    }

    return last;
}


/* a stream as it should be */

export function assertStream(answer, content) {
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.complete, 'the stream has no end');
    assert.equal(answer.content, content, answer.text);
    assert.equal(answer.events.at(-1).data, '[DONE]', answer.text);
    assert.ok(!answer.events.some((event) => event.json?.error), answer.text);
}
