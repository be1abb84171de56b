/*
 * Copyright (C) LLMBroker contributors
 */


import { parse, write, difference } from './json.mjs';
import * as openai from './openai.mjs';


/* the request a client sends: the recorded one, or one that says little */

export function clientRequest(item, { stream, usage }) {
    const members = base(item);

    members.set('model', item.alias);

    if (item.api === 'chat') {
        members.delete('stream');
        members.delete('stream_options');

        if (stream) {
            members.set('stream', true);

            if (usage) {
                members.set('stream_options',
                            new Map([['include_usage', true]]));
            }
        }
    }

    return write(members);
}


export function forClient(item, options) {
    return clientRequest(item, options);
}


function base(item) {
    if (item.dialect === openai && item.request) {
        return parse(item.request);
    }

    if (item.api === 'embeddings') {
        return new Map([['input', 'x']]);
    }

    return item.api === 'completions' ? new Map([['prompt', 'x']])
        : new Map([['messages', [{ role: 'user', content: 'x' }]]]);
}


/* what is wrong with the request that reached the provider */

export function checkRequest(item, sent, arrived) {
    if (item.dialect !== openai || !item.request) {
        return [];
    }

    const want = parse(sent);
    const got = parse(arrived.body.toString());

    want.set('model', item.model);

    if (want.get('stream') === true && item.api !== 'embeddings') {
        want.set('stream_options', new Map([['include_usage', true]]));
    }

    const found = difference(want, got, 'request');

    return found ? [found] : [];
}
