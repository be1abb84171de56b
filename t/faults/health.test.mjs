/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { Authority } from './lib/certificates.mjs';
import { assertError, assertStream, chat, open } from './lib/client.mjs';
import { NameServer } from './lib/dns.mjs';
import { key, model } from './lib/gateway.mjs';
import { chunks, says } from './lib/openai.mjs';
import { blackhole, bytes, descriptors, Provider, refusing, reply, resetEarly,
         silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertWithin, eventually, now, sanitized, sleep }
    from './lib/time.mjs';


const checks = { interval: '100ms', timeout: '80ms', path: '/healthz' };

const isCheck = ({ path }) => path === '/healthz';


/* answers chats as they should be, and checks by another behaviour */

const checked = (check, chats = says('fine')) => (call) =>
    (isCheck(call.request) ? check : chats)(call);


/* what makes a check fail, and what does not */

const bad = {
    'refused': refusing,
    'reset': resetEarly,
    'black': blackhole,
    'silent': checked(silent),
    '500': checked(reply(500, 'no')),
    '503': checked(reply(503, 'no')),
    'no HTTP': checked(bytes('SSH-2.0-x\r\n', 'end'))
};

const good = {
    '200': checked(reply(200, 'ok')),
    '204': checked(bytes('HTTP/1.1 204 No Content\r\n\r\n')),
    'large': checked(reply(200, 'x'.repeat(1 << 16)))
};


row('what a check calls dead is not asked, what it calls alive is',
    async (t) => {
        const models = {};
        const used = {};
        const b = await t.provider(checked(reply(200, 'ok'), says('b')));

        const patient = { ...checks, interval: '500ms', timeout: '450ms' };
        const alias = (name) => `m-${name.replace(' ', '-')}`;

        for (const [name, behaviour] of Object.entries({ ...bad, ...good })) {
            used[name] = behaviour === refusing ? refusing()
                : await t.provider(behaviour);
            models[alias(name)]
                = model([used[name], b], { health_check: patient });
        }

        const gateway = await t.gateway({ models });

        for (const name in used) {
            const status = name in bad ? 'down' : 'up';

            await eventually(`${name} is ${status}`, async () =>
                (await gateway.deployment(used[name], alias(name))).status
                === status);
        }

        for (const name of Object.keys(bad)) {
            const answer = await chat(gateway, { model: alias(name) });

            assert.equal(answer.json.choices[0].message.content, 'b', name);
            assert.equal(answer.head['x-llmbroker-attempts'], '1', name);
        }

        for (const name of Object.keys(good)) {
            const answer = await chat(gateway, { model: alias(name) });

            assert.equal(answer.json.choices[0].message.content, 'fine', name);
        }

        /* a check has the key, as it is for the same provider */

        const [check] = used[500].requests.filter(isCheck);

        assert.equal(check.method, 'GET');
        assert.equal(check.headers.authorization, `Bearer ${key}`);
    });


row('a check verifies the certificate, and tells no key to a wrong one',
    async (t) => {
        const authority = t.also(new Authority());
        const name = 'localhost';
        const right = await t.provider(checked(reply(200, 'ok')), {
            tls: authority.signed(name), name });
        const wrong = await t.provider(checked(reply(200, 'ok')), {
            tls: authority.selfSigned(name), name });
        const b = await t.provider(checked(reply(200, 'ok'), says('b')));
        const more = { ca_file: authority.file, health_check: checks };
        const gateway = await t.gateway({ models: {
            right: model([right, b], more), wrong: model([wrong, b], more) } });

        await sleep(500);
        await eventually('checks', () => right.requests.filter(isCheck).length);

        assert.ok(wrong.connections.length > 1);
        assert.equal(wrong.connections.reduce((n, c) => n + c.bytes, 0), 0);
        assert.equal((await gateway.deployment(right, 'right')).status, 'up');
        assert.equal((await gateway.deployment(wrong, 'wrong')).status, 'down');
    });


row('checks that hang hold up no request, no reload and no exit', async (t) => {
    const full = t.also(await Provider.full());
    const mute = await t.provider(silent);
    const hole = await t.provider(blackhole);
    const fine = await t.provider(checked(reply(200, 'ok')));
    const long = { interval: 30, timeout: 20, path: '/healthz' };
    const gateway = await t.gateway({
        models: {
            m: model([fine, full], { health_check: checks }),
            mute: model(mute, { health_check: long }),
            hole: model(hole, { health_check: long }),
            full: model(full, { health_check: long })
        }
    });

    for (let i = 0; i < 30; i++) {
        const answer = await chat(gateway);

        assert.equal(answer.status, 200);
        assertWithin(answer.started, answer.ended, 50);
        await sleep(10);
    }

    const old = gateway.workers();
    const from = now();

    await gateway.reload();
    await eventually('no old worker', () =>
        gateway.workers().every((pid) => !old.includes(pid)), 3000);
    assertWithin(from, now(), 1500, 'the old worker\'s exit');

    gateway.signal('SIGQUIT');

    const quit = now();

    await gateway.gone;
    assertWithin(quit, now(), 1500, 'quitting');
    gateway.options.account = false;
});


row('a name that is asked for in vain holds up no request and no exit',
    { within: 90000 }, async (t) => {
        const names = t.also(await NameServer.start({
            'hangs.invalid': 'silent' }));
        const fine = await t.provider(checked(reply(200, 'ok')));
        const gateway = await t.gateway({
            models: {
                m: model(fine, { health_check: checks }),
                name: model({ url: 'http://hangs.invalid:1/v1' }, {
                    health_check: { interval: 30, timeout: 20,
                                    path: '/healthz' } })
            },
            http: `resolver 127.0.0.1:${names.port} ipv6=off;`
                  + 'resolver_timeout 20s;',
            account: false
        });

        for (let i = 0; i < 30; i++) {
            const answer = await chat(gateway);

            assert.equal(answer.status, 200);
            assertWithin(answer.started, answer.ended, 50);
            await sleep(10);
        }

        const waits = open(gateway, { model: 'name' });

        await sleep(200);
        gateway.signal('SIGQUIT');

        const quit = now();

        waits.abort();
        await gateway.gone;
        assertWithin(quit, now(), 1500, 'quitting');
    });


row('checks leave no descriptor and no memory behind', async (t) => {
    const providers = [];

    for (const behaviour of [...Object.values(good), ...Object.values(bad)]) {
        providers.push(behaviour === refusing ? refusing()
            : await t.provider(behaviour));
    }

    const gateway = await t.gateway({ models: { m: model(
        providers.slice(0, 8), { health_check: checks }) } });

    await sleep(800);

    const before = descriptors(gateway.worker);
    const { rss } = gateway.memory();

    await sleep(2500);
    assert.ok(descriptors(gateway.worker) <= before + 8,
              `${before}, then ${descriptors(gateway.worker)} descriptors`);

    /* the sanitizer keeps what was freed for a while */

    const grown = gateway.memory().rss - rss;

    assert.ok(grown < (sanitized ? 64 << 20 : 1 << 20), `${grown} bytes`);
});


row('the one worker that checks is killed: another one goes on', async (t) => {
    let up = true;
    const a = await t.provider(checked((call) =>
        reply(up ? 200 : 500, 'x')(call)));
    const b = await t.provider(checked(reply(200, 'ok'), says('b')));
    const gateway = await t.between([a, b], { health_check: checks }, {
        workers: 2, allow: [/exited on signal 9/] });

    for (let i = 0; i < 3; i++) {
        const old = gateway.serving();

        old.forEach((pid) => process.kill(pid, 'SIGKILL'));
        await eventually('new workers', () => gateway.serving().length === 2
                         && gateway.serving().every((pid) =>
                             !old.includes(pid)));

        up = !up;

        await eventually(`that it is ${up ? 'up' : 'down'}`, async () =>
            (await chat(gateway)).json.choices[0].message.content
            === (up ? 'fine' : 'b'), 3000, 20);
    }
});


row('what a check ejected is there again when checks are switched off',
    async (t) => {
        const a = await t.provider(checked(reply(500, 'no'), says('a')));
        const gateway = await t.between(a, { health_check: checks });

        await eventually('its ejection', async () =>
            (await chat(gateway)).status === 503, 3000, 30);
        assertError(await chat(gateway), 503, 'no_healthy_deployment');

        delete gateway.options.models.m.health_check;
        gateway.write();
        await gateway.reload();

        await eventually('its return', async () =>
            (await chat(gateway)).status === 200, 3000, 30);
    });


row('monitoring.health_check_interval switches checks on', async (t) => {
    const a = await t.provider((call) => (call.request.method === 'GET'
        ? reply(500, 'no') : says('a'))(call));
    const gateway = await t.gateway({ yaml: `models:
  m:
    provider: openai
    base_url: ${a.url}
    api_key: ${key}
monitoring:
  enable_metrics: true
  metrics_port: 8001
  health_check_interval: 1
` });

    await eventually('a check', () => a.requests.length > 0, 4000);
    assert.equal(a.requests[0].method, 'GET');
    await eventually('its ejection', async () =>
        (await gateway.deployment(a)).status === 'down', 4000, 50);
});


row('a stream of a deployment that a check ejects goes on', async (t) => {
    let up = true;
    const a = await t.provider(checked(
        (call) => reply(up ? 200 : 500, 'x')(call),
        stream(chunks(...'abcdefghij'), { gap: 80 })));
    const gateway = await t.between(a, { health_check: checks });
    const request = open(gateway, { stream: true });

    await request.event(2);
    up = false;
    await eventually('its ejection', async () =>
        (await gateway.deployment(a)).status === 'down', 3000, 20);
    assertStream(await request.done, 'abcdefghij');
});
