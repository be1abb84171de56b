/*
 * Copyright (C) LLMBroker contributors
 */


/* tools, with the "openai" package */

import assert from 'node:assert/strict';

import OpenAI from 'openai';
import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';

import { collect, dialects, echo, odd, quickClient, test, user, words }
    from './common.mjs';


const openai = quickClient();


function tool(name, properties, more) {
    return { type: 'function', function: {
        name, description: `It is ${name}.`,
        parameters: { type: 'object', properties,
                      required: Object.keys(properties) },
        ...more } };
}


const string = { type: 'string' };
const tools = [tool('f', { text: string }), tool('g', { other: string }),
               tool('nothing', {})];

/* what a model makes of it is known: see the mock's schema.c */

const nested = {
    who: { type: 'object', properties: { name: string, age:
        { type: 'integer' } }, required: ['name', 'age'] },
    tags: { type: 'array', items: { type: 'array', items: string } },
    kind: { type: 'string', enum: ['caf\u00e9', 'other'] },
    yes: { type: 'boolean' },
    '\u4f60 "key"': string
};

const value = (text) => ({ who: { name: text, age: 1 }, tags: [[text]],
                           kind: 'caf\u00e9', yes: true,
                           '\u4f60 "key"': text });


/* one message, whether it comes at once or in pieces */

async function ask(params, stream) {
    if (!stream) {
        const answer = await openai.chat.completions.create(params);

        assert.equal(answer.choices.length, 1);

        return answer;
    }

    const runner = openai.chat.completions.stream({
        ...params, stream_options: { include_usage: true } });

    return runner.finalChatCompletion();
}


function calls(answer) {
    const [{ finish_reason: finish, message }] = answer.choices;

    assert.equal(finish, 'tool_calls');
    assert.ok(!message.content, 'no text beside the calls');

    for (const call of message.tool_calls) {
        assert.equal(call.type, 'function');
        assert.ok(call.id);
    }

    assert.equal(new Set(message.tool_calls.map((call) => call.id)).size,
                 message.tool_calls.length, 'ids differ');

    return message.tool_calls.map(({ function: f }) =>
        [f.name, JSON.parse(f.arguments)]);
}


for (const model of dialects) {
    for (const stream of [false, true]) {
        const how = stream ? 'streamed' : 'buffered';
        const name = (what) => `${model}: ${what}, ${how}`;

        test(name('a call, its result, the answer'), async () => {
            const messages = user('Please call f now', 'Use tools.');
            const first = await ask({ model, messages, tools }, stream);

            assert.deepEqual(calls(first),
                             [['f', { text: 'Please call f now' }]]);
            assert.equal(first.usage.prompt_tokens, 6);
            assert.ok(first.usage.completion_tokens > 0);
            assert.equal(first.usage.total_tokens, 6
                         + first.usage.completion_tokens);

            const { message } = first.choices[0];

            messages.push(message, { role: 'tool', content: `it is ${odd}`,
                tool_call_id: message.tool_calls[0].id });

            const last = await ask({ model, messages, tools }, stream);

            assert.equal(last.choices[0].message.content,
                         echo(`it is ${odd}`, 'Use tools.'));
            assert.equal(last.choices[0].message.tool_calls?.length ?? 0, 0);
            assert.equal(last.choices[0].finish_reason, 'stop');

            /* and the conversation goes on */
            messages.push(last.choices[0].message, user('thanks')[0]);

            assert.equal((await ask({ model, messages, tools }, stream))
                             .choices[0].message.content,
                         echo('thanks', 'Use tools.'));
        });

        test(name('calls in parallel'), async () => {
            const messages = user('call nothing, call g and call f');
            const first = await ask({ model, messages, tools }, stream);
            const { message } = first.choices[0];

            assert.deepEqual(calls(first), [
                ['f', { text: messages[0].content }],
                ['g', { other: messages[0].content }],
                ['nothing', {}]
            ]);

            messages.push(message, ...message.tool_calls.map((call, i) => ({
                role: 'tool', tool_call_id: call.id,
                content: i === 1 ? [{ type: 'text', text: 'part' }]
                                 : `result ${i}` })));

            const last = await ask({ model, messages, tools }, stream);

            assert.equal(last.choices[0].message.content, echo('result 2'));
        });

        test(name('a tool without arguments'), async () => {
            const answer = await ask({ model, messages: user('call nothing'),
                                       tools }, stream);

            assert.deepEqual(calls(answer), [['nothing', {}]]);

            const bare = { type: 'function', function: { name: 'bare' } };
            const { choices } = await ask({ model, messages: user('call bare'),
                                            tools: [bare] }, stream);
            const [call] = choices[0].message.tool_calls;

            assert.equal(call.function.name, 'bare');
            assert.equal(typeof JSON.parse(call.function.arguments), 'object');

            /* and its empty result */
            const last = await ask({ model, tools: [bare], messages: [
                ...user('call bare'), choices[0].message,
                { role: 'tool', tool_call_id: call.id, content: '' }] },
                stream);

            assert.equal(last.choices[0].message.content.trim(), 'echo:');
        });

        test(name('tool_choice'), async () => {
            const messages = user('hi');
            const named = (name) => ({ type: 'function', function: { name } });
            const choose = (choice, text) => ask({ model, tools,
                messages: text ? user(text) : messages,
                tool_choice: choice }, stream);

            assert.deepEqual(calls(await choose('required')),
                             [['f', { text: 'hi' }]]);
            assert.deepEqual(calls(await choose(named('g'))),
                             [['g', { other: 'hi' }]]);
            assert.deepEqual(calls(await choose(named('nothing'))),
                             [['nothing', {}]]);

            const none = await choose('none', 'call f');

            assert.equal(none.choices[0].message.content, echo('call f'));
            assert.equal(none.choices[0].finish_reason, 'stop');
            assert.equal((await choose('auto')).choices[0].message.content,
                         echo('hi'));
        });

        test(name('arguments arrive as they are'), async () => {
            const text = `call deep: ${odd}`;

            for (const more of [{}, { strict: true }]) {
                const deep = tool('deep', nested, more);
                const messages = user(text);
                const answer = await ask({ model, messages, tools: [deep] },
                                         stream);

                assert.deepEqual(calls(answer), [['deep', value(text)]]);

                /* back to the model as history, with the odd name */
                const { message } = answer.choices[0];

                messages.push(message, { role: 'tool', content: 'ok',
                    tool_call_id: message.tool_calls[0].id });

                assert.equal((await ask({ model, messages, tools: [deep] },
                                        stream)).choices[0].message.content,
                             echo('ok'));
            }
        });
    }

    test(`${model}: the pieces of streamed calls`, async () => {
        const chunks = await collect(await openai.chat.completions.create({
            model, tools, messages: user('call f and call nothing'),
            stream: true, stream_options: { include_usage: true } }));
        const usage = chunks.filter((chunk) => chunk.usage);
        const choices = chunks.flatMap((chunk) => chunk.choices);
        const pieces = choices.flatMap(({ delta }) => delta.tool_calls || []);

        assert.equal(usage.length, 1);
        assert.equal(usage[0], chunks.at(-1));
        assert.deepEqual(usage[0].choices, []);
        assert.equal(choices[0].delta.role, 'assistant');
        assert.deepEqual(choices.map((choice) => choice.finish_reason)
            .filter(Boolean), ['tool_calls']);

        for (const [index, name, args] of [
            [0, 'f', { text: 'call f and call nothing' }],
            [1, 'nothing', {}]
        ]) {
            const own = pieces.filter((piece) => piece.index === index);

            assert.ok(own[0].id);
            assert.equal(own[0].type, 'function');
            assert.equal(own[0].function.name, name);
            assert.ok(own.slice(1).every((piece) =>
                !piece.id || piece.id === own[0].id));
            assert.ok(own.slice(1).every((piece) => !piece.function.name));
            assert.deepEqual(JSON.parse(own.map((piece) =>
                piece.function.arguments || '').join('')), args);
        }
    });

    test(`${model}: runTools() goes round by itself`, async () => {
        for (const stream of [false, true]) {
            const seen = [];
            const runner = openai.chat.completions.runTools({
                model, stream, messages: user('call weather and call clock'),
                ...(stream && { stream_options: { include_usage: true } }),
                tools: [
                    { type: 'function', function: {
                        name: 'weather', description: 'The weather.',
                        parameters: { type: 'object', properties: {
                            place: { type: 'string' } } },
                        parse: JSON.parse,
                        function: ({ place }) => {
                            seen.push(place);
                            return { degrees: 21 };
                        } } },
                    zodFunction({
                        name: 'clock', description: 'The time.',
                        parameters: z.object({ zone: z.enum(['UTC', 'CET']),
                            precise: z.boolean().nullable() }),
                        function: ({ zone, precise }) => {
                            seen.push(zone, precise);
                            return 'twelve';
                        } })
                ] });

            assert.equal(await runner.finalContent(), echo('twelve'));
            assert.deepEqual(seen,
                             ['call weather and call clock', 'UTC', true]);
            assert.deepEqual(runner.messages.map(({ role }) => role),
                ['user', 'assistant', 'tool', 'tool', 'assistant']);
            assert.ok((await runner.totalUsage()).completion_tokens
                      > words(echo('twelve')));
        }
    });

    test(`${model}: parallel_tool_calls and unknown tools`, async () => {
        const answer = await openai.chat.completions.create({
            model, tools, messages: user('call f'),
            parallel_tool_calls: false });

        assert.deepEqual(calls(answer), [['f', { text: 'call f' }]]);

        await assert.rejects(openai.chat.completions.create({
            model, tools: [{ type: 'function', function: {} }],
            messages: user('call f') }), OpenAI.BadRequestError);
    });
}
