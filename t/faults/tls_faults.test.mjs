/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import net from 'node:net';

import { Authority } from './lib/certificates.mjs';
import { assertError, assertStream, chat, open } from './lib/client.mjs';
import { key, model } from './lib/gateway.mjs';
import { chunks, completion, role, says, word } from './lib/openai.mjs';
import { early, message, reply, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { now, sleep } from './lib/time.mjs';


const name = 'localhost';


row('P13 a certificate that is not right is refused before the key is sent',
    async (t) => {
        const authority = t.also(new Authority());
        const other = t.also(new Authority());
        const certificates = {
            'another name': authority.signed('provider.example'),
            'a name that only begins like it': authority.signed(
                'localhost.example'),
            'expired': authority.signed(name, { from: '20200101000000Z',
                                                until: '20200201000000Z' }),
            'not yet valid': authority.signed(name, {
                from: '20990101000000Z', until: '20990201000000Z' }),
            'self-signed': authority.selfSigned(name),
            'of another authority': other.signed(name)
        };

        const models = {};
        const providers = {};

        for (const [i, [what, pair]] of Object.entries(certificates).entries())
        {
            providers[what] = await t.provider(says('never'),
                                               { tls: pair, name });
            models[`m${i}`] = model(providers[what],
                                    { ca_file: authority.file });
        }

        const right = await t.provider(says('fine'), {
            tls: authority.signed(name), name });

        models.right = model(right, { ca_file: authority.file });

        const gateway = await t.gateway({ models });

        for (const [i, what] of Object.keys(certificates).entries()) {
            for (const streamed of [false, true]) {
                const answer = await chat(gateway, { model: `m${i}`,
                                                     stream: streamed });

                assertError(answer, 502, 'provider_unavailable');
                assert.ok(!answer.text.includes(key));
            }

            const { connections, requests } = providers[what];

            assert.ok(connections.length >= 2, what);
            assert.deepEqual(requests, [], what);
            assert.equal(connections.reduce((sum, c) => sum + c.bytes, 0), 0,
                         `${what}: HTTP was sent`);
        }

        /* and with a good one it is sent, so that the above means something */

        const answer = await chat(gateway, { model: 'right', stream: true });

        assertStream(answer, 'fine');
        assert.equal(right.requests[0].headers.authorization, `Bearer ${key}`);
    });


row('P14 what comes in plain before the handshake is no answer', async (t) => {
    const authority = t.also(new Authority());
    const plain = message(200, { 'Content-Type': 'application/json',
                                 'Content-Length': 2 }, '{}');
    const behind = await t.provider(says('fine'), {
        tls: authority.signed(name), name });

    /* in front of a real TLS server: the answer first, then the handshake */

    const front = t.also(await between(behind, (client) =>
        client.write(plain)));

    /* and one that speaks no TLS at all */

    const deaf = await t.provider(early((socket) => {
        socket.on('data', () => socket.write(plain));
    }));

    const gateway = await t.gateway({ models: {
        front: model({ url: front.url }, { ca_file: authority.file }),
        deaf: model({ url: deaf.url.replace('http:', 'https:')
                          .replace('127.0.0.1', name) },
                    { ca_file: authority.file })
    } });

    for (const alias of ['front', 'deaf']) {
        const answer = await chat(gateway, { model: alias });

        assertError(answer, 502, 'provider_unavailable');
    }

    assert.deepEqual(behind.requests, []);
});


row('P13 a reset in the handshake is 502, silence in it 504', async (t) => {
    const authority = t.also(new Authority());
    const reset = await t.provider(early((socket) => {
        socket.once('data', () => socket.resetAndDestroy());
    }));
    const silent = await t.provider(early((socket) => socket.resume()));
    const tls = (provider) => model(
        { url: provider.url.replace('http:', 'https:')
              .replace('127.0.0.1', name) },
        { ca_file: authority.file });

    const gateway = await t.gateway({ models: { reset: tls(reset),
                                                silent: tls(silent) } });

    assertError(await chat(gateway, { model: 'reset' }), 502,
                'provider_unavailable');
    assertError(await chat(gateway, { model: 'silent' }), 504,
                'provider_timeout');
});


row('P17 a corrupt record while the client does not read costs no CPU',
    async (t) => {
        const authority = t.also(new Authority());
        const event = word('x'.repeat(60000));
        const behind = await t.provider(async (call) => {
            await stream([role], { then: 'keep' })(call);

            while (await call.write(`${event.length.toString(16)}\r\n${event}`
                                    + '\r\n')) { /* void */ }
        }, { tls: authority.signed(name), name });

        const corrupt = [];
        const front = t.also(await between(behind, (client, server) => {
            corrupt.push(() => {
                server.unpipe(client);
                client.write(Buffer.alloc(100, 0xff));
            });
        }));

        const gateway = await t.gateway({ models: {
            m: model({ url: front.url }, { ca_file: authority.file,
                                           timeout: 30, idle_timeout: 30 })
        } });

        const request = open(gateway, { stream: true });

        await request.event(2);
        request.response.pause();
        await sleep(500);
        corrupt[0]();
        await sleep(100);

        const from = now();
        const before = gateway.cpu();

        await sleep(1000);

        const share = (gateway.cpu() - before) / (now() - from) * 1000;

        assert.ok(share < 0.05, `${(share * 100).toFixed(1)} % of the CPU`);

        request.abort();
    });


row('a stream over TLS, and a connection that is kept', async (t) => {
    const authority = t.also(new Authority());
    const provider = await t.provider([
        stream(chunks('a', 'b')), reply(200, completion('c'))
    ], { tls: authority.signed(name), name });
    const gateway = await t.between(provider, { ca_file: authority.file });

    assertStream(await chat(gateway, { stream: true }), 'ab');
    assert.equal((await chat(gateway)).json.choices[0].message.content, 'c');
    assert.equal(provider.connections.length, 1);
});


/* a TCP relay in front of a provider; "opened" is told of each connection */

async function between(provider, opened) {
    const sockets = new Set();
    const server = net.createServer((client) => {
        const behind = net.connect(provider.port, '127.0.0.1');

        for (const [one, two] of [[client, behind], [behind, client]]) {
            sockets.add(one);
            one.on('error', () => two.destroy());
            one.on('close', () => two.destroy());
            one.pipe(two);
        }

        opened(client, behind);
    });

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

    return {
        url: `https://${name}:${server.address().port}/v1`,

        stop: () => new Promise((resolve) => {
            sockets.forEach((socket) => socket.destroy());
            server.close(resolve);
        })
    };
}
