/*
 * Copyright (C) LLMBroker contributors
 */


import fs from 'node:fs';
import path from 'node:path';

import * as bedrock from './bedrock.mjs';
import * as claude from './claude.mjs';
import * as dashscope from './dashscope.mjs';
import * as gemini from './gemini.mjs';
import * as openai from './openai.mjs';


/*
 * A case is { group, name, dir, status, headers, url, request, body, kind,
 * api, dialect, provider, base, model }; body is the recorded answer.  A case
 * of an API that the gateway has no endpoint for has no dialect, but "probe":
 * where such a request would go.
 */

const dialects = { openai, claude, dashscope, gemini, bedrock };


/* per group: the gateway's provider, and what to do without such a row */

const groups = {
    'anthropic-buffered': 'claude',
    'anthropic-stream': 'claude',
    'azure': 'azure',
    'bedrock': 'bedrock',
    'cerebras': 'openai_compatible',
    'dashscope-compat-buffered': 'qwen',
    'dashscope-compat-stream': 'qwen',
    'dashscope-native-buffered': 'qwen',
    'dashscope-native-stream': 'qwen',
    'deepseek': 'deepseek',
    'gemini': 'gemini',
    'groq': 'groq',
    'mistral': 'mistral',
    'ollama': 'ollama',
    'openai-chat-buffered': 'openai',
    'openai-chat-stream': 'openai',
    'openai-completions': 'openai',
    'openai-embeddings': 'openai',
    'openai-responses': 'openai',
    'openrouter': 'openrouter',
    'vertex': 'gemini',
    'xai': 'xai'
};


export function groupsOf(corpus) {
    return fs.readdirSync(corpus, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort();
}


export function casesOf(corpus, group) {
    return fs.readdirSync(path.join(corpus, group), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
        .map((name) => load(path.join(corpus, group, name), group, name));
}


function load(dir, group, name) {
    const files = fs.readdirSync(dir);
    const file = files.find((item) => item.startsWith('response.'));
    const text = (item) => fs.readFileSync(path.join(dir, item), 'utf8');
    const meta = JSON.parse(text('meta.json'));

    const item = {
        group, name, dir,
        status: meta.status,
        headers: meta.response_headers || {},
        url: meta.url || '',
        body: fs.readFileSync(path.join(dir, file)),
        kind: file.slice(file.indexOf('.') + 1),
        request: files.includes('request.json') ? text('request.json') : null
    };

    /* no status was recorded where there is no URL: Google's body tells it */

    if (!item.url && item.status >= 400) {
        item.status = JSON.parse(item.body).error?.code || item.status;
        item.status = Number(item.status) || meta.status;
    }

    return Object.assign(item, route(item, groups[group]
                                           || 'openai_compatible'));
}


/* which API and dialect a case is of: told by its URL, else by its group */

function route(item, provider) {
    const { group, body, request } = item;
    const { pathname } = new URL(item.url || 'http://none/');
    const stream = item.kind !== 'json';
    const type = `${item.headers['content-type'] || ''}`;
    const text = body.toString();

    const is = (api, dialect, base, more) => ({
        api, dialect: dialects[dialect], dialectName: dialect,
        provider, base, stream, model: modelOf(item), ...more });

    const none = (probe) => ({ probe, provider, base: '/v1', stream,
                               model: modelOf(item) });

    if (group.startsWith('anthropic') || /\/v1\/messages$/.test(pathname)) {
        return /count_tokens/.test(pathname)
            ? none('/v1/messages/count_tokens') : is('chat', 'claude', '/v1');
    }

    if (/\/responses/.test(pathname)
        || /"(response\.|object": ?"response")/.test(text.slice(0, 3000))
        || group === 'openai-responses')
    {
        return none('/v1/responses');
    }

    if (/realtime/.test(item.name)) {
        return none('/v1/realtime');
    }

    if (/rerank/.test(pathname)) {
        return none('/v1/rerank');
    }

    if (group.startsWith('dashscope-native')) {
        return is('chat', 'dashscope', '/api/v1');
    }

    if (/converse(-stream)?$/.test(pathname)) {
        return is('chat', 'bedrock', '');
    }

    if (/\/invoke$/.test(pathname)) {
        return /embed/.test(pathname) ? none('/v1/embeddings')
            : is('chat', 'claude', '/v1', { provider: 'claude' });
    }

    if (/"(candidates|usageMetadata)"/.test(text)
        || /:(generateContent|streamGenerateContent)/.test(pathname)
        || group === 'gemini' && !pathname.includes('/openai/')
           && type.includes('json'))
    {
        return is('chat', 'gemini', pathname.includes('/publishers/')
            ? pathname.replace(/\/models\/.*/, '') : '/v1beta');
    }

    const base = item.url ? pathname.replace(
            /\/(chat\/completions|completions|embeddings)$/, '')
        : group === 'gemini' ? '/v1beta/openai'
        : group.startsWith('dashscope') ? '/compatible-mode/v1' : '/v1';

    if (/\/embeddings$/.test(pathname)
        || group === 'openai-embeddings')
    {
        return is('embeddings', 'openai', base);
    }

    if (/\/v1\/completions$/.test(pathname)
        || group === 'openai-completions')
    {
        return is('completions', 'openai', base);
    }

    return is('chat', 'openai', base, { recorded: request });
}


function modelOf({ request, url, body }) {
    const found = request && /"model" *: *"([^"]+)"/.exec(request)
        || /\/models\/([^:/]+)/.exec(url) || /\/model\/([^/]+)\//.exec(url)
        || /"model" *: *"([^"]+)"/.exec(body.toString('latin1'));

    return found ? decodeURIComponent(found[1]) : 'recorded';
}
