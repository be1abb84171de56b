/*
 * Copyright (C) LLMBroker contributors
 */


import { choice, tool, usage } from './neutral.mjs';
import { readData } from './sse.mjs';


/*
 * OpenAI's dialect, as providers of many kinds speak it (wire_formats 1.4,
 * 1.5, 2, 6.2, 7.2, 7.4), and as the gateway answers.
 */

const finishes = { model_length: 'length', error: 'stop', '': undefined,
                   null: undefined, eos: 'stop',
                   insufficient_system_resource: 'length' };


export function read(json) {
    if (failure(json)) {
        return { choices: [], error: failure(json) };
    }

    return { id: json.id || undefined, model: json.model || undefined,
             choices: json.choices.map(readChoice),
             usage: readUsage(json.usage), counts: json.usage || null,
             more: others(json, known.top) };
}


/* what nobody here knows has to arrive too; padding differs in each chunk */

const known = {
    top: ['id', 'object', 'created', 'model', 'choices', 'usage',
          'obfuscation', 'p'],
    choice: ['index', 'message', 'delta', 'text', 'finish_reason', 'logprobs',
             'usage'],
    message: ['role', 'content', 'refusal', 'tool_calls', 'function_call',
              'reasoning', 'reasoning_content', 'annotations', 'audio',
              'thinking_blocks'],
    call: ['index', 'id', 'type', 'function', 'custom']
};


function others(from, names) {
    return Object.fromEntries(Object.entries(from).filter(([name, value]) =>
        !names.includes(name) && value !== null));
}


function readChoice(from) {
    const { message = {}, text, finish_reason: finish } = from;

    if (typeof text === 'string') {
        return choice({ text, finish: readFinish(finish) });
    }

    const parts = Array.isArray(message.content) ? message.content : null;

    const content = parts === null ? message.content || ''
        : parts.filter((part) => typeof part === 'string'
                                 || part.type === 'text' || !part.type)
            .map((part) => part.text ?? part).join('');

    const thoughts = parts === null ? ''
        : parts.filter(({ type }) => type === 'thinking')
            .flatMap(({ thinking }) => thinking)
            .map((part) => part.text ?? part).join('');

    const tools = (message.tool_calls || []).map((call) => tool(
        call.id || undefined, (call.function || call.custom).name,
        call.custom ? JSON.stringify(call.custom.input)
                    : call.function.arguments ?? ''));

    if (message.function_call) {
        tools.push(tool('function_call', message.function_call.name,
                        message.function_call.arguments));
    }

    return choice({
        text: content,
        reasoning: thoughts || message.reasoning_content
                   || message.reasoning || '',
        refusal: message.refusal || '',
        tools,
        finish: readFinish(finish),
        links: (message.annotations || [])
            .filter(({ type }) => type === 'url_citation')
            .map(({ url_citation: { url } }) => url),
        signatures: (message.thinking_blocks || [])
            .map(({ signature, data }) => signature ?? data)
            .filter((signature) => signature !== undefined),
        audio: message.audio ? message.audio.data : undefined,
        logprobs: from.logprobs?.content || undefined,
        more: { ...others(message, known.message),
                ...others(from, known.choice),
                calls: (message.tool_calls || []).map((call) =>
                    others(call, known.call)) }
    });
}


function readFinish(finish) {
    return finish in finishes ? finishes[finish] : finish ?? undefined;
}


export function readUsage(from) {
    if (!from) {
        return null;
    }

    return usage(from.prompt_tokens, from.completion_tokens ?? 0,
                 from.total_tokens,
                 from.prompt_tokens_details?.cached_tokens,
                 from.completion_tokens_details?.reasoning_tokens);
}


/* the error in an answer: an object, a string, a list, "detail" (7.4) */

export function failure(json) {
    const body = Array.isArray(json) ? json[0] : json;
    const error = body?.error;

    if (typeof error === 'string') {
        return { message: error };
    }

    if (error && typeof error === 'object') {
        return { message: error.message ?? JSON.stringify(error) };
    }

    if (typeof body?.detail === 'string') {
        return { message: body.detail };
    }

    if (body?.object === 'error') {
        return { message: body.message };
    }

    return null;
}


/*
 * Puts the chunks of a stream together the way the official packages do:
 * { json, error, finishes, usages } where json is the buffered answer.
 */

export function assemble(chunks, object = 'chat.completion') {
    const json = { id: undefined, object, created: undefined,
                   model: undefined, choices: [] };
    const seen = { json, error: null, finishes: [], usages: 0 };

    for (const chunk of chunks) {
        if (failure(chunk)) {
            seen.error = failure(chunk);
            break;
        }

        for (const name of ['id', 'model', 'created']) {
            json[name] ||= chunk[name];
        }

        Object.assign(json, others(chunk, known.top));

        for (const from of chunk.choices || []) {
            const index = from.index ?? 0;
            const into = json.choices[index] ||= start(index, from);

            if (from.delta) {
                addDelta(into.message, from.delta);
                Object.assign(into.message,
                              others(from.delta, known.message));
            }

            Object.assign(into, others(from, known.choice));

            if (typeof from.text === 'string') {
                into.text += from.text;
            }

            if (from.logprobs?.content) {
                into.logprobs ||= { content: [] };
                into.logprobs.content.push(...from.logprobs.content);
            }

            if (readFinish(from.finish_reason) !== undefined) {
                into.finish_reason = from.finish_reason;
                seen.finishes.push(index);
            }
        }

        const counts = chunk.usage || chunk.choices?.[0]?.usage;

        if (counts) {
            json.usage = counts;
            seen.usages++;
        }
    }

    json.choices = json.choices.filter(Boolean);

    for (const { message } of json.choices) {
        if (message?.tool_calls) {
            message.tool_calls = message.tool_calls.filter(Boolean);
        }
    }

    return seen;
}


function start(index, from) {
    const into = { index, logprobs: null, finish_reason: null };

    return 'text' in from ? { ...into, text: '' }
        : { ...into, message: { role: 'assistant', content: null } };
}


function addDelta(message, delta) {
    if (Array.isArray(delta.content)) {
        message.content = [...(message.content || []), ...delta.content];

    } else if (typeof delta.content === 'string') {
        message.content = Array.isArray(message.content)
            ? [...message.content, { type: 'text', text: delta.content }]
            : (message.content || '') + delta.content;
    }

    for (const name of ['reasoning_content', 'reasoning', 'refusal']) {
        if (typeof delta[name] === 'string') {
            message[name] = (message[name] || '') + delta[name];
        }
    }

    for (const name of ['annotations', 'thinking_blocks']) {
        if (delta[name]) {
            message[name] = [...(message[name] || []), ...delta[name]];
        }
    }

    if (delta.audio) {
        const { data = '', transcript = '', ...rest } = delta.audio;
        const into = message.audio ||= { data: '', transcript: '' };

        Object.assign(into, rest);
        into.data += data;
        into.transcript += transcript;
    }

    if (delta.function_call) {
        const call = message.function_call ||= { name: '', arguments: '' };

        call.name += delta.function_call.name || '';
        call.arguments += delta.function_call.arguments || '';
    }

    for (const [position, part] of (delta.tool_calls || []).entries()) {
        addTool(message, part, position);
    }
}


/* a new id at the same index is a call of its own (Gemini's index is 0) */

function addTool(message, part, position) {
    const calls = message.tool_calls ||= [];

    let index = part.index ?? position;
    let call = calls[index];

    if (call && part.id && call.id && part.id !== call.id
        && part.function?.name)
    {
        index = calls.length;
        call = undefined;
    }

    if (part.custom || call?.custom) {
        call = calls[index] ||= { type: 'custom',
                                  custom: { name: '', input: '' } };
        call.id ||= part.id;
        call.custom.name ||= part.custom?.name || '';
        call.custom.input += part.custom?.input || '';
        return;
    }

    call = calls[index] ||= { id: '', type: 'function',
                              function: { name: '', arguments: '' } };

    Object.assign(call, others(part, known.call));

    call.id ||= part.id;
    call.function.name ||= part.function?.name || '';
    call.function.arguments += part.function?.arguments || '';
}


/* a recorded stream: the buffered answer that says the same, and how it ends */

export function readStream(bytes, object) {
    const chunks = readData(bytes);
    const { json, error, finishes: ends } = assemble(chunks, object);
    const done = bytes.toString().includes('[DONE]');

    return { json, error, incomplete: !error && !done && !ends.length };
}


/* the chunks of a buffered answer */

export function stream(json) {
    const { choices, usage: counts, ...top } = json;
    const base = { ...top, object: 'chat.completion.chunk' };

    const chunks = choices.flatMap((from) => {
        const { index, message, finish_reason: finish,
                logprobs = null } = from;
        const { role, content, tool_calls: calls, ...rest } = message;

        const deltas = [{ role, content: '' }];

        if (Object.keys(rest).length) {
            deltas.push(rest);
        }

        if (content) {
            for (let at = 0; at < content.length; at += 11) {
                deltas.push({ content: content.slice(at, at + 11) });
            }
        }

        for (const [i, call] of (calls || []).entries()) {
            deltas.push({ tool_calls: [{ index: i, ...call }] });
        }

        return [
            ...deltas.map((delta) => ({ index, delta, logprobs: null,
                                        finish_reason: null })),
            { ...others(from, known.choice), index, delta: {}, logprobs,
              finish_reason: finish }
        ].map((item) => ({ ...base, choices: [item] }));
    });

    if (counts) {
        chunks.push({ ...base, choices: [], usage: counts });
    }

    return [...chunks, '[DONE]'].map((data) => ({ data }));
}


/*
 * Well-formed answers pass byte for byte: those with which no OpenAI client
 * has trouble.
 */

const reasons = ['stop', 'length', 'tool_calls', 'content_filter',
                 'function_call'];


export function wellFormed(json) {
    return faults(json).length === 0;
}


/*
 * What is wrong with a buffered chat completion (1.4); strict: also what no
 * client stumbles over, and what a repair therefore need not touch.
 */

export function faults(json, strict = true) {
    const found = [];
    const must = (good, what) => good || found.push(what);

    must(typeof json.id === 'string' && json.id, 'id');
    must(json.object === 'chat.completion', 'object');
    must(!strict || Number.isInteger(json.created), 'created');
    must(!strict || typeof json.model === 'string', 'model');
    must(Array.isArray(json.choices), 'choices');

    for (const [i, item] of (json.choices || []).entries()) {
        const { message } = item;

        must(item.index === i, 'index');
        must(reasons.includes(item.finish_reason), 'finish_reason');

        if (!message) {
            must(false, 'message');
            continue;
        }

        must(message.role === 'assistant', 'role');
        must(typeof message.content === 'string' || message.content === null
             || !strict && message.content === undefined
                && message.tool_calls, 'content');
        must(!strict || !message.reasoning || message.reasoning_content,
             'reasoning');
        must(message.tool_calls === undefined
             || !strict && message.tool_calls === null
             || Array.isArray(message.tool_calls) && message.tool_calls.length,
             'tool_calls');

        for (const call of message.tool_calls || []) {
            const { id, type, function: fn, custom } = call;

            must(typeof id === 'string' && id, 'tool id');
            must(type === 'function' || type === 'custom', 'tool type');
            must(typeof (fn || custom)?.name === 'string', 'tool name');
            must(typeof (fn ? fn.arguments : custom?.input) === 'string',
                 'tool arguments');
        }
    }

    must(json.usage === undefined || json.usage === null
         || ['prompt_tokens', 'completion_tokens', 'total_tokens']
             .every((name) => Number.isInteger(json.usage[name])), 'usage');

    return found;
}


/* what is wrong with the chunks of a stream (1.5) */

export function streamFaults(chunks, strict = true) {
    const found = [];
    const must = (good, what) => good || found.push(what);
    const tools = new Set();

    for (const chunk of chunks) {
        must(typeof chunk.id === 'string' && chunk.id, 'id');
        must(chunk.object === 'chat.completion.chunk', 'object');
        must(!strict || Number.isInteger(chunk.created), 'created');
        must(!strict || typeof chunk.model === 'string', 'model');
        must(Array.isArray(chunk.choices), 'choices');
        must(chunk.id === chunks[0].id, 'id changes');
        must(chunk.model === chunks[0].model, 'model changes');
        must(!strict || !chunk.usage || chunk.choices?.length === 0,
             'usage beside a choice');

        for (const item of chunk.choices || []) {
            const { delta = null } = item;

            must(Number.isInteger(item.index), 'index');
            must(item.finish_reason === null
                 || reasons.includes(item.finish_reason), 'finish_reason');

            if (delta === null) {
                must(false, 'delta');
                continue;
            }

            must(['assistant', undefined].includes(delta.role), 'role');
            must(delta.content === undefined || delta.content === null
                 || typeof delta.content === 'string', 'content');
            must(!strict || !delta.reasoning || delta.reasoning_content,
                 'reasoning');
            must(delta.tool_calls === undefined
                 || Array.isArray(delta.tool_calls), 'tool_calls');

            for (const call of delta.tool_calls || []) {
                const key = `${item.index} ${call.index}`;

                must(Number.isInteger(call.index), 'tool index');
                must(call.id === undefined || call.id, 'tool id');
                must(typeof (call.function?.arguments
                             ?? call.custom?.input) === 'string',
                     'tool arguments');

                if (!tools.has(key)) {
                    tools.add(key);
                    must(call.id && (call.function || call.custom).name
                         && call.type, 'tool start');

                } else {
                    must(call.id === undefined
                         && call.function?.name === undefined
                         && call.type === undefined, 'tool start again');
                }
            }
        }
    }

    return [...new Set(found)];
}
