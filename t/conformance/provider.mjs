/*
 * Copyright (C) LLMBroker contributors
 */


import net from 'node:net';


/*
 * A provider that plays what was recorded: raw sockets, since it is the
 * cutting of the bytes that matters.  The first part of a request's path names
 * the case; what it is answered is told before with play().
 */

export class Provider {

    #plans = new Map();
    #sockets = new Set();
    #server = net.createServer((socket) => this.#connection(socket));


    async start() {
        await new Promise((resolve, reject) => {
            this.#server.on('error', reject);
            this.#server.listen(0, '127.0.0.1', resolve);
        });

        this.port = this.#server.address().port;
    }


    stop() {
        this.#server.close();
        this.#sockets.forEach((socket) => socket.destroy());
    }


    /* answer: { status, headers, framing, pieces, slow } */

    play(key, answer) {
        const plan = { answer, requests: [] };

        this.#plans.set(key, plan);

        return plan;
    }


    #connection(socket) {
        let data = Buffer.alloc(0);
        let busy = false;

        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.setTimeout(60000, () => socket.destroy());
        socket.on('close', () => this.#sockets.delete(socket));
        socket.on('error', () => socket.destroy());

        const next = async () => {
            if (busy) {
                return;
            }

            const found = request(data);

            if (found) {
                busy = true;
                data = data.subarray(found.size);

                await this.#answer(socket, found);

                busy = false;
                next();
            }
        };

        socket.on('data', (more) => {
            data = Buffer.concat([data, more]);
            next();
        });
    }


    async #answer(socket, got) {
        const plan = this.#plans.get(got.path.split('/')[1]);

        if (plan === undefined) {
            socket.end('HTTP/1.1 500 No plan\r\nConnection: close\r\n'
                       + 'Content-Length: 0\r\n\r\n');
            return;
        }

        plan.requests.push(got);

        const { status, headers, framing, pieces, slow } = plan.answer;
        const size = pieces.reduce((sum, piece) => sum + piece.length, 0);

        const lines = [`HTTP/1.1 ${status} Recorded`,
                       ...headers.map(([name, value]) => `${name}: ${value}`)];

        if (framing === 'length') {
            lines.push(`Content-Length: ${size}`);

        } else if (framing === 'chunked') {
            lines.push('Transfer-Encoding: chunked');

        } else {
            lines.push('Connection: close');
        }

        socket.write(`${lines.join('\r\n')}\r\n\r\n`);

        if (framing === 'chunked') {
            await this.#write(socket, [...pieces.map(chunk),
                                       Buffer.from('0\r\n\r\n')], slow);
            return;
        }

        await this.#write(socket, pieces, true);

        if (framing === 'close') {
            socket.end();
        }
    }


    /* slow: each piece is a write of its own, as far as the kernel obeys */

    async #write(socket, pieces, slow) {
        if (!slow) {
            socket.write(Buffer.concat(pieces));
            return;
        }

        for (let i = 0; i < pieces.length && !socket.destroyed; i++) {
            socket.write(pieces[i]);

            if (i % 8 === 7) {
                await new Promise(setImmediate);
            }
        }
    }
}


function chunk(piece) {
    return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`),
                          piece, Buffer.from('\r\n')]);
}


/* a whole request at the start of data, or null */

function request(data) {
    const end = data.indexOf('\r\n\r\n');

    if (end < 0) {
        return null;
    }

    const [first, ...lines] = data.subarray(0, end).toString('latin1')
        .split('\r\n');
    const [method, path] = first.split(' ');
    const headers = Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(':');

        return [line.slice(0, colon).toLowerCase(),
                line.slice(colon + 1).trim()];
    }));

    const from = end + 4;

    if (headers['transfer-encoding'] === undefined) {
        const to = from + Number(headers['content-length'] || 0);

        return data.length < to ? null
            : { method, path, headers, body: data.subarray(from, to),
                size: to };
    }

    const parts = [];

    for (let at = from;;) {
        const eol = data.indexOf('\r\n', at);

        if (eol < 0) {
            return null;
        }

        const size = parseInt(data.subarray(at, eol).toString(), 16);

        at = eol + 2;

        if (data.length < at + size + 2) {
            return null;
        }

        if (size === 0) {
            return { method, path, headers, body: Buffer.concat(parts),
                     size: at + 2 };
        }

        parts.push(data.subarray(at, at + size));
        at += size + 2;
    }
}
