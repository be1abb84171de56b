/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * streams, thoughts, pictures and the errors of each dialect, with the
 * "openai" package
 */

import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { collect, dialects, echo, embedders, idle, models, needsSecond, odd,
         picture, quickClient, secondClient, test, thinkers, user, words }
    from './common.mjs';


const openai = quickClient();
const scripted = (knobs, text = 'one two three four') =>
    user(`!mock ${knobs} ! ${text}`);


for (const model of dialects) {

    test(`${model}: the usage is told once, cached tokens as well`,
        needsSecond, async () => {
            const api = secondClient();
            const messages = scripted('cached=2', 'a b c d e');
            const chunks = await collect(await api.chat.completions.create({
                model, messages, stream: true,
                stream_options: { include_usage: true } }));
            const told = chunks.filter((chunk) => chunk.usage);

            assert.equal(told.length, 1);

            const { usage } = await api.chat.completions.create({ model,
                                                                  messages });

            for (const { prompt_tokens: prompt, completion_tokens: completion,
                         total_tokens: total, prompt_tokens_details: details }
                of [usage, told[0].usage])
            {
                /* the script is part of what was sent */
                assert.equal(prompt, words(messages[0].content));
                assert.equal(completion, words(echo('a b c d e')));
                assert.equal(total, prompt + completion);
                assert.equal(details.cached_tokens, 2);
            }
        });

    test(`${model}: finish reasons of streams`, async () => {
        const finish = async (params) => {
            const chunks = await collect(await openai.chat.completions.create({
                model, messages: user('one END two'), stream: true,
                ...params }));

            return chunks.flatMap(({ choices }) => choices)
                .map((choice) => choice.finish_reason).filter(Boolean);
        };

        assert.deepEqual(await finish({}), ['stop']);
        assert.deepEqual(await finish({ stop: 'END' }), ['stop']);
        assert.deepEqual(await finish({ max_tokens: 2 }), ['length']);
        assert.deepEqual(await finish({ max_completion_tokens: 2 }),
                         ['length']);
        assert.deepEqual(await finish({ tool_choice: 'required', tools: [
            { type: 'function', function: { name: 'f' } }] }), ['tool_calls']);
    });

    test(`${model}: who leaves a stream sets all free`, needsSecond,
        async () => {
            const params = { model, stream: true, messages: scripted(
                'spacing=400ms', 'word '.repeat(200).trim()) };
            const controller = new AbortController();
            const stream = await secondClient().chat.completions.create(params,
                { signal: controller.signal });
            let seen = 0;

            for await (const chunk of stream) {
                seen += chunk.choices.length;

                if (seen === 2) {
                    controller.abort();
                }
            }

            /* the stream would take more than a minute */
            await idle();
        });

    test(`${model}: pictures and several parts`, async () => {
        const content = [
            { type: 'text', text: 'What is ' },
            { type: 'image_url', image_url: { url: picture, detail: 'low' } },
            { type: 'text', text: `this? ${odd}` }
        ];

        const params = { model, messages: [
            { role: 'system', content: [{ type: 'text', text: 'Look.' }] },
            { role: 'user', content },
            { role: 'developer', content: 'Again.' }
        ] };
        const expected = `[system: Look. Again.] echo: What is this? ${odd}`;

        const answer = await openai.chat.completions.create(params);

        assert.equal(answer.choices[0].message.content, expected);

        const chunks = await collect(await openai.chat.completions.create({
            ...params, stream: true }));

        assert.equal(chunks.flatMap((chunk) => chunk.choices)
            .map(({ delta }) => delta.content || '').join(''), expected);
    });

    test(`${model}: errors of the provider`, needsSecond, async () => {
        const api = secondClient();
        const fails = async (knobs, type, status, code) => {
            for (const stream of [false, true]) {
                const error = await api.chat.completions.create({
                    model, stream, messages: scripted(knobs) })
                    .then(() => null, (e) => e);

                assert.ok(error instanceof type,
                          `${knobs}: ${error?.constructor.name} ${error}`);
                assert.equal(error.status, status, knobs);
                assert.equal(error.code, code, knobs);
                assert.match(error.message, status === 502
                    ? /mock error|configured API key/ : /mock error/);
            }
        };

        await fails('status=400', OpenAI.BadRequestError, 400, null);
        await fails('status=403', OpenAI.PermissionDeniedError, 403,
                    'permission_denied');
        await fails('status=404', OpenAI.NotFoundError, 404,
                    'model_not_found');
        await fails('status=409', OpenAI.ConflictError, 409,
                    /claude/.test(model) ? 'conflict' : null);
        await fails('status=429 retry_after=3', OpenAI.RateLimitError, 429,
                    'rate_limit_exceeded');
        await fails('status=401', OpenAI.InternalServerError, 502,
                    'provider_authentication_failed');
        await fails('status=500', OpenAI.InternalServerError, 502,
                    'provider_unavailable');
        await fails('status=503', OpenAI.InternalServerError, 503,
                    'provider_unavailable');
    });

    test(`${model}: errors within a stream`, needsSecond, async () => {
        for (const knobs of ['error_event=2', 'cut=700', 'no_done=on',
                             'malformed=on'])
        {
            const stream = await secondClient().chat.completions.create({
                model, stream: true,
                messages: scripted(knobs, 'word '.repeat(20).trim()) });
            let text = '';

            const error = await (async () => {
                for await (const chunk of stream) {
                    text += chunk.choices[0]?.delta.content || '';
                }
            })().then(() => null, (e) => e);

            /* a finish reason is an end as good as [DONE] */
            if (knobs === 'no_done=on' && !error) {
                assert.equal(text, echo('word '.repeat(20).trim()));
                continue;
            }

            assert.ok(error instanceof OpenAI.APIError,
                      `${knobs}: ${error} after "${text}"`);
            assert.equal(error.status, undefined);
            assert.equal(error.type, 'upstream_error');
            assert.match(error.code, /^provider_(unavailable|bad_response)$/);
        }
    });
}


for (const model of thinkers) {

    /* DashScope's compatible mode is told in its own words (C1) */

    const effort = (how) => model !== 'mock-qwen-compat'
        ? { reasoning_effort: how } : { enable_thinking: how !== 'none' };

    test(`${model}: thoughts`, async () => {
        const params = { model, messages: user('think hard'),
                         max_tokens: 5000, ...effort('high') };
        const { choices, usage } = await openai.chat.completions.create(
            params);

        assert.ok(choices[0].message.reasoning_content);
        assert.equal(choices[0].message.content, echo('think hard'));

        const chunks = await collect(await openai.chat.completions.create({
            ...params, stream: true,
            stream_options: { include_usage: true } }));
        const deltas = chunks.flatMap((chunk) => chunk.choices)
            .map((choice) => choice.delta);
        const join = (name) => deltas.map((delta) => delta[name] || '')
            .join('');

        assert.equal(join('reasoning_content'),
                     choices[0].message.reasoning_content);
        assert.equal(join('content'), echo('think hard'));
        assert.ok(deltas.findIndex((delta) => delta.reasoning_content)
                  <= deltas.findIndex((delta) => delta.content));
        assert.deepEqual(chunks.at(-1).usage, usage);

        /* "none" turns them off */
        const calm = await openai.chat.completions.create({
            ...params, ...effort('none') });

        assert.ok(!calm.choices[0].message.reasoning_content);
    });

    test(`${model}: thoughts and a tool`, async () => {
        for (const stream of [false, true]) {
            const seen = [];
            const runner = openai.chat.completions.runTools({
                model, stream, messages: user('call add'),
                max_tokens: 5000, ...effort('low'), tools: [{
                    type: 'function', function: {
                        name: 'add', description: 'Adds.',
                        parameters: { type: 'object', properties: {
                            a: { type: 'integer' } }, required: ['a'] },
                        parse: JSON.parse,
                        function: ({ a }) => {
                            seen.push(a);
                            return `${a + 1}`;
                        } } }] });

            assert.equal(await runner.finalContent(), echo('2'));
            assert.deepEqual(seen, [1]);
        }
    });
}


for (const model of embedders) {

    test(`${model}: embeddings`, async () => {
        const input = ['one', odd, 'three words here'];
        const { data, usage } = await openai.embeddings.create({
            model, input });

        /* the SDK asks for base64 by itself, unless it is told not to */
        const plain = await openai.embeddings.create({
            model, input, encoding_format: 'float' });

        assert.deepEqual(data.map((item) => item.index), [0, 1, 2]);
        assert.ok(data[0].embedding.length > 0);
        assert.deepEqual(data.map((item) => Array.from(item.embedding,
                                                       Math.fround)),
                         plain.data.map((item) => item.embedding.map(
                                                      Math.fround)));
        assert.deepEqual(usage, plain.usage);
        assert.ok(usage.prompt_tokens > 4);

        const short = await openai.embeddings.create({
            model, input: 'one', dimensions: 4 });

        assert.equal(short.data[0].embedding.length, 4);
    });
}


for (const model of models.filter((name) => !embedders.includes(name))) {

    test(`${model}: no embeddings`, async () => {
        await assert.rejects(openai.embeddings.create({ model, input: 'x' }),
                             OpenAI.BadRequestError);
    });
}


test('a 429 with Retry-After is tried again in time', needsSecond,
    async () => {
        const times = [];
        const api = secondClient({ maxRetries: 2, fetch: (...args) => {
            times.push(performance.now());
            return fetch(...args);
        } });
        const answer = await api.chat.completions.create({
            model: 'limited-openai', messages: user('hi') });

        assert.equal(answer.choices[0].message.content, echo('hi'));
        assert.equal(times.length, 2);

        /* by itself it would wait for half a second, and less */
        assert.ok(times[1] - times[0] > 2990);
    });
