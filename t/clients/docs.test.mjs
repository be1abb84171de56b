/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { after } from 'node:test';

import { chromium } from 'playwright-core';

import { base, echo, needsSecond, second, secondKey, test }
    from './common.mjs';


const page = new URL('../../ngx_http_llmbroker_module/module/docs.html',
                     import.meta.url);
const html = fs.readFileSync(page, 'utf8');
const inner = (tag) => html.match(
    new RegExp(`<${tag}>([^]*?)</${tag}>`))[1];

const executablePath = process.env.CHROMIUM
    || ['/usr/bin/chromium', '/usr/bin/chromium-browser',
        '/usr/bin/google-chrome'].find((path) => fs.existsSync(path));
const needsChromium = { timeout: 60000, skip: executablePath ? false
    : 'there is no Chromium: install the package chromium' };

let browser = null;

after(async () => browser && browser.close());


/* the page in a fresh profile, and what it did that it should not have done */

async function open(url, options = {}) {
    const { init, ...rest } = options;

    browser ??= await chromium.launch({ executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--no-first-run',
               '--disable-background-networking', '--disable-sync',
               '--disable-component-update'] });

    const context = await browser.newContext({
        viewport: { width: 1200, height: 900 }, ...rest });
    const tab = await context.newPage();
    const faults = [];
    const origin = new URL(url).origin;

    context.on('request', (request) => {
        const target = request.url();

        if (!target.startsWith('data:')
            && new URL(target).origin !== origin)
        {
            faults.push(`request for ${target}`);
        }
    });

    tab.on('pageerror', (error) => faults.push(String(error)));

    tab.on('console', (message) => {
        /* Chromium itself says that of every answer of 400 and above */
        if (message.type() === 'error'
            && !message.text().startsWith('Failed to load resource: the '
                                          + 'server responded with'))
        {
            faults.push(message.text());
        }
    });

    if (init) {
        await init(context);
    }

    const response = await tab.goto(`${url}/docs`);

    assert.equal(response.status(), 200);
    assert.match(response.headers()['content-type'], /^text\/html/);

    return { tab, faults, async close() {
        await context.close();
        assert.deepEqual(faults, []);
    } };
}


async function ready(tab) {
    await tab.waitForSelector('details.op');
    await tab.waitForSelector('#model option', { state: 'attached' });
}


async function finished(tab) {
    await tab.waitForFunction(() => /^(Done|Failed|Stopped)\.$/.test(
        document.querySelector('#state').textContent));

    return tab.textContent('#state');
}


/* answers the page's next calls with these bytes */

async function answer(tab, status, type, body) {
    await tab.unroute('**/v1/chat/completions');
    await tab.route('**/v1/chat/completions', (route) =>
        route.fulfill({ status, contentType: type, body }));
    await tab.click('#send');

    return finished(tab);
}


test('the page is self-contained, small and safe', () => {
    const never = (text, pattern) => assert.equal(
        (text.match(pattern) || [null])[0], null);
    const script = inner('script');
    const markup = html.replace(script, '').replace(inner('style'), '');

    assert.ok(Buffer.byteLength(html) < 40 * 1024);
    never(markup, /\s(on\w+|style|src)\s*=/i);
    never(markup, /<(script|link|a)[^>]*\shref="(https?:|\/)/);
    never(inner('style'), /@import|url\(/);
    never(script, /innerHTML|outerHTML|insertAdjacent|document\.write/);
    never(script, /\beval\(|\bFunction\(/);
    never(script, /localStorage|sessionStorage|cookie|indexedDB/);

    /* whoever changes the page has to put these hashes into its head */
    for (const tag of ['style', 'script']) {
        const hash = crypto.createHash('sha256').update(inner(tag))
            .digest('base64');

        assert.ok(html.includes(`${tag}-src 'sha256-${hash}'`),
                  `the policy must say ${tag}-src 'sha256-${hash}'`);
    }
});


test('its event parser takes any cut and any line end', () => {
    const code = inner('script').match(
        /function eventReader[^]*?\n\}\n/)[0];
    const eventReader = new Function(`${code} return eventReader;`)();

    const text = '\ufeff: comment\n\ndata: {"a":\ndata: "\u{1f600} \u4f60"}\n'
        + '\nevent: x\nid: 1\ndata:no space\n\ndata:  two\n\ndata\n\n'
        + 'datax: no\n\nretry: 5\n\ndata: [DONE]\n\ndata: last';
    const expected = ['{"a":\n"\u{1f600} \u4f60"}', 'no space', ' two', '',
                      '[DONE]', 'last'];

    function read(pieces) {
        const got = [];
        const decoder = new TextDecoder();
        const reader = eventReader((data) => got.push(data));

        for (const piece of pieces) {
            reader.push(decoder.decode(piece, { stream: true }));
        }

        reader.push(decoder.decode());
        reader.end();

        return got;
    }

    for (const end of ['\n', '\r\n', '\r']) {
        const bytes = Buffer.from(text.replace(/\n/g, end));

        assert.deepEqual(read([bytes]), expected);
        assert.deepEqual(read([...bytes].map((b) => Buffer.from([b]))),
                         expected, 'one byte at a time');

        for (let i = 1; i < bytes.length; i++) {
            assert.deepEqual(read([bytes.subarray(0, i), Buffer.alloc(0),
                                   bytes.subarray(i)]), expected,
                             `cut at ${i}`);
        }
    }
});


test('the endpoints, models and errors are listed', needsChromium,
    async () => {
        const { tab, close } = await open(base);

        await ready(tab);

        const rows = await tab.$$eval('details.op > summary', (list) =>
            list.map((row) => [...row.children].slice(0, 2).map((part) =>
                part.textContent).join(' ')));

        for (const row of ['POST /v1/chat/completions', 'POST /v1/completions',
                'POST /v1/embeddings', 'GET /v1/models',
                'GET /v1/models/{alias}', 'GET /health', 'GET /docs',
                'GET /openapi.json', 'GET /'])
        {
            assert.ok(rows.includes(row), row);
        }

        /* a schema opens level by level */
        await tab.click('#createChatCompletion > summary');
        await tab.click('#createChatCompletion summary:text-is("UserMessage")');
        await tab.waitForSelector('#createChatCompletion >> text=ImagePart');

        const members = await tab.textContent('#createChatCompletion');

        assert.match(members, /max_completion_tokens/);
        assert.match(members, /ImagePart/);
        assert.match(members, /x-llmbroker|model_not_found/);

        assert.match(await tab.textContent('#error-list'),
                     /404\s*model_not_found\s*invalid_request_error/);
        assert.match(await tab.textContent('#model-list'), /mock-qwen-compat/);
        assert.match(await tab.textContent('#health'),
                     /^(healthy|degraded): \d+ of \d+ models available$/);
        assert.equal(await tab.textContent('#base'), `${base}/v1`);

        const labelled = await tab.$$eval('select, input, textarea', (list) =>
            list.every((field) => field.labels.length === 1));

        assert.ok(labelled, 'every field has a label');

        await close();
    });


test('an answer streams in', needsChromium, async () => {
    /* the steps that a person would see */
    const { tab, close } = await open(base, { init: (context) =>
        context.addInitScript(() => {
            window.steps = [];

            addEventListener('DOMContentLoaded', () => {
                const box = document.querySelector('#answer');

                new MutationObserver(() =>
                    window.steps.push(box.textContent.length)).observe(box,
                    { childList: true, characterData: true, subtree: true });
            });
        }) });
    const message = 'Tell me <b>something</b> \u{1f600} & \u4f60\u597d. '
        + 'It\'s <img src=x onerror="document.title=1"> '
        + 'word '.repeat(200).trim();

    await ready(tab);
    await tab.selectOption('#model', 'mock-openai');
    await tab.fill('#system', 'Be brief.');
    await tab.fill('#message', message);

    const curl = await tab.textContent('#curl');

    assert.match(curl, /^curl -N '.*\/v1\/chat\/completions'/);
    assert.ok(curl.includes("It'\\''s"), 'the shell keeps the apostrophe');

    await tab.press('#message', 'Control+Enter');
    assert.equal(await finished(tab), 'Done.');
    assert.equal(await tab.textContent('#answer'),
                 echo(message, 'Be brief.'));
    assert.equal(await tab.locator('#answer *').count(), 0);

    const facts = await tab.textContent('#facts');

    assert.match(facts, /\d+ in, \d+ out, \d+ in all/);
    assert.match(facts, /Finish reasonstop/);
    assert.match(facts, /Provideropenai/);
    assert.match(await tab.textContent('#raw'),
                 /x-llmbroker-model: mock-openai/);
    assert.equal(await tab.isVisible('#error'), false);

    /* the same without a stream, from another provider */
    await tab.uncheck('#stream');
    await tab.selectOption('#model', 'mock-claude');
    await tab.click('#send');
    assert.equal(await finished(tab), 'Done.');
    assert.equal(await tab.textContent('#answer'),
                 echo(message, 'Be brief.'));
    assert.doesNotMatch(await tab.textContent('#curl'), /-N|"stream"/);

    /* a slow network, so that a fast server's answer takes a while, too */
    const long = 'word '.repeat(2000).trim();
    const session = await tab.context().newCDPSession(tab);

    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', { offline: false,
        latency: 0, downloadThroughput: 150000, uploadThroughput: -1 });
    await tab.evaluate(() => { window.steps.length = 0; });
    await tab.check('#stream');
    await tab.selectOption('#model', 'mock-openai');
    await tab.fill('#system', '');
    await tab.fill('#message', long);
    await tab.click('#send');
    assert.equal(await finished(tab), 'Done.');
    assert.ok(await tab.textContent('#answer') === echo(long));

    const steps = (await tab.evaluate('steps')).filter(Boolean);

    assert.ok(new Set(steps).size >= 3, 'the text grows step by step');
    assert.deepEqual(steps, [...steps].sort((a, b) => a - b));

    await close();
});


test('an unavailable model is told as such', needsChromium, async (t) => {
    const { tab, close } = await open(base);

    await ready(tab);

    const names = await tab.$$eval('optgroup[label=Unavailable] option',
        (list) => list.map((option) => option.value));

    if (names.length === 0) {
        await close();
        t.skip('every model of this server is available');
        return;
    }

    await tab.selectOption('#model', names[0]);
    await tab.click('#send');
    assert.equal(await finished(tab), 'Failed.');
    assert.match(await tab.textContent('#error'),
                 /^503 model_not_available/);
    assert.match(await tab.textContent('#error'), /[A-Z]+_API_KEY/);
    await close();
});


test('broken answers are told as errors', needsChromium, async () => {
    const { tab, close } = await open(base);
    const sse = 'text/event-stream';
    const chunk = (content) => 'data: ' + JSON.stringify({ choices:
        [{ index: 0, delta: { content } }] }) + '\n\n';
    const error = (message) => JSON.stringify({ error: { message,
        type: 'upstream_error', param: null, code: 'provider_timeout' } });
    const text = () => tab.textContent('#error');

    await ready(tab);

    assert.equal(await answer(tab, 200, sse, chunk('half')
        + `data: ${error('<b>late</b>')}\n\n`), 'Failed.');
    assert.equal(await tab.textContent('#answer'), 'half');
    assert.match(await text(), /provider_timeout<b>late<\/b>/);

    assert.equal(await answer(tab, 200, sse, chunk('half')), 'Failed.');
    assert.match(await text(), /ended before the answer was complete/);

    assert.equal(await answer(tab, 200, sse, chunk('a') + 'data: {"x\n\n'),
                 'Failed.');
    assert.match(await text(), /broke off/);

    assert.equal(await answer(tab, 504, 'application/json',
                              error('too slow')), 'Failed.');
    assert.match(await text(), /504 provider_timeouttoo slow/);

    assert.equal(await answer(tab, 500, 'text/html', '<h1>no</h1>'),
                 'Failed.');
    assert.match(await text(), /^500.*not JSON/);

    assert.equal(await answer(tab, 200, sse, chunk('whole')
        + 'data: [DONE]\n\n' + chunk('noise')), 'Done.');
    assert.equal(await tab.textContent('#answer'), 'whole');
    assert.equal(await tab.isVisible('#error'), false);

    await tab.unroute('**/v1/chat/completions');
    await tab.route('**/v1/chat/completions', (route) =>
        route.abort('connectionrefused'));
    await tab.click('#send');
    assert.equal(await finished(tab), 'Failed.');
    assert.match(await text(), /could not be reached/);

    await tab.context().close();
    await close().catch((e) => assert.match(String(e),
                                            /ERR_CONNECTION_REFUSED/));
});


test('an answer may be cut anywhere', needsChromium, async () => {
    const message = '\u4f60\u597d \u{1f600} e\u0301 \u2028.';
    const events = [...message].map((content) => 'data: ' + JSON.stringify(
        { choices: [{ index: 0, delta: { content } }] }) + '\r\n\r\n');
    const bytes = [...Buffer.from(events.join('') + 'data: [DONE]\n\n')];

    const { tab, close } = await open(base, { init: (context) =>
        context.addInitScript((list) => {
            const real = window.fetch;

            window.fetch = (url, options) => {
                if (!url.endsWith('/chat/completions')) {
                    return real(url, options);
                }

                return Promise.resolve(new Response(new ReadableStream({
                    start(controller) {
                        list.forEach((byte) =>
                            controller.enqueue(new Uint8Array([byte])));
                        controller.close();
                    }
                }), { headers: { 'Content-Type': 'text/event-stream' } }));
            };
        }, bytes) });

    await ready(tab);
    await tab.click('#send');
    assert.equal(await finished(tab), 'Done.');
    assert.equal(await tab.textContent('#answer'), message);
    await close();
});


test('it fits a phone, light and dark', needsChromium, async () => {
    for (const colorScheme of ['light', 'dark']) {
        const { tab, close } = await open(base, { colorScheme,
            viewport: { width: 360, height: 700 } });

        await ready(tab);
        await tab.click('#createChatCompletion > summary');

        const [width, back, front] = await tab.evaluate(() => {
            const style = getComputedStyle(document.body);

            return [document.documentElement.scrollWidth,
                    style.backgroundColor, style.color];
        });
        const sum = (color) => color.match(/\d+/g).slice(0, 3).reduce(
            (all, n) => all + Number(n), 0);

        assert.ok(width <= 360, `the page is ${width} wide`);
        assert.equal(sum(back) > sum(front), colorScheme === 'light');
        await close();
    }
});


test('below a prefix, with keys: wrong, right, and stop', {
    ...needsChromium, skip: needsChromium.skip || needsSecond.skip
}, async () => {
    /* a browser sends no key with the page itself */
    const { tab, close } = await open(second, { init: (context) =>
        context.route(/\/(docs|openapi\.json)$/, (route) =>
            route.continue({ headers: { ...route.request().headers(),
                                        'x-api-key': secondKey } })) });

    await tab.waitForSelector('details.op');
    assert.match(await tab.textContent('#model-list'), /scripted/);

    await tab.fill('#key', 'wrong');
    await tab.selectOption('#model', 'scripted');
    await tab.fill('#message', 'hello');
    await tab.click('#send');
    assert.equal(await finished(tab), 'Failed.');
    assert.match(await tab.textContent('#error'), /^401 invalid_api_key/);

    await tab.fill('#key', secondKey);
    await tab.click('#send');
    assert.equal(await finished(tab), 'Done.');
    assert.equal(await tab.textContent('#answer'), echo('hello'));
    assert.doesNotMatch(await tab.textContent('#curl'),
                        new RegExp(secondKey), 'the key is not shown');
    assert.match(await tab.textContent('#curl'), /\$LLMBROKER_KEY/);

    await tab.fill('#message', '!mock spacing=200ms ! '
        + 'word '.repeat(50).trim());
    await tab.click('#send');
    await tab.waitForFunction(() =>
        document.querySelector('#answer').textContent.length > 10);

    const early = (await tab.textContent('#answer')).length;

    await tab.waitForFunction((length) => document.querySelector('#answer')
        .textContent.length > length, early);
    await tab.keyboard.press('Escape');
    assert.equal(await finished(tab), 'Stopped.');

    const text = await tab.textContent('#answer');

    assert.ok(text.length > early && text.length < 200);
    assert.equal(await tab.isVisible('#error'), false);
    await close();
});
