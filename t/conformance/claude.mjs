/*
 * Copyright (C) LLMBroker contributors
 */


import { exact, write } from './json.mjs';
import { choice, tool, usage } from './neutral.mjs';
import { readData } from './sse.mjs';


/* Anthropic's Messages (wire_formats 3.5, 3.6, 4.2) */

const finishes = { end_turn: 'stop', stop_sequence: 'stop',
                   max_tokens: 'length', tool_use: 'tool_calls',
                   model_context_window_exceeded: 'length',
                   refusal: 'content_filter', pause_turn: 'stop' };


export function read(message) {
    if (message.type === 'error') {
        return { choices: [], error: failure(message) };
    }

    const { content, stop_reason: reason } = message;
    const of = (type) => content.filter((block) => block.type === type);
    const calls = of('tool_use');

    const thoughts = content.filter(({ type }) =>
        type === 'thinking' || type === 'redacted_thinking');

    return {
        id: message.id,
        model: message.model,
        usage: readUsage(message.usage),
        choices: [choice({
            text: of('text').map(({ text }) => text).join(''),
            reasoning: of('thinking').map(({ thinking }) => thinking).join(''),
            refusal: reason === 'refusal'
                ? message.stop_details?.explanation || true : '',
            tools: calls.map(({ id, name, input, partial }) =>
                tool(id, name, partial ?? input)),
            finish: finishes[reason] || (calls.length ? 'tool_calls' : 'stop'),
            links: of('text').flatMap(({ citations }) => citations || [])
                .filter(({ type }) => type === 'web_search_result_location')
                .map(({ url }) => url),
            signatures: thoughts.map(({ signature, data }) => signature ?? data)
        })]
    };
}


/* P12 */

function readUsage(from) {
    const { iterations } = from;

    let counts = from;

    if (iterations?.length
        && !iterations.some(({ type }) => type === 'fallback_message'))
    {
        const parts = iterations.filter(({ type }) =>
            type === 'message' || type === 'compaction');

        if (parts.length) {
            const sum = (name) => parts.reduce((total, part) =>
                total + (part[name] || 0), 0);

            counts = { input_tokens: sum('input_tokens'),
                       output_tokens: sum('output_tokens'),
                       cache_read_input_tokens:
                           sum('cache_read_input_tokens'),
                       cache_creation_input_tokens:
                           sum('cache_creation_input_tokens') };
        }
    }

    const cached = counts.cache_read_input_tokens || 0;

    return usage(counts.input_tokens + cached
                 + (counts.cache_creation_input_tokens || 0),
                 counts.output_tokens, undefined, cached,
                 from.output_tokens_details?.thinking_tokens);
}


export function failure(json) {
    return { message: json.error?.message ?? json.message };
}


/* the message that a stream builds up */

export function readStream(bytes) {
    const partial = new Map();

    let json = null;
    let stopped = false;

    for (const event of readData(bytes)) {
        const { type, index, delta } = event;

        if (type === 'error') {
            return { json, error: failure(event) };
        }

        if (type === 'message_start') {
            if (json && json.id !== event.message.id) {
                return { json, error: { message: null } };
            }

            json ||= { ...event.message, content: [],
                       usage: { ...event.message.usage } };

        } else if (type === 'content_block_start') {
            json.content[index] = { ...event.content_block };

        } else if (type === 'content_block_delta') {
            addDelta(json.content[index], delta, partial, index);

        } else if (type === 'content_block_stop' && partial.has(index)) {
            json.content[index].input = exact(partial.get(index) || '{}');
            partial.delete(index);

        } else if (type === 'message_delta') {
            Object.assign(json, delta);

            for (const [name, value] of Object.entries(event.usage || {})) {
                if (value !== null) {
                    json.usage[name] = value;
                }
            }

        } else if (type === 'message_stop') {
            stopped = true;
        }
    }

    /* arguments that max_tokens cut off are no JSON, and are passed on so */

    for (const [index, text] of partial) {
        json.content[index].partial = text;
    }

    return { json, error: null, partial: partial.size > 0,
             incomplete: !stopped && !json?.stop_reason };
}


function addDelta(block, delta, partial, index) {
    switch (delta.type) {

    case 'text_delta':
        block.text += delta.text;
        break;

    case 'input_json_delta':
        partial.set(index, (partial.get(index) || '') + delta.partial_json);
        break;

    case 'thinking_delta':
        block.thinking += delta.thinking;
        break;

    case 'signature_delta':
        block.signature = (block.signature || '') + delta.signature;
        break;

    case 'citations_delta':
        block.citations = [...(block.citations || []), delta.citation];
        break;
    }
}


/* the events of a message */

export function stream(message) {
    const { content, stop_reason: reason, stop_sequence: sequence,
            stop_details: details, usage: counts, ...top } = message;

    const events = [{
        type: 'message_start',
        message: { ...top, content: [], stop_reason: null,
                   stop_sequence: null,
                   usage: { ...counts, output_tokens: 1 } }
    }];

    for (const [index, block] of content.entries()) {
        const { start, deltas } = split(block);

        events.push({ type: 'content_block_start', index,
                      content_block: start },
                    ...deltas.map((delta) =>
                        ({ type: 'content_block_delta', index, delta })),
                    { type: 'content_block_stop', index });
    }

    events.push({
        type: 'message_delta',
        delta: { stop_reason: reason, stop_sequence: sequence ?? null,
                 ...(details ? { stop_details: details } : {}) },
        usage: counts
    }, { type: 'message_stop' });

    return events.map((data) => ({ event: data.type, data }));
}


function pieces(text, size) {
    const list = [];

    for (let at = 0; at < text.length; at += size) {
        list.push(text.slice(at, at + size));
    }

    return list;
}


function split(block) {
    switch (block.type) {

    case 'text':
        return { start: { type: 'text', text: '' }, deltas: [
            ...pieces(block.text, 9).map((text) =>
                ({ type: 'text_delta', text })),
            ...(block.citations || []).map((citation) =>
                ({ type: 'citations_delta', citation }))] };

    case 'thinking':
        return { start: { type: 'thinking', thinking: '', signature: '' },
                 deltas: [
            ...pieces(block.thinking, 13).map((thinking) =>
                ({ type: 'thinking_delta', thinking })),
            { type: 'signature_delta', signature: block.signature }] };

    case 'tool_use':
    case 'server_tool_use':
        return { start: { ...block, input: {} }, deltas: [
            '', ...pieces(Object.keys(block.input).length
                ? write(block.input) : '', 6)
        ].map((text) => ({ type: 'input_json_delta', partial_json: text })) };

    default:
        return { start: block, deltas: [] };
    }
}
