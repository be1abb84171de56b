/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { client, collect, echo, models, needsSecond, providers, secondClient,
         test, user, words } from './common.mjs';


const openai = client();
const system = 'Answer in one line.';
const text = 'How are you, broker?';


function checkUsage(usage, prompt, answer) {
    assert.equal(usage.prompt_tokens, prompt);
    assert.equal(usage.completion_tokens, answer);
    assert.equal(usage.total_tokens, prompt + answer);
}


function assemble(chunks) {
    return chunks.flatMap((chunk) => chunk.choices).map((choice) =>
        choice.delta.content || '').join('');
}


function checkChunks(chunks, answer) {
    const choices = chunks.flatMap((chunk) => chunk.choices);
    const finishes = choices.map((choice) => choice.finish_reason)
        .filter(Boolean);

    assert.equal(assemble(chunks), answer);
    assert.equal(choices[0].delta.role, 'assistant');
    assert.deepEqual(finishes, ['stop']);
    assert.equal(choices.at(-1).finish_reason, 'stop');
    assert.ok(choices.every((choice) => choice.index === 0));

    for (const chunk of chunks) {
        assert.equal(chunk.object, 'chat.completion.chunk');
        assert.equal(chunk.id, chunks[0].id);
        assert.equal(chunk.created, chunks[0].created);
        assert.equal(chunk.model, chunks[0].model);
    }

    assert.ok(chunks[0].id);
    assert.ok(Number.isInteger(chunks[0].created));
}


for (const model of models) {

    test(`${model}: chat, buffered`, async () => {
        const answer = await openai.chat.completions.create({
            model, messages: user(text, system) });

        assert.equal(answer.object, 'chat.completion');
        assert.ok(answer.id);
        assert.ok(answer.model);
        assert.ok(Number.isInteger(answer.created));
        assert.equal(answer.choices.length, 1);
        assert.equal(answer.choices[0].index, 0);
        assert.equal(answer.choices[0].finish_reason, 'stop');
        assert.equal(answer.choices[0].message.role, 'assistant');
        assert.equal(answer.choices[0].message.content, echo(text, system));
        checkUsage(answer.usage, words(text, system),
                   words(echo(text, system)));
    });

    test(`${model}: chat, streamed with usage`, async () => {
        const chunks = await collect(await openai.chat.completions.create({
            model, messages: user(text, system), stream: true,
            stream_options: { include_usage: true } }));
        const last = chunks.pop();

        checkChunks(chunks, echo(text, system));
        assert.ok(chunks.length >= 4, 'more than one piece of text');
        assert.deepEqual(last.choices, []);
        checkUsage(last.usage, words(text, system),
                   words(echo(text, system)));
        assert.ok(chunks.every((chunk) => chunk.usage === null),
                  'usage is null before the end');
    });

    test(`${model}: chat, streamed without usage`, async () => {
        const chunks = await collect(await openai.chat.completions.create({
            model, messages: user(text), stream: true }));

        checkChunks(chunks, echo(text));
        assert.ok(chunks.every((chunk) => chunk.usage == null));
        assert.ok(chunks.every((chunk) => chunk.choices.length === 1));
    });

    test(`${model}: the .stream() helper`, async () => {
        const runner = openai.chat.completions.stream({
            model, messages: user(text),
            stream_options: { include_usage: true } });
        let seen = '';

        runner.on('content', (delta) => { seen += delta; });

        const answer = await runner.finalChatCompletion();

        assert.equal(seen, echo(text));
        assert.equal(answer.choices[0].message.content, echo(text));
        assert.equal(answer.choices[0].message.role, 'assistant');
        assert.equal(answer.choices[0].finish_reason, 'stop');
        checkUsage(answer.usage, words(text), words(echo(text)));
    });

    test(`${model}: developer role, text parts and turns`, async () => {
        const answer = await openai.chat.completions.create({ model,
            messages: [
                { role: 'developer', content: 'Be kind.' },
                { role: 'user', content: 'first' },
                { role: 'assistant', content: 'second' },
                { role: 'user', content: [{ type: 'text', text: 'third' }] }
            ] });

        assert.equal(answer.choices[0].message.content,
                     echo('third', 'Be kind.'));
        assert.equal(answer.usage.prompt_tokens, 5);
    });

    test(`${model}: max_tokens ends the answer`, async () => {
        const answer = await openai.chat.completions.create({
            model, messages: user('one two three four'), max_tokens: 3 });

        assert.equal(answer.choices[0].finish_reason, 'length');
        assert.equal(answer.usage.completion_tokens, 3);
        assert.equal(answer.choices[0].message.content.trim(),
                     'echo: one two');

        const chunks = await collect(await openai.chat.completions.create({
            model, messages: user('one two three four'), max_tokens: 3,
            stream: true }));

        assert.equal(chunks.at(-1).choices[0].finish_reason, 'length');
    });

    test(`${model}: stop sequences`, async () => {
        const answer = await openai.chat.completions.create({
            model, messages: user('before END after'), stop: ['END'] });

        assert.equal(answer.choices[0].finish_reason, 'stop');
        assert.equal(answer.choices[0].message.content.trim(),
                     'echo: before');
    });

    test(`${model}: unicode and escapes come back as they went`, async () => {
        const odd = 'smile \u{1f600} family \u{1f468}\u200d\u{1f469} '
            + '\u4f60\u597d \u0623\u0647\u0644\u0627 e\u0301 '
            + 'lines \u2028 \u2029 "quotes" \\back\\slash/ </script> '
            + 'tab\tand\nnewline \x01\x1f\x7f \ufeff \uffff '
            + String.raw`\n \u0041 \ud83d`;

        const answer = await openai.chat.completions.create({
            model, messages: user(odd) });

        assert.equal(answer.choices[0].message.content, echo(odd));

        const chunks = await collect(await openai.chat.completions.create({
            model, messages: user(odd), stream: true }));

        assert.equal(assemble(chunks), echo(odd));
    });

    test(`${model}: a message of 200 KB`, async () => {
        /* few words: an answer of Claude's has 4096 tokens by default */
        const long = `\u{1f600}${'long'.repeat(30)} `.repeat(1700).trim();

        assert.ok(Buffer.byteLength(long) > 200000);

        const answer = await openai.chat.completions.create({
            model, messages: user(long) });

        assert.ok(answer.choices[0].message.content === echo(long));

        const chunks = await collect(await openai.chat.completions.create({
            model, messages: user(long), stream: true }));

        assert.ok(assemble(chunks) === echo(long));
    });

    test(`${model}: 20 requests at once`, async () => {
        const answers = await Promise.all(Array.from({ length: 20 },
            async (_, i) => {
                const params = { model, messages: user(`number ${i}`) };

                if (i % 2) {
                    return (await openai.chat.completions.create(params))
                        .choices[0].message.content;
                }

                return assemble(await collect(
                    await openai.chat.completions.create({
                        ...params, stream: true })));
            }));

        answers.forEach((answer, i) =>
            assert.equal(answer, echo(`number ${i}`)));
    });

    test(`${model}: response headers`, async () => {
        for (const stream of [false, true]) {
            const { data, response, request_id: id } =
                await openai.chat.completions.create({
                    model, messages: user(text), stream }).withResponse();

            if (stream) {
                await collect(data);
            }

            const { headers } = response;

            assert.ok(id);
            assert.equal(headers.get('x-request-id'), id);
            assert.equal(headers.get('x-llmbroker-model'), model);
            assert.equal(headers.get('x-llmbroker-provider'),
                         providers[model]);
            assert.equal(headers.get('x-llmbroker-attempts'), '1');
            assert.match(headers.get('content-type'), stream
                ? /^text\/event-stream/ : /^application\/json/);

            if (stream) {
                assert.equal(headers.get('cache-control'), 'no-cache');
                assert.equal(headers.get('x-accel-buffering'), 'no');
            }
        }
    });

    test(`${model}: text completion, buffered and streamed`, async () => {
        const prompt = 'Once upon a time';
        const answer = await openai.completions.create({ model, prompt });

        assert.equal(answer.object, 'text_completion');
        assert.equal(answer.choices[0].text, echo(prompt));
        assert.equal(answer.choices[0].finish_reason, 'stop');
        checkUsage(answer.usage, words(prompt), words(echo(prompt)));

        const chunks = await collect(await openai.completions.create({
            model, prompt, stream: true,
            stream_options: { include_usage: true } }));
        const last = chunks.pop();
        const choices = chunks.flatMap((chunk) => chunk.choices);

        assert.ok(chunks.every((chunk) =>
            chunk.object === 'text_completion'));
        assert.equal(choices.map((choice) => choice.text).join(''),
                     echo(prompt));
        assert.equal(choices.at(-1).finish_reason, 'stop');
        assert.deepEqual(last.choices, []);
        checkUsage(last.usage, words(prompt), words(echo(prompt)));
    });
}


test('mock-openai: embeddings', async () => {
    const answer = await openai.embeddings.create({
        model: 'mock-openai', input: ['one', 'two words'] });

    assert.equal(answer.object, 'list');
    assert.deepEqual(answer.data.map((item) => item.index), [0, 1]);

    for (const item of answer.data) {
        assert.equal(item.object, 'embedding');
        assert.ok(item.embedding.length > 0);
        assert.ok(item.embedding.every(Number.isFinite));
    }

    /* the SDK asks for base64 by itself; the numbers must be the same */
    const plain = await openai.embeddings.create({
        model: 'mock-openai', input: 'one', encoding_format: 'float' });

    assert.equal(plain.data[0].embedding.length,
                 answer.data[0].embedding.length);
    assert.ok(plain.data[0].embedding.every((value, i) =>
        Math.abs(value - answer.data[0].embedding[i]) < 1e-6));
    assert.equal(plain.usage.prompt_tokens, 1);
});


test('models: list and retrieve', async () => {
    const page = await openai.models.list();
    const ids = page.data.map((model) => model.id);

    for (const model of models) {
        assert.ok(ids.includes(model), `${model} is listed`);
        assert.equal((await openai.models.retrieve(model)).id, model);
    }

    assert.ok(page.data.every((model) => model.object === 'model'
        && Number.isInteger(model.created) && model.owned_by));
    assert.deepEqual(page.body.models, ids);
});


test('a client that leaves a stream is followed by the next one',
    async () => {
        const stream = await openai.chat.completions.create({
            model: 'mock-openai', stream: true,
            messages: user('word '.repeat(5000)) });
        let seen = 0;

        for await (const chunk of stream) {
            seen += chunk.choices.length;

            if (seen === 3) {
                break;
            }
        }

        assert.equal(seen, 3);
        assert.ok(stream.controller.signal.aborted);

        const answer = await openai.chat.completions.create({
            model: 'mock-openai', messages: user(text) });

        assert.equal(answer.choices[0].message.content, echo(text));
    });


test('a client that does not wait for the answer', needsSecond, async () => {
    const api = secondClient();
    const abort = new AbortController();
    const start = performance.now();

    setTimeout(() => abort.abort(), 300);

    await assert.rejects(api.chat.completions.create({ model: 'scripted',
        messages: user('!mock delay=20s ! late') }, { signal: abort.signal }),
        OpenAI.APIUserAbortError);

    assert.ok(performance.now() - start < 5000);

    const answer = await api.chat.completions.create({ model: 'scripted',
        messages: user(text) });

    assert.equal(answer.choices[0].message.content, echo(text));
});
