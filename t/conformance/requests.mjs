/*
 * Copyright (C) LLMBroker contributors
 */


import { asked } from './asked.mjs';
import { comparable, sayable, usageUnasked } from './differences.mjs';
import { difference, exact, parse, write } from './json.mjs';
import * as openai from './openai.mjs';


/*
 * The request a client sends: made of the recorded one, or one that says
 * little where none was recorded or it cannot be said.
 */

export function clientRequest(item, { stream, usage }) {
    const members = base(item);

    members.set('model', item.alias);

    if (item.api !== 'chat') {
        return write(members);
    }

    members.delete('stream');
    members.delete('stream_options');

    if (stream) {
        members.set('stream', true);

        if (usage) {
            members.set('stream_options', new Map([['include_usage', true]]));
        }
    }

    return write(members);
}


/* the recorded request as far as a client can say it, or null */

function recorded(item) {
    if (!item.request || item.dialect === openai || item.plain) {
        return null;
    }

    const request = exact(item.request);

    /* one client sent messages of OpenAI's form to DashScope's own API */

    return item.dialectName === 'dashscope' && !request.input ? null
        : sayable(item.dialectName, request);
}


function base(item) {
    if (item.dialect === openai && item.request) {
        return parse(item.request);
    }

    if (item.api === 'embeddings') {
        return new Map([['input', 'x']]);
    }

    if (item.api === 'completions') {
        return new Map([['prompt', 'x']]);
    }

    const request = recorded(item);

    return request
        ? new Map(Object.entries(asked[item.dialectName](request)))
        : new Map([['messages', [{ role: 'user', content: 'x' }]]]);
}


/* what is wrong with the request that reached the provider */

export function checkRequest(item, sent, arrived, stream) {
    const wrong = checkHead(item, arrived, stream);

    return wrong ? [wrong] : checkBody(item, sent, arrived);
}


/* where it went and what tells the provider how to answer */

function checkHead({ url, key, dialectName, stream: recordedStream },
                   { path, headers }, stream)
{
    const wanted = url && recordedStream === stream
        ? `/${key}${new URL(url).pathname}` : null;
    const [got] = path.split('?');

    if (wanted && got !== wanted) {
        return `path: expected ${wanted}, got ${got}`;
    }

    const streams = {
        claude: () => true,
        dashscope: () => headers['x-dashscope-sse'] === 'enable',
        gemini: () => path.endsWith(':streamGenerateContent?alt=sse'),
        bedrock: () => path.endsWith('/converse-stream'),
        openai: () => true
    };

    if (stream && !streams[dialectName]()) {
        return `no stream is asked for: ${path}`;
    }

    if (dialectName === 'claude'
        && headers['anthropic-version'] !== '2023-06-01')
    {
        return 'no anthropic-version';
    }

    return null;
}


function checkBody(item, sent, arrived) {
    if (item.dialect === openai) {
        return item.request ? same(openaiWanted(item, sent),
                                   parse(arrived.body.toString())) : [];
    }

    const request = recorded(item);

    if (request === null) {
        return [];
    }

    const got = exact(arrived.body.toString());

    delete request.model;
    delete got.model;

    return same(comparable(item.dialectName, request),
                comparable(item.dialectName, got));
}


function openaiWanted(item, sent) {
    const want = parse(sent);

    want.set('model', item.model);

    if (usageUnasked.includes(item.provider)) {
        want.delete('stream_options');

    } else if (want.get('stream') === true && item.api !== 'embeddings') {
        want.set('stream_options', new Map([['include_usage', true]]));
    }

    return want;
}


function same(want, got) {
    const found = difference(want, got, 'request');

    return found ? [found] : [];
}
