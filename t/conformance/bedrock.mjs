/*
 * Copyright (C) LLMBroker contributors
 */


import { crc32 } from './crc.mjs';
import { exact, write } from './json.mjs';
import { choice, tool, usage } from './neutral.mjs';


/* Bedrock's Converse and its event stream (wire_formats 7.3) */

const finishes = { end_turn: 'stop', stop_sequence: 'stop',
                   max_tokens: 'length', tool_use: 'tool_calls',
                   model_context_window_exceeded: 'length',
                   guardrail_intervened: 'content_filter',
                   content_filtered: 'content_filter' };


export function read(json) {
    if (!json.output) {
        return { choices: [], error: failure(json) };
    }

    const { content } = json.output.message;
    const of = (name) => content.filter((block) => block[name] !== undefined)
        .map((block) => block[name]);
    const thoughts = of('reasoningContent');

    return {
        usage: readUsage(json.usage),
        choices: [choice({
            text: of('text').join(''),
            reasoning: thoughts.map(({ reasoningText }) =>
                reasoningText?.text || '').join(''),
            tools: of('toolUse')
                .filter(({ type }) => type !== 'server_tool_use')
                .map(({ toolUseId, name, input }) =>
                    tool(toolUseId, name, input)),
            finish: finishes[json.stopReason] || 'stop',
            signatures: thoughts.map(({ reasoningText, redactedContent }) =>
                reasoningText?.signature ?? redactedContent)
                .filter((signature) => signature !== undefined)
        })]
    };
}


function readUsage(from) {
    if (!from) {
        return null;
    }

    const cached = from.cacheReadInputTokens || 0;

    return usage(from.inputTokens + cached + (from.cacheWriteInputTokens || 0),
                 from.outputTokens, undefined, cached);
}


export function failure(json) {
    return { message: json.message ?? json.Message };
}


/* [{ type, name, payload }] of the frames, whose sums are checked */

function frames(bytes) {
    const list = [];

    for (let at = 0; at < bytes.length;) {
        const total = bytes.readUInt32BE(at);
        const size = bytes.readUInt32BE(at + 4);
        const frame = bytes.subarray(at, at + total);

        if (crc32(frame.subarray(0, 8)) !== frame.readUInt32BE(8)
            || crc32(frame.subarray(0, total - 4))
               !== frame.readUInt32BE(total - 4))
        {
            throw new Error(`a wrong sum in the frame at ${at}`);
        }

        const headers = {};

        for (let i = 12; i < 12 + size;) {
            const name = frame.toString('utf8', i + 1, i + 1 + frame[i]);

            i += 2 + frame[i];

            const length = frame.readUInt16BE(i);

            headers[name] = frame.toString('utf8', i + 2, i + 2 + length);
            i += 2 + length;
        }

        list.push({ type: headers[':message-type'],
                    name: headers[':event-type'] || headers[':exception-type'],
                    payload: exact(frame.subarray(12 + size, total - 4)
                        .toString()) });
        at += total;
    }

    return list;
}


export function readStream(bytes) {
    const json = { output: { message: { role: 'assistant', content: [] } } };
    const inputs = new Map();

    for (const { type, name, payload } of frames(bytes)) {
        if (type !== 'event') {
            return { json, error: failure(payload) };
        }

        const { content } = json.output.message;
        const { contentBlockIndex: index, start, delta } = payload;

        if (name === 'contentBlockStart') {
            content[index] = structuredClone(start);

        } else if (name === 'contentBlockDelta') {
            add(content[index] ||= {}, delta, inputs, index);

        } else if (name === 'messageStop') {
            json.stopReason = payload.stopReason;

        } else if (name === 'metadata') {
            json.usage = payload.usage;
            json.metrics = payload.metrics;
        }
    }

    for (const [index, text] of inputs) {
        json.output.message.content[index].toolUse.input
            = exact(text || '{}');
    }

    json.output.message.content
        = json.output.message.content.filter(Boolean);

    return { json, error: null, incomplete: !json.stopReason };
}


function add(block, delta, inputs, index) {
    if (delta.text !== undefined) {
        block.text = (block.text || '') + delta.text;
    }

    if (delta.toolUse) {
        inputs.set(index, (inputs.get(index) || '') + delta.toolUse.input);
    }

    if (delta.reasoningContent) {
        const { text, signature, redactedContent } = delta.reasoningContent;
        const into = block.reasoningContent ||= {};

        if (redactedContent !== undefined) {
            into.redactedContent = redactedContent;
            return;
        }

        into.reasoningText ||= { text: '' };
        into.reasoningText.text += text || '';

        if (signature) {
            into.reasoningText.signature = signature;
        }
    }
}


export function frame(name, payload, type = 'event') {
    const headers = Buffer.concat(
        [[`:${type}-type`, name], [':content-type', 'application/json'],
         [':message-type', type]].map(([key, value]) => {
            const head = Buffer.from([key.length, ...Buffer.from(key), 7,
                                      value.length >> 8, value.length & 255]);

            return Buffer.concat([head, Buffer.from(value)]);
        }));

    const body = Buffer.from(write(payload));
    const prelude = Buffer.alloc(12);

    prelude.writeUInt32BE(16 + headers.length + body.length, 0);
    prelude.writeUInt32BE(headers.length, 4);
    prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);

    const whole = Buffer.concat([prelude, headers, body]);
    const sum = Buffer.alloc(4);

    sum.writeUInt32BE(crc32(whole));

    return Buffer.concat([whole, sum]);
}


/* the frames of a buffered answer, as bytes */

export function stream(json) {
    const list = [frame('messageStart', { role: 'assistant' })];

    for (const [index, block] of json.output.message.content.entries()) {
        const delta = (value) => list.push(frame('contentBlockDelta',
            { contentBlockIndex: index, delta: value }));

        if (block.text !== undefined) {
            for (let at = 0; at < block.text.length; at += 19) {
                delta({ text: block.text.slice(at, at + 19) });
            }
        }

        if (block.toolUse) {
            const { input, ...start } = block.toolUse;
            const text = write(input);

            list.push(frame('contentBlockStart', { contentBlockIndex: index,
                                                   start: { toolUse: start }
                                                 }));

            for (let at = 0; at < text.length; at += 8) {
                delta({ toolUse: { input: text.slice(at, at + 8) } });
            }
        }

        if (block.reasoningContent) {
            const { reasoningText, redactedContent } = block.reasoningContent;

            if (reasoningText) {
                delta({ reasoningContent: { text: reasoningText.text } });
                delta({ reasoningContent: {
                    signature: reasoningText.signature } });

            } else {
                delta({ reasoningContent: { redactedContent } });
            }
        }

        list.push(frame('contentBlockStop', { contentBlockIndex: index }));
    }

    return Buffer.concat([
        ...list, frame('messageStop', { stopReason: json.stopReason }),
        frame('metadata', { usage: json.usage, metrics: json.metrics })]);
}
