/*
 * Copyright (C) LLMBroker contributors
 */


import { cuttings } from './cuts.mjs';
import { exact, parse, parses, write } from './json.mjs';
import { compare } from './neutral.mjs';
import * as openai from './openai.mjs';
import { checkRequest, clientRequest } from './requests.mjs';
import { readEvents, writeEvents } from './sse.mjs';


const paths = { chat: '/v1/chat/completions', completions: '/v1/completions',
                embeddings: '/v1/embeddings' };


/*
 * Replays one case: what the provider sent is played to the gateway in many
 * cuttings, and what the gateway makes of it is compared with what independent
 * readers make of it.  Gives [{ part, message }], what is wrong.
 */

export class Check {

    constructor(item, { gateway, provider, few }) {
        this.item = item;
        this.gateway = gateway;
        this.provider = provider;
        this.few = few;
        this.failures = [];
        this.asked = new Set();
        this.requests = 0;
    }


    async run() {
        const { item } = this;

        try {
            if (item.probe) {
                await this.#probe();

            } else if (item.status >= 400) {
                await this.#refused();

            } else if (item.api === 'chat') {
                await this.#chat();

            } else {
                await this.#plain();
            }

        } catch (e) {
            this.#fail('response', `${e.message} (${where(e)})`);
        }

        return this.failures;
    }


    #fail(part, message) {
        this.failures.push({ part, message });
    }


    /* an API that the gateway does not have: 404, or it has it by now */

    async #probe() {
        const { body } = await this.gateway.post(this.item.probe,
            JSON.stringify({ model: this.item.alias, input: 'x' }));
        const { error } = JSON.parse(body);

        this.#fail('response', error
            ? `the gateway has no ${this.item.probe}: ${error.message}`
            : `${this.item.probe} answers, but nothing checks that`);
    }


    #headers(kind) {
        const types = { sse: 'text/event-stream', json: 'application/json',
                        bin: 'application/vnd.amazon.eventstream' };
        const skip = new RegExp('^(content-(length|encoding|type)|date|server'
            + '|transfer-encoding|connection|set-cookie)$', 'i');

        const list = Object.entries(this.item.headers)
            .filter(([name]) => !skip.test(name))
            .map(([name, value]) => [name, `${value}`.replace(/[\r\n]/g, ' ')]);

        return [['Content-Type', types[kind]], ...list];
    }


    /* one request while the provider plays "answer" in that cutting */

    async #exchange(request, how, kind, status = 200) {
        const { item } = this;
        const plan = this.provider.play(item.key, {
            ...how, status, headers: this.#headers(kind) });

        this.requests++;

        const answer = await this.gateway.post(paths[item.api], request);

        if (!answer.complete) {
            throw new Error(`the gateway's answer is cut (${how.name})`);
        }

        if (plan.requests.length !== 1) {
            throw new Error(`${plan.requests.length} requests reached the `
                + `provider (${how.name}): ${short(answer.body)}`);
        }

        return { ...answer, arrived: plan.requests[0] };
    }


    /* embeddings and completions, which pass as they are */

    async #plain() {
        const { item } = this;
        const request = clientRequest(item, { stream: item.stream });
        const seen = new Set();

        for (const how of cuttings(item.body, this.few)) {
            const answer = await this.#exchange(request, how, item.kind);

            if (seen.size === 0) {
                this.#arrived(request, answer.arrived, item.stream);
            }

            if (answer.status !== 200 || !answer.body.equals(item.body)) {
                const text = `${answer.status} ${short(answer.body)}`;

                if (!seen.has(text)) {
                    this.#fail('response', `${how.name}: not byte for byte: `
                        + `${text}; recorded ${short(item.body)}`);
                }

                seen.add(text);
            }

            seen.add('');
        }
    }


    /* a provider's error: design 2.6 */

    async #refused() {
        const { item } = this;
        const request = clientRequest(item, { stream: false });
        const modes = item.api === 'chat' ? [false, true] : [false];

        for (const stream of modes) {
            for (const how of cuttings(item.body, true)) {
                const body = stream ? clientRequest(item, { stream }) : request;
                const answer = await this.#exchange(body, how, item.kind,
                                                    item.status);
                const wrong = this.#errorFaults(answer);

                if (wrong) {
                    this.#fail('response', `${stream ? 'stream, ' : ''}`
                        + `${how.name}: ${wrong}`);
                    break;
                }
            }
        }
    }


    #errorFaults({ status, headers, body }) {
        const { item } = this;
        const recorded = this.#recordedError();
        const wanted = wantedError(item.status, recorded);

        if (!/^application\/json/.test(headers['content-type'])) {
            return `the error's type is ${headers['content-type']}`;
        }

        const found = errorShape(JSON.parse(body));

        if (found) {
            return `${found}: ${short(body)}`;
        }

        const { error } = JSON.parse(body);

        if (wanted.status !== status
            || wanted.type && wanted.type !== error.type
            || wanted.code !== undefined && wanted.code !== error.code)
        {
            return `expected ${JSON.stringify(wanted)}, got ${status} `
                + short(body);
        }

        const after = item.headers['retry-after'];

        if (after !== undefined && headers['retry-after'] !== `${after}`) {
            return `Retry-After: expected ${after}, got `
                + headers['retry-after'];
        }

        if (recorded.message && !error.message.includes(recorded.message)
            && !(item.status === 401 && error.message))
        {
            return `the message is lost: ${short(body)}`;
        }

        return null;
    }


    #recordedError() {
        const text = this.item.body.toString();

        if (!parses(text)) {
            return { message: text.trim().slice(0, 200), text };
        }

        const json = JSON.parse(text);
        const { message } = this.item.dialect.failure(json) || {};

        return { message: typeof message === 'string' ? message : '', text };
    }


    async #chat() {
        const { item } = this;

        const source = item.stream ? item.dialect.readStream(item.body)
            : { json: exact(item.body.toString()), error: null };

        item.want = source.json && !source.error && !source.incomplete
            ? item.dialect.read(source.json) : null;

        if (item.want?.error) {
            source.error = item.want.error;
        }

        await this.#settle();

        if (source.error || source.incomplete) {
            await this.#broken(source);
            return;
        }

        if (item.stream) {
            await this.#streams(item.body, item.kind, !this.few);

            if (!source.partial && item.want.choices.every(
                ({ finish }) => finish !== undefined))
            {
                await this.#buffereds(
                    Buffer.from(write(source.json)), false);
            }

            return;
        }

        await this.#buffereds(item.body, !this.few);

        if (item.want.choices.some(({ finish }) => finish === undefined)) {
            return;
        }

        const events = item.dialect.stream(source.json);
        const bytes = Buffer.isBuffer(events) ? events : writeEvents(events);

        await this.#streams(bytes, Buffer.isBuffer(events) ? 'bin' : 'sse',
                            false);
        await this.#streams(item.body, 'json', false);
    }


    /* where the gateway refuses the request, a plain one has to do */

    async #settle() {
        const { item } = this;
        const { stream } = item;
        const request = clientRequest(item, { stream, usage: true });

        const plan = this.provider.play(item.key, {
            ...cuttings(item.body, true)[0], status: 200,
            headers: this.#headers(item.kind) });
        const { body } = await this.gateway.post(paths[item.api], request);

        if (plan.requests.length === 0) {
            this.#fail('request', `refused: ${short(body)}`);
            item.plain = true;
        }
    }


    async #buffereds(body, many) {
        const { item } = this;
        const request = clientRequest(item, { stream: false });
        const told = new Set();

        let first = null;

        for (const how of cuttings(body, !many)) {
            const answer = await this.#exchange(request, how, 'json');

            if (first === null) {
                this.#arrived(request, answer.arrived, false);
            }

            first ||= normal(answer.body, body);

            const wrong = attempt(() => this.#bufferedFaults(answer, body))
                || (normal(answer.body, body) === first ? null
                    : 'other bytes than with "whole"');

            if (wrong && !told.has(wrong)) {
                told.add(wrong);
                this.#fail('response', `buffered, ${how.name}: ${wrong}`);
            }
        }
    }


    /* once for buffered and once for streamed answers */

    #arrived(request, arrived, stream) {
        const mode = stream ? 'stream' : 'buffered';

        if (!this.asked.has(mode)) {
            this.asked.add(mode);

            checkRequest(this.item, request, arrived, stream)
                .forEach((message) =>
                    this.#fail('request', `${mode}: ${message}`));
        }
    }


    #bufferedFaults({ status, headers, body }, played) {
        const { item } = this;

        if (status !== 200) {
            return `status ${status}: ${short(body)}`;
        }

        if (!/^application\/json/.test(headers['content-type'])) {
            return `its type is ${headers['content-type']}`;
        }

        const text = body.toString();

        parse(text);

        const json = JSON.parse(text);

        if (item.dialect === openai
            && openai.wellFormed(JSON.parse(played)))
        {
            return body.equals(played) ? null
                : `not byte for byte: ${short(body)}`;
        }

        const found = openai.faults(json, item.dialect !== openai);

        if (found.length) {
            return `wrong form: ${found}: ${short(body)}`;
        }

        return compare(item.want, openai.read(json));
    }


    async #streams(body, kind, many) {
        for (const usage of [true, false]) {
            await this.#streamed(body, kind, many && usage, usage);
        }
    }


    async #streamed(body, kind, many, usage) {
        const { item } = this;
        const request = clientRequest(item, { stream: true, usage });
        const told = new Set();

        let first = null;

        for (const how of cuttings(body, !many)) {
            const answer = await this.#exchange(request, how, kind);

            if (first === null) {
                this.#arrived(request, answer.arrived, true);
            }

            first ||= normal(answer.body, body);

            const wrong = attempt(() =>
                    this.#streamFaults(answer, body, kind, usage))
                || (normal(answer.body, body) === first ? null
                    : 'other bytes than with "whole"');

            if (wrong && !told.has(wrong)) {
                told.add(wrong);
                this.#fail('response', `${kind} as stream, `
                    + `${usage ? '' : 'no usage asked, '}${how.name}: `
                    + wrong);
            }
        }
    }


    #streamFaults({ status, headers, body }, played, kind, usage) {
        const { item } = this;

        if (status !== 200) {
            return `status ${status}: ${short(body)}`;
        }

        if (!/^text\/event-stream/.test(headers['content-type'])) {
            return `its type is ${headers['content-type']}`;
        }

        if (item.dialect === openai && kind === 'sse' && usage
            && recordedWell(played))
        {
            return body.equals(played) ? null
                : `not byte for byte: ${firstDifference(played, body)}`;
        }

        const events = readEvents(body);
        const done = events.filter(({ data }) => data === '[DONE]').length;

        if (done !== 1 || events.at(-1).data !== '[DONE]') {
            return `${done} times [DONE], or not at the end: `
                + short(events.at(-1)?.data || '');
        }

        const texts = events.slice(0, -1).map(({ data }) => data);

        texts.forEach((text) => parse(text));

        const chunks = texts.map((text) => JSON.parse(text));
        const found = openai.streamFaults(chunks, item.dialect !== openai);

        if (found.length) {
            return `wrong form: ${found}`;
        }

        const seen = openai.assemble(chunks);

        if (seen.error) {
            return `an error: ${seen.error.message}`;
        }

        if (new Set(seen.finishes).size !== seen.finishes.length
            || item.want.choices.some(({ finish }, i) =>
                finish !== undefined && !seen.finishes.includes(i)))
        {
            return `finish_reason ${seen.finishes.length} times`;
        }

        if (seen.usages !== (usage && item.want.usage ? 1 : 0)) {
            return `usage ${seen.usages} times`;
        }

        const want = usage ? item.want : { ...item.want, usage: null,
                                                counts: null };

        return compare(want, openai.read(seen.json));
    }


    /* an error within the answer, or one that ends too early */

    async #broken({ error, json }) {
        const { item } = this;
        const { stream } = item;
        const request = clientRequest(item, { stream, usage: true });
        const told = new Set();

        for (const how of cuttings(item.body, this.few)) {
            const answer = await this.#exchange(request, how, item.kind);

            const wrong = answer.status !== 200
                ? lateError(JSON.parse(answer.body), answer.status, error)
                : stream ? brokenStream(item, answer.body, error, json)
                : `an error became status 200: ${short(answer.body)}`;

            if (wrong && !told.has(wrong)) {
                told.add(wrong);
                this.#fail('response', `broken, ${how.name}: ${wrong}`);
            }
        }
    }
}


/* what cannot be read at all is a fault like others */

function attempt(read) {
    try {
        return read();

    } catch (e) {
        return e.message;
    }
}


function lateError(json, status, error) {
    const found = errorShape(json);

    if (found) {
        return found;
    }

    if (status < 400) {
        return `status ${status}`;
    }

    return error?.message && !json.error.message.includes(error.message)
        ? `the message is lost: ${JSON.stringify(json.error.message)}` : null;
}


function brokenStream(item, body, error, json) {
    const events = readEvents(body);

    if (events.some(({ data }) => data === '[DONE]')) {
        return '[DONE] after an error';
    }

    const chunks = events.map(({ data }) => JSON.parse(data));
    const last = chunks.at(-1);

    if (!last?.error || chunks.filter((chunk) => chunk.error).length !== 1) {
        return `no error at the end: ${short(events.at(-1)?.data || '')}`;
    }

    if (error?.message && !last.error.message?.includes(error.message)) {
        return `the message is lost: ${short(JSON.stringify(last))}`;
    }

    const text = (from) => (from?.choices || [])
        .map(({ text: said }) => said).join('');
    const { json: got } = openai.assemble(chunks.slice(0, -1));
    const want = item.dialect === openai && json ? text(openai.read(json))
        : null;

    return want !== null && want !== text(openai.read(got))
        ? 'text before the error is lost' : null;
}


function errorShape(json) {
    const { error } = json;

    if (!error || typeof error !== 'object' || Object.keys(json).length !== 1
        || Object.keys(error).sort().join() !== 'code,message,param,type'
        || typeof error.message !== 'string' || error.message === ''
        || typeof error.type !== 'string')
    {
        return 'not in the error format';
    }

    return null;
}


/* design 2.6 and 2.9; quota: wire_formats 4.4, 6.3 */

function wantedError(status, { text }) {
    if (status === 401 || /API_KEY_INVALID/.test(text)) {
        return { status: 502, type: 'upstream_error',
                 code: 'provider_authentication_failed' };
    }

    if (status === 402
        || /credit balance is too low|insufficient_quota|Arrearage/.test(text))
    {
        return { status: 429 };
    }

    if (status === 403) {
        return { status, type: 'permission_error', code: 'permission_denied' };
    }

    if (status === 404) {
        return { status, type: 'invalid_request_error',
                 code: 'model_not_found' };
    }

    if (status === 429) {
        return { status, type: 'rate_limit_error',
                 code: 'rate_limit_exceeded' };
    }

    if (status === 503) {
        return { status, type: 'upstream_error' };
    }

    if (status >= 500) {
        return { status: 502, type: 'upstream_error',
                 code: 'provider_unavailable' };
    }

    return { status, type: 'invalid_request_error' };
}


function recordedWell(bytes) {
    const events = readEvents(bytes);

    if (events.at(-1)?.data !== '[DONE]'
        || events.some(({ event, comments }) => event || comments))
    {
        return false;
    }

    const chunks = events.slice(0, -1).map(({ data }) => JSON.parse(data));
    const { finishes, json } = openai.assemble(chunks);

    return openai.streamFaults(chunks).length === 0
        && finishes.length === json.choices.length
        && new Set(finishes).size === finishes.length;
}


/* the gateway's own time and ids are others each time */

function normal(body, played) {
    const recorded = played.toString();

    return body.toString()
        .replace(/^:.*\n\n?/gm, '')
        .replace(/"created": ?\d+/g, '"created":0')
        .replace(/"id": ?"([^"]+)"/g, (all, id) => (recorded.includes(id)
                                                      ? all : '"id":"own"'));
}


function firstDifference(want, got) {
    let at = 0;

    while (at < want.length && want[at] === got[at]) {
        at++;
    }

    return `at ${at} of ${want.length}, expected `
        + `${short(want.subarray(at, at + 60))}, got `
        + `${short(got.subarray(at, at + 60))} (${got.length} long)`;
}


function short(text) {
    const line = text.toString().replace(/\s+/g, ' ');

    return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}


function where({ stack = '' }) {
    const found = /\(?([\w.-]+\.mjs:\d+)/.exec(stack);

    return found ? found[1] : 'nowhere';
}
