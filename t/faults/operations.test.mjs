/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import { assertError, assertStream, chat, get, open } from './lib/client.mjs';
import { NameServer } from './lib/dns.mjs';
import { Gateway, key, model, yamlOf } from './lib/gateway.mjs';
import { chunks, completion, error, role, says, word } from './lib/openai.mjs';
import { either, reply, silent, stream } from './lib/provider.mjs';
import { row } from './lib/row.mjs';
import { assertWithin, eventually, now, sanitized, sleep }
    from './lib/time.mjs';


const said = Array.from({ length: 20 }, (_, i) => ` ${i}`);

const healthy = (gap = 0) => either(reply(200, completion('fine')),
                                    stream(chunks(...said), { gap }));

const killed = /exited on signal 9/;


row('O1 reloads under load lose no request and no memory', async (t) => {
    const reloads = sanitized ? 20 : 100;
    const gap = 50;
    const provider = await t.provider(healthy(gap));
    const gateway = await t.between(provider, {}, { workers: 2 });
    const failed = [];
    const streams = [];
    let requests = 0;
    let loaded = true;

    const load = Promise.all([1, 2, 3].map(async (i) => {
        while (loaded) {
            const answer = await chat(gateway);

            requests++;

            if (answer.status !== 200) {
                failed.push(answer.error || answer.text);
            }

            if (i === 1 && requests % 4 === 0) {
                streams.push(chat(gateway, { stream: true }));
            }

            await sleep(2);
        }
    }));

    const memory = () => gateway.memory(gateway.pid).rss
        + Math.max(...gateway.workers().map((pid) => gateway.memory(pid).rss));

    for (let i = 0; i < reloads / 5; i++) {
        await gateway.reload();
    }

    const before = memory();

    for (let i = 0; i < reloads; i++) {
        await gateway.reload();
    }

    loaded = false;
    await load;

    const after = memory();

    assert.deepEqual(failed, []);
    assert.ok(requests > reloads && streams.length > 10,
              `${requests} requests, ${streams.length} streams`);

    for (const answer of await Promise.all(streams)) {
        assertStream(answer, said.join(''));
    }

    /* a worker that serves nobody any more is not there */

    await eventually('only the new workers', () =>
        gateway.workers().length === 2, 3000);

    if (!sanitized) {
        assert.ok(after <= before * 1.05, `${before} -> ${after} bytes`);
    }
});


row('O1 open streams go on through a reload', async (t) => {
    const n = 200;
    const provider = await t.provider(healthy(60));
    const gateway = await t.between(provider, {}, { workers: 2 });
    const streams = Array.from({ length: n }, () =>
        open(gateway, { stream: true }));

    await Promise.all(streams.map((request) => request.event(2)));

    const old = gateway.workers();

    gateway.options.models.m.model_name = 'm-2';
    gateway.write();
    await gateway.reload();

    const answer = await chat(gateway);

    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(provider.requests.at(-1).body).model, 'm-2');

    for (const request of streams) {
        assertStream(await request.done, said.join(''));

        const entry = await gateway.entry(request.id);

        assert.equal(entry.status, 200);
        assert.ok(old.includes(entry.pid));
    }

    await eventually('no old worker', () =>
        gateway.workers().every((pid) => !old.includes(pid)));
});


row('O2 a broken file leaves the old configuration, and says where',
    async (t) => {
        const provider = await t.provider(healthy());
        const gateway = await t.between(provider, {}, {
            allow: [/llmbroker\.yaml/]
        });
        const workers = gateway.workers();

        for (const [text, message] of [
            ['models:\n  m:\n    provider: opnai\n', /llmbroker\.yaml:3/],
            ['models:\n  m:\n   - provider: [\n', /llmbroker\.yaml:[34]/],
            ['models:\n  m: {provider: openai}\nprxy: {}\n',
             /llmbroker\.yaml:3/],
            ['models:\n  m: {provider: openai}\n  m: {provider: qwen}\n',
             /llmbroker\.yaml:3/],
            ['\tmodels: {}\n', /llmbroker\.yaml:1/],
            ['models:\n  m:\n    provider: openai\n'
             + '    fallbacks: [nobody]\n', /llmbroker\.yaml:4/]
        ]) {
            gateway.yaml(text);

            const { ok, message: said } = gateway.check();

            assert.equal(ok, false, text);
            assert.match(said, message);
            assert.match(said, /\[emerg\]/);
        }

        const request = open(gateway, { stream: true });

        gateway.yaml('models:\n  m:\n    provider: opnai\n');
        await gateway.reloadInVain(/\[emerg\][^\n]*llmbroker\.yaml:3/);

        assertStream(await request.done, said.join(''));
        assert.equal((await chat(gateway)).status, 200);
        assert.deepEqual(gateway.workers(), workers);

        /* and a good one is taken again */

        gateway.write();
        await gateway.reload();
        assert.equal((await chat(gateway)).status, 200);
    });


row('O3 worker_shutdown_timeout ends what is left, and it is logged',
    async (t) => {
        const provider = await t.provider(
            stream([role, word('a'), word('b')], { then: 'hang' }));
        const mute = await t.provider(silent);
        const gateway = await t.gateway({
            models: { m: model(provider, { timeout: 30, idle_timeout: 30 }),
                      mute: model(mute, { timeout: 30,
                                          first_token_timeout: 30 }) },
            main: 'worker_shutdown_timeout 500ms;'
        });

        const requests = [open(gateway, { stream: true }),
                          open(gateway, { model: 'mute' })];

        await requests[0].event(2);
        await mute.request(1);

        const from = now();
        const old = gateway.workers();

        await gateway.reload();
        await Promise.all(requests.map((request) => request.done));

        for (const [i, request] of requests.entries()) {
            assertWithin(from, request.ended, 900, 'the end');

            const entry = await gateway.entry(request.id);

            assert.equal(entry.addr, [provider, mute][i].address);
            assert.ok(old.includes(entry.pid));
        }

        await provider.idle();
        await mute.idle();
        await eventually('no old worker', () =>
            gateway.workers().every((pid) => !old.includes(pid)));
    });


row('O4 kill -9 of a worker: the others serve, nothing is stuck', async (t) => {
    const kills = sanitized ? 5 : 20;
    const provider = await t.provider(either(
        reply(200, completion('fine')),
        stream([role, word('a')], { then: 'hang' })));
    const gateway = await t.between(provider, { timeout: 30,
                                                idle_timeout: 30 },
                                    { workers: 2, allow: [killed] });

    for (let i = 0; i < kills; i++) {
        const streams = Array.from({ length: 8 }, () =>
            open(gateway, { stream: true }));

        await Promise.all(streams.map((request) => request.event(1)));

        const [victim] = gateway.workers();

        process.kill(victim, 'SIGKILL');

        const from = now();
        const answer = await chat(gateway);

        assert.equal(answer.status, 200);
        assertWithin(from, answer.ended, 100, 'an answer after the kill');

        await eventually('another worker', () =>
            gateway.workers().length === 2
            && !gateway.workers().includes(victim));

        streams.forEach((request) => request.abort());
        await Promise.all(streams.map((request) => request.done));
    }

    await provider.until(() => provider.open.length <= 2, 5000, () =>
        `${provider.open.length} connections are left`);

    for (let i = 0; i < 20; i++) {
        assert.equal((await chat(gateway)).status, 200);
    }

    const { status, json } = await get(gateway, '/health');

    assert.equal(status, 200);
    assert.equal(json.status, 'healthy');
});


row('O8 a name that is not there at the start, comes, moves and goes',
    async (t) => {
        const names = await NameServer.start({});

        t.also(names);

        const a = await t.provider(reply(200, completion('a')),
                                   { host: '127.0.0.1' });
        const b = await t.provider(reply(200, completion('b')),
                                   { host: '127.0.0.2', port: a.port });
        const gateway = await t.gateway({
            models: { m: model({ url: `http://api.invalid:${a.port}/v1` },
                               { breaker: false }) },
            http: `resolver 127.0.0.1:${names.port} ipv6=off;`
                  + 'resolver_timeout 500ms;'
        });

        /* it starts, and answers in our form */

        assertError(await chat(gateway), 502, 'provider_unavailable');

        const says = async (text, within) => {
            const from = now();

            await eventually(`an answer of ${text}`, async () => {
                const answer = await chat(gateway);

                return answer.status === 200
                       && answer.json.choices[0].message.content === text;
            }, within + 1000, 50);

            assertWithin(from, now(), within, `the answer of ${text}`);
        };

        /* the TTL is one second; that a name is missing may be known longer */

        names.names['api.invalid'] = { address: '127.0.0.1', ttl: 1 };
        await says('a', 12000);

        names.names['api.invalid'] = { address: '127.0.0.2', ttl: 1 };
        await says('b', 2500);
        assert.equal(b.requests.length > 0, true);

        names.names['api.invalid'] = { address: '127.0.0.1', ttl: 1 };
        await says('a', 2500);
    });


/* O12: what nginx says of variables */

const withKey = (value, proxy) => ({
    yaml: yamlOf({ one: { provider: 'openai', api_key: '${FAULTS_KEY}',
                          base_url: 'http://127.0.0.1:1/v1' },
                   two: { provider: 'openai', api_key: 'sk',
                          base_url: 'http://127.0.0.1:1/v1' } }, proxy),
    env: { FAULTS_KEY: value }
});


row('O12 a variable that is unset, empty or has a line feed', () => {
    const strict = { strict_env: true };

    for (const value of [undefined, '']) {
        const lax = Gateway.check(withKey(value));

        assert.ok(lax.ok, lax.message);
        assert.match(lax.message,
                     /\[warn\].*"FAULTS_KEY" is not set.*llmbroker\.yaml:2/);

        const refused = Gateway.check(withKey(value, strict));

        assert.ok(!refused.ok);
        assert.match(refused.message,
                     /\[emerg\].*"FAULTS_KEY".*llmbroker\.yaml:2/);
    }

    for (const value of ['sk-hush\n', 'sk-hush\r\nX-Evil: 1', '\nsk-hush']) {
        for (const proxy of [{}, strict]) {
            const { ok, message } = Gateway.check(withKey(value, proxy));

            assert.ok(!ok, JSON.stringify(value));
            assert.match(message, /\[emerg\].*api_key.*llmbroker\.yaml:2/);
            assert.ok(!message.includes('hush'), message);
        }
    }

    assert.ok(Gateway.check(withKey('sk-fine', strict)).ok);
});


/*
 * nginx without a master keeps of its environment what "env" names, and reads
 * the file once more with that.  It does not serve any more then: the processes
 * of nginx are made for a master.
 */

row('O12 without a master process, a reload misses what "env" does not name',
    async (t) => {
        const provider = await t.provider(says('fine'));
        const options = {
            yaml: yamlOf({ m: { provider: 'openai', base_url: provider.url,
                                api_key: '${FAULTS_KEY}' } },
                         { strict_env: true }),
            env: { FAULTS_KEY: key }, account: false
        };
        const bare = await t.gateway({
            ...options, main: 'master_process off;',
            allow: [/\[emerg\].*"FAULTS_KEY"/]
        });
        const named = await t.gateway({
            ...options, main: 'master_process off; env FAULTS_KEY;'
        });

        for (const gateway of [bare, named]) {
            assert.equal((await chat(gateway)).status, 200);
        }

        await bare.reloadInVain(/\[emerg\].*"FAULTS_KEY".*llmbroker\.yaml:2/);
        assert.equal((await chat(bare)).status, 200);

        named.signal('SIGHUP');
        await eventually('the reload', () =>
            /reconfiguring/.test(named.log()));
        await sleep(200);
        assert.ok(!named.log().includes('FAULTS_KEY'));
    });


row('O10 the key is in no log and no answer, whatever goes wrong',
    async (t) => {
        const echo = (status) => (call) =>
            reply(status, error(call.request.headers.authorization))(call);
        const models = { refused: model({ url: 'http://127.0.0.1:1/v1' }) };

        for (const status of [200, 400, 401, 403, 404, 429, 500, 503]) {
            models[`s${status}`] = model(await t.provider(echo(status)));
        }

        const gateway = await t.gateway({
            models, main: 'error_log logs/debug.log debug;'
        });

        for (const name of Object.keys(models)) {
            for (const streamed of [false, true]) {
                const answer = await chat(gateway, { model: name,
                                                     stream: streamed });

                assert.ok(!answer.text.includes(key), `${name} ${answer.text}`);
            }
        }

        const health = await get(gateway, '/health');

        assert.ok(!health.text.includes(key));

        for (const name of ['error.log', 'access.log', 'debug.log']) {
            assert.ok(!gateway.read(`logs/${name}`).includes(key), name);
        }
    });
