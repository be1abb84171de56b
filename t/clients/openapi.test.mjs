/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import fs from 'node:fs';

import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

import { base, client, collect, models, test, user } from './common.mjs';


const source = new URL('../../ngx_http_llmbroker_module/', import.meta.url);
const file = new URL('module/openapi.json', source);
const spec = JSON.parse(fs.readFileSync(file, 'utf8'));

const ajv = new Ajv.default({ strict: false, allErrors: true });

formats.default(ajv);
ajv.addSchema(spec, 'api');


function conforms(name, value) {
    const check = ajv.compile({ $ref: `api#/components/schemas/${name}` });

    assert.ok(check(value), `${name}: ${ajv.errorsText(check.errors)} in `
                            + JSON.stringify(value).slice(0, 500));
}


async function get(path, options) {
    const response = await fetch(base + path, options);

    return [response, await response.json()];
}


async function post(path, body) {
    return get(path, { method: 'POST', body: JSON.stringify(body),
                       headers: { 'Content-Type': 'application/json' } });
}


/* the rows of the gateway's one table: [status, type, code] */

function errorTable() {
    const text = fs.readFileSync(
        new URL('request/ngx_http_llmbroker_error.c', source), 'utf8');
    const names = new Map([...text.matchAll(
        /#define\s+(NGX_HTTP_\w+)\s+ngx_string\("(\w+)"\)/g)].map((m) =>
            [m[1], m[2]]));
    const row = /\{ (\d{3}), (?:ngx_string\("(\w+)"\)|(NGX_HTTP_\w+)),\s+/g;

    return [...text.matchAll(new RegExp(row.source
        + /(?:ngx_string\("(\w+)"\)|ngx_null_string),/.source, 'g'))]
        .map((m) => [m[1], m[2] || names.get(m[3]), m[4] || null]);
}


function described() {
    const found = new Map();

    for (const item of Object.values(spec.paths)) {
        for (const operation of [item.get, item.post].filter(Boolean)) {
            for (const [status, { $ref: ref }] of
                 Object.entries(operation.responses))
            {
                if (ref) {
                    found.set(ref.split('/').pop(), status);
                }
            }
        }
    }

    return Object.entries(spec.components.responses).flatMap(
        ([name, response]) => Object.entries(
            response.content['application/json'].examples || {}).map(
            ([key, { value: { error } }]) => {
                assert.equal(key, error.code);
                return [found.get(name), error.type, error.code].join(' ');
            }));
}


test('openapi.json is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(spec));

    assert.ok(result.valid, JSON.stringify(result.errors, null, 2));
    assert.equal(validator.version, '3.1');
});


test('its schemas are valid, and the examples fit them', () => {
    for (const [name, schema] of Object.entries(spec.components.schemas)) {
        assert.ok(ajv.validateSchema(schema), name);

        for (const example of schema.examples || []) {
            conforms(name, example);
        }
    }

    for (const response of Object.values(spec.components.responses)) {
        const media = response.content['application/json'];

        for (const { value } of Object.values(media.examples || {})) {
            conforms('Error', value);
        }
    }

    const stream = spec.paths['/v1/chat/completions'].post.responses[200]
        .content['text/event-stream'].example;
    const events = stream.split('\n\n').filter(Boolean).map((event) =>
        event.replace(/^data: /, ''));

    assert.equal(events.pop(), '[DONE]');
    events.forEach((event) =>
        conforms('ChatCompletionChunk', JSON.parse(event)));
});


test('it lists the errors of the gateway\'s table, and no others', () => {
    const table = errorTable();
    const list = described();

    assert.ok(table.length > 15, 'the table was read');

    for (const row of table.filter(([, , code]) => code)) {
        assert.ok(list.includes(row.join(' ')),
                  `${row.join(' ')} is not described`);
    }

    const known = new Set(table.map((row) => row.join(' ')));

    for (const row of list) {
        assert.ok(known.has(row), `${row} is not in the table`);
    }
});


test('the server sends this very description', async () => {
    const [response, body] = await get('/openapi.json');

    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'),
                 /^application\/json/);
    assert.deepEqual(body, spec);

    const url = new URL(spec.servers[0].url, `${base}/openapi.json`).href;

    assert.equal(url.replace(/\/$/, ''), base);
});


test('every path that it lists is served', async () => {
    for (const [path, item] of Object.entries(spec.paths)) {
        const url = base + path.replace('{alias}', 'mock-openai');

        for (const method of ['get', 'post'].filter((m) => item[m])) {
            const response = await fetch(url, {
                method: method.toUpperCase(),
                ...(method === 'post' ? { body: '{}' } : {}) });
            const text = await response.text();

            assert.notEqual(response.status, 404, `${method} ${path}`);
            assert.notEqual(response.status, 405, `${method} ${path}`);
            assert.ok(response.headers.get('x-request-id'),
                      `${path} tells its request id`);

            if (response.status >= 400 && path !== '/health') {
                conforms('Error', JSON.parse(text));
            }
        }
    }
});


test('the pages look as described', async () => {
    for (const [path, name] of [['/', 'Service'], ['/health', 'Health'],
            ['/v1/models', 'ModelList'], ['/models', 'ModelList'],
            ['/v1/models/mock-openai', 'Model'],
            ['/models/mock-claude', 'Model']])
    {
        const [response, body] = await get(path);

        assert.equal(response.status, 200, path);
        conforms(name, body);
    }
});


test('/health and /v1/models tell the same models', async () => {
    const [, health] = await get('/health');
    const [, list] = await get('/v1/models');
    const ready = health.models.filter((model) =>
        model.status === 'available').map((model) => model.name);

    models.forEach((model) => assert.ok(ready.includes(model), model));
    health.models.forEach((model) =>
        assert.ok(list.models.includes(model.name), model.name));
});


for (const model of models) {

    test(`${model}: answers look as described`, async () => {
        const messages = user('Does it fit?');

        for (const path of ['/v1/chat/completions', '/chat/completions']) {
            const [response, body] = await post(path, { model, messages });

            assert.equal(response.status, 200);
            conforms('ChatCompletion', body);
        }

        conforms('Completion', (await post('/v1/completions',
            { model, prompt: 'Does it fit?' }))[1]);

        const api = client();

        for (const options of [undefined, { include_usage: true }]) {
            const chunks = await collect(await api.chat.completions.create({
                model, messages, stream: true, stream_options: options }));

            chunks.forEach((chunk) => conforms('ChatCompletionChunk', chunk));

            const pieces = await collect(await api.completions.create({
                model, prompt: 'Does it?', stream: true,
                stream_options: options }));

            pieces.forEach((piece) => conforms('Completion', piece));
        }
    });
}


test('embeddings look as described', async () => {
    conforms('EmbeddingList', (await post('/v1/embeddings',
        { model: 'mock-openai', input: 'hi' }))[1]);
});


test('errors look as described', async () => {
    for (const [status, path, body] of [
        [404, '/v1/chat/completions', { model: 'x', messages: user('x') }],
        [400, '/v1/chat/completions', { model: 'mock-openai' }],
        [400, '/v1/completions', { model: 'mock-openai', prompt: {} }],
        [400, '/v1/embeddings', { model: 'mock-openai' }],
        [404, '/v1/no/such/url', {}],
        [405, '/v1/models', {}]
    ]) {
        const [response, error] = await post(path, body);

        assert.equal(response.status, status, path);
        assert.match(response.headers.get('content-type'),
                     /^application\/json/);
        conforms('Error', error);
    }
});
