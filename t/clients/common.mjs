/*
 * Copyright (C) LLMBroker contributors
 */


import nodeTest from 'node:test';

import OpenAI from 'openai';


/*
 * BASE_URL is a server with the files of conf/.  SECOND_URL is one below a
 * prefix that wants SECOND_KEY and whose model "scripted" obeys the knobs of
 * the mock provider, written "!mock knob=value !" before the message.
 */

const trimmed = (url) => url && url.replace(/\/+$/, '');

export const base = trimmed(process.env.BASE_URL || 'http://localhost:8000');
export const second = trimmed(process.env.SECOND_URL);
export const secondKey = process.env.SECOND_KEY;

export const models = ['mock-openai', 'mock-claude', 'mock-qwen',
                       'mock-qwen-compat'];


export function client(options) {
    return new OpenAI({ baseURL: `${base}/v1`, maxRetries: 0,
                        apiKey: process.env.API_KEY || 'unused',
                        ...options });
}


export function secondClient(options) {
    return client({ baseURL: `${second}/v1`, apiKey: secondKey, ...options });
}


export function test(name, options, fn) {
    if (typeof options === 'function') {
        fn = options;
        options = {};
    }

    nodeTest(name, { timeout: 30000, ...options }, fn);
}


export const needsSecond = { skip: second ? false : 'SECOND_URL is not set' };


export function user(content, system) {
    const messages = [{ role: 'user', content }];

    if (system) {
        messages.unshift({ role: 'system', content: system });
    }

    return messages;
}


/* what the mock provider answers, and how it counts */

export function echo(text, system) {
    return (system ? `[system: ${system}] ` : '') + `echo: ${text}`;
}


export function words(...texts) {
    return texts.join(' ').split(/[ \t\r\n]+/).filter(Boolean).length;
}


export async function collect(stream) {
    const chunks = [];

    for await (const chunk of stream) {
        chunks.push(chunk);
    }

    return chunks;
}
