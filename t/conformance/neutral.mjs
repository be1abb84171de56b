/*
 * Copyright (C) LLMBroker contributors
 */


import { canonical, difference, write } from './json.mjs';


/*
 * What an answer says, whatever the dialect it is said in:
 *
 *   { id, model, choices, usage, counts, more, error }
 *   choice: { text, reasoning, refusal, tools, finish, links, signatures,
 *             audio, logprobs, more }
 *   tool:   { id, name, args }            args as canonical JSON text
 *   usage:  { prompt, completion, total, cached, reasoning } or null
 *   counts: the usage in OpenAI's form, with all that it holds, or null
 *   error:  { message }
 *
 * What a dialect does not tell is undefined, and is not compared.
 */

export function choice(fields) {
    return { text: '', reasoning: '', refusal: '', tools: [],
             finish: undefined, ...fields };
}


export function usage(prompt, completion, total, cached, reasoning) {
    return { prompt, completion, total: total ?? prompt + completion,
             cached: cached ?? 0, reasoning: reasoning ?? 0 };
}


export function tool(id, name, args) {
    return { id, name, args: typeof args === 'string' ? canonical(args)
        : write(args, true) };
}


const none = canonical('');


/* where the gateway's answer differs from what was to be said, or null */

export function compare(want, got) {
    if (want.choices.length !== got.choices.length) {
        return `choices: expected ${want.choices.length}, got `
            + `${got.choices.length}`;
    }

    for (const [i, expected] of want.choices.entries()) {
        const found = compareChoice(expected, got.choices[i]);

        if (found) {
            return `choice ${i}: ${found}`;
        }
    }

    for (const name of ['id', 'model', 'usage', 'counts', 'more']) {
        if (want[name] !== undefined) {
            const found = difference(want[name], got[name], name);

            if (found) {
                return found;
            }
        }
    }

    return null;
}


function compareChoice(want, got) {
    for (const [name, value] of Object.entries(want)) {
        if (value === undefined || name === 'tools') {
            continue;
        }

        /* a sentence of the gateway's own */

        if (name === 'refusal' && value === true) {
            if (typeof got.refusal !== 'string' || got.refusal === '') {
                return 'refusal: expected some text, got none';
            }

            continue;
        }

        const found = difference(value, got[name], name);

        if (found) {
            return found;
        }
    }

    if (want.tools.length !== got.tools.length) {
        return `tools: expected ${want.tools.length} `
            + `(${want.tools.map(({ name }) => name)}), got `
            + `${got.tools.length} (${got.tools.map(({ name }) => name)})`;
    }

    for (const [i, { id, name, args }] of want.tools.entries()) {
        const other = { ...got.tools[i] };

        if (id === undefined) {
            delete other.id;
        }

        /* no arguments may be told as no text or as none of them */

        if (args === none && other.args === '{}') {
            other.args = none;
        }

        const found = difference({ id, name, args }, other, `tools[${i}]`);

        if (found) {
            return found;
        }
    }

    const ids = got.tools.map(({ id }) => id);

    if (ids.some((id) => typeof id !== 'string' || id === '')) {
        return 'tools: an id is missing';
    }

    return new Set(ids).size === ids.length ? null : 'tools: an id twice';
}
