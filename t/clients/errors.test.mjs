/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { base, client, collect, echo, needsSecond, second, secondClient,
         secondKey, test, user } from './common.mjs';


const openai = client();


async function fails(promise, type, status, code, param) {
    const error = await promise.then(() => null, (e) => e);

    assert.ok(error, 'an error is expected');
    assert.ok(error instanceof type, `${error.constructor.name}: ${error}`);
    assert.equal(error.status, status);
    assert.equal(error.code, code);

    if (param !== undefined) {
        assert.equal(error.param, param);
    }

    if (status) {
        assert.match(error.headers.get('content-type'),
                     /^application\/json/);
        assert.ok(error.requestID, 'x-request-id is there');
    }

    assert.ok(error.error.message);
    assert.deepEqual(Object.keys(error.error).sort(),
                     ['code', 'message', 'param', 'type']);

    return error;
}


for (const stream of [false, true]) {
    const how = stream ? 'streamed' : 'buffered';

    test(`an unknown model, ${how}`, async () => {
        const error = await fails(openai.chat.completions.create({
            model: 'no-such-model', messages: user('hi'), stream }),
            OpenAI.NotFoundError, 404, 'model_not_found', 'model');

        assert.equal(error.type, 'invalid_request_error');
        assert.match(error.message, /no-such-model/);
    });

    test(`messages are missing, ${how}`, async () => {
        await fails(openai.chat.completions.create({
            model: 'mock-openai', stream }),
            OpenAI.BadRequestError, 400, 'missing_required_parameter',
            'messages');
    });

    test(`messages are no array, ${how}`, async () => {
        await fails(openai.chat.completions.create({
            model: 'mock-claude', messages: 'hi', stream }),
            OpenAI.BadRequestError, 400, 'invalid_type', 'messages');
    });
}


test('the prompt is missing', async () => {
    await fails(openai.completions.create({ model: 'mock-openai' }),
        OpenAI.BadRequestError, 400, 'missing_required_parameter', 'prompt');
});


test('a model that does not exist is not described', async () => {
    await fails(openai.models.retrieve('no-such-model'),
        OpenAI.NotFoundError, 404, 'model_not_found');
});


test('an unknown URL', async () => {
    await fails(openai.get('/no/such/thing'),
        OpenAI.NotFoundError, 404, 'unknown_url');
});


test('a wrong method', async () => {
    await fails(openai.get('/chat/completions'),
        OpenAI.APIError, 405, 'method_not_allowed');
});


test('a body that is no JSON', async () => {
    const response = await fetch(`${base}/v1/chat/completions`, {
        method: 'POST', body: '{"model": "mock-openai", ',
        headers: { 'Content-Type': 'application/json' } });

    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, 'invalid_json');
});


test('no key, a wrong key, the right key', needsSecond, async () => {
    const ask = (api) => api.models.list();

    await fails(ask(secondClient({ apiKey: 'wrong' })),
        OpenAI.AuthenticationError, 401, 'invalid_api_key');

    const response = await fetch(`${second}/v1/models`);

    assert.equal(response.status, 401);
    assert.equal((await response.json()).error.type, 'authentication_error');

    assert.ok((await ask(secondClient())).data.length > 0);

    const other = await fetch(`${second}/v1/models`, {
        headers: { 'x-api-key': secondKey } });

    assert.equal(other.status, 200);
});


test('health and the service need no key', needsSecond, async () => {
    for (const path of ['/health', '/']) {
        assert.equal((await fetch(second + path)).status, 200, path);
    }
});


test('an error within a stream', needsSecond, async () => {
    const seen = [];
    const api = secondClient();

    const error = await fails((async () => {
        const stream = await api.chat.completions.create({
            model: 'scripted', stream: true,
            messages: user('!mock error_event=2 ! one two three four') });

        for await (const chunk of stream) {
            seen.push(chunk.choices[0].delta.content || '');
        }
    })(), OpenAI.APIError, undefined, 'provider_unavailable');

    assert.equal(error.type, 'upstream_error');
    assert.ok(seen.join('').startsWith('echo:'), 'text came before it');
});


test('a provider that is broken before its answer begins', needsSecond,
    async () => {
        const api = secondClient();

        for (const stream of [false, true]) {
            await fails(api.chat.completions.create({
                model: 'scripted', stream,
                messages: user('!mock malformed=on chunks=1 ! hi') }).then(
                    (answer) => stream ? collect(answer) : answer),
                OpenAI.APIError, stream ? undefined : 502,
                'provider_bad_response');
        }
    });


test('a provider that limits us is waited for', needsSecond, async () => {
    const error = await fails(secondClient().chat.completions.create({
        model: 'scripted',
        messages: user('!mock status=429 retry_after=7 ! hi') }),
        OpenAI.RateLimitError, 429, 'rate_limit_exceeded');

    assert.equal(error.headers.get('retry-after'), '7');
});


test('slow answers come piece by piece', needsSecond, async () => {
    const stream = await secondClient().chat.completions.create({
        model: 'scripted', stream: true,
        messages: user('!mock spacing=100ms ! one two three four five') });
    const times = [];
    let text = '';

    for await (const chunk of stream) {
        const piece = chunk.choices[0].delta.content;

        if (piece) {
            text += piece;
            times.push(performance.now());
        }
    }

    assert.equal(text, echo('one two three four five'));
    assert.ok(times.length > 3);
    assert.ok(times.at(-1) - times[0] > 100 * (times.length - 2),
              'the pieces are not held back and sent together');
});
