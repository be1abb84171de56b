/*
 * Copyright (C) LLMBroker contributors
 */


import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as bedrock from './bedrock.mjs';
import { cuttings } from './cuts.mjs';
import { Exceptions } from './exceptions.mjs';
import { difference, parse, parses, write } from './json.mjs';
import { Runner } from './runner.mjs';
import { readEvents } from './sse.mjs';


/*
 * Whether the replay of recorded traffic would notice: fixtures that are right
 * must pass, faulty ones must not, and neither must a gateway whose answers or
 * requests are bent on their way.  Ends with a count.
 */

const here = path.dirname(fileURLToPath(import.meta.url));
const objs = path.resolve(process.env.OBJS || path.join(here, '../../objs'));
const fixture = (name) => path.join(here, 'fixtures', name);

let passed = 0;
let failed = 0;


function check(good, name, ...details) {
    if (good) {
        passed++;
        return;
    }

    failed++;
    console.log(`not ok: ${name}`);
    details.flat().slice(0, 20).forEach((line) => console.log(`    ${line}`));
}


/* answers that are bent between the gateway and the client */

const text = (change) => (answer) => ({
    ...answer, body: Buffer.from(change(answer.body.toString())) });

const swap = (from, to) => text((body) => body.replaceAll(from, to));

const twice = (part) => text((body) => {
    const event = body.split('\n\n').find((item) => item.includes(part));

    return event ? body.replace(event, `${event}\n\n${event}`) : body;
});

const gone = (part) => text((body) => body.split('\n\n')
    .filter((item) => !item.includes(part)).join('\n\n'));

const tools = 'anthropic-buffered/tools';
const streamed = 'anthropic-stream/thinking-and-tool';

const answers = [
    ['a lost text', tools, swap('both.', '')],
    ['a lost thought', tools, swap('Bonn is near K', '')],
    ['a lost signature', tools, swap('c2lnbg==', 'c2lnbh==')],
    ['other arguments', tools, swap('\\"days\\":7', '\\"days\\":8')],
    ['a number in another form', tools, swap('12.50', '12.5')],
    ['another name of a tool', tools, swap('"weather"', '"water"')],
    ['another id of a tool', tools, swap('toolu_02', 'toolu_2')],
    ['another finish', tools, swap('"tool_calls"', '"stop"')],
    ['other usage', tools, swap('"prompt_tokens":123', '"prompt_tokens":23')],
    ['no JSON', tools, swap('}', '')],
    ['another type', tools, (answer) => ({
        ...answer, headers: { 'content-type': 'text/plain' } })],
    ['another status', tools, (answer) => ({ ...answer, status: 201 })],
    ['a cut answer', tools, (answer) => ({ ...answer, complete: false })],

    ['a lost piece', streamed, gone('Gr')],
    ['a piece twice', streamed, twice('"content":"Gr')],
    ['a replaced character', streamed, swap('\u4eac', '\ufffd')],
    ['a finish twice', streamed, twice('"finish_reason":"tool_calls"')],
    ['no finish', streamed, gone('"finish_reason":"tool_calls"')],
    ['no [DONE]', streamed, gone('[DONE]')],
    ['[DONE] twice', streamed, twice('[DONE]')],
    ['something after [DONE]', streamed,
     text((body) => `${body}data: {}\n\n`)],
    ['usage twice', streamed, twice('"usage":{')],
    ['no usage', streamed, gone('"usage":{')],
    ['no role', streamed, swap('"role":"assistant"', '"role":null')],
    ['a chunk of another id', streamed,
     text((body) => body.replace('msg_02', 'msg_20'))],
    ['no JSON in an event', streamed, text((body) =>
        body.replace('"delta"', '"delta'))],
    ['invalid UTF-8', streamed, (answer) => ({ ...answer,
        body: Buffer.concat([Buffer.from(': \xff\n\n', 'latin1'),
                             answer.body]) })],

    ['a swallowed error', 'anthropic-stream/overloaded', gone('"error"')],
    ['[DONE] after an error', 'anthropic-stream/overloaded',
     text((body) => `${body}data: [DONE]\n\n`)],
    ['a lost message', 'anthropic-stream/overloaded',
     swap('Overloaded on purpose', 'Sorry')],
    ['an end that looks well', 'anthropic-stream/cut',
     text((body) => body.replace(/data: \{"error".*/, 'data: [DONE]'))],

    ['an error without a code', 'anthropic-buffered/refused',
     swap('"code"', '"number"')],
    ['an error of another type', 'anthropic-buffered/refused',
     swap('invalid_request_error', 'error')],
    ['a lost reason', 'anthropic-buffered/refused', swap('too many', '')],
    ['an error as an answer', 'openai-chat-buffered/limited',
     (answer) => ({ ...answer, status: 200 })],

    ['no Retry-After', 'openai-chat-buffered/limited',
     ({ headers: { 'retry-after': after, ...headers }, ...answer }) =>
         ({ ...answer, headers })],

    ['a blank more', 'openai-chat-buffered/plain', swap('": ', '":')],
    ['a blank more in a stream', 'openai-chat-stream/plain',
     swap('"choices":', '"choices": ')],
    ['a number written anew', 'openai-embeddings/plain', swap('0.1', '0.10')],
    ['a text completion changed', 'openai-completions/plain',
     swap('upon', 'on')],

    ['a lost part of the usage', 'openai-chat-stream/quirks',
     swap('"cost":0.25', '"cost":0.5')],
    ['a lost part of a call', 'openai-chat-stream/quirks',
     swap('c2ln', 'c2l')],
    ['lost findings of a filter', 'openai-chat-stream/quirks',
     swap('prompt_filter_results', 'prompt_results')],

    ['a lost tool', 'dashscope-native-buffered/tool', swap('Bonn', 'bonn')],
    ['a lost frame', 'dashscope-native-stream/text', swap('\u4f60', '')],
    ['a thought said aloud', 'gemini/tool',
     swap('reasoning_content', 'content')]
];


/* requests that are bent between the gateway and the provider */

const bent = (change) => (request) => {
    const body = JSON.parse(request.body);

    change(body);

    return { ...request, body: Buffer.from(JSON.stringify(body)) };
};

const requests = [
    ['no tools', tools, bent((body) => delete body.tools)],
    ['another limit', tools, bent((body) => body.max_tokens++)],
    ['no image', tools, bent((body) => body.messages[0].content.pop())],
    ['other arguments in what was said', tools, bent((body) => {
        body.messages[1].content[1].input.days = '2';
    })],
    ['parallel calls', tools, bent((body) =>
        delete body.tool_choice.disable_parallel_tool_use)],
    ['no version', tools, (request) => ({ ...request, headers: {} })],
    ['another path', tools, (request) => ({ ...request, path: '/x/y' })],
    ['something more', 'dashscope-native-buffered/tool',
     bent((body) => { body.parameters.n = 1; })],
    ['no stream', 'dashscope-native-stream/text',
     (request) => ({ ...request, headers: {} })],
    ['no system', 'gemini/tool',
     bent((body) => delete body.systemInstruction)],
    ['a digit less', 'openai-chat-buffered/plain', (request) => ({
        ...request, body: Buffer.from(request.body.toString()
            .replace('12345678901234567890', '12345678901234567000')) })]
];


async function good(runner) {
    const checked = await runner.replay();
    const { passed: count, lines } = runner.report(checked, none());

    check(count === runner.cases.length, 'what is right passes', lines);

    const found = (name) => [...runner.cases].some(({ group, name: is }) =>
        `${group}/${is}` === name);

    for (const [name, only, change] of answers) {
        const gateway = { post: async (...all) =>
            change(await runner.gateway.post(...all)) };
        const [[, failures]] = await runner.replay({ gateway, only });

        check(found(only) && failures.some(({ part }) => part === 'response'),
              `an answer with ${name} is noticed`);
    }

    for (const [name, only, change] of requests) {
        const provider = { play: (...all) => {
            const plan = runner.provider.play(...all);

            return { get requests() {
                return plan.requests.map(change);
            } };
        } };

        const [[, failures]] = await runner.replay({ provider, only });

        check(found(only) && failures.some(({ part }) => part === 'request'),
              `a request with ${name} is noticed`);
    }

    /* one of many cuttings gives other bytes, which mean the same */

    let turn = 0;

    const gateway = { post: async (...all) => {
        const answer = await runner.gateway.post(...all);

        return turn++ % 7 === 5 ? swap('": ', '":  ')(swap('":', '": ')(answer))
            : answer;
    } };

    const [[, failures]] = await runner.replay({ gateway, only: streamed });

    check(failures.some(({ message }) => message.includes('other bytes')),
          'other bytes for another cutting are noticed');
}


async function faulty(runner) {
    const checked = await runner.replay();

    for (const [{ group, name }, failures] of checked) {
        check(failures.length, `${group}/${name} is faulty`);
    }

    const of = (list) => {
        const file = path.join(runner.work, 'exceptions.json');

        fs.writeFileSync(file, JSON.stringify(list));
        return runner.report(checked, new Exceptions(file));
    };

    const count = checked.size;

    check(of([]).failed === count, 'without exceptions all of them fail');
    check(of([{ cases: ['*'], reason: 'x' }]).failed === 0,
          'with an exception for each none fails');
    check(of([{ cases: ['*/no-such-api'], reason: 'x' }]).failed === count - 1,
          'an exception is for the case it names');
    check(of([{ cases: ['*/clamped'], part: 'response', reason: 'x' }]).failed
          === count, 'an exception is for the part it names');
    check(of([{ cases: ['*/none'], reason: 'x' }]).failed === count + 1,
          'an exception for no case is noticed');
}


function none() {
    const file = path.join(os.tmpdir(), `none-${process.pid}.json`);

    fs.writeFileSync(file, '[]');

    try {
        return new Exceptions(file);

    } finally {
        fs.rmSync(file);
    }
}


async function within(name, test) {
    const runner = new Runner(fixture(name), { objs, few: true });

    try {
        await runner.start();
        await test(runner);
        check(runner.gateway.complaints().length === 0, 'the log is clean',
              runner.gateway.complaints());

    } catch (e) {
        check(false, `${name} can be replayed`, e.stack);

    } finally {
        await runner.stop();
    }
}


function program() {
    const run = (...list) => spawnSync(process.execPath,
        [path.join(here, 'main.mjs'), ...list],
        { encoding: 'utf8', timeout: 60000,
          env: { ...process.env, FEW: '1', CASE: '' } });

    const bad = run(fixture('faulty'));

    check(bad.status === 1 && /\n0 passed, \d+ failed\n$/.test(bad.stdout),
          'faults end with a count and status 1', bad.stdout, bad.stderr);
    check(run().status === 1, 'no corpus is status 1');
    check(run('/none/at/all').status === 1, 'a missing corpus is status 1');
}


function parts() {
    const body = Buffer.from('data: {"text":"\u4f60\u597d \\n"}\n\n'.repeat(9));

    check(cuttings(body, false).length >= 20, 'at least 20 cuttings');
    check(cuttings(body, false).every(({ pieces }) =>
        Buffer.concat(pieces).equals(body)), 'cuttings lose nothing');
    check(cuttings(body, false).some(({ pieces }) =>
        pieces.length === body.length), 'one cutting is byte by byte');

    for (const bad of ['', '{', '{"a":1,}', '01', '"\n"', '{"a":1,"a":2}',
                       '[1 2]', 'nul', '1 2', '"\\x"', '"\ud800']) {
        check(!parses(bad), `${JSON.stringify(bad)} is no JSON`);
    }

    const exact = '{"b":[1.50,-2e+5,12345678901234567890],"a":"\u00fc"}';

    check(write(parse(exact)) === exact, 'JSON is kept as it is');
    check(difference(parse('{"a":1.0}'), parse('{"a":1}')) !== null
          && difference(parse('{"a":1,"b":2}'), parse('{"b":2,"a":1}'))
             === null, 'numbers are compared as text, objects as sets');

    const events = readEvents(Buffer.from(
        '\ufeffevent: a\r\ndata:x\rdata: y\n\n: c\ndata\n\ndata: end'));

    check(events.map(({ data }) => data).join('|') === 'x\ny||end'
          && events[0].event === 'a' && events[2].unfinished,
          'events are read as the standard wants it', JSON.stringify(events));

    const answer = {
        output: { message: { role: 'assistant', content: [
            { text: 'A long answer, longer than a piece of it.' },
            { toolUse: { toolUseId: 't1', name: 'f', input: { a: [1] } } }
        ] } }, stopReason: 'tool_use',
        usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } };
    const frames = bedrock.stream(answer);

    check(difference(bedrock.read(answer),
                     bedrock.read(bedrock.readStream(frames).json)) === null,
          'frames say what the answer says');

    frames[frames.length - 30] ^= 1;

    try {
        bedrock.readStream(frames);
        check(false, 'a wrong sum is noticed');

    } catch {
        passed++;
    }
}


parts();
await within('good', good);
await within('faulty', faulty);
program();

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
