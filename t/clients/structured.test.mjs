/*
 * Copyright (C) LLMBroker contributors
 */


/* structured output, with the "openai" package */

import assert from 'node:assert/strict';

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { dialects, echo, odd, quickClient, test, user, words }
    from './common.mjs';


const openai = quickClient();

const Person = z.object({
    name: z.string().describe('as it is spoken'),
    kind: z.enum(['caf\u00e9', 'other']),
    age: z.int(),
    tags: z.array(z.object({ tag: z.string(), sure: z.boolean() })),
    note: z.string().nullable(),
    shape: z.union([z.object({ side: z.number() }),
                    z.object({ radius: z.number() })]),
    friend: z.lazy(() => Person).nullable()
});

const format = zodResponseFormat(Person, 'person');


/* what the mock makes of it; see its schema.c */

function check(person, text) {
    const { friend, ...rest } = person;

    assert.deepEqual(rest, { name: text, kind: 'caf\u00e9', age: 1,
        tags: [{ tag: text, sure: true }], note: text,
        shape: { side: 1 } });

    if (friend) {
        check(friend.tags.length ? friend
            : { ...friend, tags: rest.tags, note: text }, text);
    }
}


for (const model of dialects) {

    test(`${model}: parse() makes an object of the answer`, async () => {
        const answer = await openai.chat.completions.parse({
            model, messages: user(odd, 'Be exact.'), response_format: format });
        const [{ message, finish_reason: finish }] = answer.choices;

        check(message.parsed, odd);
        assert.equal(finish, 'stop');
        assert.equal(message.refusal ?? null, null);
        assert.ok(!message.tool_calls?.length);
        assert.equal(answer.usage.completion_tokens,
                     words(message.content.replace(/\\[ntr]/g, 'x')));
    });

    test(`${model}: the same in a stream`, async () => {
        const runner = openai.chat.completions.stream({
            model, messages: user(odd), response_format: format,
            stream_options: { include_usage: true } });
        let deltas = '';
        let done;

        runner.on('content.delta', ({ delta }) => { deltas += delta; });
        runner.on('content.done', ({ parsed }) => { done = parsed; });

        const answer = await runner.finalChatCompletion();
        const [{ message, finish_reason: finish }] = answer.choices;

        check(message.parsed, odd);
        check(done, odd);
        assert.equal(deltas, message.content);
        assert.equal(finish, 'stop');
        assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens
                     + answer.usage.completion_tokens);
    });

    /* R71, P9: a call of a tool is the answer, and the mock cuts no calls */

    if (model !== 'mock-claude') {
        test(`${model}: what is cut off is told as such`, async () => {
            const params = { model, messages: user('one two three four'),
                             response_format: format, max_tokens: 2 };

            await assert.rejects(openai.chat.completions.parse(params),
                                 OpenAI.LengthFinishReasonError);
            await assert.rejects(openai.chat.completions.stream(params)
                                     .finalChatCompletion(),
                                 OpenAI.LengthFinishReasonError);
        });
    }

    test(`${model}: json_object`, async () => {
        for (const stream of [false, true]) {
            const runner = openai.chat.completions[stream ? 'stream' : 'create']
                ({ model, messages: user('as JSON, please'),
                   response_format: { type: 'json_object' } });
            const answer = stream ? await runner.finalChatCompletion()
                                  : await runner;

            assert.deepEqual(JSON.parse(answer.choices[0].message.content),
                             { text: 'as JSON, please' });
            assert.equal(answer.choices[0].finish_reason, 'stop');
            assert.ok(!answer.choices[0].message.tool_calls?.length);
        }
    });

    test(`${model}: a format beside tools`, async () => {
        const params = { model, response_format: format, tools: [{
            type: 'function', function: { name: 'f', strict: true,
                parameters: { type: 'object', properties: {
                    text: { type: 'string' } }, required: ['text'],
                    additionalProperties: false } } }] };

        for (const stream of [false, true]) {
            const ask = (messages) => stream
                ? openai.chat.completions.stream({ ...params, messages })
                    .finalChatCompletion()
                : openai.chat.completions.parse({ ...params, messages });

            const messages = user('call f');
            const [first] = (await ask(messages)).choices;
            const [call] = first.message.tool_calls;

            assert.equal(first.finish_reason, 'tool_calls');
            assert.deepEqual(call.function.parsed_arguments,
                             { text: 'call f' });

            const { role, content, tool_calls: calls } = first.message;

            messages.push({ role, content, tool_calls: calls },
                { role: 'tool', tool_call_id: call.id, content: 'result' });

            const [last] = (await ask(messages)).choices;

            assert.equal(last.finish_reason, 'stop');
            check(last.message.parsed, 'result');
        }
    });

    test(`${model}: response_format text changes nothing`, async () => {
        const { choices } = await openai.chat.completions.create({
            model, messages: user('hi'), response_format: { type: 'text' } });

        assert.equal(choices[0].message.content, echo('hi'));
    });
}
