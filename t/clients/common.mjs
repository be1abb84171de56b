/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import nodeTest from 'node:test';

import OpenAI from 'openai';


/* LangChain takes it from there; Debian's Node 18 has it in a module only */

globalThis.crypto ??= webcrypto;


/*
 * BASE_URL is a server with the files of conf/.  SECOND_URL is one below a
 * prefix that wants SECOND_KEY.  Its models, "scripted" and the mock-* of
 * conf/, obey the knobs of the mock provider, written "!mock knob=value !"
 * before the message.  Its models "limited-*" answer 429 once.
 */

const trimmed = (url) => url && url.replace(/\/+$/, '');

export const base = trimmed(process.env.BASE_URL || 'http://localhost:8000');
export const second = trimmed(process.env.SECOND_URL);
export const secondKey = process.env.SECOND_KEY;


/* the models of conf/ that need no key, and who answers them */

export const providers = Object.fromEntries(
    [...readFileSync(new URL('../../conf/llmbroker.yaml', import.meta.url),
                     'utf8')
        .matchAll(/^  (mock-[\w-]+):\n    provider: (\w+)$/gm)]
        .map(([, model, provider]) => [model, provider]));

export const models = Object.keys(providers);

assert.ok(models.length > 0);


/*
 * The second server has a Claude that knows structured output and thoughts,
 * too; of the name "mock-claude" neither is known.
 */

export const dialects = second ? [...models, 'mock-new-claude'] : models;


/* what a mock cannot do: OpenAI's tells no thoughts, some do not embed */

export const thinkers = dialects.filter((model) =>
    !['mock-openai', 'mock-claude'].includes(model));

export const embedders = models.filter((model) =>
    ['openai', 'qwen', 'gemini'].includes(providers[model]));


/* nothing leaves this machine, whatever a package would like to fetch */

const realFetch = globalThis.fetch;
const hosts = [base, second].filter(Boolean).map((url) => new URL(url).host);

globalThis.fetch = (input, init) => {
    const { host } = new URL(input.url || input);

    return hosts.includes(host) ? realFetch(input, init)
        : Promise.reject(new Error(`${host} is none of the servers`));
};


export function client(options) {
    return new OpenAI({ baseURL: `${base}/v1`, maxRetries: 0,
                        apiKey: process.env.API_KEY || 'unused',
                        ...options });
}


export function secondClient(options) {
    return client({ baseURL: `${second}/v1`, apiKey: secondKey, ...options });
}


/* one without pauses in its answers, if there is one */

export function quickClient(options) {
    return second ? secondClient(options) : client(options);
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


/* what a tool is told: it needs no escapes of ours, and keeps its spaces */

export const odd = 'smile \u{1f600} \u4f60\u597d e\u0301 "quotes" \\back\\'
    + 'slash/ </script> tab\tand\nnewline \u2028 \x01\x7f \uffff {"a": [1]}';


/* a picture: one red point */

export const picture = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB'
    + 'CAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';


/*
 * Waits until the second server works on nothing but the question whether it
 * does.  Other tests ask it, too, but none as long as the one that waits.
 */

export async function idle() {
    const url = new URL('/requests', second);

    for (let i = 0; i < 300; i++) {
        const text = await (await fetch(url)).text();
        const [, writing] = text.match(/Writing: (\d+)/);

        if (writing === '1') {
            return;
        }

        await new Promise((resolve) => setTimeout(resolve, 50));
    }

    assert.fail('a request goes on that nobody waits for');
}


export async function collect(stream) {
    const chunks = [];

    for await (const chunk of stream) {
        chunks.push(chunk);
    }

    return chunks;
}
