/*
 * Copyright (C) LLMBroker contributors
 */


import { either, reply, stream } from './provider.mjs';


/* what a provider of OpenAI's dialect says */


export function completion(text, more = {}) {
    return { id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000,
             model: 'm-1', choices: [{ index: 0, finish_reason: 'stop',
                                       message: { role: 'assistant',
                                                  content: text } }],
             usage: { prompt_tokens: 3, completion_tokens: 4,
                      total_tokens: 7 }, ...more };
}


export function delta(choice, more = {}) {
    return `data: ${JSON.stringify({
        id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000,
        model: 'm-1', choices: [{ index: 0, finish_reason: null, ...choice }],
        ...more })}\n\n`;
}


export const role = delta({ delta: { role: 'assistant', content: '' } });

export const word = (text) => delta({ delta: { content: text } });

export const finish = delta({ delta: {}, finish_reason: 'stop' });

export const usage = `data: ${JSON.stringify({
    id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000,
    model: 'm-1', choices: [],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
})}\n\n`;

export const done = 'data: [DONE]\n\n';


/* a whole stream: the role, a word an event, its end */

export function chunks(...words) {
    return [role, ...words.map(word), finish, usage, done];
}


export function error(message, more = {}) {
    return { error: { message, type: 'server_error', param: null, code: null,
                      ...more } };
}


/* healthy: answers buffered or streamed what it is made for */

export function says(...words) {
    return either(reply(200, completion(words.join(''))),
                  stream(chunks(...words)));
}


export function fails(status, message = `failed with ${status}`, headers = {},
    more = {})
{
    return reply(status, error(message, more), headers);
}
