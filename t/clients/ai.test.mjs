/*
 * Copyright (C) LLMBroker contributors
 */


/* Vercel's "ai" with its provider for servers like OpenAI's */

import assert from 'node:assert/strict';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embed, embedMany, generateText, NoObjectGeneratedError,
         Output, RetryError, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { base, collect, dialects, echo, embedders, idle, needsSecond, odd,
         picture, second, secondKey, test, thinkers, words }
    from './common.mjs';


globalThis.AI_SDK_LOG_WARNINGS = false;

const provider = (options) => createOpenAICompatible({
    name: 'broker', baseURL: `${second || base}/v1`,
    apiKey: second ? secondKey : process.env.API_KEY || 'unused',
    includeUsage: true, supportsStructuredOutputs: true, ...options });

const broker = provider();
const scripted = (knobs, text = 'one two three four') =>
    `!mock ${knobs} ! ${text}`;


/* an answer that came at once, or its stream when that has ended */

async function ask(params, streamed) {
    const all = { maxRetries: 0, ...params };

    if (!streamed) {
        return generateText(all);
    }

    let failure;
    const result = streamText({ ...all, onError: ({ error }) => {
        failure ??= error;
    } });
    const parts = await collect(result.fullStream);

    if (failure) {
        throw failure;
    }

    const names = ['text', 'reasoningText', 'toolCalls', 'toolResults',
                   'steps', 'usage', 'totalUsage', 'finishReason', 'response'];
    const values = await Promise.all(names.map((name) => result[name]));

    return { parts, ...Object.fromEntries(names.map((name, i) =>
                                                [name, values[i]])),
             output: params.output && await result.output };
}


const deep = z.object({
    who: z.object({ name: z.string(), age: z.int() }),
    tags: z.array(z.array(z.string())),
    kind: z.enum(['caf\u00e9', 'other']),
    maybe: z.string().nullable(),
    yes: z.boolean()
});

const value = (text) => ({ who: { name: text, age: 1 }, tags: [[text]],
                           kind: 'caf\u00e9', maybe: text, yes: true });


for (const model of dialects) {
    for (const streamed of [false, true]) {
        const how = streamed ? 'streamed' : 'buffered';
        const name = (what) => `ai, ${model}: ${what}, ${how}`;

        test(name('a text, its usage and its end'), async () => {
            const result = await ask({ model: broker(model), prompt: odd,
                                       system: 'Be brief.' }, streamed);

            assert.equal(result.text, echo(odd, 'Be brief.'));
            assert.equal(result.finishReason, 'stop');
            assert.ok(result.response.id);

            const { inputTokens, outputTokens, totalTokens } = result.usage;

            assert.ok(inputTokens > 2 && outputTokens > 4);
            assert.equal(totalTokens, inputTokens + outputTokens);

            const plain = await ask({ model: broker(model), prompt: 'a b c',
                                      maxOutputTokens: 2 }, streamed);

            assert.equal(plain.text.trim(), 'echo: a');
            assert.equal(plain.finishReason, 'length');
            assert.equal(plain.usage.inputTokens, 3);
            assert.equal(plain.usage.outputTokens, 2);

            assert.equal((await ask({ model: broker(model),
                prompt: 'a END b', stopSequences: ['END'] }, streamed))
                    .text.trim(), 'echo: a');
        });

        test(name('the loop of tools'), async () => {
            const seen = [];
            const execute = async (input, { toolCallId }) => {
                assert.ok(toolCallId);
                seen.push(input);

                return { degrees: 21, note: odd };
            };
            const prompt = `call deep and call nothing: ${odd}`;
            const result = await ask({
                model: broker(model), prompt, stopWhen: stepCountIs(5),
                tools: {
                    deep: tool({ description: 'Takes much.',
                                 inputSchema: deep, execute }),
                    nothing: tool({ description: 'Takes nothing.',
                                    inputSchema: z.object({}),
                                    strict: true, execute }),
                    idle: tool({ inputSchema: z.object({}), execute })
                } }, streamed);

            assert.deepEqual(seen, [value(prompt), {}]);
            assert.equal(result.steps.length, 2);
            assert.equal(result.steps[0].finishReason, 'tool-calls');
            assert.deepEqual(result.steps[0].toolCalls.map((call) =>
                [call.toolName, call.input]),
                [['deep', value(prompt)], ['nothing', {}]]);
            assert.equal(result.finishReason, 'stop');

            /* the last result is a JSON text, which the mock repeats */
            assert.deepEqual(JSON.parse(result.text.replace('echo: ', '')),
                             { degrees: 21, note: odd });
            assert.equal(result.totalUsage.totalTokens,
                result.steps.reduce((sum, step) =>
                    sum + step.usage.totalTokens, 0));
            assert.equal(result.steps[1].usage.outputTokens,
                         words(result.text.replace(/[\n\t]/g, ' ')));
        });

        test(name('toolChoice'), async () => {
            const choose = (toolChoice, prompt = 'hi') => ask({
                model: broker(model), prompt, toolChoice, tools: {
                    first: tool({ inputSchema: z.object({ a: z.string() }) }),
                    other: tool({ inputSchema: z.object({ b: z.string() }) })
                } }, streamed);
            const calls = async (...args) => (await choose(...args)).toolCalls
                .map((call) => [call.toolName, call.input]);

            assert.deepEqual(await calls('required'), [['first', { a: 'hi' }]]);
            assert.deepEqual(await calls({ type: 'tool', toolName: 'other' }),
                             [['other', { b: 'hi' }]]);
            assert.deepEqual(await calls('auto', 'call other'),
                             [['other', { b: 'call other' }]]);
            assert.deepEqual(await calls('none', 'call other'), []);
            assert.equal((await choose('none', 'call other')).text,
                         echo('call other'));
        });

        test(name('objects, arrays and choices as output'), async () => {
            const output = async (kind, prompt) => (await ask({
                model: broker(model), prompt, output: kind }, streamed))
                .output;

            assert.deepEqual(await output(Output.object({ schema: deep }),
                                          odd), value(odd));
            assert.deepEqual(await output(Output.array({ element: z.object({
                a: z.string() }) }), 'hi'), [{ a: 'hi' }]);
            assert.equal(await output(Output.choice({
                options: ['sunny', 'rainy'] }), 'hi'), 'sunny');
            assert.deepEqual(await output(Output.json(), 'as json'),
                             { text: 'as json' });
        });

        test(name('an object after tools'), async () => {
            const result = await ask({
                model: broker(model), prompt: 'call look',
                stopWhen: stepCountIs(5),
                output: Output.object({ schema: z.object({
                    answer: z.string() }) }),
                tools: { look: tool({
                    inputSchema: z.object({ what: z.string() }),
                    execute: ({ what }) => `saw ${what}` }) } }, streamed);

            assert.equal(result.steps.length, 2);
            assert.deepEqual(result.output, { answer: 'saw call look' });
        });

        test(name('an object without structured outputs'), async () => {
            const plain = provider({ supportsStructuredOutputs: false });
            const result = await ask({
                model: plain(model), prompt: 'a json',
                output: Output.object({ schema: z.object({
                    text: z.string() }) }) }, streamed);

            /* nothing but JSON is asked for then, and the SDK checks it */
            assert.deepEqual(result.output, { text: 'a json' });

            const wrong = ask({ model: plain(model), prompt: 'a json',
                output: Output.object({ schema: z.object({
                    number: z.number() }) }) }, streamed);

            await assert.rejects(wrong, NoObjectGeneratedError.isInstance);
        });

        test(name('pictures and parts'), async () => {
            const result = await ask({ model: broker(model),
                allowSystemInMessages: true, messages: [
                { role: 'system', content: 'Look.' },
                { role: 'user', content: [
                    { type: 'text', text: 'What is ' },
                    { type: 'image', image: picture },
                    { type: 'text', text: 'this?' }
                ] }
            ] }, streamed);

            assert.equal(result.text, echo('What is this?', 'Look.'));
        });

        test(name('errors'), needsSecond, async () => {
            const fails = async (knobs, status, retryable) => {
                const error = await ask({ model: broker(model),
                                          prompt: scripted(knobs) }, streamed)
                    .then(() => null, (e) => e);

                assert.ok(APICallError.isInstance(error), `${knobs}: ${error}`);
                assert.equal(error.statusCode, status, knobs);
                assert.equal(error.isRetryable, retryable, knobs);
                assert.ok(error.message);
                assert.equal(error.data.error.message, error.message);

                return error;
            };

            await fails('status=400', 400, false);
            await fails('status=403', 403, false);
            await fails('status=404', 404, false);
            await fails('status=401', 502, true);
            await fails('status=500', 502, true);
            await fails('status=503', 503, true);

            const limited = await fails('status=429 retry_after=5', 429, true);

            assert.equal(limited.responseHeaders['retry-after'], '5');
        });
    }

    test(`ai, ${model}: an error within a stream`, needsSecond, async () => {
        for (const knobs of ['error_event=2', 'cut=700', 'malformed=on']) {
            const result = streamText({ model: broker(model), maxRetries: 0,
                prompt: scripted(knobs, 'word '.repeat(20).trim()),
                onError: () => {} });
            const parts = await collect(result.fullStream);
            const error = parts.find((part) => part.type === 'error');

            assert.ok(error, `${knobs}: an error is told`);
            assert.ok(JSON.stringify(error.error?.message ?? error.error));
            assert.ok(!parts.some((part) => part.type === 'finish'
                && part.finishReason === 'stop'), knobs);
        }
    });

    test(`ai, ${model}: who leaves a stream sets all free`, needsSecond,
        async () => {
            const controller = new AbortController();
            const result = streamText({ model: broker(model), maxRetries: 0,
                prompt: scripted('spacing=400ms', 'word '.repeat(200).trim()),
                abortSignal: controller.signal, onError: () => {} });

            for await (const part of result.fullStream) {
                if (part.type === 'text-delta') {
                    controller.abort();
                }
            }

            await idle();
        });
}


for (const model of thinkers) {

    test(`ai, ${model}: thoughts`, async () => {
        for (const streamed of [false, true]) {
            const result = await ask({
                model: broker(model), prompt: 'think', maxOutputTokens: 5000,
                providerOptions: { broker: model === 'mock-qwen-compat'
                    ? { enable_thinking: true }
                    : { reasoningEffort: 'high' } } }, streamed);

            assert.ok(result.reasoningText, 'there is a thought');
            assert.equal(result.text, echo('think'));

            if (streamed) {
                const types = result.parts.map((part) => part.type);

                assert.ok(types.indexOf('reasoning-end')
                          < types.indexOf('text-delta'));
            }
        }
    });
}


for (const model of embedders) {

    test(`ai, ${model}: embeddings`, async () => {
        const { embedding, usage } = await embed({
            model: broker.embeddingModel(model), value: 'two words' });

        assert.ok(embedding.length > 0 && embedding.every(Number.isFinite));
        assert.equal(usage.tokens, 2);

        const { embeddings } = await embedMany({
            model: broker.embeddingModel(model),
            values: [odd, 'two words'] });

        assert.equal(embeddings.length, 2);
        assert.deepEqual(embeddings[1], embedding);
        assert.notDeepEqual(embeddings[0], embedding);
    });
}


test('ai: a text completion', async () => {
    for (const model of dialects) {
        for (const streamed of [false, true]) {
            const result = await ask({ model: broker.completionModel(model),
                prompt: 'Once upon a time' }, streamed);

            assert.match(result.text, /Once upon a time/);
            assert.equal(result.finishReason, 'stop');
            assert.ok(result.usage.totalTokens > 0);
        }
    }
});


test('ai: an unknown model and a wrong key', needsSecond, async () => {
    const status = (options, model) => generateText({ maxRetries: 0,
        model: provider(options)(model), prompt: 'hi' }).then(() => null,
        (e) => APICallError.isInstance(e) && e.statusCode);

    assert.equal(await status({}, 'no-such-model'), 404);
    assert.equal(await status({ apiKey: 'wrong' }, 'mock-openai'), 401);
});


test('ai: a 429 with Retry-After is tried again in time', needsSecond,
    async () => {
        const times = [];
        const timed = provider({ fetch: (...args) => {
            times.push(performance.now());
            return fetch(...args);
        } });
        const { text } = await generateText({ model: timed('limited-ai'),
                                              prompt: 'hi' });

        assert.equal(text, echo('hi'));
        assert.equal(times.length, 2);

        /* by itself it would wait for two seconds */
        assert.ok(times[1] - times[0] > 2990);

        await assert.rejects(generateText({ model: timed('scripted'),
            maxRetries: 1, prompt: scripted('status=429 retry_after=0') }),
            RetryError.isInstance);
    });
