/*
 * Copyright (C) LLMBroker contributors
 */


import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

import { now, sleep } from './time.mjs';


/*
 * A provider on a real socket that does as its script says: one behaviour for
 * every request, or a list of them, one a request, of which the last stays.
 * A behaviour is a function that is given a Call; those made by early() are
 * given the bare socket when a connection comes, and no request is read.
 *
 * What arrived is kept:
 *   connections  { port, opened, closed, bytes, requests, handshake }
 *   requests     { at, method, path, headers, body, connection }
 * with times in milliseconds, see now().  "closed" is when the other side has
 * closed, or null.
 */

export class Provider {

    connections = [];
    requests = [];

    #sockets = new Set();
    #step = 0;
    #waiting = [];


    constructor(script, options = {}) {
        this.script = script;
        this.options = options;
        this.host = options.host || '127.0.0.1';
    }


    static async start(script, options) {
        const provider = new Provider(script, options);

        await provider.listen(options?.port || 0);

        return provider;
    }


    /*
     * One that no connection can be made to: it listens, but is stopped, and
     * what may wait to be accepted is there already.
     */

    static async full() {
        const child = spawn(process.execPath, ['-e', `
            const server = require('net').createServer();
            server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
                console.log(server.address().port));`],
            { stdio: ['ignore', 'pipe', 'inherit'] });

        const [text] = await once(child.stdout, 'data');
        const port = Number(text);
        const sockets = [];

        child.kill('SIGSTOP');

        for (let made = true; made && sockets.length < 32;) {
            const socket = net.connect(port, '127.0.0.1');

            socket.on('error', () => { /* of the end */ });
            sockets.push(socket);
            made = await Promise.race([once(socket, 'connect'),
                                       sleep(150).then(() => false)]);
        }

        return {
            url: `http://127.0.0.1:${port}/v1`, address: `127.0.0.1:${port}`,

            stop: () => {
                child.kill('SIGKILL');
                sockets.forEach((socket) => socket.destroy());
            }
        };
    }


    /* also opens again, at the same port, what stop() has closed */

    async listen(port = this.port) {
        const { plaintext, tls: secure } = this.options;

        this.server = secure && !plaintext
            ? tls.createServer({ ...secure, handshakeTimeout: 10000 })
            : net.createServer({ noDelay: true });

        this.server.on('connection', (socket) => this.#opened(socket));

        if (secure && !plaintext) {
            this.server.on('secureConnection', (socket) => this.#serve(socket));
            this.server.on('tlsClientError', () => { /* recorded below */ });
        }

        await new Promise((resolve, reject) => {
            this.server.on('error', reject);
            this.server.listen(port, this.host, 1024, resolve);
        });

        this.port = this.server.address().port;
    }


    async stop() {
        const closed = new Promise((resolve) => this.server.close(resolve));

        for (const socket of this.#sockets) {
            socket.destroy();
        }

        await closed;
    }


    get url() {
        const scheme = this.options.tls ? 'https' : 'http';

        return `${scheme}://${this.options.name || this.host}:${this.port}/v1`;
    }


    get address() {
        return `${this.host}:${this.port}`;
    }


    get open() {
        return this.connections.filter((c) => c.closed === null);
    }


    /* waits until N requests have come in all */

    async request(n = 1, within = 5000) {
        await this.until(() => this.requests.length >= n, within,
                         () => `${this.requests.length} of ${n} requests`);

        return this.requests[n - 1];
    }


    /* waits until the other side has closed all connections */

    async idle(within = 5000) {
        await this.until(() => this.open.length === 0, within,
                         () => `${this.open.length} connections are open`);
    }


    async until(done, within, what) {
        const late = now() + within;

        while (!done()) {
            const left = late - now();

            if (left <= 0) {
                throw new Error(`a provider waits in vain: ${what()}`);
            }

            await new Promise((resolve) => {
                const timer = setTimeout(resolve, left);

                this.#waiting.push(() => {
                    clearTimeout(timer);
                    resolve();
                });
            });
        }
    }


    /* closes what no request uses, as a provider does that has waited */

    closeIdle() {
        for (const socket of this.#sockets) {
            if (!socket.busy) {
                socket.end();
            }
        }
    }


    #changed() {
        for (const resolve of this.#waiting.splice(0)) {
            resolve();
        }
    }


    #behaviour() {
        const { script } = this;

        return Array.isArray(script)
            ? script[Math.min(this.#step, script.length - 1)] : script;
    }


    /* the raw socket: counts bytes, sees the end */

    #opened(socket) {
        const connection = { port: socket.remotePort, opened: now(),
                             closed: null, bytes: 0, requests: 0,
                             handshake: false };
        const gone = () => {
            connection.closed ??= now();
            this.#changed();
        };

        this.connections.push(connection);
        this.#sockets.add(socket);
        this.#changed();

        socket.connection = connection;
        socket.setNoDelay(true);
        socket.on('end', gone);
        socket.on('error', gone);
        socket.on('close', () => {
            this.#sockets.delete(socket);
            gone();
        });

        this.byPort ??= new Map();
        this.byPort.set(connection.port, connection);

        const behaviour = this.#behaviour();

        if (behaviour.early) {
            this.#step++;
            behaviour(socket, this);
            return;
        }

        if (!this.options.tls) {
            this.#serve(socket);
        }
    }


    /* requests, one after the other */

    #serve(socket) {
        const connection = socket.connection
            || this.byPort.get(socket.remotePort);
        let parts = [];
        let length = 0;
        let wanted = 0;

        const gone = () => {
            connection.closed ??= now();
            this.#changed();
        };

        connection.handshake = true;

        /* of TLS, the raw socket tells nothing any more */

        if (this.options.tls) {
            this.#sockets.add(socket);
            socket.on('end', gone);
            socket.on('error', gone);
            socket.on('close', gone);
        }

        const next = async () => {
            if (socket.busy || length === 0 || length < wanted) {
                return;
            }

            const buffer = parts.length > 1 ? Buffer.concat(parts) : parts[0];
            const found = parse(buffer);

            parts = [buffer];
            wanted = found?.size || 0;

            if (!found || length < wanted) {
                return;
            }

            parts = [buffer.subarray(wanted)];
            length -= wanted;
            wanted = 0;
            connection.requests++;

            const request = { ...found, at: now(), connection };
            const behaviour = this.#behaviour();

            this.#step++;
            this.requests.push(request);
            socket.busy = true;

            request.call = new Call(this, request, socket);

            const done = behaviour.early ? behaviour(socket, this)
                : behaviour(request.call);

            this.#changed();

            await done;

            socket.busy = false;
            next();
        };

        socket.on('data', (data) => {
            connection.bytes += data.length;

            if (this.options.onData?.(connection, socket, data)) {
                return;
            }

            parts.push(data);
            length += data.length;
            next();
        });
    }
}


/* one request that a behaviour answers */

export class Call {

    constructor(provider, request, socket) {
        this.provider = provider;
        this.request = request;
        this.socket = socket;
        this.sent = 0;

        /* of all requests of a connection, resolved when it is gone */

        this.gone = socket.gone ??= new Promise((resolve) => {
            if (socket.destroyed) {
                resolve();
                return;
            }

            socket.once('close', resolve);
            socket.once('end', resolve);
        });
    }


    get alive() {
        return this.request.connection.closed === null
               && this.socket.writable;
    }


    /* waits until the bytes have left, or the connection is gone */

    async write(data) {
        if (!this.alive) {
            return false;
        }

        const length = Buffer.byteLength(data);

        if (this.socket.write(data)) {
            this.sent += length;
            return true;
        }

        await Promise.race([
            new Promise((resolve) => this.socket.once('drain', resolve)),
            this.gone
        ]);

        this.sent += this.alive ? length : 0;

        return this.alive;
    }


    /* each piece in a packet of its own, as far as that can be had */

    async pieces(data, size = 1, gap = 0) {
        const bytes = Buffer.from(data);

        for (let i = 0; i < bytes.length; i += size) {
            if (!await this.write(bytes.subarray(i, i + size))) {
                return false;
            }

            await (gap ? sleep(gap)
                       : new Promise((resolve) => setImmediate(resolve)));
        }

        return true;
    }


    /* not longer than the connection is there */

    async sleep(ms) {
        let timer;

        await Promise.race([
            new Promise((resolve) => { timer = setTimeout(resolve, ms); }),
            this.gone
        ]);

        clearTimeout(timer);
    }


    end() {
        this.socket.end();
    }


    reset() {
        this.socket.resetAndDestroy();
    }
}


/* the request that begins there, when its header is complete; and its size */

function parse(buffer) {
    const end = buffer.indexOf('\r\n\r\n');

    if (end === -1) {
        return null;
    }

    const [line, ...lines] = buffer.toString('latin1', 0, end).split('\r\n');
    const [method, path] = line.split(' ');
    const headers = {};

    for (const one of lines) {
        const colon = one.indexOf(':');

        headers[one.slice(0, colon).toLowerCase()]
            = one.slice(colon + 1).trim();
    }

    const length = Number(headers['content-length'] || 0);
    const size = end + 4 + length;

    return { method, path, headers, size, head: lines,
             body: buffer.subarray(end + 4, size) };
}


/* behaviours */


/* the bytes as they are; then "keep", "end", "reset" or "hang" */

export function bytes(data, then = 'keep') {
    return async (call) => {
        await call.write(data);
        await finish(call, then);
    };
}


export function pieces(data, size, gap, then = 'keep') {
    return async (call) => {
        await call.pieces(data, size, gap);
        await finish(call, then);
    };
}


async function finish(call, then) {
    if (then === 'end') {
        call.end();

    } else if (then === 'reset') {
        call.reset();

    } else if (then === 'hang') {
        await call.gone;
    }
}


/* a header and its body */

export function message(status, headers, body) {
    const lines = Object.entries(headers).flatMap(([name, value]) =>
        [value].flat().map((one) => `${name}: ${one}\r\n`));

    return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Status\r\n`
                                      + `${lines.join('')}\r\n`),
                          Buffer.from(body)]);
}


export function reply(status, body, headers = {}, then = 'keep') {
    const text = typeof body === 'string' || Buffer.isBuffer(body)
        ? body : JSON.stringify(body);

    return bytes(message(status, { 'Content-Type': 'application/json',
                                   'Content-Length': Buffer.byteLength(text),
                                   ...headers }, text), then);
}


export function after(delay, behaviour) {
    return async (call) => {
        await call.sleep(delay);
        await behaviour(call);
    };
}


/* reads the request and says nothing */

export async function silent(call) {
    await call.gone;
}


export async function cut(call) {
    call.end();
}


export async function reset(call) {
    call.reset();
}


/*
 * A stream of events in chunks: the first "cut" of them, each after "gap", then
 * what "then" says: "done" ends the body as it should, "end", "reset", "hang".
 */

export function stream(events, options = {}) {
    const { cut: count = events.length, gap = 0, then = 'done',
            headers = {}, status = 200 } = options;

    return async (call) => {
        await call.write(message(status, { 'Content-Type': 'text/event-stream',
                                           'Transfer-Encoding': 'chunked',
                                           ...headers }, ''));

        for (const event of events.slice(0, count)) {
            if (gap) {
                await call.sleep(gap);
            }

            if (!await call.write(chunk(event))) {
                return;
            }

            call.request.last = now();
        }

        if (then === 'done') {
            await call.write('0\r\n\r\n');
            return;
        }

        await finish(call, then);
    };
}


export function chunk(data) {
    return Buffer.concat([
        Buffer.from(`${Buffer.byteLength(data).toString(16)}\r\n`),
        Buffer.from(data), Buffer.from('\r\n')]);
}


/* answers as the request wants it: buffered or as a stream */

export function either(buffered, streamed) {
    return (call) => {
        const body = JSON.parse(call.request.body.toString() || '{}');

        return (body.stream ? streamed : buffered)(call);
    };
}


/* of a connection, before anything is read from it */

export function early(behaviour) {
    return Object.assign((socket, provider) => behaviour(socket, provider),
                         { early: true });
}


/* takes the connection, reads nothing, says nothing */

export const blackhole = early((socket) => socket.pause());

export const resetEarly = early((socket) => socket.resetAndDestroy());

export const closeEarly = early((socket) => socket.end());


/*
 * Addresses of the loopback interface where nobody listens.  That port is
 * below those that are given to anybody.
 */

let refused = 1;

export function refusing() {
    refused = refused % 200 + 1;

    const host = `127.9.9.${refused}`;

    return { url: `http://${host}:1/v1`, address: `${host}:1`, requests: [],
             connections: [] };
}


/* counts of this process, for what must not pile up */

export function descriptors(pid) {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
}
