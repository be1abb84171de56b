/*
 * Copyright (C) LLMBroker contributors
 */


/* LangChain's models for OpenAI */

import assert from 'node:assert/strict';

import { AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage }
    from '@langchain/core/messages';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAI as TextOpenAI, OpenAIEmbeddings }
    from '@langchain/openai';
import { z } from 'zod';

import { base, collect, dialects, echo, embedders, idle, needsSecond, odd,
         picture, second, secondKey, test, thinkers } from './common.mjs';


const server = {
    apiKey: second ? secondKey : process.env.API_KEY || 'unused',
    maxRetries: 0
};

const configuration = { baseURL: `${second || base}/v1` };

const chat = (model, options) => new ChatOpenAI({ model, ...server,
                                                  configuration, ...options });
const scripted = (knobs, text = 'one two three four') =>
    `!mock ${knobs} ! ${text}`;


/* a message that came at once, or the sum of its pieces */

async function ask(runnable, input, streamed, options) {
    if (!streamed) {
        return runnable.invoke(input, options);
    }

    const chunks = await collect(await runnable.stream(input, options));

    assert.ok(chunks.length > 1);
    assert.ok(chunks.filter((chunk) => chunk.usage_metadata).length <= 1,
              'usage is told once');

    return chunks.reduce((sum, chunk) => sum.concat(chunk));
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

const seen = [];

const tools = [
    tool((input) => {
        seen.push(input);
        return `it is ${odd}`;
    }, { name: 'deep', description: 'Takes much.', schema: deep }),
    tool((input) => {
        seen.push(input);
        return 'nothing';
    }, { name: 'nothing', description: 'Takes nothing.',
         schema: z.object({}) })
];


for (const model of dialects) {
    for (const streamed of [false, true]) {
        const how = streamed ? 'streamed' : 'buffered';
        const name = (what) => `langchain, ${model}: ${what}, ${how}`;

        test(name('a text, its usage and its end'), async () => {
            const answer = await ask(chat(model), [
                new SystemMessage('Be brief.'), new HumanMessage('a b'),
                new AIMessage('c'), new HumanMessage(odd)
            ], streamed);

            assert.ok(streamed ? answer instanceof AIMessageChunk
                               : answer instanceof AIMessage);
            assert.equal(answer.text, echo(odd, 'Be brief.'));
            assert.equal(answer.response_metadata.finish_reason, 'stop');

            const { input_tokens: input, output_tokens: output,
                    total_tokens: total } = answer.usage_metadata;

            assert.ok(input > 5 && output > 5);
            assert.equal(total, input + output);

            const short = await ask(chat(model, { maxTokens: 2 }), 'a b c',
                                    streamed);

            assert.equal(short.text.trim(), 'echo: a');
            assert.equal(short.response_metadata.finish_reason, 'length');
            assert.equal(short.usage_metadata.input_tokens, 3);
            assert.equal(short.usage_metadata.output_tokens, 2);

            assert.equal((await ask(chat(model), 'a END b', streamed,
                { stop: ['END'] })).text.trim(), 'echo: a');
        });

        test(name('the loop of tools'), async () => {
            for (const strict of [undefined, true]) {
                const bound = chat(model).bindTools(tools, { strict });
                const text = `call deep, call nothing: ${odd}`;
                const messages = [new HumanMessage(text)];
                const first = await ask(bound, messages, streamed);

                assert.equal(first.response_metadata.finish_reason,
                             'tool_calls');
                assert.equal(first.invalid_tool_calls.length, 0);
                assert.deepEqual(first.tool_calls.map((call) =>
                    [call.name, call.args]),
                    [['deep', value(text)], ['nothing', {}]]);

                messages.push(first);
                seen.length = 0;

                for (const call of first.tool_calls) {
                    const result = await tools.find((t) =>
                        t.name === call.name).invoke(call);

                    assert.ok(result instanceof ToolMessage);
                    messages.push(result);
                }

                assert.deepEqual(seen, [value(text), {}]);

                const last = await ask(bound, messages, streamed);

                assert.equal(last.text, echo('nothing'));
                assert.equal(last.tool_calls.length, 0);
            }
        });

        test(name('tool_choice'), async () => {
            const choose = async (choice, text = 'hi') => (await ask(
                chat(model).bindTools(tools, { tool_choice: choice }), text,
                streamed));

            assert.deepEqual((await choose('any')).tool_calls[0].args,
                             value('hi'));
            assert.equal((await choose('required')).tool_calls[0].name,
                         'deep');
            assert.equal((await choose('nothing')).tool_calls[0].name,
                         'nothing');
            assert.equal((await choose('none', 'call deep')).text,
                         echo('call deep'));
            assert.equal((await choose('auto')).text, echo('hi'));
        });

        test(name('pictures and parts'), async () => {
            const answer = await ask(chat(model), [new HumanMessage({
                content: [
                    { type: 'text', text: 'What is ' },
                    { type: 'image_url', image_url: { url: picture } },
                    { type: 'text', text: 'this?' }
                ] })], streamed);

            assert.equal(answer.text, echo('What is this?'));
        });

        test(name('errors'), needsSecond, async () => {
            const fails = async (knobs, status, lc) => {
                const error = await ask(chat(model), scripted(knobs), streamed)
                    .then(() => null, (e) => e);

                assert.ok(error, knobs);
                assert.equal(error.status, status, `${knobs}: ${error}`);
                assert.equal(error.lc_error_code, lc, knobs);

                return error;
            };

            await fails('status=400', 400);
            await fails('status=403', 403);
            await fails('status=404', 404, 'MODEL_NOT_FOUND');
            await fails('status=401', 502);
            await fails('status=500', 502);
            await fails('status=503', 503);

            const limited = await fails('status=429 retry_after=5', 429,
                                        'MODEL_RATE_LIMIT');

            assert.equal(limited.headers.get('retry-after'), '5');
        });
    }

    test(`langchain, ${model}: a chain of prompt, model and parser`,
        async () => {
            const chain = ChatPromptTemplate.fromMessages([
                ['system', 'Say {how}.'], ['human', '{what}']
            ]).pipe(chat(model)).pipe(new StringOutputParser());
            const input = { how: 'it', what: odd };

            assert.equal(await chain.invoke(input), echo(odd, 'Say it.'));
            assert.equal((await collect(await chain.stream(input))).join(''),
                         echo(odd, 'Say it.'));
            assert.deepEqual(await chain.batch([input, { ...input,
                what: 'two' }]), [echo(odd, 'Say it.'),
                                  echo('two', 'Say it.')]);
        });

    for (const method of ['jsonSchema', 'functionCalling', 'jsonMode']) {

        test(`langchain, ${model}: structured output, ${method}`, async () => {
            /* jsonMode tells the model nothing but that it be JSON */
            const plain = (method === 'jsonMode');
            const schema = plain ? z.object({ text: z.string() }) : deep;
            const text = `as json: ${odd}`;
            const expected = plain ? { text } : value(text);
            const model_ = chat(model);

            assert.deepEqual(await model_.withStructuredOutput(schema,
                { method, name: 'answer' }).invoke(text), expected);

            const raw = await model_.withStructuredOutput(schema,
                { method, name: 'answer', includeRaw: true }).invoke(text);

            assert.deepEqual(raw.parsed, expected);
            assert.ok(raw.raw.usage_metadata.total_tokens > 0);

            if (!plain) {
                assert.deepEqual(await model_.withStructuredOutput(schema,
                    { method, name: 'answer', strict: true }).invoke(text),
                    expected);
            }

            const parts = await collect(await model_.withStructuredOutput(
                schema, { method, name: 'answer' }).stream(text));

            assert.deepEqual(parts.at(-1), expected);
        });
    }

    test(`langchain, ${model}: an error within a stream`, needsSecond,
        async () => {
            for (const knobs of ['error_event=2', 'cut=700', 'malformed=on']) {
                await assert.rejects(ask(chat(model),
                    scripted(knobs, 'word '.repeat(20).trim()), true),
                    (error) => error.type === 'upstream_error'
                        && /^provider_/.test(error.code), knobs);
            }
        });

    test(`langchain, ${model}: who leaves a stream sets all free`,
        needsSecond, async () => {
            const controller = new AbortController();

            await assert.rejects(async () => {
                for await (const chunk of await chat(model).stream(
                    scripted('spacing=400ms', 'word '.repeat(200).trim()),
                    { signal: controller.signal }))
                {
                    if (chunk.text) {
                        controller.abort();
                    }
                }
            }, /abort/i);

            await idle();
        });
}


for (const model of thinkers) {

    test(`langchain, ${model}: thoughts`, async () => {
        const thinking = chat(model, { maxTokens: 5000,
            modelKwargs: model === 'mock-qwen-compat'
                ? { enable_thinking: true } : { reasoning_effort: 'high' } });

        for (const streamed of [false, true]) {
            const answer = await ask(thinking, 'think', streamed);

            assert.ok(answer.additional_kwargs.reasoning_content);
            assert.equal(answer.text, echo('think'));
        }
    });
}


for (const model of embedders) {

    test(`langchain, ${model}: embeddings`, async () => {
        const embeddings = (options) => new OpenAIEmbeddings({ model,
            ...server, configuration, ...options });
        const one = await embeddings().embedQuery('one');
        const all = await embeddings({ batchSize: 2 }).embedDocuments(
            ['one', odd, 'three']);
        const plain = await embeddings({ encodingFormat: 'float' })
            .embedQuery('one');

        assert.ok(one.length > 0 && one.every(Number.isFinite));
        assert.equal(all.length, 3);
        assert.deepEqual(Array.from(all[0], Math.fround),
                         Array.from(one, Math.fround));
        assert.deepEqual(Array.from(plain, Math.fround),
                         Array.from(one, Math.fround));
        assert.notDeepEqual(all[1], all[0]);
        assert.equal((await embeddings({ dimensions: 4 }).embedQuery('x'))
                         .length, 4);
    });
}


test('langchain: text completions', async () => {
    for (const model of dialects) {
        const text = new TextOpenAI({ model, ...server, configuration });

        assert.equal(await text.invoke('Once upon'), echo('Once upon'));
        assert.equal((await collect(await text.stream('Once upon'))).join(''),
                     echo('Once upon'));
    }
});


test('langchain: an unknown model and a wrong key', needsSecond, async () => {
    await assert.rejects(chat('no-such-model').invoke('hi'),
        { status: 404, lc_error_code: 'MODEL_NOT_FOUND' });
    await assert.rejects(chat('mock-openai', { apiKey: 'wrong' }).invoke('hi'),
        { status: 401, lc_error_code: 'MODEL_AUTHENTICATION' });
});


test('langchain: a 429 with Retry-After is tried again in time', needsSecond,
    async () => {
        const times = [];
        const answer = await chat('limited-langchain', { maxRetries: 2,
            configuration: { ...configuration, fetch: (...args) => {
                times.push(performance.now());
                return fetch(...args);
            } } }).invoke('hi');

        assert.equal(answer.text, echo('hi'));
        assert.equal(times.length, 2);
        assert.ok(times[1] - times[0] > 2990);
    });
