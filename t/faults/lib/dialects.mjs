/*
 * Copyright (C) LLMBroker contributors
 */


import { chunks, completion } from './openai.mjs';


/*
 * What providers of other dialects say: streams of the same words, as lists of
 * events, and whole answers.
 */

function claudeEvent(data) {
    return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}


function claude(...words) {
    return [
        claudeEvent({ type: 'message_start', message: {
            id: 'msg_1', type: 'message', role: 'assistant', model: 'c-1',
            content: [], stop_reason: null, stop_sequence: null,
            usage: { input_tokens: 3, output_tokens: 1 } } }),
        claudeEvent({ type: 'content_block_start', index: 0,
                      content_block: { type: 'text', text: '' } }),
        claudeEvent({ type: 'ping' }),
        ...words.map((text) => claudeEvent({
            type: 'content_block_delta', index: 0,
            delta: { type: 'text_delta', text } })),
        claudeEvent({ type: 'content_block_stop', index: 0 }),
        claudeEvent({ type: 'message_delta',
                      delta: { stop_reason: 'end_turn', stop_sequence: null },
                      usage: { output_tokens: 4 } }),
        claudeEvent({ type: 'message_stop' })
    ];
}


function qwen(...words) {
    return [...words, ''].map((content, i) =>
        `id:${i}\nevent:result\ndata:${JSON.stringify({
            output: { choices: [{
                message: { role: 'assistant', content },
                finish_reason: i === words.length ? 'stop' : 'null' }] },
            usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
            request_id: 'r-1' })}\n\n`);
}


function gemini(...words) {
    return words.map((text, i) => `data: ${JSON.stringify({
        candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] },
                       ...(i === words.length - 1
                           ? { finishReason: 'STOP' } : {}) }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4,
                         totalTokenCount: 7 },
        modelVersion: 'g-1', responseId: 'r-1' })}\n\n`);
}


/*
 * By their name: "events", "answer", the path of their base_url, how many
 * events come before the first word, and the event of an error, where the
 * dialect has one.
 */

export const dialects = {
    openai: {
        events: chunks, path: '/v1', before: 1,
        answer: completion,
        failure: 'data: {"error":{"message":"overloaded","type":'
                 + '"server_error","param":null,"code":null}}\n\n'
    },
    claude: {
        events: claude, path: '/v1', before: 3,
        answer: (text) => ({
            id: 'msg_1', type: 'message', role: 'assistant', model: 'c-1',
            content: [{ type: 'text', text }], stop_reason: 'end_turn',
            usage: { input_tokens: 3, output_tokens: 4 } }),
        failure: claudeEvent({ type: 'error', error: {
            type: 'overloaded_error', message: 'overloaded' } })
    },
    qwen: {
        events: qwen, path: '/api/v1', before: 0,
        answer: (text) => ({
            output: { choices: [{ finish_reason: 'stop', message: {
                role: 'assistant', content: text } }] },
            usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
            request_id: 'r-1' }),
        failure: 'event:error\ndata:{"code":"InternalError","message":'
                 + '"overloaded","request_id":"r-1"}\n\n'
    },
    gemini: {
        events: gemini, path: '/v1beta', before: 0,
        answer: (text) => ({
            candidates: [{ finishReason: 'STOP', content: {
                role: 'model', parts: [{ text }] } }],
            usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4,
                             totalTokenCount: 7 } }),
        failure: 'data: {"error":{"code":503,"message":"overloaded","status":'
                 + '"UNAVAILABLE"}}\n\n'
    }
};
